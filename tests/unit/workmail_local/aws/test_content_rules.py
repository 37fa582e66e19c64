import base64
import binascii
from pathlib import Path

import pytest

from tests.support.mail import CORPUS
from workmail_local.aws import content_rules
from workmail_local.aws.content_rules import find_defects

HEADERS = b"From: ana@example.com\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nSubject: Hello\r\n"
PLAIN = HEADERS + b"\r\nHello.\r\n"


def multipart(*parts: bytes, boundary: bytes = b"b", end: bytes = b"--b--\r\n", kind: bytes = b"mixed") -> bytes:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return HEADERS + b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n' + body + end


def attachment(filename: bytes) -> bytes:
    return b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; " + filename + b"\r\n\r\nAAAA"


def test_an_unchanged_well_formed_message_is_accepted() -> None:
    assert find_defects(PLAIN, PLAIN) == []


@pytest.mark.parametrize("text, accepted", [(998, True), (999, False)])
def test_a_line_may_have_1000_octets_with_its_crlf_and_not_one_more(text: int, accepted: bool) -> None:
    content = HEADERS + b"\r\n" + b"x" * text + b"\r\nshort\r\n"
    assert (find_defects(PLAIN, content) == []) is accepted


@pytest.mark.parametrize("text, accepted", [(998, True), (999, False)])
def test_a_last_line_without_crlf_counts_as_if_it_had_one(text: int, accepted: bool) -> None:
    assert (find_defects(PLAIN, HEADERS + b"\r\n" + b"x" * text) == []) is accepted


def test_a_bare_lf_ends_a_line() -> None:
    content = HEADERS + b"\r\n" + b"x" * 600 + b"\n" + b"x" * 600 + b"\r\n"
    assert find_defects(PLAIN, content) == []
    assert find_defects(PLAIN, content.replace(b"\r\n", b"\n")) == []


def test_a_line_with_a_bare_lf_counts_with_the_crlf_it_gets() -> None:
    content = HEADERS + b"\r\n" + b"x" * 999 + b"\n"
    assert find_defects(PLAIN, content) == ["line 6 has 1,001 octets with its CRLF; at most 1,000 are accepted"]
    assert find_defects(PLAIN, content.replace(b"x" * 999, b"x" * 998)) == []


def test_only_the_first_long_line_is_named() -> None:
    content = b"X-Long: " + b"y" * 1000 + b"\r\n" + HEADERS + b"\r\n" + b"x" * 2000 + b"\r\n"
    assert find_defects(PLAIN, content) == ["line 1 has 1,010 octets with its CRLF; at most 1,000 are accepted"]


def test_more_than_40_mb_are_rejected_without_further_checks() -> None:
    content = PLAIN + b"x" * (40 * 1024 * 1024)
    assert find_defects(PLAIN, content) == [f"the message has {len(content):,} bytes; at most 41,943,040 are accepted"]


@pytest.mark.parametrize("name", ["From", "Date"])
def test_a_required_header_must_not_be_missing(name: str) -> None:
    content = PLAIN.replace(name.encode() + b":", b"X-Gone:", 1)
    assert f"the required header {name} is missing" in find_defects(PLAIN, content)


def test_a_unique_header_may_occur_once() -> None:
    content = b"SUBJECT: again\r\n" + PLAIN
    assert find_defects(PLAIN, content) == ["the header Subject may occur once and occurs 2 times"]


def test_a_defect_of_the_original_counts_too() -> None:
    twice = b"Subject: again\r\n" + PLAIN
    assert find_defects(twice, twice) == ["the header Subject may occur once and occurs 2 times"]


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
def test_an_immutable_header_may_not_change_appear_or_disappear(before: bytes, after: bytes) -> None:
    [reason] = find_defects(PLAIN, PLAIN.replace(before, after))
    assert reason.startswith("the immutable header ")
    assert "example.com" not in reason


def test_an_immutable_header_may_be_folded_differently() -> None:
    assert find_defects(PLAIN, PLAIN.replace(b"Date: Mon, 2", b"DATE:\r\n Mon,\r\n\t2")) == []


def test_the_body_has_no_headers() -> None:
    assert find_defects(PLAIN, PLAIN + b"Subject: again\r\nFrom: ben@example.com\r\n") == []


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
    assert find_defects(content, content) == [reason]


def test_multiparts_nested_too_deeply_are_rejected() -> None:
    inner = b"\r\nx"
    for depth in range(60):
        boundary = f"b{depth}".encode()
        inner = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n--' + boundary + b"\r\n" + inner
        inner += b"\r\n--" + boundary + b"--\r\n"
    content = multipart(inner)
    assert find_defects(content, content) == ["multiparts are nested over 50 deep"]


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
def test_an_attachment_of_a_type_that_ses_does_not_support_is_rejected(filename: bytes) -> None:
    content = multipart(b"\r\nHello", attachment(filename))
    assert find_defects(content, content) == ["part 2 is an attachment of the type .exe, which Amazon SES does not support"]


def test_the_name_in_content_type_counts_without_a_disposition() -> None:
    content = multipart(b"\r\nHello", b'Content-Type: application/x-msdownload; name="a.scr"\r\n\r\nAAAA')
    assert find_defects(content, content) == ["part 2 is an attachment of the type .scr, which Amazon SES does not support"]


@pytest.mark.parametrize(
    "filename",
    [b'filename="exe"', b'filename="report.pdf"', b'filename="=?no-such?B?eA==?=.pdf"', b'filename="=?utf-8?B?abcde?="', b"filename"],
)
def test_other_attachments_are_accepted(filename: bytes) -> None:
    content = multipart(b"\r\nHello", attachment(filename))
    assert find_defects(content, content) == []


def test_the_parts_of_an_attached_message_are_not_checked() -> None:
    content = multipart(b"Content-Type: message/rfc822\r\n\r\n" + multipart(attachment(b"filename=a.exe"), boundary=b"inner", end=b""))
    assert find_defects(content, content) == []


def test_reasons_never_quote_content() -> None:
    content = PLAIN.replace(b"ana@example.com", b"secret@example.com").replace(b"Subject", b"Subject: secret\r\nSubject")
    assert not any("secret" in reason for reason in find_defects(PLAIN, content))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_real_mail_is_checked_without_errors(path: Path) -> None:
    raw = path.read_bytes()
    reasons = find_defects(raw, raw)
    assert not any("immutable" in reason for reason in reasons)
    assert all(reason.isprintable() for reason in reasons)


@pytest.mark.parametrize(
    "encoding, wrapped", [("base64", False), ("base64", True), ("quoted-printable", False), ("8bit", False), ("8bit", True)]
)
def test_parts_over_29_mb_before_encoding_are_rejected_unless_the_original_has_them(
    encoding: str, wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert content_rules.MAX_CONTENT_BYTES == 29 * 1024 * 1024
    monkeypatch.setattr(content_rules, "MAX_CONTENT_BYTES", 100_000)

    def message(octets: int) -> bytes:
        content = (b"x" * 75 + b"\n") * (octets // 76) + b"x" * (octets % 76)
        encoded = {"base64": base64.encodebytes, "quoted-printable": binascii.b2a_qp}.get(encoding, bytes)(content)
        part = f"Content-Type: a/b\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + encoded
        return multipart(b"Content-Type: message/rfc822\r\n\r\n" + part if wrapped else part)

    fits, large = message(100_000), message(100_001)
    assert find_defects(PLAIN, fits) == []
    assert find_defects(large, large) == []
    [defect] = find_defects(PLAIN, large)
    assert "before it is encoded" in defect
