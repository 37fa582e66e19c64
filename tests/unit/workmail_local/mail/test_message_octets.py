from email.message import EmailMessage
from email.mime.text import MIMEText
from pathlib import Path

import pytest

from workmail_local.errors import InvalidArgument
from workmail_local.mail.message_octets import to_octets, without_blind_copies


def message(**fields: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in {"From": "nora@example.net", "To": "ana@example.com", "Subject": "Grüße", **fields}.items():
        made[name] = value
    made.set_content("Hello\n")
    return made


@pytest.mark.parametrize("raw", [b"Subject: x\n\nbare LF\n", b"Subject: x\r\n\r\n\xff\x00\r", bytearray(b"Subject: x\n\n")])
def test_bytes_are_sent_as_they_are(raw: bytes) -> None:
    assert to_octets(raw) == bytes(raw)


def test_a_text_is_encoded_in_utf_8_with_lines_of_crlf() -> None:
    text = "Subject: Grüße\n\nmixed\r\nends\n" + b"\xff".decode("utf-8", "surrogateescape")
    assert to_octets(text) == b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nmixed\r\nends\r\n\xff"


def test_a_message_object_is_written_with_crlf_by_its_own_policy() -> None:
    raw = to_octets(message())
    assert b"Subject: =?utf-8?" in raw
    assert raw.count(b"\n") == raw.count(b"\r\n") > 4
    assert to_octets(MIMEText("Hello\n")).endswith(b"\r\n\r\nHello\r\n")


def test_the_header_is_utf_8_when_an_address_is_beyond_ascii() -> None:
    raw = to_octets(message(To="zoë@example.com"))
    assert "To: zoë@example.com\r\n".encode() in raw
    assert "Subject: Grüße\r\n".encode() in raw


def test_blind_copies_are_removed_and_the_given_message_keeps_them() -> None:
    given = message(Bcc="ben@example.com")
    assert b"ben@example.com" in to_octets(given)
    assert without_blind_copies(given) == to_octets(message())
    assert given["Bcc"] == "ben@example.com"


def test_a_saved_message_gets_crlf_if_it_has_no_cr(tmp_path: Path) -> None:
    (tmp_path / "lf.eml").write_bytes(b"Subject: x\n\nHello\n")
    (tmp_path / "mixed.eml").write_bytes(b"Subject: x\r\n\nHello\n")
    assert to_octets(tmp_path / "lf.eml") == b"Subject: x\r\n\r\nHello\r\n"
    assert to_octets(tmp_path / "mixed.eml") == b"Subject: x\r\n\nHello\n"


@pytest.mark.parametrize("wrong, text", [("saved.eml", "pathlib.Path"), ("", "pathlib.Path"), (None, "NoneType"), ([b"x"], "list")])
def test_what_is_no_message_is_refused_with_what_to_give(wrong: object, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        to_octets(wrong)
