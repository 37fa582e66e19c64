"""The transfer encoding that an added multipart declares (RFC 2045 section 6.4)."""

from email import message_from_bytes
from email.message import Message as PythonMessage

import pytest

from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, OnNoText
from mailhooks.hooks.preflight import blocking, rejections
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message, scan
from mailhooks.mime.text.body import Blocked
from mailhooks.mime.text.wrapping import Image

HEAD = b"From: a@example.com\r\nTo: b@example.net\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
LOGO = Disclaimer(
    html='<img src="cid:logo.png">Ü',
    images=(Image("logo.png", "png", b"\x89PNG"),),
    on_unmodifiable=OnUnmodifiable.WRAP,
    on_no_text=OnNoText.ADD_PART,
)


def body(encoding: str, content: str, kind: str = "text/html; charset=utf-8") -> bytes:
    said = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    return f"Content-Type: {kind}\r\n{said}\r\n{content}\r\n".encode()


def changed(raw: bytes, disclaimer: Disclaimer = LOGO) -> bytes:
    change = disclaimer.change(Message(raw))
    once = splice(raw, change.edits)
    assert disclaimer.change(Message(once)).edits == []
    assert blocking(rejections(raw, once, added_parts=change.added_parts)) == ()
    return once


def encodings(raw: bytes) -> dict[str, list[str]]:
    """Return the declared encoding of each part, with its type."""
    found: dict[str, list[str]] = {}

    def walk(part: PythonMessage) -> None:
        found.setdefault(part.get_content_type(), []).extend(part.get_all("Content-Transfer-Encoding") or [""])
        for child in part.get_payload() if part.is_multipart() else []:
            walk(child)

    walk(message_from_bytes(raw))
    return found


@pytest.mark.parametrize(
    "encoding, content, said",
    [
        ("8bit", "<p>Grüße</p>", "8bit"),
        ("binary", "<p>Grüße</p>", "binary"),
        ("8-bit", "<p>Grüße</p>", "8bit"),
        ("8bit", "<p>ASCII</p>", "8bit"),  # the disclaimer is not ASCII
        ("7bit", "<p>ASCII</p>", ""),
        ("", "<p>ASCII</p>", ""),
        ("quoted-printable", "<p>Gr=C3=BC=C3=9Fe</p>", ""),
        ("base64", "PHA+R3LDvMOfZTwvcD4=", ""),
    ],
)
def test_a_related_declares_8bit_html(encoding: str, content: str, said: str):
    html = body(encoding, content)
    assert encodings(changed(HEAD + html))["multipart/related"] == [said]
    alternative = b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\n' + html + b"--b--\r\n"
    found = encodings(changed(HEAD + alternative))
    assert found["multipart/related"] == [said]
    assert found["multipart/alternative"] == [""]


def test_a_related_around_encoded_html_declares_nothing():
    html = body("8bit", "<p>Grüße</p>" + "x" * 970 + "_DISCLAIMER_")
    assert encodings(changed(HEAD + html)) == {
        "multipart/related": [""],
        "text/html": ["quoted-printable"],
        "image/png": ["base64"],
    }


@pytest.mark.parametrize("encoding, content, said", [("8bit", "Grüße", "8bit"), ("binary", "Grüße", "binary"), ("7bit", "x", "")])
def test_a_mixed_around_the_message_declares_its_encoding(encoding: str, content: str, said: str):
    pdf = HEAD + body(encoding, content, "application/pdf")
    assert encodings(changed(pdf)) == {
        "multipart/mixed": [said],
        "multipart/alternative": [""],
        "text/plain": ["quoted-printable"],
        "multipart/related": [""],
        "text/html": ["quoted-printable"],
        "image/png": ["base64"],
        "application/pdf": [encoding],
    }
    part = b"--b\r\n" + body(encoding, content, "text/plain; charset=utf-8")
    signed = HEAD + b'Content-Type: multipart/signed; boundary="b"\r\n\r\n' + part + b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n"
    found = encodings(changed(signed))
    assert found["multipart/mixed"] == [said]
    assert found["message/rfc822"] == [said or "7bit"]
    assert found["multipart/signed"] == [""]


def test_a_second_disclaimer_declares_the_encoding_once():
    calendar = HEAD + b"Content-Transfer-Encoding: 8bit\r\n" + body("", "Grüße", "text/calendar; charset=utf-8")
    first = changed(calendar)
    signed = first.replace(b"multipart/mixed", b"multipart/signed")
    second = changed(signed, Disclaimer(text="two", on_unmodifiable=OnUnmodifiable.WRAP))
    assert encodings(first)["multipart/mixed"] == ["8bit"]
    assert encodings(second)["multipart/mixed"] == ["8bit"]
    assert encodings(second)["multipart/signed"] == ["8bit"]


def test_a_part_is_added_after_closed_multiparts():
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + body("base64", "AAAA", "application/pdf")
    change = LOGO.change(Message(raw))
    structure = scan(splice(raw, change.edits))
    assert structure.defects == frozenset()
    assert change.wraps
    assert [part.content_type for part in structure.root.children] == ["multipart/alternative", "multipart/mixed"]
    assert len(list(structure.root.walk())) == 2 + change.added_parts


def test_a_message_is_wrapped_as_it_is():
    disclaimer = Disclaimer(text="Grüße von %%FromName%%", html=LOGO.html, images=LOGO.images)
    raw = HEAD + body("8bit", "Grüße", "text/plain; charset=utf-8")
    change = disclaimer.wrap(Message(raw), {"fromname": "Ana"})
    once = splice(raw, change.edits)
    assert raw in once
    assert "Grüße von Ana" in message_from_bytes(once).get_payload()[0].get_payload()[0].get_payload(decode=True).decode()
    assert encodings(once)["message/rfc822"] == encodings(once)["multipart/mixed"] == ["8bit"]
    assert blocking(rejections(raw, once, added_parts=change.added_parts)) == ()
    assert change.wraps
    assert disclaimer.wrap(Message(once)).edits == disclaimer.change(Message(once)).edits == []
    assert Disclaimer(text="%%Title%%").wrap(Message(raw)).edits == []
    with pytest.raises(Blocked):
        disclaimer.wrap(Message(b"From: a@example.com\r\nno field\r\n\r\nx"))
