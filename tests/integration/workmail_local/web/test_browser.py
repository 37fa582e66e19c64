"""The pages in a browser, as a user works with them."""

import pytest
from playwright.sync_api import Browser, expect

from mailhooks.contract import FlowDirection
from tests.integration.workmail_local.web.fakes import NOW, answered
from tests.integration.workmail_local.web.pages import OFFER, OFFER_AFTER, PLAIN, Visit
from workmail_local.mail.history import State


def test_new_message_appears_and_its_trace_shows_before_and_after(visit: Visit) -> None:
    page = visit.open("/")
    expect(page.get_by_role("heading", name="No message yet")).to_be_visible()
    visit.history.add(OFFER, OFFER_AFTER)
    expect(page.get_by_role("row", name="Offer")).to_contain_text("Inbox")
    expect(page.get_by_role("status")).to_have_text("New message: Offer")
    expect(page.get_by_role("heading", name="No message yet")).to_have_count(0)
    visit.history.add(PLAIN)
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_role("link", name="Offer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Offer")
    expect(page.get_by_text("no other rule matches as specifically")).to_be_visible()
    expect(page.frame_locator('iframe[title="HTML before"]').locator("body")).not_to_contain_text("Example GmbH")
    expect(page.frame_locator('iframe[title="HTML after"]').locator("body")).to_contain_text("Example GmbH")
    page.get_by_role("link", name="Before", exact=True).click()
    expect(page.locator("iframe")).to_have_count(1)
    expect(page.frame_locator("iframe").locator("body")).to_have_text("Our offer")
    page.get_by_role("link", name="After", exact=True).click()
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("Example GmbH")
    assert "side=after" in page.url
    for view, shown in (
        ("Text", "no plain text"),
        ("Structure", "changed"),
        ("Header", "clara@example.org"),
        ("Source changes", "Example GmbH"),
    ):
        page.get_by_role("link", name=view, exact=True).click()
        expect(page.locator("#content")).to_contain_text(shown)
    page.reload()
    expect(page.locator("pre.diff .added")).to_contain_text("Example GmbH")
    assert (visit.requests_elsewhere, visit.messages) == ([], [])


def test_before_and_after_are_downloaded(visit: Visit) -> None:
    visit.history.add(OFFER, OFFER_AFTER)
    page = visit.open("/messages/1")
    for name, expected in (("before", OFFER), ("after", OFFER_AFTER)):
        with page.expect_download() as download:
            page.locator(".downloads").get_by_role("link", name=name).click()
        assert download.value.suggested_filename == f"message-1-{name}.eml"
        assert download.value.path().read_bytes() == expected


def test_trace_updates_and_keeps_closed_attempts_closed(visit: Visit) -> None:
    run = visit.history.rule_run(OFFER, state=State.RETRYING, due=NOW)
    visit.history.add_trace(OFFER, (run,))
    page = visit.open("/messages/1?view=source")
    expect(page.locator("#state")).to_have_text("retrying")
    page.locator(".attempt > summary").click()
    expect(page.locator(".attempt")).not_to_have_attribute("open", "")
    visit.history.finish(1, OFFER_AFTER)
    expect(page.locator("#state")).to_have_text("done")
    expect(page.locator(".attempt")).not_to_have_attribute("open", "")
    expect(page.locator("pre.diff .added")).to_contain_text("Example GmbH")


def test_message_is_written_and_sent(visit: Visit) -> None:
    page = visit.open("/send")
    page.get_by_label("Outbound").check()
    page.get_by_label("From", exact=True).fill("ana@example.com")
    page.get_by_label("To", exact=True).fill("clara@example.org")
    page.get_by_label("Subject").fill("Grüße")
    page.get_by_label("Text").fill("Hallo")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grüße")
    assert visit.actions.sent[0][:3] == (FlowDirection.OUTBOUND, "ana@example.com", ("clara@example.org",))


def test_sample_and_file_are_sent(visit: Visit) -> None:
    visit.actions.files["offer"] = OFFER
    page = visit.open("/send")
    page.get_by_label("Sample", exact=True).check()
    expect(page.get_by_label("Subject")).to_be_hidden()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Offer")
    page = visit.open("/send")
    page.get_by_label("File", exact=True).check()
    page.locator("#file").set_input_files({"name": "../x.eml", "mimeType": "message/rfc822", "buffer": PLAIN})
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello")
    assert [sent[3] for sent in visit.actions.sent] == [OFFER, PLAIN]


def test_rule_is_tested(visit: Visit) -> None:
    page = visit.open("/rules")
    page.get_by_label("From", exact=True).fill("shop@mail.example.net")
    page.get_by_label("Recipients").fill("ana@example.com")
    page.get_by_role("button", name="Test").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Newsletters applies: MOVE_TO_JUNK")
    expect(result.get_by_role("row", name="Scan all mail")).to_contain_text("less specific")


def test_availability_is_requested_and_drawn(visit: Visit) -> None:
    event = {"startTime": "2026-05-05T07:00:00.000Z", "endTime": "2026-05-05T08:00:00.000Z", "busyType": "BUSY"}
    visit.actions.answer = answered({"mailboxes": [{"mailbox": "bob@example.net", "events": [event]}]}, 184.0)
    page = visit.open("/availability")
    page.get_by_label("Mailboxes").fill("bob@example.net")
    page.get_by_label("Begin").fill("2026-05-05T00:00")
    page.get_by_label("End").fill("2026-05-06T00:00")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("img", name="bob@example.net, Tue 5 May: busy 09:00 to 10:00")).to_be_visible()
    bar, row = page.locator(".timeline rect.busy").bounding_box(), page.locator(".timeline svg[role=img]").bounding_box()
    assert bar
    assert row
    assert (bar["x"] - row["x"]) / row["width"] == pytest.approx(9 / 24, abs=0.005)
    expect(page.get_by_role("row", name="bob@example.net")).to_contain_text("Tue 5 May 09:00 - 10:00")


def test_pages_work_by_keyboard(visit: Visit) -> None:
    visit.history.add(PLAIN)
    visit.history.add(OFFER, OFFER_AFTER)
    page = visit.open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for keys, name in (("j", "Offer"), ("j", "Hello"), ("k", "Offer")):
        page.keyboard.press(keys)
        expect(page.get_by_role("link", name=name)).to_be_focused()
    visit.history.add(PLAIN.replace(b"Subject: Hello", b"Subject: Third"))
    expect(page.get_by_role("link", name="Third")).to_be_visible()
    expect(page.get_by_role("link", name="Offer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Offer")
    page.wait_for_load_state()  # Before its script runs, a link loads a whole page, and the focus is lost.
    page.get_by_role("link", name="Source changes").focus()
    page.keyboard.press("Enter")
    expect(page.locator("pre.diff")).to_contain_text("Example GmbH")
    expect(page.get_by_role("link", name="Source changes")).to_be_focused()
    page = visit.open("/")
    page.keyboard.press("/")
    page.keyboard.type("third")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)


def test_pages_work_without_javascript(browser: Browser, visit: Visit) -> None:
    visit.history.add(OFFER, OFFER_AFTER)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(visit.url)
    page.get_by_role("link", name="Offer").click()
    page.get_by_role("link", name="Source changes").click()
    expect(page.locator("pre.diff")).to_contain_text("Example GmbH")
    page.get_by_role("link", name="HTML").click()
    page.get_by_role("link", name="After", exact=True).click()
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("Example GmbH")
    context.close()
