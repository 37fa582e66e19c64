"""Decisions on held mail in a browser: on the page of the local WorkMail, and on the real approval page of the approver."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from mailhooks.report_names import HoldState
from tests.integration.workmail_local.web.test_browser_looks import CONTRAST, TOO_WIDE
from tests.support.holds import parse_mail, write_flow
from tests.support.local_pages import serving_pages
from tests.support.waiting import wait_until
from workmail_local.mail.history import Destination, State
from workmail_local.workmail import LocalWorkMail

MARKUP = "<img src=x onerror=alert(1)></p><script>alert(2)</script>"
POLICY = f"""
version: 1
rules:
  - name: "Offers {MARKUP}"
    when: {{ subject: offer }}
    do:
      hold: {{ approvers: [boss@example.com], timeout: 230m, on_timeout: drop }}
"""


@pytest.fixture(scope="module")
def wm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorkMail]:
    folder = tmp_path_factory.mktemp("flow")
    with LocalWorkMail(write_flow(folder, POLICY)) as workmail:
        yield workmail


@pytest.fixture(scope="module")
def url(wm: LocalWorkMail) -> Iterator[str]:
    with serving_pages(wm) as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        page = context.new_page()
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        page.set_default_timeout(30_000)
        yield page


def send(wm: LocalWorkMail, subject: str) -> int:
    raw = f'From: "{MARKUP}" <nora@example.net>\r\nTo: ana@example.com\r\nSubject: {subject} {MARKUP}\r\n\r\nBody {MARKUP}\r\n'
    trace = wm.send(raw, mail_from="nora@example.net", to="ana@example.com")
    assert trace.summary.state is State.HELD
    return trace.summary.number


def find_link(wm: LocalWorkMail, subject: str) -> str:
    def find() -> list[str]:
        mails = [parse_mail(copy.raw) for copy in wm.delivered("boss@example.com")]
        bodies = [mail.get_body(("plain",)) for mail in mails if subject in mail["Subject"]]
        return [url for body in bodies if body for url in re.findall(r"http://\S+", body.get_content())]

    wait_until(find)
    return find()[-1]


def end_of(wm: LocalWorkMail, number: int) -> list[tuple[Destination, str]]:
    return [(result.destination, result.note) for run in wm.wait_for(number, 60).rule_runs for result in run.results]


def test_a_button_of_the_local_page_approves_and_names_are_shown_as_text(wm: LocalWorkMail, url: str, page: Page) -> None:
    number = send(wm, "offer one")
    page.goto(f"{url}/messages/{number}")
    section = page.get_by_role("region", name="Held for approval")

    expect(section).to_contain_text(f"Offers {MARKUP}")
    expect(section).to_contain_text("boss@example.com")
    section.get_by_role("button", name="Approve").click()

    expect(page.locator("[data-state=done]")).to_have_count(1)
    expect(section).to_have_count(0)
    assert [end for end, _ in end_of(wm, number)] == [Destination.INBOX]


def test_a_typed_reason_survives_the_refresh_of_the_page_and_is_in_the_bounce(wm: LocalWorkMail, url: str, page: Page) -> None:
    number = send(wm, "offer two")
    page.goto(f"{url}/messages/{number}")
    reason = page.get_by_label("Reason")
    reason.fill("The prices are")
    attempts = page.locator(".attempt").count()

    wm.retry_now(number)
    expect(page.locator(".attempt").nth(attempts)).to_be_attached()
    expect(reason).to_have_value("The prices are")
    expect(reason).to_be_focused()
    reason.press_sequentially(" old")
    page.get_by_role("button", name="Reject").click()

    expect(page.locator("[data-state=done]")).to_have_count(1)
    [(end, note)] = end_of(wm, number)
    assert end is Destination.BOUNCED
    assert "The prices are old" in note


def test_the_time_runs_out_by_a_button(wm: LocalWorkMail, url: str, page: Page) -> None:
    number = send(wm, "offer three")
    page.goto(f"{url}/messages/{number}")
    page.get_by_role("button", name="Let the time run out").click()

    expect(page.locator("[data-state=done]")).to_have_count(1)
    assert [end for end, _ in end_of(wm, number)] == [Destination.DROPPED]


@pytest.mark.parametrize("button, end", [("Approve", Destination.INBOX), ("Reject", Destination.BOUNCED)])
def test_an_approver_decides_on_the_page_behind_the_link(wm: LocalWorkMail, browser: Browser, button: str, end: Destination) -> None:
    number = send(wm, f"offer {button}")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(find_link(wm, f"offer {button}"))
        expect(page.get_by_role("main")).to_contain_text(f"offer {button} {MARKUP}")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("This message was")
        assert "token" not in page.url

    assert [each for each, _ in end_of(wm, number)] == [end]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_held_message_fits_a_phone_and_has_contrast(wm: LocalWorkMail, url: str, page: Page, scheme: str) -> None:
    number = send(wm, f"offer {scheme}")
    page.emulate_media(color_scheme=scheme)
    for address in (f"{url}/messages/{number}", find_link(wm, f"offer {scheme}")):
        page.goto(address)
        for width in (320, 375, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(TOO_WIDE) == []
            assert page.evaluate(CONTRAST) == []
    assert [hold.state for hold in wm.holds(number)] == [HoldState.PENDING]
    wm.decide(number, "timeout")
