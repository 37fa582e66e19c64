"""The actions on a message, and the bar about problems, in a browser."""

import pytest
from playwright.sync_api import Browser, expect

from mailhooks.address_patterns import Pattern
from mailhooks.contract import FlowDirection
from tests.integration.workmail_local.web.fakes import NOW, REFUSED
from tests.integration.workmail_local.web.pages import OFFER, OFFER_AFTER, PLAIN, Visit
from workmail_local.config.release import Encryption, ReleaseServer
from workmail_local.mail.history import State
from workmail_local.queue.webhook import WebhookFailure

ME = "me@example.org"
SERVER = ReleaseServer("smtp.example.org", 587, Encryption.STARTTLS, (Pattern.parse("example.org"),))


def test_a_message_is_sent_again_with_one_press(visit: Visit) -> None:
    visit.history.add(OFFER, OFFER_AFTER)
    page = visit.open("/messages/1")
    page.get_by_role("button", name="Send again").click()
    page.wait_for_url("**/messages/2")
    assert visit.actions.sent == [(FlowDirection.INBOUND, "clara@example.org", ("ana@example.com",), OFFER)]


def test_a_message_is_sent_again_to_others(visit: Visit) -> None:
    visit.history.add(OFFER)
    page = visit.open("/messages/1")
    page.get_by_text("Send again to other addresses").click()
    expect(page.get_by_label("Envelope to")).to_have_value("ana@example.com")
    page.get_by_label("Envelope to").fill("ben@example.com, cem@example.com")
    page.get_by_label("Envelope from").fill("")
    visit.actions.refusal = "550 5.1.1 No such user here"
    page.get_by_role("button", name="Send to these").click()
    expect(page.get_by_role("alert")).to_contain_text("550 5.1.1 No such user here.")
    expect(page.get_by_label("Envelope to")).to_have_value("ben@example.com, cem@example.com")
    visit.actions.refusal = ""
    page.get_by_role("button", name="Send to these").click()
    page.wait_for_url("**/messages/2")
    assert visit.actions.sent[0][1:3] == ("", ("ben@example.com", "cem@example.com"))


def test_a_waiting_attempt_is_started(visit: Visit) -> None:
    visit.history.add_trace(OFFER, (visit.history.rule_run(OFFER, state=State.RETRYING, due=NOW, results=()),))
    visit.actions.waiting = 1
    page = visit.open("/messages/1")
    page.get_by_role("button", name="Retry now").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert visit.actions.retried == [1]
    visit.history.finish(1, OFFER_AFTER)
    expect(page.get_by_role("button", name="Retry now")).to_have_count(0)


def test_a_form_that_is_filled_stays_when_the_trace_updates(visit: Visit) -> None:
    visit.history.add_trace(OFFER, (visit.history.rule_run(OFFER, state=State.RETRYING, due=NOW),))
    page = visit.open("/messages/1")
    page.get_by_text("Send again to other addresses").click()
    page.get_by_label("Envelope to").fill("ben@example.com")
    visit.history.finish(1, OFFER_AFTER)
    expect(page.locator("#state")).to_have_text("done")
    expect(page.get_by_label("Envelope to")).to_have_value("ben@example.com")


def test_a_message_is_released_once_and_again_after_a_confirmation(visit: Visit) -> None:
    visit.history.add(OFFER, OFFER_AFTER)
    page = visit.open("/messages/1")
    expect(page.get_by_text("Release to real recipients")).to_have_count(0)
    visit.actions.server = SERVER
    page = visit.open("/messages/1")
    page.get_by_text("Release to real recipients").click()
    expect(page.get_by_text("by smtp.example.org:587")).to_be_visible()
    page.get_by_label("Release to").fill(f"{ME} {REFUSED}")
    page.get_by_role("button", name="Release", exact=True).click()
    table = page.get_by_role("table", name="Releases")
    expect(table.get_by_role("row", name=ME)).to_contain_text("sent")
    expect(table.get_by_role("row", name=REFUSED)).to_contain_text("550 No")
    page.get_by_text("Release to real recipients").click()
    page.get_by_label("Release to").fill(ME)
    page.get_by_role("button", name="Release", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("was released before")
    assert len(visit.actions.releases) == 1
    page.get_by_role("button", name="Release again").click()
    expect(table.get_by_role("row", name=ME)).to_have_count(2)
    assert len(visit.actions.releases) == 2


def test_actions_work_without_javascript(browser: Browser, visit: Visit) -> None:
    visit.history.add(OFFER, problems=("it failed",))
    visit.actions.server = SERVER
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{visit.url}/messages/1")
    expect(page.get_by_role("link", name="Problems 1")).to_be_visible()
    page.get_by_text("Release to real recipients").click()
    page.get_by_label("Release to").fill(ME)
    page.get_by_role("button", name="Release", exact=True).click()
    expect(page.get_by_role("table", name="Releases")).to_contain_text(ME)
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Offer")
    assert (len(visit.actions.sent), len(visit.actions.releases)) == (1, 1)
    context.close()


@pytest.mark.parametrize("path", ["/", "/messages/1", "/send", "/rules"])
def test_every_page_shows_a_message_that_gets_a_problem(visit: Visit, path: str) -> None:
    visit.history.add(PLAIN)
    visit.history.add(PLAIN, problems=("an old problem",))
    page = visit.open(path)
    title = page.title()
    bar = page.locator("#trouble")
    expect(page.get_by_role("link", name="Problems 1")).to_be_visible()
    expect(bar).to_be_hidden()
    visit.history.add(OFFER.replace(b"Offer", b"<b>Of\xe2\x80\xaefer</b>"), problems=("it failed",))
    expect(bar).to_contain_text("A message has a problem: <b>Of")
    assert page.title().startswith("\u25cf ")
    expect(page.get_by_role("link", name="Problems 2")).to_be_visible()
    for _ in range(4):
        visit.history.add(PLAIN, problems=("it failed",))
    expect(bar).to_contain_text("5 messages have a problem:")
    expect(bar).to_contain_text("and 2 more")
    bar.get_by_role("button", name="Dismiss").click()
    expect(bar).to_be_hidden()
    assert not page.title().startswith("\u25cf ")
    assert page.title().endswith(title.partition(" · ")[2])
    visit.history.add(PLAIN, problems=("it failed",))
    bar.get_by_role("link", name="Hello").click()
    page.wait_for_url("**/messages/8")
    assert (visit.requests_elsewhere, visit.messages) == ([], [])


def test_every_page_shows_that_the_webhook_failed(visit: Visit) -> None:
    visit.history.add(PLAIN)
    visit.actions.webhook_failure = WebhookFailure(1, NOW, "http://127.0.0.1:3000/ answers 500")
    for path in ("/", "/messages/1", "/rules"):
        page = visit.open(path)
        expect(page.get_by_text("http://127.0.0.1:3000/ answers 500")).to_be_visible()
        expect(page.get_by_role("link", name="message 1")).to_be_visible()
    visit.actions.webhook_failure = None
    expect(page.get_by_text("The webhook failed")).to_have_count(0)
    visit.actions.webhook_failure = WebhookFailure(1, NOW + 1, "http://127.0.0.1:3000/ answers 404")
    expect(page.get_by_text("http://127.0.0.1:3000/ answers 404")).to_be_visible()
