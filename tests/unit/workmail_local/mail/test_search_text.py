"""The texts of a message that can be searched."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workmail_local.mail.search_text import MAX_TEXT, has_attachments, read_search_text

HEAD = b"From: nora@example.net\r\nTo: Ana <ana@example.com>\r\n"
HEAD += b"Cc: =?utf-8?q?J=C3=BCrgen?= <j@example.com>\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def make(text: str, *, charset: str = "utf-8", subtype: str = "plain", cte: str = "base64") -> bytes:
    message = EmailMessage()
    message.set_content(text, subtype=subtype, charset=charset, cte=cte)
    return message.as_bytes()


def test_recipients_are_decoded() -> None:
    assert read_search_text(HEAD + b"\r\nHello\r\n").recipients == "ana <ana@example.com> jurgen <j@example.com>"


@pytest.mark.parametrize(
    "text, charset",
    [
        ("Grüße aus Köln", "iso-8859-1"),
        ("Привет, мир", "koi8-r"),
        ("こんにちは世界", "iso-2022-jp"),
        ("你好世界", "gb18030"),
        ("안녕하세요", "euc-kr"),
        ("สวัสดี", "utf-8"),
    ],
)
@pytest.mark.parametrize("cte", ["base64", "quoted-printable"])
def test_texts_of_any_charset_are_decoded(text: str, charset: str, cte: str) -> None:
    plain, html = make(text, charset=charset, cte=cte), make(f"<p>{text}</p>", charset=charset, cte=cte, subtype="html")
    assert read_search_text(plain).body == read_search_text(html).body
    assert len(read_search_text(plain).body) == len(text.replace("ß", "ss"))


def test_html_is_searched_as_it_is_displayed() -> None:
    found = read_search_text(
        make("<style>p {color: red}</style><p title=tip>One <b>mi</b>xed</p><script>code</script>Two&amp;three", subtype="html")
    )
    assert "one mixed two&three" in found.body
    assert "red" not in found.body
    assert "code" not in found.body


def test_attachments_are_found_by_name_and_pictures_in_the_text_are_none() -> None:
    message = EmailMessage()
    message.set_content("Hello")
    message.add_alternative('<p>Hello <img src="cid:a"></p>', subtype="html")
    message.get_payload()[1].add_related(b"PNG", "image", "png", cid="<a>", filename="Logo.png")
    found = read_search_text(message.as_bytes())
    assert (found.attachments, has_attachments(message.as_bytes())) == ("logo.png", False)
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Rechnung März.pdf")
    found = read_search_text(message.as_bytes())
    assert (found.attachments, has_attachments(message.as_bytes())) == ("logo.png rechnung marz.pdf", True)


def test_a_changed_content_adds_its_own_lines_and_subject() -> None:
    raw = HEAD + b"\r\nHello\r\nBye\r\n"
    changed = raw.replace(b"Subject: x", b"Subject: [EXTERNAL] x").replace(b"Bye", b"Bye\r\nExample GmbH")
    assert read_search_text(raw, (changed,)).body == "hello bye [external] x example gmbh"


def test_texts_have_a_limit() -> None:
    found = read_search_text(HEAD + b"\r\n" + b"many words " * 1_000_000)
    assert MAX_TEXT - 10 <= len(found.body) <= MAX_TEXT


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_no_message_is_an_error(head: bytes, body: bytes) -> None:
    for raw in (head + b"\r\n\r\n" + body, HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n" + head + b"\r\n--b\r\n" + body):
        assert isinstance(read_search_text(raw, (body,)).body, str)
