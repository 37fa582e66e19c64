"""Messages that are broken somewhere: they get the disclaimer if all programs find the same text, and every other byte stays."""

from typing import Final

import pytest

from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import STAMP, Disclaimer, add_disclaimer, explain
from mailhooks.content.header_changes import HeaderChanges, tag_edits
from mailhooks.hooks.preflight import blocking, prepare_change, rejections_of_edits
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.mime.text.body import Blocked

HEAD: Final = b"From: ada@example.com\r\nTo: bob@example.org\r\nDate: Tue, 7 Apr 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
BODY: Final = b"Dear Bob,\r\n\r\nthe minutes are attached.\r\n\r\nAda\r\n"
TYPE: Final = b"Content-Type: text/plain; charset=us-ascii\r\n"
TEXT: Final = TYPE + b"\r\n" + BODY
HTML: Final = b"Content-Type: text/html; charset=us-ascii\r\n\r\n<p>Dear Bob</p>\r\n"
PDF: Final = (
    b'Content-Type: application/pdf; name="m.pdf"\r\nContent-Disposition: attachment; filename="m.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n"
)
IMAGE: Final = b"Content-Type: image/gif\r\nContent-ID: <i@example.com>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlh\r\n"
SAID: Final = b"Example GmbH, Cologne"


def of(content_type: bytes, *parts: bytes, boundary: bytes = b"B1", end: bytes = b"--B1--\r\n") -> bytes:
    return HEAD + b"Content-Type: " + content_type + b"\r\n\r\n" + b"".join(b"--" + boundary + b"\r\n" + part for part in parts) + end


def mixed(*parts: bytes, end: bytes = b"--B1--\r\n") -> bytes:
    return of(b'multipart/mixed; boundary="B1"', *parts, end=end)


def plain(fields: bytes, body: bytes = BODY) -> bytes:
    return HEAD + fields + b"\r\n" + body


def attachment(fields: bytes) -> bytes:
    return mixed(TEXT, fields + b"\r\n\r\nJVBERi0xLjQK\r\n")


ALTERNATIVE: Final = b"Content-Type: multipart/alternative; boundary=IN\r\n\r\n--IN\r\n" + TEXT + b"--IN\r\n" + HTML + b"--IN--\r\n"

EDITED: Final = {
    # Delimiters.
    "a repeated delimiter before the text": mixed(b"", TEXT, PDF),
    "three delimiters in front": mixed(b"", b"", TEXT, PDF),
    "a repeated delimiter after the text": mixed(TEXT, b"", PDF),
    "a delimiter before the closing delimiter": mixed(TEXT, PDF, b""),
    "a part of a header alone": mixed(TEXT, b"Content-Type: application/octet-stream; name=a.bin\r\n", PDF),
    "a part of a header alone first": mixed(b"Content-Type: application/octet-stream; name=a.bin\r\n", TEXT),
    "delimiters with white space after them": mixed(TEXT, PDF).replace(b"--B1\r\n", b"--B1 \t\r\n"),
    "parts after the closing delimiter": mixed(TEXT, end=b"--B1--\r\n--B1\r\n" + PDF + b"--B1--\r\n"),
    "a line that begins with the delimiter in an attachment": mixed(TEXT, PDF.replace(b"JV", b"--B1x\r\nJV")),
    **{
        f"a boundary of {octets} octets": of(
            b"multipart/mixed;\r\n boundary=" + b"b" * octets, TEXT, PDF, boundary=b"b" * octets, end=b"--" + b"b" * octets + b"--\r\n"
        )
        for octets in (120, 253, 254, 300, 900, 980)
    },
    "a boundary that ends in spaces": of(b'multipart/mixed; boundary="B1  "', TEXT, PDF, boundary=b"B1  ", end=b"--B1  --\r\n"),
    "the boundary twice alike": of(b"multipart/mixed; boundary=B1; boundary=B1", TEXT, PDF),
    # Texts with a name or a disposition.
    "the only text is named": mixed(b"Content-Type: text/plain; name=body.txt\r\n\r\n" + BODY, PDF),
    "the only text is named below the attachment": mixed(PDF, TYPE + b"Content-Disposition: inline; filename=a.txt\r\n\r\n" + BODY),
    "two dispositions of the message": plain(TYPE + b"Content-Disposition: inline\r\nContent-Disposition: attachment\r\n"),
    "two dispositions of the text": mixed(
        TYPE + b"Content-Disposition: inline\r\nContent-Disposition: attachment\r\n\r\n" + BODY, PDF
    ),
    "a type without a subtype of the message": plain(b"Content-Type: text; charset=us-ascii\r\n"),
    "an unknown disposition of the message": plain(TYPE + b"Content-Disposition: inlined\r\n"),
    # Multiparts.
    "an empty multipart before the text": mixed(b"Content-Type: multipart/alternative; boundary=IN\r\n\r\nnothing here\r\n", TEXT),
    "an empty multipart after the text": mixed(TEXT, b"Content-Type: multipart/alternative; boundary=IN\r\n\r\nnothing\r\n--IN--\r\n"),
    "a multipart without a boundary after the text": mixed(TEXT, b"Content-Type: multipart/mixed\r\n\r\nnothing\r\n"),
    "two boundaries of an attached multipart": mixed(
        TEXT, b"Content-Type: multipart/mixed; boundary=x; boundary=y\r\n\r\n--x\r\n" + PDF + b"--x--\r\n"
    ),
    "the boundary of the outer multipart": mixed(
        b"Content-Type: multipart/alternative; boundary=B1\r\n\r\n--B1\r\n" + TEXT + b"--B1\r\n" + HTML + b"--B1--\r\n", PDF
    ),
    "the same, not closed": mixed(b"Content-Type: multipart/alternative; boundary=B1\r\n\r\n--B1\r\n" + TEXT + b"--B1\r\n" + HTML, PDF),
    "a multipart in quoted-printable": of(b"multipart/mixed; boundary=B1\r\nContent-Transfer-Encoding: quoted-printable", TEXT, PDF),
    "a multipart in base64": of(b"multipart/mixed; boundary=B1\r\nContent-Transfer-Encoding: base64", TEXT, PDF),
    "a multipart in an unknown encoding": of(b"multipart/mixed; boundary=B1\r\nContent-Transfer-Encoding: x-none", TEXT, PDF),
    "an attachment before the related parts": of(
        b"multipart/related; type=multipart/alternative; boundary=B1", b"Content-Disposition: attachment\r\n\r\nnote\r\n", ALTERNATIVE
    ),
    "an image before the related HTML": of(b"multipart/related; type=text/html; boundary=B1", IMAGE, HTML),
    "two images before the related HTML": of(b"multipart/related; boundary=B1", IMAGE, IMAGE, HTML),
    "a start that is not the first part": of(
        b'multipart/related; start="<r@example.com>"; boundary=B1', IMAGE, b"Content-ID: <r@example.com>\r\n" + HTML
    ),
    "a start that is an image": of(b'multipart/related; start="<i@example.com>"; boundary=B1', IMAGE, HTML),
    "a start that is missing": of(b'multipart/related; start="<x@example.com>"; boundary=B1', HTML, IMAGE),
    # Headers of attachments.
    "a parameter that is not indented": attachment(b'Content-Type: application/pdf;\r\nname="m.pdf"\r\nContent-Disposition: attachment'),
    "garbage in the header of an attachment": attachment(b"no field\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment"),
    "garbage at the end of such a header": attachment(b"Content-Type: application/pdf; name=m.pdf\r\nno field"),
    "two types of an attachment": attachment(b"Content-Type: application/pdf; name=m.pdf\r\nContent-Type: application/octet-stream"),
    "two encodings of an attachment": attachment(
        b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\nContent-Type: a/b"
    ),
    "an encoding twice alike": attachment(b"Content-Transfer-Encoding: 7bit\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: 7bit"),
    "a long name": attachment(b"Content-Type: application/pdf; name=" + b"m" * 9000),
    "a type that cannot be read": attachment(b"Content-Type: pdf; name=m.pdf"),
    "an empty type": attachment(b"Content-Type:\r\nContent-Disposition: attachment"),
    "a bare CR in the header of an attachment": attachment(b"Content-Type: a/b\r\nX-Odd: a\rb\r\nContent-Disposition: attachment"),
    "a NUL in an attachment": mixed(TEXT, b"Content-Type: a/b; name=x\r\n\r\n\0\0\r\n"),
    "a space before a colon": attachment(b"Content-Type : application/pdf\r\nContent-Disposition : attachment; filename=m.pdf"),
    "a forwarded message in an unknown encoding": attachment(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: x-none"),
    "a forwarded message with a broken header": mixed(TEXT, b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\nno field\r\n\r\nx\r\n"),
    # The header of the message.
    "an mbox line among the fields": b"X-Filter: passed\r\nFrom ada  Sun Apr  5 09:24:45 2015\r\n" + plain(TYPE),
    "an empty field name": b": no name\r\n" + plain(TYPE),
    "an empty field name last": plain(TYPE + b": no name\r\n"),
    "a line of white space before the body": plain(TYPE + b" \r\n"),
    "a line of white space and no empty line": HEAD + TYPE + b" \t\r\n" + BODY,
    "a bare CR in a field": plain(TYPE + b"X-Odd: a\rb\r\n"),
    "CR CR LF": plain(TYPE + b"X-Odd: a\r\r\n"),
    "a broken line before the body": plain(TYPE + b"no field\r\n"),
    "an unindented fold after the text's type": plain(TYPE + b"X-Long: first\r\nsecond half\r\nX-Other: x\r\n"),
    "two charsets of ASCII text": plain(TYPE + b"Content-Type: text/plain; charset=utf-8\r\n"),
    "two charset parameters of ASCII text": plain(b"Content-Type: text/plain; charset=utf-8; charset=iso-8859-1\r\n"),
    "a line of white space in a field before the type": HEAD + b"X-Odd: a\r\n  \r\n" + TEXT,
    "a first line that ends in LF": b"X-Filter: passed\n" + plain(TYPE),
    "a type twice alike": plain(TYPE + TYPE),
    "an encoding of the text twice alike": plain(TYPE + b"Content-Transfer-Encoding: 7bit\r\n" * 2),
    "a space before the colon of a field": plain(TYPE + b"X-Odd : x\r\n"),
    # Encodings and formats of the text.
    "7bit and 8bit": plain(TYPE + b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: 8bit\r\n"),
    "8bit and 7bit": plain(TYPE + b"Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 7bit\r\n"),
    "binary and 7bit": plain(TYPE + b"Content-Transfer-Encoding: binary\r\nContent-Transfer-Encoding: 7bit\r\n"),
    "7bit and an odd name": plain(TYPE + b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: x-7bit\r\n"),
    "two identity encodings of a part": mixed(
        TYPE + b"Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + BODY, PDF
    ),
    "x-7bit": plain(TYPE + b"Content-Transfer-Encoding: x-7bit\r\n"),
    "a type with and without a format": plain(TYPE + TYPE.replace(b"\r\n", b"; format=flowed\r\n")),
    "a type with a format and without": plain(TYPE.replace(b"\r\n", b"; format=flowed; delsp=yes\r\n") + TYPE),
    # A line in the header that is no field: Python's parser displays the source of the parts.
    **{
        f"{name} before the type of parts": mixed(TEXT, PDF).replace(b"Content-Type: multipart", line + b"\r\nContent-Type: multipart", 1)
        for name, line in {
            "garbage": b"no field",
            "an escaped mbox line": b">From ada@example.com",
            "a name with a space": b"X Odd: x",
            "an 8-bit name": b"X-Caf\xe9: x",
            "an 8-bit name in UTF-8": "X-Café: x".encode(),
            "a space before a colon": b"X-Odd : x",
            "a name with quotes": b'X-"><script>: 1',
            "a name with an equals sign": b"a=b: c",
            "two broken lines": b"no field\r\nno field again",
        }.items()
    },
    # Signatures that look like delimiters or fields.
    "fields below the text": plain(TYPE, BODY + b"______________________\r\n\r\nFrom: Bob\r\nTo: Ada\r\n\r\nDinner?\r\n"),
    "fields below a signature": plain(TYPE, BODY + b"-- \r\nAda\r\n\r\nFrom: Bob\r\nTo: Ada\r\n\r\nDinner?\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("position", ["append", "prepend", "after-reply"])
@pytest.mark.parametrize("raw", EDITED.values(), ids=EDITED)
def test_the_text_that_all_programs_find_gets_the_disclaimer(raw: bytes, position: str):
    if position == "prepend" and explain(raw, position=position):
        assert not explain(raw)
        assert not Message(raw).header.complete
        return
    changed = add_disclaimer(raw, text=SAID.decode(), html="", position=position)
    texts = 1 + (b"text/html" in raw and b"text/plain" in raw)
    assert changed.count(SAID) == texts
    stamp = next(line for line in changed.splitlines(keepends=True) if line.startswith(STAMP.encode()))
    cut = changed.replace(stamp, b"", 1)
    # Without the disclaimer and the line ends around it, every byte is there.
    assert b"".join(cut.replace(SAID, b"").split()).startswith(b"".join(raw.split()[:5]))
    for piece in filter(None, raw.replace(BODY, b"\0" * 50).replace(b"<p>Dear Bob</p>", b"\0" * 50).split(b"\0" * 50)):
        assert piece in cut
    assert add_disclaimer(changed, text=SAID.decode(), html="", position=position) is changed


@pytest.mark.parametrize("raw", EDITED.values(), ids=EDITED)
def test_workmail_is_asked_to_accept_the_change(raw: bytes):
    message = Message(raw)
    found = prepare_change(message, Disclaimer(text=SAID.decode()).change(message)).rejections
    assert all("998" in str(rejection) and rejection.before for rejection in found)


DECLINED: Final = {
    "two types": plain(b"Content-Type: text/plain\r\nContent-Type: text/html\r\n"),
    "two charsets of other text": plain(b"Content-Type: text/plain; charset=utf-8; charset=iso-8859-1\r\n", "Grüße\r\n".encode()),
    "two charsets, one of two octets": plain(b"Content-Type: text/plain; charset=utf-8; charset=utf-16\r\n"),
    "two encodings": plain(TYPE + b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n"),
    "two boundaries": of(b"multipart/mixed; boundary=B1; boundary=B2", TEXT, PDF),
    "a plain and an extended boundary": of(b"multipart/mixed; boundary=B1; boundary*=us-ascii''B2", TEXT, PDF),
    "a type that is not one": plain(b"Content-Type: plain\r\n"),
    "a type of two words": plain(b"Content-Type: text plain\r\n"),
    "a type without a subtype in mixed parts": mixed(b"Content-Type: TEXT\r\n\r\n" + BODY, PDF),
    "a space before the slash": plain(b"Content-Type: text /html\r\n"),
    "a space after the slash": plain(b"Content-Type: text/ plain\r\n"),
    "an 8-bit character after the type": plain(b"Content-Type: text/plain\xc3; charset=us-ascii\r\n"),
    "a control character after the type": plain(b"Content-Type: text/plain\x1c\r\n"),
    "an empty type": plain(b"Content-Type:\r\n"),
    "no boundary": of(b"multipart/mixed", TEXT),
    "an unindented fold before the type": plain(b"X-Long: first\r\nsecond half\r\nContent-Type: text/html\r\n", b"<p>Hello</p>\r\n"),
    "garbage before the encoding": plain(TYPE + b"no field\r\nContent-Transfer-Encoding: base64\r\n", b"RGVhciBCb2I=\r\n"),
    "a bare CR before the type": plain(b"X-Odd: a\rb\r\nContent-Type: text/html\r\n", b"<p>Hello</p>\r\n"),
    "quoted-printable and base64": plain(TYPE + b"Content-Transfer-Encoding: quoted-printable\r\nContent-Transfer-Encoding: base64\r\n"),
    "quoted-printable and 7bit of text with escapes": plain(
        TYPE + b"Content-Transfer-Encoding: quoted-printable\r\nContent-Transfer-Encoding: 7bit\r\n", b"a =3D b\r\n"
    ),
    "garbage in the header of the message and of the text": mixed(b"no field\r\n" + TEXT, PDF).replace(
        b"Content-Type: multipart", b"no field\r\nContent-Type: multipart", 1
    ),
    "a NUL in the type": plain(b"Content-Type: multipart/mixed; boundary=B1\0\r\n", b"--B1\r\n" + TEXT + b"--B1--\r\n"),
    "a white line in front": b"   \r\n" + plain(TYPE),
    # A line that begins with a delimiter is one for Dovecot and reformime, and in part for Email::MIME.
    "a delimiter with a no-break space": mixed(TEXT + b"--B1\xa0\r\n" + PDF, PDF),
    "a delimiter with a form feed": mixed(TEXT + b"--B1\f\r\n" + PDF, PDF),
    "a delimiter with text after it": mixed(TEXT + b"--B1 is our name\r\n" + PDF, PDF),
    "a delimiter with letters after it": mixed(TEXT + b"--B1x\r\n" + PDF, PDF),
    "a delimiter with three hyphens after it": mixed(TEXT + b"--B1---\r\n" + PDF, PDF),
    "an outer delimiter with text after it": mixed(ALTERNATIVE.replace(b"Dear", b"--B1 is it\r\nDear"), PDF),
    "a long line that begins with a delimiter": mixed(TEXT + b"--B1" + b"x" * 3000 + b"\r\n" + PDF, PDF),
    "a delimiter in the middle of a line, and fields": mixed(TEXT + b"x--B1\r\n" + PDF, PDF),
    "an indented delimiter, and fields": mixed(TEXT + b" --B1\r\n" + PDF, PDF),
    "a text in a sealed reading": of(b"multipart/mixed; boundary=B1\r\nContent-Type: multipart/x; boundary=B2", TEXT),
}


@pytest.mark.parametrize("raw", DECLINED.values(), ids=DECLINED)
def test_a_text_that_programs_find_differently_stays(raw: bytes):
    assert add_disclaimer(raw, text="Example", html="") is raw
    assert "programs read it differently" in explain(raw)


BLANK: Final = {
    "empty": b"Content-Type: text/plain\r\n\r\n",
    "a line end": b"Content-Type: text/plain\r\n\r\n\r\n",
    "spaces": b"Content-Type: text/plain\r\n\r\n  \t\r\n\r\n",
    "no header": b"\r\n",
    "no-break spaces": "Content-Type: text/plain; charset=utf-8\r\n\r\n\u00a0\u200b\ufeff\r\n".encode(),
    "a no-break space in quoted-printable": TYPE.replace(b"us-ascii", b"utf-8")
    + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C2=A0\r\n",
    "empty base64": b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n",
    "base64": b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nDQoNCg==\r\n",
    "empty HTML": b"Content-Type: text/html\r\n\r\n\r\n",
    "HTML without text": b"Content-Type: text/html\r\n\r\n<html><head><title>x</title></head><body><br></body></html>\r\n",
    "a no-break space in HTML": b"Content-Type: text/html\r\n\r\n<p>&nbsp;&#160;&zwnj;</p>\r\n",
    "a blank alternative": ALTERNATIVE.replace(BODY, b"\r\n").replace(b"Dear Bob", b""),
    "a blank text in mixed parts": b"Content-Type: multipart/mixed; boundary=IN\r\n\r\n--IN\r\n\r\n\r\n--IN--\r\n",
}


@pytest.mark.parametrize("between", [b"", IMAGE, PDF])
@pytest.mark.parametrize("blank", BLANK.values(), ids=BLANK)
def test_the_first_text_that_is_not_blank_gets_the_disclaimer(blank: bytes, between: bytes):
    for text in (TEXT, HTML, ALTERNATIVE):
        raw = mixed(blank, *filter(None, [between]), text, PDF)
        changed = add_disclaimer(raw, text=SAID.decode(), html="")
        assert changed[: changed.index(b"Dear Bob")].count(SAID) == 0
        assert changed.count(SAID) == (2 if text is ALTERNATIVE else 1)


@pytest.mark.parametrize("blank", BLANK.values(), ids=BLANK)
def test_a_blank_text_gets_the_disclaimer_if_it_is_the_only_one(blank: bytes):
    notes = b"Content-Type: text/plain; name=notes.txt\r\n\r\nmine\r\n"
    for later in ([], [PDF], [notes], [notes, PDF]):
        raw = mixed(blank, *later)
        changed = add_disclaimer(raw, text=SAID.decode(), html="")
        assert changed is not raw
        assert STAMP.encode() in changed
        assert b"".join(later).replace(b"\r\n", b"") in changed.replace(b"\r\n--B1\r\n", b"").replace(b"\r\n", b"")


@pytest.mark.parametrize("first", [b'<img src="cid:i">', b"<hr>", b'<table background="https://example.com/a.png"></table>'])
def test_html_with_an_image_is_not_blank(first: bytes):
    changed = add_disclaimer(mixed(HTML.replace(b"<p>Dear Bob</p>", first), TEXT), text=SAID.decode(), html="")
    assert changed.index(SAID) < changed.index(b"Dear Bob")


NOT_DISPLAYED: Final = {
    "two named texts": mixed(*[b"Content-Type: text/plain; name=a.txt\r\n\r\nx\r\n"] * 2),
    "a named text and another attached one": mixed(
        b"Content-Type: text/plain; name=a.txt\r\n\r\nx\r\n", TYPE + b"Content-Disposition: attachment\r\n\r\nx\r\n"
    ),
    "a named text of another type": mixed(b"Content-Type: text/csv; name=a.csv\r\n\r\nx\r\n"),
    "an unknown disposition": mixed(TYPE + b"Content-Disposition: inlined\r\n\r\nx\r\n", PDF),
    "two dispositions, and the first is attachment": mixed(
        TYPE + b"Content-Disposition: attachment\r\nContent-Disposition: inline\r\n\r\nx\r\n", PDF
    ),
    "an unknown disposition with a name": mixed(TYPE + b"Content-Disposition: file; filename=a.txt\r\n\r\nx\r\n", PDF),
}


@pytest.mark.parametrize("raw", NOT_DISPLAYED.values(), ids=NOT_DISPLAYED)
def test_a_text_that_is_an_attachment_stays(raw: bytes):
    assert explain(raw) == "it has no displayed text"


def test_a_delimiter_in_a_line_counts_only_before_fields():
    assert explain(mixed(TYPE + b"\r\nx--B1 and more\r\n" + BODY, PDF)) == ""


def test_a_text_with_an_unknown_disposition_is_an_attachment_of_another_text():
    changed = add_disclaimer(mixed(TYPE + b"Content-Disposition: x-note\r\n\r\nx\r\n", TEXT), text=SAID.decode(), html="")
    assert changed.index(SAID) > changed.index(b"Dear Bob")


def test_a_signed_reading_is_never_changed():
    signed = of(b"multipart/mixed; boundary=B1\r\nContent-Type: multipart/signed; boundary=B1", TEXT, PDF)
    assert explain(signed) == "it is signed"


def test_a_field_that_programs_find_differently_is_not_changed():
    raw = plain(b"X-Long: first\r\nsecond half\r\n" + TYPE)
    assert not explain(raw, text="Gruss")
    # In ASCII, because another charset would need another field.
    assert b"Grusse" in add_disclaimer(raw, text="Grüße", html="")
    assert explain(raw, text="Привет").startswith("its structure is broken")


@pytest.mark.parametrize("encodings", [(b"quoted-printable", b"7bit"), (b"8bit", b"quoted-printable")])
def test_two_encodings_of_the_same_text_become_one(encodings: tuple[bytes, bytes]):
    fields = b"".join(b"Content-Transfer-Encoding: " + each + b"\r\n" for each in encodings)
    changed = add_disclaimer(plain(TYPE + fields), text="a = Grüße", html="")
    assert changed.count(b"Content-Transfer-Encoding: quoted-printable\r\n") == 2
    assert changed.count(b"charset=utf-8") == 1
    assert changed.endswith(b"Ada\r\n\r\na =3D Gr=C3=BC=C3=9Fe\r\n")


def test_the_disclaimer_in_a_text_that_may_be_flowed_is_flowed():
    raw = plain(TYPE + TYPE.replace(b"\r\n", b"; format=flowed\r\n"))
    assert add_disclaimer(raw, text="> a", html="").endswith(b"Ada\r\n\r\n > a\r\n")


def test_two_types_with_two_charsets_get_one():
    raw = plain(TYPE + TYPE.replace(b"us-ascii", b"iso-8859-1"))
    changed = add_disclaimer(raw, text="Привет", html="")
    assert changed.count(b"charset=utf-8") == 2
    assert "charset=us-ascii" not in changed.decode()


def test_a_field_is_added_above_a_line_that_is_no_field():
    raw = EDITED["garbage before the type of parts"]
    changed = add_disclaimer(raw, text=SAID.decode(), html="")
    assert changed.index(STAMP.encode()) < changed.index(b"no field")


def test_images_need_a_structure_that_all_programs_read_alike():
    from mailhooks.mime.text.wrapping import Image

    image = Image("logo.png", "png", b"\x89PNG")
    disclaimer = Disclaimer(text="x", html='<img src="cid:logo.png" alt="x">', images=(image,))
    odd = mixed(HTML, b"no field\r\n" + PDF)
    with pytest.raises(Blocked, match="programs read it differently"):
        disclaimer.change(Message(odd))
    wrapping = Disclaimer(text="x", html=disclaimer.html, images=(image,), on_unmodifiable=OnUnmodifiable.WRAP)
    assert wrapping.change(Message(odd)).wraps


def test_text_of_two_charsets_gets_ascii():
    raw = plain(b"Content-Type: text/plain; charset=utf-8; charset=iso-8859-1\r\n")
    changed = add_disclaimer(raw, text="Grüße", html="")
    assert changed.isascii()
    assert changed.endswith(b"Ada\r\n\r\nGrusse\r\n")


@pytest.mark.parametrize("raw", EDITED.values(), ids=EDITED)
def test_a_tag_and_a_field_need_only_the_header_of_the_message(raw: bytes):
    message = Message(b"Subject: Minutes\r\n" + raw)
    if message.header.complete:
        edits = [*tag_edits(message, "[EXTERNAL]"), *HeaderChanges.checked([("X-Checked", "yes")], []).edits(message)]
        assert all("998" in str(rejection) for rejection in blocking(rejections_of_edits(message, edits)))
        assert b"Subject: [EXTERNAL] Minutes" in splice(message.raw, edits)
