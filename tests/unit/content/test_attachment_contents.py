"""Files behind the declared type of a text, signature or encrypted message, in the text itself, and behind empty lines."""

import base64
import quopri

import pytest

from mailhooks.content.attachments import AttachmentRules, find, strip
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.message import Message
from mailhooks.policy.facts.attachment_facts import list_attachments
from tests.support.files import PE, archive
from tests.support.messages import mail, mixed, multipart, part, text
from tests.support.tables import check_rows
from tests.unit.content.test_attachment_readings import eml, uuencoded
from tests.unit.content.test_attachments import notices

RULES = AttachmentRules.checked(
    extensions=["exe", "js"], true_types=["executable", "text/html"], unlistable_archives="strip", forwarded="strip"
)
ELF = b"\x7fELF\x02\x01\x01" + bytes(9)
SMIME = b"0\x82\x01\x02\x06\x09*\x86H\x86\xf7\r\x01\x07\x02" + bytes(200)


def inline(content_type: str, octets: bytes, fields: str = "", encoding: str = "base64") -> bytes:
    body = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}[encoding](octets).replace(b"\n", b"\r\n")
    head = f"Content-Type: {content_type}\r\n{fields}Content-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body.removesuffix(b"\r\n")


DISGUISED = [
    ("text/plain", PE),
    ("text/plain", ELF),
    ("text/plain", archive("invoice.exe")),
    ("text/plain; charset=utf-8", b"\xca\xfe\xba\xbe\0\0\0\x41\0\x10"),
    ("text/plain; charset=utf-16", PE),
    ('text/plain; charset="UTF-16LE"', ELF),
    ("text/html", PE),
    ("text/html; charset=utf-8", archive("invoice.exe")),
    ("text/enriched", PE),
    ("text/calendar; method=REQUEST", PE),
    ("text/csv", PE),
    ("text/csv", archive("invoice.js")),
    ("text/vcard", PE),
    ("text/css", PE),
    ("text/x-foo", PE),
    ("text/x-sh", b"#!/bin/sh\necho hello\n"),
    ("text/x-foo", b"<html><script>alert(1)</script>"),
    ("text/rfc822-headers", PE),
    ("application/pgp-signature", PE),
    ("application/pgp-encrypted", PE),
    ("application/pkcs7-signature; name=smime.p7s", PE),
    ("application/x-pkcs7-signature", ELF),
    ("application/pkcs7-mime; name=smime.p7m", PE),
    ("application/pkcs7-mime", archive("invoice.exe")),
    ("application/x-microsoft-rpmsg-message; name=message.rpmsg", PE),
]
DISPOSITIONS = ["", "Content-Disposition: inline\r\n", "Content-Disposition: attachment\r\n", "Content-Disposition: x\r\n"]


def test_a_file_is_removed_that_is_declared_as_text_or_signature():
    def check(content_type: str, octets: bytes, disposition: str, encoding: str) -> None:
        raw = mixed(inline(content_type, octets, disposition, encoding))
        changed = strip(raw, RULES)
        assert len(notices(changed)) == len(find(Message(raw), RULES)) == 1
        assert strip(changed, RULES) is changed
        assert len(list(list_attachments(Message(raw)))) == 1

    encodings = ("base64", "quoted-printable")
    check_rows(((*row, disposition, encoding) for row in DISGUISED for disposition in DISPOSITIONS for encoding in encodings), check)


def test_the_only_part_may_be_a_program():
    for content_type in ("text/plain", "text/html", "application/pkcs7-mime; name=smime.p7m"):
        changed = strip(mail(inline(content_type, PE)), RULES)
        assert len(notices(changed)) == 1


def test_a_program_in_an_alternative_or_among_related_parts_is_removed():
    for subtype in ("alternative", "related"):
        raw = mail(multipart(subtype, text(), inline("text/html", PE)))
        assert len(notices(strip(raw, RULES))) == 1


def test_a_signature_is_not_removed_from_signed_mail():
    raw = mail(multipart("signed", text(), inline("application/pgp-signature", PE)))
    with pytest.raises(CannotChangeSafely, match="signed or encrypted"):
        strip(raw, RULES)


ORDINARY = [
    ("text/plain", b"MZ begins this text, which is a text all through, and has more than sixty characters."),
    ("text/plain", b"PK is a currency.\n"),
    ("text/plain", b"#!/bin/sh\necho this script is displayed\n"),
    ("text/plain", b"<html> is the first tag of a page.\n"),
    ("text/plain", b"%PDF-1.7 is how a PDF begins.\n"),
    ("text/plain", b"{\\rtf1 is how rich text begins}\n"),
    ("text/plain", b"BZh\x0c GIF89a"),
    ("text/plain", b"Dear all,\0\0\x01\n"),
    ("text/plain; charset=utf-16le", "婍 is a Chinese character".encode("utf-16-le")),
    ("text/plain; charset=utf-16", "MZ and more".encode("utf-16")),
    ("text/plain; charset=iso-2022-jp", "日本語の手紙".encode("iso-2022-jp")),
    ("text/html", b"<html><script>displayed</script></html>"),
    ("text/html", b""),
    ("text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
    ("text/vcard", b"BEGIN:VCARD\r\nEND:VCARD\r\n"),
    ("text/csv", b"MZ,1\n2,3\n"),
    ("text/xml", b"<project><p/></project>"),
    ("text/rfc822-headers", b"Content-Type: application/octet-stream; name=a.exe\r\n\r\n"),
    ("application/pgp-signature", b"-----BEGIN PGP SIGNATURE-----\n\nabc\n"),
    ("application/pgp-signature", b"\x89\x02\x33\x04\0\x01" + bytes(60)),
    ("application/pgp-encrypted", b"Version: 1\n"),
    ("application/pkcs7-signature; name=smime.p7s", SMIME),
    ("application/pkcs7-mime; name=smime.p7m", SMIME + b"%PDF-1.4"),
    ("application/x-microsoft-rpmsg-message; name=message.rpmsg", b"\x76\xe8\x04\x60\xc4\x11\xe3\x86"),
]


def test_ordinary_texts_and_signatures_stay():
    def check(content_type: str, octets: bytes, disposition: str, encoding: str) -> None:
        assert find(Message(mixed(inline(content_type, octets, disposition, encoding))), RULES) == []

    encodings = ("base64", "quoted-printable")
    check_rows(((*row, disposition, encoding) for row in ORDINARY for disposition in DISPOSITIONS[:2] for encoding in encodings), check)


INNER = eml(part("application/octet-stream", "invoice.exe", PE))
FORWARDED = [
    ("an empty line", b"\r\n" + INNER),
    ("an empty line with LF", b"\n" + INNER.replace(b"\r\n", b"\n")),
    ("two empty lines", b"\r\n\r\n" + INNER),
    ("a From line and an empty line", b"From ada@example.com Mon May 4\r\n\r\n" + INNER),
    ("a quoted From line and an empty line", b">From ada@example.com Mon May 4\r\n\r\n" + INNER),
    ("an empty line and a From line", b"\r\nFrom ada@example.com Mon May 4\r\n" + INNER),
    ("white space", b" \r\n\t\r\n" + INNER),
    ("in a message", b"\r\n" + mail(b"Content-Type: message/rfc822\r\n\r\n\r\n" + INNER)),
]


def test_a_forwarded_message_behind_empty_lines_is_searched():
    def check(_: str, message: bytes) -> None:
        for content_type in (b"message/rfc822", b"message/rfc822; name=mail.eml", b"message/global"):
            raw = mixed(b"Content-Type: " + content_type + b"\r\n\r\n" + message)
            findings = find(Message(raw), RULES)
            assert [finding.forwarded for finding in findings] == [True]

    check_rows(FORWARDED, check)


def test_a_forwarded_text_behind_empty_lines_stays():
    for message in (b"\r\nHello\r\n", b"\r\n" + mail(text()), b"From a Mon\r\n\r\nHello\r\n", b""):
        assert find(Message(mixed(b"Content-Type: message/rfc822\r\n\r\n" + message)), RULES) == []


UU = uuencoded(PE, "invoice.exe").replace(b"\n", b"\r\n")
UUENCODED = [
    ("text", text(b"See the file.\r\n\r\n" + UU)),
    ("text at the beginning", text(UU)),
    ("text in base64", inline("text/plain; charset=utf-8", b"See the file.\n" + uuencoded(PE, "invoice.exe"))),
    ("text in quoted-printable", inline("text/plain", b"See it.\n" + uuencoded(PE, "invoice.exe"), "", "quoted-printable")),
    ("text with four digits", text(UU.replace(b"644", b"0755"))),
    ("text, by content only", text(b"See the file.\r\n" + UU.replace(b"invoice.exe", b"invoice"))),
    ("text, an archive", text(uuencoded(archive("invoice.exe"), "a.dat").replace(b"\n", b"\r\n"))),
    ("text, the second file", text(uuencoded(b"Hello", "a.txt").replace(b"\n", b"\r\n") + UU)),
    ("text, spaces missing", text(b"\r\n".join(line.rstrip(b" ") for line in UU.split(b"\r\n")))),
    ("text, empty line behind begin", text(UU.replace(b".exe\r\n", b".exe\r\n\r\n"))),
    ("text, a name in quotes", text(UU.replace(b"invoice.exe", b'"invoice.exe"'))),
    ("text in yEnc", text(b"=ybegin line=128 size=1000 name=invoice.exe\r\n*+,-\r\n=yend size=1000\r\n")),
    ("text, many files", text(b"begin 644 a\r\n#86)C\r\n" * 2000)),
]


def test_a_message_with_a_file_in_its_text_is_not_changed():
    def check(_: str, content: bytes) -> None:
        for raw in (mail(content), mixed(content), mail(multipart("alternative", content, text(b"<p>See it", "html")))):
            assert [finding.in_text for finding in find(Message(raw), RULES)] == [True]
            with pytest.raises(CannotChangeSafely, match="uuencode"):
                strip(raw, RULES)

    check_rows(UUENCODED, check)


@pytest.mark.parametrize("content_type", ["application/octet-stream; name=report.pdf", "text/plain; name=notes.txt"])
def test_an_attachment_in_uuencode_without_a_declared_encoding_is_removed(content_type: str):
    raw = mixed(f"Content-Type: {content_type}\r\n\r\n".encode() + UU)
    assert len(notices(strip(raw, RULES))) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"begin 644 invoice.exe is how such a file begins.\r\nMore text.\r\n",
        b"begin 644 invoice.exe\r\n\r\nand the next line is a text\r\n",
        b"begin 644 invoice.exe\r\n",
        b"From here on\r\nbegin 644 chapter\r\n",
        uuencoded(b"Hello", "hello.txt").replace(b"\n", b"\r\n"),
        b"> " + UU.replace(b"\r\n", b"\r\n> "),
    ],
)
def test_a_text_about_uuencode_stays(body: bytes):
    assert find(Message(mixed(text(body))), RULES) == []


def test_a_file_in_the_text_of_a_forwarded_message_is_found():
    raw = mixed(b"Content-Type: message/rfc822\r\n\r\n" + mail(text(UU)))
    assert [finding.forwarded for finding in find(Message(raw), RULES)] == [True]
    assert len(notices(strip(raw, RULES))) == 1
