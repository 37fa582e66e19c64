"""The pages of a complete local WorkMail: mail by SMTP, a function in its process, rules and calendars."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.local_pages import serving_pages
from workmail_local.free_busy import sample_calendars
from workmail_local.workmail import LocalWorkMail

CONFIGURATION = """
organization = { domains = ["example.com"] }
availability = { function = "availability" }

[[rules]]
name = "Tag"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "rewrite"

[[rules]]
name = "No offers"
direction = "inbound"
action = "bounce"
senders = ["offers.example.net"]

[functions.availability]
environment = { AVAILABILITY_SECRET = "local-availability" }
"""
RAW = (
    b"From: nora@example.net\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b"Content-Type: text/plain\r\n\r\nHello\r\n"
)


@pytest.fixture(scope="module")
def workmail() -> Iterator[LocalWorkMail]:
    with LocalWorkMail(CONFIGURATION) as wm:
        sample_calendars.publish(wm)
        yield wm


@pytest.fixture(scope="module")
def page(workmail: LocalWorkMail, browser: Browser) -> Iterator[Page]:
    with serving_pages(workmail, calendars=sample_calendars.ADDRESSES) as url:
        context = browser.new_context(base_url=url)
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page
        context.close()


def test_mail_by_smtp_appears_with_its_trace(workmail: LocalWorkMail, page: Page) -> None:
    page.goto("/")
    with smtplib.SMTP("127.0.0.1", workmail.smtp_port("INBOUND")) as client:
        client.sendmail("nora@example.net", ["ana@example.com"], RAW)
    row = page.get_by_role("row", name="Offer")
    expect(row).to_contain_text("Inbox", timeout=30_000)
    expect(row).to_contain_text("changed")
    row.locator(".subject a").click()
    expect(page.get_by_text("Rule Tag")).to_be_visible()
    expect(page.get_by_text("Attempt 1")).to_be_visible()
    page.get_by_role("link", name="Source changes", exact=True).click()
    expect(page.locator("pre.diff .added").first).to_contain_text("[EXTERNAL]")
    with page.expect_download() as download:
        page.locator(".downloads").get_by_role("link", name="after").click()
    assert Path(download.value.path()).read_bytes() == workmail.delivered("ana@example.com")[0].raw


def test_rules_are_tested_and_availability_is_requested(page: Page) -> None:
    page.goto("/rules")
    page.get_by_label("From").fill("x@offers.example.net")
    page.get_by_label("Recipients").fill("ana@example.com")
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("No offers applies: BOUNCE")).to_be_visible()
    page.goto("/availability")
    page.get_by_label("Begin").fill("2026-11-23T00:00")
    page.get_by_label("End").fill("2026-11-25T00:00")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("cell", name="Weekly planning")).to_be_visible(timeout=30_000)


def test_rejected_recipient_shows_the_smtp_reply(page: Page) -> None:
    page.goto("/send")
    page.get_by_label("From", exact=True).fill("nora@example.net")
    page.get_by_label("To", exact=True).fill("zz@example.org")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("zz@example.org: 550 5.7.1")).to_be_visible()
