"""The charsets in which other programs read text: mail parsers of npm, and Chromium for HTML."""

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route

from mailhooks.mime.displayed_charset import decode
from mailhooks.mime.displayed_text import find_text_parts, read_text
from mailhooks.mime.message import Message
from tests.support.charsets import DECLARED, OWN
from tests.support.chromium import start_chromium
from tests.support.mail_parsers import MailParsers

WITHOUT_PARSER = {"hz-gb-2312", "iso-2022-kr", "utf-7", "_iso-2022-jp$esc", "windows-50221", "windows-28595"}
"""Names and charsets of mail that the WHATWG Encoding Standard and the parsers leave out."""

WITHOUT_BROWSER = WITHOUT_PARSER | {"utf8mb4", "x-utf-8", "win-1252", "cp-866"}
"""Names of mailers that no browser knows."""

SENTENCE = "<p>Здравствуйте, заказ</p>"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with start_chromium() as browser:
        yield browser.new_page()


def show(page: Page, octets: bytes, content_type: str) -> str:
    """Return the text that Chromium displays of octets from a server."""

    def answer(route: Route) -> None:
        route.fulfill(body=octets, headers={"Content-Type": content_type})

    page.route("http://mail.example.org/", answer)
    page.goto("http://mail.example.org/")
    page.unroute_all()
    return page.locator("body").inner_text()


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_an_independent_parser_reads_each_charset_as_we_do(parsers: MailParsers):
    for label, codec, text in DECLARED:
        if label in WITHOUT_PARSER:
            continue
        head = f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset={label}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        message = Message(head.encode() + base64.encodebytes(text.encode(codec)))
        [part] = find_text_parts(message)
        views = parsers.view(message.raw)
        theirs = {squeezed(views[name].text) for name in ("postal-mime", "mailparser")}
        assert squeezed(read_text(message.raw, part)) in theirs, label


def test_chromium_reads_html_in_each_declared_charset_as_we_do(page: Page):
    for label, codec, text in DECLARED:
        if label not in WITHOUT_BROWSER and codec not in {"utf-16", "euc_jis_2004"}:
            shown = show(page, f"<p>{text}</p>".encode(codec), f"text/html; charset={label}")
            assert squeezed(decode(f"{text}".encode(codec), label)) == squeezed(shown), label


@pytest.mark.parametrize("head, codec", [(head, codec) for head, codec in OWN if len(head) < 1000 and "us-ascii" not in head])
def test_chromium_reads_html_in_its_own_charset_as_we_do(page: Page, head: str, codec: str):
    octets = (head + SENTENCE).encode(codec)
    shown = show(page, octets, "text/html")
    if "charset=" in head and codec != "utf-8":
        assert "Здравствуйте, заказ" in shown
    assert decode(octets, "", is_html=True).endswith(SENTENCE)
