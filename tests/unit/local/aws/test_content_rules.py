from pathlib import Path

import pytest

from local.aws.content_rules import defects
from tests.support.mail import CORPUS

HEADERS = b"From: ana@example.com\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nSubject: Hello\r\n"
PLAIN = HEADERS + b"\r\nHello.\r\n"


def multipart(*parts: bytes, boundary: bytes = b"b", end: bytes = b"--b--\r\n", kind: bytes = b"mixed") -> bytes:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return HEADERS + b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n' + body + end


def attachment(filename: bytes) -> bytes:
    return b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; " + filename + b"\r\n\r\nAAAA"


def test_an_unchanged_well_formed_message_is_taken() -> None:
    assert defects(PLAIN, PLAIN) == []


@pytest.mark.parametrize("text, taken", [(998, True), (999, False)])
def test_a_line_may_have_1000_octets_with_its_crlf_and_not_one_more(text: int, taken: bool) -> None:
    content = HEADERS + b"\r\n" + b"x" * text + b"\r\nshort\r\n"
    assert (defects(PLAIN, content) == []) is taken


@pytest.mark.parametrize("text, taken", [(998, True), (999, False)])
def test_a_last_line_without_crlf_counts_as_if_it_had_one(text: int, taken: bool) -> None:
    assert (defects(PLAIN, HEADERS + b"\r\n" + b"x" * text) == []) is taken


def test_a_bare_lf_ends_a_line_as_python_writes_them() -> None:
    content = HEADERS + b"\r\n" + b"x" * 600 + b"\n" + b"x" * 600 + b"\r\n"
    assert defects(PLAIN, content) == []
    assert defects(PLAIN, content.replace(b"\r\n", b"\n")) == []


def test_a_line_of_bare_lf_is_as_long_as_it_is_when_it_is_sent() -> None:
    content = HEADERS + b"\r\n" + b"x" * 999 + b"\n"
    assert defects(PLAIN, content) == ["line 6 has 1,001 octets with its CRLF; at most 1,000 are taken"]
    assert defects(PLAIN, content.replace(b"x" * 999, b"x" * 998)) == []


def test_a_header_line_counts_like_any_other_and_only_the_first_long_line_is_named() -> None:
    content = b"X-Long: " + b"y" * 1000 + b"\r\n" + HEADERS + b"\r\n" + b"x" * 2000 + b"\r\n"
    assert defects(PLAIN, content) == ["line 1 has 1,010 octets with its CRLF; at most 1,000 are taken"]


def test_more_than_40_mb_are_rejected_without_a_further_look() -> None:
    content = PLAIN + b"x" * (40 * 1024 * 1024)
    assert defects(PLAIN, content) == [f"the message has {len(content):,} bytes; at most 41,943,040 are taken"]


@pytest.mark.parametrize("name", ["From", "Date"])
def test_a_required_header_must_be_there(name: str) -> None:
    content = PLAIN.replace(name.encode() + b":", b"X-Gone:", 1)
    assert f"the required header {name} is missing" in defects(PLAIN, content)


def test_a_unique_header_may_stand_there_once() -> None:
    content = b"SUBJECT: again\r\n" + PLAIN
    assert defects(PLAIN, content) == ["the unique header Subject stands there 2 times"]


def test_a_defect_that_was_there_before_counts_too() -> None:
    twice = b"Subject: again\r\n" + PLAIN
    assert defects(twice, twice) == ["the unique header Subject stands there 2 times"]


@pytest.mark.parametrize(
    "before, after",
    [
        (b"<1@example.com>", b"<2@example.com>"),
        (b"From: ana@example.com", b"From: Ana <ana@example.com>"),
        (b"09:00:00", b"09:00:01"),
        (b"Subject:", b"Sender: ben@example.com\r\nSubject:"),
        (b"Message-ID: <1@example.com>\r\n", b""),
    ],
)
def test_an_immutable_header_may_not_change_come_or_go(before: bytes, after: bytes) -> None:
    [reason] = defects(PLAIN, PLAIN.replace(before, after))
    assert reason.startswith("the immutable header ")
    assert "example.com" not in reason


def test_refolding_an_immutable_header_changes_nothing() -> None:
    assert defects(PLAIN, PLAIN.replace(b"Date: Mon, 2", b"DATE:\r\n Mon,\r\n\t2")) == []


def test_a_body_that_looks_like_a_header_is_none() -> None:
    assert defects(PLAIN, PLAIN + b"Subject: again\r\nFrom: ben@example.com\r\n") == []


@pytest.mark.parametrize(
    "content, reason",
    [
        (multipart(b"\r\nx").replace(b'; boundary="b"', b""), "the message is a multipart without a boundary"),
        (multipart(end=b""), "the message is a multipart without parts: its boundary is not in its body"),
        (multipart(b"\r\nx", end=b""), "the message is a multipart without its closing delimiter"),
        (
            multipart(b'Content-Type: multipart/alternative; boundary="inner"\r\n\r\n--inner\r\n\r\nx\r\n'),
            "part 1 is a multipart without its closing delimiter",
        ),
    ],
)
def test_a_multipart_must_be_well_formed(content: bytes, reason: str) -> None:
    assert defects(content, content) == [reason]


def test_multiparts_nested_beyond_measure_are_rejected_not_recursed_into() -> None:
    inner = b"\r\nx"
    for depth in range(60):
        boundary = f"b{depth}".encode()
        inner = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n--' + boundary + b"\r\n" + inner
        inner += b"\r\n--" + boundary + b"--\r\n"
    content = multipart(inner)
    assert defects(content, content) == ["multiparts are nested over 50 deep"]


@pytest.mark.parametrize(
    "filename",
    [
        b'filename="setup.exe"',
        b"filename=SETUP.EXE",
        b"filename*=UTF-8''r%C3%A9sum%C3%A9.exe",
        b'filename*0="set"; filename*1="up.exe"',
        b'filename="=?utf-8?B?' + b"c2V0dXAuZXhl" + b'?="',
        b'filename="setup.exe."',
        b'filename="invoice.pdf.exe"',
    ],
)
def test_an_attachment_of_a_type_that_ses_does_not_support_is_rejected_however_its_name_is_written(filename: bytes) -> None:
    content = multipart(b"\r\nHello", attachment(filename))
    assert defects(content, content) == ["part 2 is an attachment of the type .exe, which Amazon SES does not support"]


def test_the_name_in_content_type_counts_where_there_is_no_disposition() -> None:
    content = multipart(b"\r\nHello", b'Content-Type: application/x-msdownload; name="a.scr"\r\n\r\nAAAA')
    assert defects(content, content) == ["part 2 is an attachment of the type .scr, which Amazon SES does not support"]


@pytest.mark.parametrize(
    "filename",
    [b'filename="exe"', b'filename="report.pdf"', b'filename="=?no-such?B?eA==?=.pdf"', b'filename="=?utf-8?B?abcde?="', b"filename"],
)
def test_other_attachments_are_taken(filename: bytes) -> None:
    content = multipart(b"\r\nHello", attachment(filename))
    assert defects(content, content) == []


def test_what_is_in_an_attached_message_is_its_own_affair() -> None:
    content = multipart(b"Content-Type: message/rfc822\r\n\r\n" + multipart(attachment(b"filename=a.exe"), boundary=b"inner", end=b""))
    assert defects(content, content) == []


def test_reasons_never_hold_content() -> None:
    content = PLAIN.replace(b"ana@example.com", b"secret@example.com").replace(b"Subject", b"Subject: secret\r\nSubject")
    assert not any("secret" in reason for reason in defects(PLAIN, content))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_mail_from_the_wild_is_judged_whatever_it_looks_like(path: Path) -> None:
    raw = path.read_bytes()
    reasons = defects(raw, raw)
    assert not any("immutable" in reason for reason in reasons)
    assert all(reason.isprintable() for reason in reasons)
