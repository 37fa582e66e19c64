"""The approval page in headless Chromium, without scripts: hostile content, widths, contrast, and a decision by a click."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from mailhooks.hooks.message_preview import make_displayable, read_preview
from mailhooks.report_names import HoldState
from tests.integration.workmail_local.web.test_browser_looks import CONTRAST, TOO_WIDE
from tests.support.approvals import URL, Approvals, make_event
from tests.support.chromium import NO_NETWORK, start_chromium
from tests.support.hostile_mail import HOSTILE
from tests.support.messages import multipart, part, text
from workmail_local.workmail import LocalWorkMail

HEBREW = "\u05e9\u05dc\u05d5\u05dd"
MARKUP = "<script>alert(1)</script><img src=https://example.net/x onerror=alert(2)><a href=https://example.net>x</a></textarea></div>"
RAW = (
    f"From: \u202e{MARKUP} <nora@example.com>\r\nSubject: {MARKUP} \u202eexe\u2066 {'x' * 500}\r\nMIME-Version: 1.0\r\n".encode()
    + multipart(
        "mixed",
        text(f"{MARKUP}\r\n{HEBREW} 😀\r\n{'y' * 3000}".encode(), "plain; charset=utf-8"),
        part("application/pdf", "invoice\u202efdp.exe"),
        part("application/pdf", MARKUP.replace('"', "")),
    )
    + b"\r\n"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with start_chromium(NO_NETWORK) as browser:
        yield browser


@pytest.fixture
def approvals(wm: LocalWorkMail) -> Approvals:
    return Approvals(wm)


def open_page(browser: Browser, approvals: Approvals, token: str, requests: list[str], **options: Any) -> Page:
    """Open the page of a link. Each request of the browser is answered by the function, as behind its URL."""

    def answer(route: Route) -> None:
        request = route.request
        requests.append(f"{request.method} {request.url}")
        found = urlsplit(request.url)
        headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
        response = approvals.handler(
            make_event(request.method, path=found.path, query=found.query, body=request.post_data, **headers), None
        )
        route.fulfill(status=response["statusCode"], headers=response["headers"], body=response["body"])

    page = browser.new_page(**options)
    page.route("**/*", answer)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(f"{URL}?token={token}")
    return page


def test_hostile_content_runs_and_loads_nothing(browser: Browser, approvals: Approvals) -> None:
    requests: list[str] = []
    page = open_page(browser, approvals, approvals.make_token(approvals.add(RAW)), requests)

    assert [request for request in requests if "favicon" not in request] == [f"GET {page.url}"]
    assert page.evaluate("document.querySelectorAll('script, img, iframe, a, object').length") == 0
    shown = page.get_by_role("main").inner_text()
    assert "<script>alert(1)</script>" in shown
    assert "[U+202E]exe" in shown
    assert "invoicefdp.exe" in shown
    assert f"{HEBREW} 😀" in shown
    assert "Only the first 2,000 characters are shown." in shown
    expect(page.get_by_role("button")).to_have_count(2)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_a_phone_and_has_contrast_labels_and_one_heading(browser: Browser, approvals: Approvals, width: int, scheme: str) -> None:
    options = {"viewport": {"width": width, "height": 700}, "color_scheme": scheme}
    page = open_page(browser, approvals, approvals.make_token(approvals.add(RAW)), [], **options)

    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(CONTRAST) == []
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_label("Reason, if you reject")).to_be_editable()
    page.close()


@pytest.mark.parametrize("button, state", [("Approve", HoldState.APPROVED), ("Reject", HoldState.REJECTED)])
def test_a_click_decides_without_scripts(browser: Browser, approvals: Approvals, button: str, state: HoldState) -> None:
    record, requests = approvals.add(), list[str]()
    page = open_page(browser, approvals, approvals.make_token(record), requests, java_script_enabled=False)
    page.get_by_label("Reason, if you reject").fill("Nein, \u00e4ndern 😀\nbitte")
    page.get_by_role("button", name=button).click()

    expect(page.get_by_role("heading", level=1)).to_have_text(f"This message was {state}")
    found = approvals.read(record)
    assert (found.state, found.reason) == (state, "Nein, \u00e4ndern 😀 bitte" if state is HoldState.REJECTED else "")
    assert "token" not in page.url
    page.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_the_preview_of_a_hostile_message_is_short_and_can_be_displayed(name: str) -> None:
    preview = read_preview(HOSTILE[name])

    assert len(preview.text) <= 2000
    assert len(preview.author) <= 300
    assert len(preview.attachments) <= 50
    for value in (preview.author, preview.subject, *(each.name for each in preview.attachments)):
        assert value == make_displayable(value)
        value.encode()
