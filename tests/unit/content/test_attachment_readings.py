"""Attachments that programs decode differently, and messages in attachments: a rule matches if one reading is forbidden."""

import base64
import binascii
import quopri

import pytest

from mailhooks.content.attachments import AttachmentRules, Reason, find, strip
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.message import Message
from tests.support.files import PE, archive
from tests.support.messages import forwarded, mail, mixed, multipart, part, text
from tests.unit.content.test_attachments import notices

checked = AttachmentRules.checked
PROGRAMS = checked(true_types=["executable"])
NAMES = checked(extensions=["exe", "js"])
FORWARDED = checked(extensions=["exe", "js"], true_types=["executable"], forwarded="strip")

LETTERS = base64.encodebytes(PE)
ZIP = base64.encodebytes(archive("invoice.exe"))


def encoded(encoding: str, body: bytes, name: str = "report.pdf") -> bytes:
    head = f'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="{name}"\r\n'
    return head.encode() + f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body.replace(b"\n", b"\r\n")


def reason(attachment: bytes, rules: AttachmentRules) -> Reason | None:
    """Return the rule that matches, and check that the attachment is removed; or rejected, if it has NULs, which some programs remove."""
    raw = mixed(attachment)
    found = find(Message(raw), rules)
    if b"\0" in raw:
        with pytest.raises(CannotChangeSafely):
            strip(raw, rules)
        return found[0].reason
    changed = strip(raw, rules)
    assert len(notices(changed)) == len(found)
    assert strip(changed, rules) is changed
    return found[0].reason if found else None


def uuencoded(octets: bytes, name: str = "a.bin") -> bytes:
    lines = b"".join(binascii.b2a_uu(octets[at : at + 45]) for at in range(0, len(octets), 45))
    return b"begin 644 " + name.encode() + b"\n" + lines + b"`\nend\n"


BASE64 = {
    "padding after the first octet": b"TQ==\n" + base64.encodebytes(PE[1:]),
    "padding after two octets": b"TVo=\n" + base64.encodebytes(PE[2:]),
    "padding in the middle of a line": b"TQ==" + base64.b64encode(PE[1:]),
    "padding that is skipped": b"TV=q==QAA" + base64.b64encode(PE[6:]),
    "padding before all": b"=\n" + LETTERS,
    "three paddings": b"===TQ===\n" + base64.encodebytes(PE[1:]),
    "every line with padding": b"\n".join(base64.b64encode(PE[at : at + 10]) for at in range(0, len(PE), 10)),
    "a footer": LETTERS + b"\n_____\nYour mailing list\n",
    "a letter before padding": LETTERS[:-1] + b"A====\n",
    "missing padding": LETTERS.rstrip(b"=\n"),
    "foreign characters": b"T!V@q#" + LETTERS[3:],
    "eight-bit characters": b"\xffT\xfeV" + LETTERS[2:],
    "a NUL": b"T\0V" + LETTERS[2:],
    "white space that is not": b"T\vV\f" + LETTERS[2:],
    "a comment before": b"(a comment)\n" + LETTERS,
    "hyphens before": b"-" + LETTERS,
    "the alphabet of URLs": LETTERS.replace(b"+", b"-").replace(b"/", b"_") + b"_-",
    "a byte order mark": b"\xef\xbb\xbf" + LETTERS,
    "a text that is not base64": b"\n".join([b"#!/bin/sh", b"echo hello; rm *"]),
    "short lines": b"\n".join(LETTERS[at : at + 3] for at in range(0, 60, 3)) + LETTERS[60:],
}


@pytest.mark.parametrize("body", BASE64.values(), ids=BASE64)
def test_a_program_is_found_in_every_reading_of_base64(body: bytes):
    assert reason(encoded("base64", body), PROGRAMS) is Reason.TRUE_TYPE


@pytest.mark.parametrize(
    "encoding, body",
    [
        ("quoted-printable", quopri.encodestring(PE)),
        ("quoted-printable", b"=4d=5a=90=00=03"),
        ("quoted-printable", b"M= \nZ=90=00=03"),
        ("quoted-printable", b"M=\t \nZ=90=00=03"),
        ("quoted-printable", b"M==5A=90=00=03"),
        ("quoted-printable", b"=M=Z=90=00=03"),
        ("quoted-printable", b"M=\rZ=90=00=03"),
        ("x-uuencode", uuencoded(PE)),
        ("uuencode", b"A text before it\n\n" + uuencoded(PE)),
        ("x-uue", uuencoded(PE).partition(b"\n")[2]),
        ("6bit", PE),
        ("6bit", LETTERS),
        ("x-unknown", uuencoded(PE)),
        ("x-unknown", b"M=5A=90=00=03"),
        ("base64;", LETTERS),
        ('"base64"', LETTERS),
        ("base-64", LETTERS),
        ("x-base64", LETTERS),
        ("base64,", LETTERS),
        ("b", LETTERS),
        ("7 bit", PE),
    ],
)
def test_a_program_is_found_in_every_encoding_that_a_program_decodes(encoding: str, body: bytes):
    assert reason(encoded(encoding, body), PROGRAMS) is Reason.TRUE_TYPE


@pytest.mark.parametrize(
    "body", [b"UEs=\n" + base64.encodebytes(archive("invoice.exe")[2:]), b"(zip)\n" + ZIP, ZIP + b"\nYour mailing list"]
)
def test_the_names_of_an_archive_are_found_in_every_reading(body: bytes):
    assert reason(encoded("base64", body, "a.zip"), NAMES) is Reason.LISTED_EXTENSION


def test_the_name_of_uuencode_counts():
    assert reason(encoded("x-uuencode", uuencoded(b"x", "invoice.exe")), NAMES) is Reason.EXTENSION
    assert reason(encoded("x-unknown", b"A text\n" + uuencoded(b"x", "invoice.exe")), NAMES) is Reason.EXTENSION


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-uuencode", "6bit"])
def test_harmless_content_stays_in_every_encoding(encoding: str):
    assert reason(encoded(encoding, b"%PDF-1.4 = harmless ==\n text !"), FORWARDED) is None


def eml(*attachments: bytes) -> bytes:
    return mail(multipart("mixed", text(), *attachments, boundary=b"i"))


PROGRAM = part("application/octet-stream", "invoice.exe", PE)
INNER = eml(PROGRAM)

MESSAGES = {
    "base64": part("message/rfc822", "mail.eml", INNER),
    "base64 without a name": part("message/rfc822", "", INNER),
    "quoted-printable": b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quopri.encodestring(INNER),
    "another type": part("application/octet-stream", "mail.eml", INNER),
    "another type without a name": part("application/octet-stream", "", INNER),
    "text": part("text/plain", "mail.eml", INNER),
    "another type in 8bit": b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment\r\n\r\n" + INNER,
    "message/global": part("message/global", "", INNER),
    "message/news": part("message/news", "", INNER),
    "an mbox file": part("application/mbox", "a.mbox", b"From a Mon\n" + mail(text()) + b"\nFrom b Tue\n" + INNER),
    "a From line": part("application/octet-stream", "", b"From a Mon\n" + INNER),
    "an emlx file": part("application/octet-stream", "1.emlx", b"1234\n" + INNER + b"<?xml"),
    "empty lines before": part("application/octet-stream", "", b"\r\n\r\n" + INNER),
    "a byte order mark": part("application/octet-stream", "", b"\xef\xbb\xbf" + INNER),
    "in a message": part("message/rfc822", "", eml(part("message/rfc822", "", INNER))),
    "in a forwarded message": forwarded(multipart("mixed", text(), part("message/rfc822", "", INNER), boundary=b"f")),
    "a forwarded message in it": part("message/rfc822", "", eml(forwarded(multipart("mixed", text(), PROGRAM, boundary=b"g")))),
    "in a message file in a message": part("a/b", "a.eml", eml(part("a/b", "b.eml", INNER))),
    "seven times": None,
}
nested = INNER
for _ in range(6):
    nested = eml(part("message/rfc822", "", nested))
MESSAGES["seven times"] = part("message/rfc822", "", nested)


@pytest.mark.parametrize("attachment", MESSAGES.values(), ids=MESSAGES)
def test_a_program_in_a_message_in_any_form_is_found_and_the_message_removed_as_a_whole(attachment: bytes):
    raw = mixed(attachment)
    [finding] = find(Message(raw), FORWARDED)
    assert finding.forwarded
    changed = strip(raw, FORWARDED)
    assert len(notices(changed)) == 1
    assert strip(changed, FORWARDED) is changed


@pytest.mark.parametrize("attachment", MESSAGES.values(), ids=MESSAGES)
def test_messages_in_attachments_stay_unless_forwarded_is_strip(attachment: bytes):
    assert reason(attachment, NAMES) is None


@pytest.mark.parametrize(
    "attachment",
    [
        part("message/rfc822", "", eml(part("application/pdf", "a.pdf"))),
        part("application/octet-stream", "notes.txt", b"Name: a\nTo do: open invoice.exe\n"),
        part("message/delivery-status", "", b"Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; b\n"),
        part("text/rfc822-headers", "h.txt", b"Content-Type: application/octet-stream; name=a.exe\r\n\r\n"),
    ],
)
def test_other_messages_and_texts_stay(attachment: bytes):
    assert reason(attachment, FORWARDED) in {None, Reason.EXTENSION}
