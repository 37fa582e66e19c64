"""The images of a message in its HTML."""

import pytest

from mailhooks.mime.message import Message
from tests.unit.workmail_local.viewer.messages import HEADER
from workmail_local.viewer.rendered import mark_headers, mark_texts, render_documents


def related(reference: str, content_id: str) -> bytes:
    html = f'Content-Type: text/html; charset=utf-8\r\n\r\n<img src="{reference}">'
    image = f"Content-Type: image/png\r\nContent-ID: {content_id}\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA"
    body = f"Content-Type: multipart/related; boundary=rr\r\n\r\n--rr\r\n{html}\r\n--rr\r\n{image}\r\n--rr--\r\n"
    return HEADER + body.encode()


@pytest.mark.parametrize(
    "reference, content_id",
    [
        ("cid:logo@shop.example", "<logo@shop.example>"),
        ("cid:logo%40shop.example", "<logo@shop.example>"),
        ("cid:foo4%25foo1@bar.example", "<foo4%foo1@bar.example>"),  # RFC 2392's own example
        ("cid:foo4%25foo1@bar.example", "<foo4%25foo1@bar.example>"),  # its erratum 454
        ("cid:100%@bar.example", "<100%@bar.example>"),
        ("CID:up@x.example", "<up@x.example>"),
        ("cid:a%2Bb@x.example", "<a+b@x.example>"),
        ("cid:a+b@x.example", "<a+b@x.example>"),
        ("cid:a&amp;b@x.example", "<a&b@x.example>"),
        ("cid:logo&#64;x.example", "<logo@x.example>"),
        ("cid:logo&commat;x.example", "<logo@x.example>"),
        ("cid:gr%C3%BC%C3%9Fe@x.example", "<grüße@x.example>"),
        ("cid:a%20b@x.example", "<a b@x.example>"),
        ("cid:a%28b%29@x.example", "<a(b)@x.example>"),
        ("cid:logo@shop.example", "\r\n\t<logo@shop.example>"),
        ("cid:logo", "logo"),
    ],
)
def test_an_image_is_found_by_its_content_id(reference: str, content_id: str) -> None:
    [document] = render_documents(Message(related(reference, content_id)))
    assert ' src="data:image/png;base64,AAAA">' in document.markup


@pytest.mark.parametrize("field", ["Content-Location: http://[", "Content-Location: \xff//[::1", "Content-ID: <", "Content-ID: %zz"])
@pytest.mark.parametrize("reference", ["http://[", "//[", "cid:", "cid:%zz", "", "cid:%ff", "[", "data:"])
def test_odd_addresses_are_no_error(reference: str, field: str) -> None:
    raw = related(reference, "<x@y>").replace(b"Content-ID: <x@y>", field.encode("latin-1"))
    assert len(list(render_documents(Message(raw)))) == 1


def test_many_references_to_a_large_picture_are_bounded_and_counted() -> None:
    raw = related("cid:a@x", "<a@x>").replace(b"AAAA", b"A" * 4_000_000).replace(b'<img src="cid:a@x">', b'<img src="cid:a@x">' * 1000)
    [document] = render_documents(Message(raw))
    assert document.notes == ("996 pictures are not shown, because all of them are too large for a page",)
    assert len(document.markup) < 21_000_000


def test_another_content_id_is_no_image() -> None:
    [document] = render_documents(Message(related("cid:logo%2540shop.example", "<logo@shop.example>")))
    assert "data:image" not in document.markup


BODY = "Grüße"


@pytest.mark.parametrize(
    "raw",
    [
        f"Subject: {BODY}\r\n\r\n{BODY}".encode(),
        f"Subject: {BODY}\r\n\r\n{BODY}".encode("cp1252"),
        f"Subject:\r\n\t{BODY}\r\nContent-Transfer-Encoding: UTF-8\r\n\r\n{BODY}".encode(),
        f"Subject: {BODY}\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\nR3LDvMOfZQ==\r\n____\r\nfooter".encode(),
        f"Subject: {BODY}\r\nContent-Type: multipart/mixed\r\n\r\n--b\r\n\r\n{BODY}\r\n--b--\r\n".encode(),
    ],
)
def test_fields_and_text_are_shown_as_a_mail_program_does(raw: bytes) -> None:
    message = Message(raw)
    assert mark_headers(message, message)[0].items[0][:2] == ("Subject", BODY)
    texts, _ = mark_texts(message, message, 10)
    assert BODY in str(texts)
