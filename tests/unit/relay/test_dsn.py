import email
import email.policy
import hashlib
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailhooks.relay.addresses import is_mailbox
from mailhooks.relay.dsn import MAX_HEADER_OCTETS, may_bounce, write_bounce
from tests.support.mail import CORPUS, header_blocks

ORIGINAL = b"From: Ana <ana@example.net>\r\nSubject: Hello\r\nMessage-ID: <1.x@example.net>\r\n\r\nThe body\r\n"
WHEN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def bounced(original: bytes = ORIGINAL, *recipients: tuple[str, str], **changes: Any) -> bytes:
    given: dict[str, Any] = {
        "reverse_path": "ana@example.net",
        "recipients": recipients or [("bo@example.com", "Not here")],
        "reporting_mta": "mail.example.com",
        "postmaster": "postmaster@example.com",
        "message_id": "<b1@mail.example.com>",
        "date": WHEN,
    }
    return write_bounce(original, **(given | changes))


def parsed(raw: bytes) -> tuple[EmailMessage, list[EmailMessage]]:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message, list(message.iter_parts())


def source(raw: bytes) -> list[bytes]:
    """Return the encoded content of the three parts."""
    boundary = re.findall(rb'boundary="([^"]+)"', raw)[0]
    _, *parts, end = raw.split(b"\r\n--" + boundary)
    assert end == b"--\r\n"
    return [part.partition(b"\r\n\r\n")[2] for part in parts]


def returned_header(raw: bytes) -> str:
    header = parsed(raw)[1][2]
    assert header.get_content_type() == "text/rfc822-headers"
    return str(header.get_content()).replace("\r\n", "\n")


def test_a_bounce_is_a_delivery_report_in_three_parts() -> None:
    message, [text, report, header] = parsed(bounced(ORIGINAL, ("bo@example.com", "Not here.\nAsk Ünal."), ("cy@example.com", "")))
    assert message.get_content_type() == "multipart/report"
    assert message["content-type"].params["report-type"] == "delivery-status"
    assert {name: str(message[name]) for name in message if name != "Content-Type"} == {
        "From": "Mail Delivery <postmaster@example.com>",
        "To": "ana@example.net",
        "Subject": "Delivery status notification (failure)",
        "Date": "Mon, 02 Nov 2026 09:00:00 +0000",
        "Message-ID": "<b1@mail.example.com>",
        "In-Reply-To": "<1.x@example.net>",
        "References": "<1.x@example.net>",
        "Auto-Submitted": "auto-replied",
        "MIME-Version": "1.0",
    }
    assert text.get_content_type() == "text/plain"
    assert "    Not here.\r\n    Ask Ünal.\r\n" in text.get_content()
    assert report.get_content_type() == "message/delivery-status"
    assert [dict(block.items()) for block in report.get_payload()] == [
        {"Reporting-MTA": "dns; mail.example.com"},
        {
            "Final-Recipient": "rfc822; bo@example.com",
            "Action": "failed",
            "Status": "5.7.1",
            "Diagnostic-Code": "smtp; 550 5.7.1 Not here. Ask ?nal.",
        },
        {"Final-Recipient": "rfc822; cy@example.com", "Action": "failed", "Status": "5.7.1", "Diagnostic-Code": "smtp; 550 5.7.1"},
    ]
    assert header.get_content_type() == "text/rfc822-headers"
    assert returned_header(bounced()).encode().replace(b"\n", b"\r\n") + b"\r\nThe body\r\n" == ORIGINAL


def test_recipients_with_the_same_reason_are_listed_together() -> None:
    _, [text, *_] = parsed(bounced(ORIGINAL, ("a@example.com", "Closed."), ("b@example.com", "Moved."), ("c@example.com", "Closed.")))
    assert text.get_content().count("Closed.") == 1
    assert "    a@example.com\r\n    c@example.com\r\n" in text.get_content()


def test_an_address_beyond_ascii_is_escaped_in_the_report() -> None:
    raw = bounced(ORIGINAL, ("ün+al@example.com", "Nein, für keinen"), postmaster="poßt@example.com")
    _, parts = parsed(raw)
    assert raw.isascii()
    assert [part.get_content_type() for part in parts] == ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    assert rb"Final-Recipient: utf-8; \x{FC}n\x{2B}al@example.com" in raw
    assert "ün+al@example.com" in parts[0].get_content()
    assert "Nein, für keinen" in parts[0].get_content()


def test_a_sender_beyond_ascii_is_in_the_to_field() -> None:
    raw = bounced(reverse_path="ána@example.net")
    assert "\r\nTo: <ána@example.net>\r\n".encode() in raw
    assert raw.replace("á".encode(), b"a").isascii()


@pytest.mark.parametrize(
    "header, returned",
    [
        ("Subject: für".encode(), "Subject: für\n"),
        (b"Subject: f\xfcr", "Subject: f\ufffdr\n"),
        (b"Subject: nul \0 cr \r bell \a", "Subject: nul   cr   bell  \n"),
        (b"Subject: " + b"x" * 2000, "Subject: " + "x" * 2000 + "\n"),
        (b"Subject: =?utf-8?q?f=C3=BCr?=", "Subject: =?utf-8?q?f=C3=BCr?=\n"),
    ],
)
def test_any_header_is_returned(header: bytes, returned: str) -> None:
    raw = bounced(header + b"\n\nbody")
    assert returned_header(raw) == returned
    assert b"body" not in raw


def test_of_a_long_header_whole_fields_are_returned() -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 90) for number in range(2000))
    returned = source(bounced(fields + b"\r\nbody"))[2]
    assert fields.startswith(returned)
    assert MAX_HEADER_OCTETS - 100 < len(returned) <= MAX_HEADER_OCTETS
    assert returned.endswith(b"y\r\n")


def test_a_reason_of_a_megabyte_is_cut() -> None:
    raw = bounced(ORIGINAL, *((f"user{number}@example.com", f"{number} " + "ü" * 1_000_000) for number in range(5)))
    assert len(raw) < 1_000_000
    assert raw.count(b"[...]") == 5
    assert raw.count(b"Final-Recipient:") == 5


@pytest.mark.parametrize(
    "message_id", [b"", b"<a b@c>", b"<a@b> <c@d>", b"<a@b>\x00", b"invalid", b"<" + b"x" * 2000 + b"@y>", b"<\xfc@b>"]
)
def test_an_invalid_message_id_is_not_referred_to(message_id: bytes) -> None:
    message, _ = parsed(bounced(b"Message-ID: " + message_id + b"\r\n\r\n"))
    assert (message["In-Reply-To"], message["References"]) == (None, None)


def test_an_smtp_reply_in_the_reason_is_kept() -> None:
    assert b"Diagnostic-Code: smtp; 553 5.1.8 Away\r\n" in bounced(ORIGINAL, ("bo@example.com", "553 5.1.8 Away"))


def test_the_boundary_is_not_random_but_the_digest_of_the_parts() -> None:
    raw = bounced()
    boundary = parsed(raw)[0].get_boundary() or ""
    _, *parts, _ = raw.split(f"\r\n--{boundary}".encode())
    assert boundary == "=_" + hashlib.sha256(b"".join(part.removeprefix(b"\r\n") for part in parts)).hexdigest()[:40]


_XTEXT = re.compile(rb"(?:[!-*,-<>-\[\]-~]|\\x\{[0-9A-F]{2,6}\})+")
_HOSTILE = st.sampled_from(
    ["\r\n", "\n", "\r", "\r\n\r\n", "\r\nBcc: eve@example.org\r\n", "--", "--=_", "\0", "\x85", "\u2028", "\ud800", ".", "\r\n.\r\n", "ü"]
)
_TEXT = st.lists(st.one_of(_HOSTILE, st.text(max_size=8), st.just("x" * 1500)), max_size=8).map("".join)
_ADDRESS = st.one_of(
    st.from_regex(r"[a-zü+=\\\"]{1,8}@example\.(com|net|org)", fullmatch=True),
    _TEXT,
)
_ORIGINAL = st.one_of(st.sampled_from(CORPUS).map(lambda file: file.read_bytes()), header_blocks(), st.binary(max_size=300))


@pytest.mark.fuzz
@given(
    _ORIGINAL,
    st.lists(st.tuples(_ADDRESS, _TEXT), min_size=1, max_size=4),
    _ADDRESS,
    st.lists(_TEXT, min_size=3, max_size=3),
)
@example(bounced(), [("bo@example.com", "x")], "ana@example.net", ["a", "b", "c"])
@example(b"", [("ü" + "x" * 1500, ""), ("ü" * 1500, "")], "ana@example.net", ["", "", ""])
def test_hostile_text_keeps_the_structure(original: bytes, recipients: list[tuple[str, str]], reverse_path: str, others: list[str]) -> None:
    mta, postmaster, message_id = others
    raw = bounced(
        original,
        *recipients,
        reverse_path=reverse_path,
        reporting_mta=mta,
        postmaster=postmaster,
        message_id=message_id,
    )
    assert all(len(line) <= 998 and b"\r" not in line and b"\n" not in line and b"\0" not in line for line in raw.split(b"\r\n"))
    assert raw.isascii() or not reverse_path.isascii()
    message, parts = parsed(raw)
    assert [name.lower() for name in message if name not in {"In-Reply-To", "References"}] == (
        "from to subject date message-id auto-submitted mime-version content-type".split()
    )
    text, report, header = (part.get_content_type() for part in parts)
    assert text == "text/plain"
    assert report == "message/delivery-status"
    assert header == "text/rfc822-headers"
    blocks = [block for block in source(raw)[1].split(b"\r\n\r\n") if block.strip()]
    named_in_report = [re.findall(rb"^Final-Recipient: (?:rfc822|utf-8); ([^\r\n]+)", block, re.MULTILINE) for block in blocks]
    assert all(_XTEXT.fullmatch(value) for value in re.findall(rb"Recipient: utf-8; ([^\r\n]+)", raw))
    addresses = {address for address, _ in recipients}
    assert [len(found) for found in named_in_report] == [0] + [1] * (len(blocks) - 1)
    assert len(blocks) - 1 <= len(addresses)
    for address in filter(is_mailbox, addresses):
        assert sum(found in ([address.encode()], [xtext(address)]) for found in named_in_report) == 1


def xtext(address: str) -> bytes:
    return "".join(rf"\x{{{ord(one):X}}}" if not one.isascii() or one in "\\+=" else one for one in address).encode()


@pytest.mark.parametrize(
    "reverse_path, header, may",
    [
        ("ana@example.net", b"Subject: x", True),
        ("ána@example.net", b"Subject: x", True),
        ("", b"Subject: x", False),
        ("<>", b"Subject: x", False),
        ("ana", b"Subject: x", False),
        ("ana@example.net\r\nBcc: eve@example.org", b"Subject: x", False),
        ("ana@example.net", b"Auto-Submitted: no", True),
        ("ana@example.net", b"auto-submitted: NO (written by hand)", True),
        ("ana@example.net", b"Auto-Submitted: auto-replied; owner=x", False),
        ("ana@example.net", b"Auto-Submitted: auto-generated", False),
        ("ana@example.net", b"Auto-Submitted: none", False),
        ("ana@example.net", b"Auto-Submitted:", False),
        ("ana@example.net", b"Auto-Submitted: no\r\nAuto-Submitted: auto-notified", False),
        ("ana@example.net", b"Content-Type: Multipart/Report; report-type=delivery-status; boundary=x", False),
        ("ana@example.net", b"Content-Type: multipart/report;\r\n report-type=disposition-notification; boundary=x", False),
        ("ana@example.net", b"Content-Type: message/delivery-status", False),
        ("ana@example.net", b"Content-Type: multipart/mixed; boundary=report", True),
    ],
)
def test_no_notification_for_reports_and_replies(reverse_path: str, header: bytes, may: bool) -> None:
    assert may_bounce(reverse_path, header + b"\r\n\r\nAuto-Submitted: auto-replied\r\n") is may


def test_a_bounce_is_not_bounced() -> None:
    assert not may_bounce("postmaster@example.com", bounced())


@pytest.mark.fuzz
@given(st.text(max_size=20), st.one_of(st.binary(max_size=200), header_blocks()))
def test_may_bounce_accepts_any_message(reverse_path: str, original: bytes) -> None:
    assert may_bounce(reverse_path, original) in {True, False}
