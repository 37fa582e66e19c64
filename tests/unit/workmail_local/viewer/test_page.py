"""The self-contained page of a preview."""

from html import unescape
from pathlib import Path

import pytest

from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer
from tests.support.mail import CORPUS
from tests.support.markup import Elements
from tests.unit.workmail_local.viewer.messages import GERMAN, HEADER, REPLY, SIGNED, after_reply
from workmail_local.config.samples import load_samples
from workmail_local.viewer.page import render_page
from workmail_local.viewer.preview import preview_disclaimer

HOSTILE = (
    b'From: "</h1><script>x()</script>" <a@example.com>\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: <img src=x onerror=y()>\r\n'
    b"X-><script>: 1\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: multipart/alternative; boundary=c\r\n\r\n"
    b"--c\r\nContent-Type: text/plain\r\n\r\n</pre><script>x()</script>\r\n"
    b'--c\r\nContent-Type: text/html\r\n\r\n<link rel=preconnect href=//example.net>"></iframe><script>x()</script><img src=http://example.net/i>'
    b'<img src="cid:own">\r\n--c--\r\n--b\r\nContent-Type: image/png"onload=x; name="<script>.png"\r\nContent-ID: <own>\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
)


OURS = set(
    "html head meta title style body header h1 p ul li nav a main details summary div section h3 iframe pre span".split()
    + "table caption thead tbody tr th td code".split()
)


@pytest.mark.parametrize("raw", [HOSTILE, REPLY, SIGNED, *(sample.raw for sample in load_samples() if sample.function == "disclaimer")])
def test_the_page_has_no_elements_from_mail_and_no_links_to_servers(raw: bytes) -> None:
    page = render_page(preview_disclaimer('<script>"m".eml', raw, after_reply()))
    tags = Elements(page).tags
    assert {tag for tag, _ in tags} <= OURS
    for _, attributes in tags:
        assert not any(name.startswith("on") for name in attributes)
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    policies = [
        attributes["content"] for tag, attributes in tags if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == ["default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'"]


def frames(page: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in Elements(page).tags if tag == "iframe"]


def test_html_is_in_a_sandbox_and_the_policy_comes_before_the_mail() -> None:
    before, after = frames(render_page(preview_disclaimer("m.eml", HOSTILE, after_reply())))
    for frame in (before, after):
        assert frame["sandbox"] == ""
        content = frame["srcdoc"] or ""
        assert content.startswith(
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; font-src data:;'
        )
        assert '<link data-mail-rel="preconnect" data-mail-href="//example.net">' in content
        assert "</iframe><script></script>" in content
        assert 'src="data:image/png;base64,AAAA"' in content
    assert "mailhooks-disclaimer" in (after["srcdoc"] or "")
    assert "mailhooks-disclaimer" not in (before["srcdoc"] or "")


def test_an_image_that_is_shown_many_times_does_not_make_the_page_huge() -> None:
    raw = (
        HEADER
        + b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        + b"<img src=cid:own>\r\n" * 5000
        + b"--b\r\nContent-Type: image/png\r\nContent-ID: <own>\r\n\r\n"
        + b"A" * 500_000
        + b"\r\n--b--\r\n"
    )
    assert len(render_page(preview_disclaimer("m.eml", raw, GERMAN))) < 10_000_000


def test_the_page_has_the_changes_and_the_reason_for_none() -> None:
    page = unescape(render_page(preview_disclaimer("m.eml", REPLY, after_reply())))
    assert "above the quote, line 3" in page
    assert "X-Mailhooks-Disclaimer" in page
    assert "+X-Mailhooks-Disclaimer: " in page
    declined = render_page(preview_disclaimer("m.eml", SIGNED, GERMAN))
    assert "declined: it is signed" in declined


def test_the_text_of_a_wrapped_message_is_not_marked_as_removed() -> None:
    page = render_page(preview_disclaimer("m.eml", SIGNED, Disclaimer(text="D", on_unmodifiable=OnUnmodifiable.WRAP)))
    text = page[page.index('id="text"') : page.index('id="structure"')]
    assert 'class="removed"' not in text
    assert '<span class="added">D</span>' in text


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_real_mail_has_a_page(path: Path) -> None:
    page = render_page(preview_disclaimer(path.name, path.read_bytes(), after_reply(on_unmodifiable=OnUnmodifiable.WRAP)))
    assert {tag for tag, _ in Elements(page).tags} <= OURS


def test_the_parts_on_the_page_are_bounded() -> None:
    raw = HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nA\r\n" * 5000 + b"--b--\r\n"
    page = render_page(preview_disclaimer("m.eml", raw, GERMAN))
    assert "300 of 5,001 parts shown" in page
    assert len(page) < 500_000
