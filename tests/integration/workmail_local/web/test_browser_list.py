"""The list of messages in a browser: search, count in the title, deletion."""

from playwright.sync_api import expect

from tests.integration.workmail_local.web.pages import PLAIN, Visit
from workmail_local.mail.search_query import HELP


def test_the_title_counts_the_messages_as_they_arrive(visit: Visit) -> None:
    page = visit.open("/")
    expect(page).to_have_title("Messages · local WorkMail")
    for count in (1, 2):
        visit.history.add(PLAIN)
        expect(page).to_have_title(f"({count}) Messages · local WorkMail")
    visit.actions.delete(1)
    expect(page).to_have_title("(1) Messages · local WorkMail")


def test_a_search_stays_when_a_message_arrives(visit: Visit) -> None:
    visit.history.add(PLAIN)
    page = visit.open("/")
    page.get_by_role("searchbox").fill("hello")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    visit.history.add(PLAIN.replace(b"Subject: Hello", b"Subject: Bye"))
    visit.history.add(PLAIN)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_role("searchbox")).to_have_value("hello")


def test_the_help_and_the_names_of_rules_are_searches(visit: Visit) -> None:
    visit.history.add(PLAIN, rule='Scan "all" & more')
    page = visit.open("/")
    page.get_by_text("Search help").click()
    for example, meaning in HELP:
        expect(page.get_by_role("link", name=example, exact=True)).to_be_visible()
        expect(page.get_by_text(meaning, exact=True)).to_be_visible()
    page.get_by_role("link", name="is:changed", exact=True).click()
    expect(page.get_by_role("searchbox")).to_have_value("is:changed")
    page = visit.open("/")
    page.locator("td.rule a").click()
    expect(page.get_by_role("searchbox")).to_have_value('rule:"Scan "all" & more"')
    assert not visit.messages


def test_the_list_is_left_by_keys_for_its_message(visit: Visit) -> None:
    for _ in range(2):
        visit.history.add(PLAIN)
    page = visit.open("/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{visit.url}/messages/1")


def test_deletion_asks_first_and_an_open_trace_reports_it(visit: Visit) -> None:
    for _ in range(2):
        visit.history.add(PLAIN)
    other = visit.context.new_page()
    other.goto(f"{visit.url}/messages/1")
    page = visit.open("/messages/1")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(f"{visit.url}/")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(other.locator("main")).to_contain_text("This message was deleted, or newer messages have replaced it.")
    other.close()
    page.get_by_role("link", name="Delete all").click()
    expect(page.get_by_role("heading", name="Delete 1 message?")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No message yet")).to_be_visible()
