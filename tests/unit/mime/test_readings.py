"""Every way in which programs read an odd message."""

import pytest

from mailhooks.mime import filenames
from mailhooks.mime.message import Defect, Message, scan

HEAD = b"From: ada@example.com\r\nMIME-Version: 1.0\r\n"
PROGRAM = b"Content-Type: application/x; name=invoice.exe\r\n\r\nMZ\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nSee the file.\r\n"


def of(content_type: bytes, *parts: bytes, boundary: bytes = b"b", end: bytes = b"") -> bytes:
    delimiter = b"--" + boundary
    inside = b"".join(delimiter + b"\r\n" + part for part in parts)
    return HEAD + b"Content-Type: " + content_type + b"\r\n\r\n" + inside + (end or delimiter + b"--\r\n")


def mixed(*parts: bytes, end: bytes = b"") -> bytes:
    return of(b"multipart/mixed; boundary=b", *parts, end=end)


def names(message: Message) -> set[str]:
    found = (part for part in message.structure.root.walk() if part.maintype != "multipart")
    return {name for part in found for name in filenames.find_all_filenames(message.raw, part)}


def shapes(raw: bytes) -> list[list[str]]:
    readings = Message(raw).readings
    assert readings is not None
    return [[part.content_type for part in reading.structure.root.walk()] for reading in readings]


HIDDEN = {
    "a broken line before the name": mixed(TEXT, b"no field\r\n" + PROGRAM),
    "a broken line with a colon": mixed(TEXT, b"Content-Type: a/b;\r\nname=\"C:invoice.exe\"\r\n\r\nMZ\r\n"),
    "an unindented parameter": mixed(TEXT, b"Content-Type: a/b;\r\nname=invoice.exe\r\n\r\nMZ\r\n"),
    "an unindented parameter behind a fold": mixed(TEXT, b"Content-Type: a/b;\r\n x=y;\r\nname=invoice.exe\r\n\r\nMZ\r\n"),
    "a fold behind an empty field name": mixed(TEXT, b"Content-Type: a/b;\r\n: x\r\n name=invoice.exe\r\n\r\nMZ\r\n"),
    "an mbox line before the body": mixed(TEXT, b"From x\r\n\r\n" + TEXT, b"X: y\r\n>From z\r\n" + PROGRAM),
    "a line of hyphens in a header": mixed(TEXT, b"--\r\n" + PROGRAM),
    "a line of 8-bit characters": mixed(TEXT, b"Gr\xfc\xdfe: x\r\n" + PROGRAM),
    "two boundaries": of(b"multipart/mixed; boundary=a; boundary=b", b"\r\nx\r\n", PROGRAM),
    "a plain and an extended boundary": of(b"multipart/mixed; boundary=a; boundary*=us-ascii''b", PROGRAM),
    "an extended and a plain boundary": of(b"multipart/mixed; boundary*=us-ascii''a; boundary=b", PROGRAM),
    "a continued and a plain boundary": of(b"multipart/mixed; boundary=a; boundary*0=b", PROGRAM),
    "a boundary in a comment": of(b"multipart/mixed; (; boundary=a;) boundary=b", PROGRAM),
    "a boundary with a comment": of(b"multipart/mixed; boundary=b (x)", PROGRAM),
    "a boundary that is not quoted": of(b"multipart/mixed; boundary=b c", PROGRAM),
    "half a quoted boundary": of(b'multipart/mixed; boundary="b', PROGRAM),
    "a boundary in angle brackets": of(b"multipart/mixed; boundary=<b>", PROGRAM, boundary=b"<b>"),
    "a boundary without a semicolon": of(b"multipart/mixed boundary=b", PROGRAM),
    "a boundary with a NUL": of(b'multipart/mixed; boundary="b\0c"', PROGRAM),
    "no boundary": of(b"multipart/mixed", PROGRAM),
    "a boundary that ends in a space": of(b'multipart/mixed; boundary="b "', b"\r\nx\r\n--b\r\n\r\ny\r\n", PROGRAM, boundary=b"b "),
    "text after the delimiter": mixed(TEXT, end=b"--b x\r\n" + PROGRAM + b"--b--\r\n"),
    "a vertical tab after the delimiter": mixed(TEXT, end=b"--b\x0b\r\n" + PROGRAM + b"--b--\r\n"),
    "a NUL in the delimiter": mixed(TEXT, end=b"-\0-b\r\n" + PROGRAM + b"--b--\r\n"),
    "a bare CR before the delimiter": mixed(TEXT, end=b"x\r--b\r\n" + PROGRAM + b"--b--\r\n"),
    "a bare CR after the delimiter": mixed(TEXT, end=b"--b\r" + PROGRAM + b"--b--\r\n"),
    "a bare CR in a header": mixed(TEXT, b"X: y\r" + PROGRAM),
    "parts after the closing delimiter": mixed(TEXT, end=b"--b--\r\n--b\r\n" + PROGRAM + b"--b--\r\n"),
    "a type that cannot be read": of(b"multipart; boundary=b", PROGRAM),
    "a type in quotes": of(b'"multipart/mixed"; boundary=b', PROGRAM),
    "a type after a comment": of(b"(x) multipart/mixed; boundary=b", PROGRAM),
    "two types": of(b"text/plain\r\nContent-Type: multipart/mixed; boundary=b", PROGRAM),
    "two types, the last is text": of(b"multipart/mixed; boundary=b\r\nContent-Type: text/plain", PROGRAM),
    "a space before the colon": of(b"text/plain\r\nContent-Type : multipart/mixed; boundary=b", PROGRAM),
    "a message of an unknown type": mixed(TEXT, b"Content-Type: message/news\r\n\r\n" + PROGRAM),
    "a message in an unknown encoding": mixed(TEXT, b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: x\r\n\r\n" + PROGRAM),
    "a message that is not encoded": mixed(TEXT, b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + PROGRAM),
    "an empty multipart with a name": mixed(TEXT, b"Content-Type: multipart/mixed; boundary=x; name=invoice.exe\r\n\r\nMZ\r\n"),
    "a part of a digest": of(b"multipart/digest; boundary=b", b"Subject: x\r\n\r\n" + PROGRAM),
    "the boundary of the outer multipart": mixed(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + TEXT + b"--b--\r\n--b\r\n" + PROGRAM
    ),
    "a multipart in quoted-printable": mixed(
        b"Content-Type: multipart/mixed; boundary=c\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=2D-c\r\n" + PROGRAM
    ),
    # Boundaries that few programs read.
    **{
        f"a boundary that ends at {octet.decode()}": of(b"multipart/mixed; boundary=b" + octet + b"c", TEXT, PROGRAM)
        for octet in (b"/", b"=", b":", b"?", b"@", b"[", b"]", b",", b"<", b"(", b")", b"*", b"'", b"%", b"\\")
    },
    "a boundary with a parenthesis after it": of(b"multipart/mixed; x=y; boundary=b)", TEXT, PROGRAM),
    "a boundary in an encoded word": of(b'multipart/mixed; boundary="=?us-ascii?B?Yg==?="', TEXT, PROGRAM),
    "a boundary in an encoded word without quotes": of(b"multipart/mixed; boundary==?utf-8?Q?b?=", TEXT, PROGRAM),
    "a boundary with an encoded word": of(b'multipart/mixed; boundary="b=?utf-8?Q?c?="', TEXT, PROGRAM, boundary=b"bc"),
    "the last boundary in a comment": of(b"multipart/mixed; boundary=c (; boundary=b)", TEXT, PROGRAM),
    "a boundary in quotes": of(b'multipart/mixed; boundary=c; x="; boundary=b"', TEXT, PROGRAM),
    "a boundary in the quotes of a boundary": of(b'multipart/mixed; boundary="c*0; boundary="b"', TEXT, PROGRAM),
    "the extended form twice": of(b"multipart/mixed; boundary*=us-ascii''c; boundary*=us-ascii''b", TEXT, PROGRAM),
    "the extended form twice with an escape": of(b"multipart/mixed; boundary*=us-ascii''c; boundary*=us-ascii''%62", TEXT, PROGRAM),
    "a backslash in a token": of(b"multipart/mixed; boundary=b\\c", TEXT, PROGRAM, boundary=b"bc"),
    "a backslash in quotes": of(b'multipart/mixed; boundary="b\\c"', TEXT, PROGRAM, boundary=b"b\\c"),
    "text after empty quotes": of(b'multipart/mixed; boundary=""b', TEXT, PROGRAM),
    "three quotes": of(b'multipart/mixed; boundary="""b"', TEXT, PROGRAM),
    "quotes in the middle": of(b'multipart/mixed; boundary=b"c"', TEXT, PROGRAM, boundary=b"bc"),
    "a bare CR in the name of a boundary": of(b"multipart/mixed; bound\rary=b", TEXT, PROGRAM),
    "a no-break space after a boundary": of(b'multipart/mixed; boundary="b\xa0"', TEXT, PROGRAM),
    # Lines of a header.
    "a no-break space before a colon": of(b"multipart/mixed; boundary=b", TEXT, PROGRAM).replace(b"Content-Type:", b"Content-Type\xa0:", 1),
    "a no-break space in UTF-8 before a colon": mixed(TEXT, PROGRAM.replace(b"Content-Type:", b"Content-Type\xc2\xa0:")),
    "an empty line above the fields": mixed(TEXT, b"\r\n" + PROGRAM),
    "empty lines above the fields": mixed(TEXT, b"\r\n \r\n\r\r\n\n" + PROGRAM),
    "an empty line and another field above": mixed(TEXT, b"\r\nX-Odd: x\r\n y\r\n" + PROGRAM),
    "an empty line above a forwarded message": mixed(
        TEXT, b"Content-Type: message/rfc822\r\n\r\n\r\n" + of(b"multipart/mixed; boundary=f", PROGRAM, boundary=b"f")
    ),
    "an mbox line and an empty line above a forwarded message": mixed(
        TEXT, b"Content-Type: message/rfc822\r\n\r\nFrom ada Mon\r\n\r\n" + of(b"multipart/mixed; boundary=f", PROGRAM, boundary=b"f")
    ),
    "lines that end in LF CR": mixed(TEXT, PROGRAM).replace(b"\r\n", b"\n\r"),
    "a multipart in base64": mixed(
        b"Content-Type: multipart/mixed; boundary=c\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"LS1jDQpDb250ZW50LVR5cGU6IGEvYjsgbmFtZT1pbnZvaWNlLmV4ZQ0KDQpNWg0KLS1jLS0NCg==\r\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("raw", HIDDEN.values(), ids=HIDDEN)
def test_a_name_that_any_program_shows_is_in_a_reading(raw: bytes):
    readings = Message(raw).readings
    assert readings is None or any("invoice.exe" in name for reading in readings for name in names(reading))
    assert readings is None or len(readings) > 1 or "invoice.exe" in names(readings[0])


PLAIN = {
    **{
        f"a boundary with {octet.decode()}": of(b"multipart/mixed; boundary=----b" + octet + b"c", TEXT, boundary=b"----b" + octet + b"c")
        for octet in (b"/", b"=", b":", b"?", b"@", b"'", b",", b"*", b"+")
    },
    "a boundary that begins with dashes": of(b"multipart/mixed; boundary=----=_Part_1", b"\r\n-- \r\n", TEXT, boundary=b"----=_Part_1"),
    "a boundary in quotes": of(b'multipart/mixed; boundary="----=_Part(1)/?"', TEXT, boundary=b"----=_Part(1)/?"),
    "text": HEAD + b"\r\nHello",
    "parts": mixed(TEXT, PROGRAM),
    "an mbox line": b"From ada Mon May  4 08:00:00 2026\r\n" + mixed(TEXT),
    "an mbox line among the fields": b"To: bob@example.org\r\nFrom ada Mon May  4 08:00:00 2026\r\n" + mixed(TEXT),
    "an empty field name": b": x\r\n" + mixed(TEXT),
    "a header without a body": mixed(TEXT, b"Content-Type: application/x; name=a.bin\r\n"),
    "an empty part": mixed(b"", TEXT),
    "a type twice alike": mixed(b"Content-Type: text/plain\r\n" + TEXT),
    "white space after the delimiter": mixed(TEXT, end=b"--b \t\r\n" + TEXT + b"--b-- \r\n"),
    "a boundary of 998 octets": of(b"multipart/mixed;\r\n boundary=" + b"b" * 998, TEXT, boundary=b"b" * 998),
    "an extended boundary": of(b"multipart/mixed; boundary*=us-ascii''b", TEXT),
    "a continued boundary": of(b"multipart/mixed; boundary*0=b; boundary*1=c", TEXT, boundary=b"bc"),
    "no closing delimiter": mixed(TEXT, end=b"\r\n"),
    "a forwarded message": mixed(
        TEXT, b"Content-Type: message/rfc822\r\n\r\n" + of(b"multipart/mixed; boundary=f", PROGRAM, boundary=b"f")
    ),
    "a report": of(
        b"multipart/report; boundary=b", TEXT, b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
    ),
    "a message in base64": mixed(
        TEXT, b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA0KDQp4DQo=\r\n"
    ),
}


@pytest.mark.parametrize("raw", PLAIN.values(), ids=PLAIN)
def test_a_message_that_all_programs_read_alike_has_one_reading(raw: bytes):
    message = Message(raw)
    assert message.readings == (message,)


def test_the_first_reading_is_the_message():
    message = Message(HIDDEN["two boundaries"])
    assert message.readings is not None
    assert message.readings[0] is message


def test_two_boundaries_are_a_defect():
    for content_type in (b"multipart/mixed; boundary=b; boundary=c", b"multipart/mixed; boundary=b; boundary*=us-ascii''c"):
        assert Defect.TWO_BOUNDARIES in scan(of(content_type, TEXT)).ambiguous
    assert not scan(of(b"multipart/mixed; boundary=b; boundary=b", TEXT)).defects


def test_two_readings_that_find_the_same_parts_are_one():
    assert shapes(of(b"multipart/mixed; boundary=b; boundary=b; x=(y)", TEXT)) == [["multipart/mixed", "text/plain"]]


def test_oddities_are_combined():
    both = mixed(b"no field\r\n" + TEXT, b"Content-Type: text/plain\r\nContent-Type: message/x\r\n\r\n" + PROGRAM)
    assert ["multipart/mixed", "text/plain", "message/x", "application/x"] in shapes(both)
    assert len(shapes(both)) == 6


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(mixed(*[b"\r\n"] * 12_000), id="parts"),
        pytest.param(HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 200, id="messages in messages"),
        pytest.param(of(b"multipart/mixed; boundary=" + b"b" * 1000, TEXT), id="a long boundary"),
        pytest.param(of(b"multipart/mixed; x=" + b"y" * 9000 + b"; boundary=b", TEXT), id="a long field"),
        pytest.param(
            mixed(
                b"no field\r\nX : y\r\n" + TEXT,
                b"Content-Type: text\0plain\r\nContent-Type: multipart/mixed; boundary=a; boundary=c\r\n \r\n\r\nMZ\r--b\r\n",
            ),
            id="oddities",
        ),
        pytest.param(mixed(b"no field\r\n" + TEXT, *[b"\r\n"] * 9000), id="an oddity among very many parts"),
        pytest.param(mixed(b"X: y\r" + TEXT, b"\r\n\0" + b"x" * 40_000_000), id="very many octets"),
    ],
)
def test_readings_cannot_be_enumerated_beyond_limits(raw: bytes):
    assert Message(raw).readings is None


@pytest.mark.parametrize("octets", [0, 1, 64 * 1024 - 3, 64 * 1024 - 2, 64 * 1024 - 1, 64 * 1024, 200_000])
@pytest.mark.parametrize("filling", [b"x", b"-", b"-x"])
def test_a_delimiter_after_a_bare_cr_is_found_anywhere_behind_a_hyphen(octets: int, filling: bytes):
    body = TEXT + b"-" + filling * octets
    assert len(Message(mixed(body)).readings or ()) == 1
    assert any("invoice.exe" in name for reading in Message(mixed(body + b"\r--b\r\n" + PROGRAM)).readings or () for name in names(reading))
