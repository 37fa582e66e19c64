import base64
import quopri
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime.edits import CannotEdit, Reason, splice
from mailhooks.mime.message import scan
from mailhooks.mime.text.part import TextPart, convert_to_flowed


def opened(raw: bytes) -> TextPart:
    return TextPart.open(raw, scan(raw).root)


def appended(raw: bytes, text: str) -> bytes:
    part = opened(raw)
    return splice(raw, part.insert(len(part.octets), text))


def shown(raw: bytes) -> str:
    """Decode a message by Python's parser."""
    return message_from_bytes(raw, policy=policy.default).get_content().replace("\r\n", "\n")


def message(kind: str, body: bytes, encoding: str = "") -> bytes:
    fields = f"Content-Type: {kind}\r\n" + (f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else "")
    return b"MIME-Version: 1.0\r\n" + fields.encode() + b"\r\n" + body


@pytest.mark.parametrize(
    "raw, text",
    [
        (message("text/plain", b"Hello\r\n"), "plain"),
        (message("text/plain; charset=utf-8", "Grüße\r\n".encode(), "8bit"), "Grüße ✓"),
        (message("text/plain; charset=iso-8859-1", "Grüße\r\n".encode("latin-1"), "8bit"), "Grüße"),
        (message("text/plain; charset=iso-2022-jp", "日本\r\n".encode("iso-2022-jp"), "7bit"), "日本"),
        (message("text/plain; charset=Shift_JIS", "日本ソ\r\n".encode("cp932"), "8bit"), "日本"),
        (message("text/plain; charset=utf-8", quopri.encodestring("Grüße=\r\n".encode()), "quoted-printable"), "Grüße ✓"),
    ],
)
def test_encodable_text_is_inserted_without_other_changes(raw: bytes, text: str):
    changed = appended(raw, f"{text}\n")
    assert changed.startswith(raw)
    assert shown(changed) == shown(raw) + f"{text}\n"


def test_base64_is_encoded_again_with_the_same_fields():
    raw = message("text/plain; charset=utf-8", b"R3LDvMOfZQ0K\r\n", "base64")
    changed = appended(raw, "✓\n")
    assert changed.partition(b"\r\n\r\n")[0] == raw.partition(b"\r\n\r\n")[0]
    assert shown(changed) == "Grüße\n✓\n"


@pytest.mark.parametrize(
    "fields, content_type",
    [
        (b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n", b"Content-Type: text/plain; charset=utf-8"),
        (b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n", b"Content-Type: text/plain; charset=utf-8"),
        (b'MIME-Version: 1.0\r\nContent-Type: text/plain; x="; charset=no";\r\n\tCHARSET="ASCII"\r\n',
         b'Content-Type: text/plain; x="; charset=no";\r\n\tcharset=utf-8'),
        (b"Subject: x\r\n", b"Content-Type: text/plain; charset=utf-8"),
    ],
)  # fmt: skip
def test_an_ascii_part_is_declared_as_utf8_if_the_text_needs_it(fields: bytes, content_type: bytes):
    changed = appended(fields + b"\r\nHello = x\r\n", "Grüße\n")
    header = changed.partition(b"\r\n\r\n")[0]
    assert content_type in header
    assert header.count(b"Content-Type") == 1
    assert b"Content-Transfer-Encoding: quoted-printable" in header
    assert header.count(b"MIME-Version: 1.0") == 1
    assert shown(changed) == "Hello = x\nGrüße\n"


def test_text_that_the_charset_cannot_encode_converts_the_part_to_utf8():
    raw = message("text/plain; charset=iso-8859-1", "Grüße “x”\r\n".encode("cp1252"), "8bit")
    changed = appended(raw, "✓\n")
    assert b"charset=utf-8" in changed
    assert shown(changed) == "Grüße “x”\n✓\n"


def test_a_charset_that_would_change_the_text_is_not_used():
    changed = appended(message("text/plain; charset=shift_jis", "日本\r\n".encode("cp932"), "8bit"), "¥100\n")
    assert b"charset=utf-8" in changed
    assert shown(changed) == "日本\n¥100\n"


def test_charset_names_of_mail_are_known():
    raw = message("text/plain; charset=x-sjis", "日本\r\n".encode("cp932"), "8bit")
    assert appended(raw, "日本\n") == raw + "日本\r\n".encode("cp932")


def test_7bit_becomes_quoted_printable_for_8bit_text():
    changed = appended(message("text/plain; charset=utf-8", b"Hello\r\n", "7bit"), "Grüße\n")
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in changed
    assert shown(changed) == "Hello\nGrüße\n"


def test_html_keeps_its_charset_by_character_references():
    for kind in ("text/html; charset=us-ascii", "text/html; charset=iso-8859-1", "text/html", "text/html; charset=x-unknown"):
        raw = message(kind, b"<p>Hello</p>\r\n", "7bit")
        assert appended(raw, "<p>日本</p>\n") == raw + b"<p>&#26085;&#26412;</p>\r\n"


def test_octets_outside_of_the_charset_are_rejected():
    for raw in (
        message("text/plain", b"caf\xe9\r\n", "8bit"),
        message("text/plain; charset=utf-8", b"caf\xe9 \r\n", "7bit"),
        message("text/plain; charset=x-unknown", b"caf\xe9\r\n", "8bit"),
    ):
        assert appended(raw, "plain\n") == raw + b"plain\r\n"
    for raw in (message("text/plain", b"caf\xe9\r\n", "8bit"), message("text/plain; charset=x-unknown", b"caf\xe9\r\n", "8bit")):
        with pytest.raises(CannotEdit) as caught:
            appended(raw, "Grüße\n")
        assert caught.value.reason is Reason.CHARSET


def test_charsets_without_ascii_and_unknown_encodings_are_rejected():
    for raw, reason in (
        (message("text/plain; charset=utf-16", base64.b64encode("日本".encode("utf-16-le")), "base64"), Reason.CHARSET),
        (message("text/plain; charset=utf-16", base64.b64encode(b"x\0y"), "base64"), Reason.CHARSET),
        (message("text/plain; charset=utf-16le", base64.b64encode(b"x\0\0\xd8"), "base64"), Reason.CHARSET),
        (message("text/plain; charset=cp037", base64.b64encode("Hello".encode("cp037")), "base64"), Reason.CHARSET),
        (message("text/plain; charset=x-ebcdic", b"Hello\r\n"), Reason.CHARSET),
        (message("text/plain; charset=ibm-1047", base64.b64encode("Hello you".encode("cp037")), "base64"), Reason.CHARSET),
        (message("text/plain; charset=x-host", base64.b64encode("Hello you".encode("cp037")), "base64"), Reason.CHARSET),
        (message("text/plain; charset=x-unknown", base64.b64encode("Hello".encode("utf-16-le")), "base64"), Reason.CHARSET),
        (message("text/plain", base64.b64encode("Grüße".encode("utf-16")), "base64"), Reason.CHARSET),
        (message("text/plain; charset=scsu", b"Hello\r\n"), Reason.CHARSET),
        (message("text/plain; charset=x-iso-2022-cn-ext", b"Hello\r\n\x0e1A\x0f\r\n"), Reason.CHARSET),
        (message("text/plain", b"SGVsbG8=\r\n", '"base64"'), Reason.ENCODING),
        (message("text/plain", b"Hello\r\n", "x-private"), Reason.ENCODING),
        (message("text/plain", b"begin 644 x\r\n", "x-uuencode"), Reason.ENCODING),
    ):
        with pytest.raises(CannotEdit) as caught:
            opened(raw)
        assert caught.value.reason is reason


def test_a_line_that_would_be_too_long_makes_the_part_quoted_printable():
    changed = appended(message("text/plain; charset=utf-8", b"Hello\r\n", "7bit"), "x" * 2000 + "\n")
    assert max(map(len, changed.split(b"\r\n"))) <= 76
    assert shown(changed) == "Hello\n" + "x" * 2000 + "\n"


def test_bare_lf_stays_bare():
    raw = message("text/plain", b"Hello\r\n").replace(b"\r\n", b"\n")
    assert appended(raw, "a\nb\n") == raw + b"a\nb\n"


def test_two_octet_characters_are_not_read_as_markup():
    body = b"<p>" + "本間".encode("iso-2022-jp") + b"</p>"
    part = opened(message("text/html; charset=iso-2022-jp", body, "7bit"))
    assert len(part.view()) == len(body)
    assert part.view().count("<") == part.view().count(">") == 2


def test_flowed_text_stuffs_lines_that_look_quoted():
    assert convert_to_flowed("a \n> b\nFrom c\n d\n-- \n") == "a\n > b\n From c\n  d\n-- \n"


_BODIES = st.lists(st.sampled_from(["word ", "ü", "日", "=", "\r\n", ".", "<b>", "x" * 80, " \r\n", "\t"]), max_size=30).map("".join)


@pytest.mark.fuzz
@given(
    _BODIES,
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=50),
    st.sampled_from(["utf-8", "iso-8859-1", "iso-2022-jp", "us-ascii", "gb18030"]),
    st.sampled_from(["8bit", "quoted-printable", "base64"]),
    st.data(),
)
def test_the_decoded_text_has_the_insertion_and_nothing_else(body: str, text: str, charset: str, encoding: str, data: st.DataObject):
    octets = "".join(char for char in body if char.encode(charset, "ignore")).encode(charset)
    content = {"8bit": octets, "quoted-printable": quopri.encodestring(octets), "base64": base64.encodebytes(octets)}[encoding]
    raw = message(f"text/plain; charset={charset}", content, encoding)
    part = opened(raw)
    lines = list(part.lines())
    index = data.draw(st.integers(0, len(lines) - 1))
    changed = splice(raw, part.insert(part.line_start(index), f"{text}\n"))
    assert "\n".join(TextPart.open(changed, scan(changed).root).lines()).split("\n") == [*lines[:index], text, *lines[index:]]
    assert all(len(line) <= 998 for line in changed.split(b"\n")) or any(len(line) > 998 for line in raw.split(b"\n"))


@pytest.mark.parametrize("kind, text", [("plain", "Tel. \\ ~"), ("plain", "日本"), ("plain", "ä"), ("html", "<p>Tel. \\ ~ &#228;</p>")])
@pytest.mark.parametrize("back", [b"", b"\r\n", b"\x1b(J\r\n"])
@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_text_after_japanese_without_a_switch_to_ascii_is_read_correctly(kind: str, text: str, back: bytes, encoding: str):
    octets = "日本".encode("iso2022_jp").removesuffix(b"\x1b(B") + back
    content = {"7bit": octets, "quoted-printable": quopri.encodestring(octets), "base64": base64.encodebytes(octets)}[encoding]
    raw = message(f"text/{kind}; charset=iso-2022-jp", content, encoding)
    assert shown(appended(raw, f"\n{text}\n")) == f"{shown(raw)}\n{text}\n"


def test_text_before_more_japanese_without_a_switch_is_rejected():
    octets = "日本".encode("iso2022_jp").removesuffix(b"\x1b(B") + b"\r\n> quoted\r\n"
    part = opened(message("text/plain; charset=iso-2022-jp", octets, "7bit"))
    with pytest.raises(CannotEdit) as caught:
        part.insert(octets.index(b">"), "Hello\n")
    assert caught.value.reason is Reason.CHARSET


@pytest.mark.parametrize("charset, text", [("hz-gb-2312", "中国"), ("utf-7", "日本"), ("iso-2022-kr", "한국")])
def test_html_in_a_charset_with_other_ascii_octets_is_read_correctly(charset: str, text: str):
    raw = message(f"text/html; charset={charset}", f"<p>{text}</p>\r\n".encode(charset), "7bit")
    assert shown(appended(raw, "<p>a~b+c ~{ ✓</p>\n")) == f"<p>{text}</p>\n<p>a~b+c ~{{ &#10003;</p>\n"


WIDE_TEXT = "Hello, schöne Grüße\r\naus Köln\r\n"


def _wide_octets(codec: str, mark: bool) -> bytes:
    return (("\ufeff" if mark else "") + WIDE_TEXT).encode(codec)


WIDE = [
    ("utf-16", _wide_octets("utf-16-le", mark=True)),
    ("utf-16", _wide_octets("utf-16-be", mark=True)),
    ("utf-16", _wide_octets("utf-16-le", mark=False)),
    ("utf-16", _wide_octets("utf-16-be", mark=False)),
    ("UTF-16LE", _wide_octets("utf-16-le", mark=False)),
    ("utf-16le", _wide_octets("utf-16-le", mark=True)),
    ("utf-16be", _wide_octets("utf-16-be", mark=False)),
    ("unicode", _wide_octets("utf-16-le", mark=True)),
    ("iso-10646-ucs-2", _wide_octets("utf-16-be", mark=True)),
    ("utf-32", _wide_octets("utf-32-le", mark=True)),
    ("utf-32be", _wide_octets("utf-32-be", mark=False)),
    ("ucs-4", _wide_octets("utf-32-be", mark=True)),
]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "binary"])
@pytest.mark.parametrize("charset, octets", WIDE)
def test_utf_16_and_utf_32_are_edited_in_their_encoding(charset: str, octets: bytes, encoding: str):
    content = {"binary": octets, "quoted-printable": b"".join(b"=%02X" % octet for octet in octets), "base64": base64.encodebytes(octets)}
    raw = message(f"text/plain; charset={charset}", content[encoding], encoding)
    part = opened(raw)
    at = part.octets.index(b"aus")
    for place, text in ((at, "✓ 𝄞\n"), (len(part.octets), "ä\n"), (part.start, "x\n")):
        changed = splice(raw, part.insert(place, text))
        part_after = opened(changed)
        assert part_after.octets == part.octets[:place] + text.replace("\n", "\r\n").encode() + part.octets[place:]
        assert f"charset={charset}".encode() in changed
        body = changed.partition(b"\r\n\r\n")[2]
        found = base64.b64decode(body) if encoding != "binary" else body
        wide = found[: len(octets) - len(octets.lstrip(b"\xff\xfe\0"))]
        assert octets.startswith(wide)
        assert len(found) > len(octets)


def test_a_replaced_piece_of_utf_16_html_leaves_the_rest():
    octets = "<p>Grüße</p><p>XX</p>".encode("utf-16")
    raw = message("text/html; charset=utf-16", base64.encodebytes(octets), "base64")
    part = opened(raw)
    at = part.view().index("XX")
    changed = splice(raw, part.replace(at, at + 2, "日本 &amp;"))
    assert opened(changed).octets.decode() == "\ufeff<p>Grüße</p><p>日本 &amp;</p>"
    assert "日本 &amp;" in shown(changed)


@pytest.mark.parametrize(
    "encoding", ["6bit", "7bits", "8BITS", "none", "utf-8", "us-ascii", "ISO-8859-1", "7 bit", '"7bit"', "7bit,", "", "plain"]
)
def test_encodings_that_all_programs_read_as_none_are_accepted(encoding: str):
    raw = message("text/plain; charset=utf-8", b"Hello\r\n", encoding)
    assert appended(raw, "plain\n") == raw + b"plain\r\n"
    changed = appended(raw, "Grüße\n")
    assert shown(changed) == "Hello\nGrüße\n"
    assert encoding == "" or changed.count(b"Content-Transfer-Encoding: quoted-printable") == 1


@pytest.mark.parametrize(
    "parameter, charset",
    [
        ("charset=", "us-ascii"),
        ('charset=""', "us-ascii"),
        ("charset= ", "us-ascii"),
        ('charset=\r\n "utf-8"', "utf-8"),
        (r"charset=\"utf-8\"", "utf-8"),
        ("charset='UTF-8'", "utf-8"),
        ('charset="utf-8', "utf-8"),
        ("charset=utf-8 (Unicode)", "utf-8"),
        ('charset="utf-8 (x)"', "utf-8"),
        ("charset=utf-8;", "utf-8"),
        ("charset*=us-ascii'en'utf-8", "utf-8"),
        ('charset=" utf-8 "', "utf-8"),
    ],
)
def test_names_of_charsets_are_read_as_other_programs_do(parameter: str, charset: str):
    raw = message(f"text/plain; {parameter}", b"Hello\r\n")
    assert opened(raw).charset == charset
    assert appended(raw, "plain\n") == raw + b"plain\r\n"


@pytest.mark.parametrize(
    "body, quote",
    [
        (b"Dear Bob,=0D=\r\n=0D=\r\nthe minutes.=0D=\r\nAda", "Dear Bob,\r\rthe minutes.\rAda\r\rGrüße\r"),
        (b"Dear Bob,=0D=0A=0D=0Athe minutes.=0D=0AAda", "Dear Bob,\r\n\r\nthe minutes.\r\nAda\r\n\r\nGrüße\r\n"),
        (b"Dear Bob,=0A=0Athe minutes.=0AAda=0A", "Dear Bob,\n\nthe minutes.\nAda\n\r\n\r\nGrüße\r\n"),
    ],
)
def test_encoded_line_ends_are_line_ends(body: bytes, quote: str):
    raw = message("text/plain; charset=utf-8", body, "quoted-printable")
    part = opened(raw)
    assert list(part.lines())[:3] == ["Dear Bob,", "", "the minutes."]
    assert part.octets[part.line_start(2) :].startswith(b"the minutes")
    changed = appended(raw, "\n\nGrüße\n")
    assert changed.startswith(raw.rstrip(b"\r\n"))
    assert quopri.decodestring(changed.partition(b"\r\n\r\n")[2]).decode() == quote


@pytest.mark.parametrize("kind", ["text/plain; charset=", "text/plain; charset= ", 'text/plain; charset=""', "text/plain; charset=\r\n"])
@pytest.mark.parametrize("after", [b"", b"X-Mailer: x\r\n"])
def test_an_empty_charset_is_replaced_without_its_line_end(kind: str, after: bytes):
    raw = b"MIME-Version: 1.0\r\nContent-Type: " + kind.encode().rstrip(b"\r\n") + b"\r\n" + after + b"\r\nHello\r\n"
    changed = appended(raw, "Grüße\n")
    assert b"Content-Type: text/plain; charset=utf-8\r\n" in changed.replace(b"utf-8 \r\n", b"utf-8\r\n")
    assert after in changed
    assert shown(changed) == "Hello\nGrüße\n"


def test_html_with_encoded_line_ends_gets_no_bare_lf():
    raw = message("text/html; charset=utf-8", b"<html><body>=0A<p>Dear Bob,</p>=0A=\r\n<p>x</p>=0A</body></html>\r\n", "quoted-printable")
    part = opened(raw)
    for at in (part.octets.index(b"</body>"), part.octets.index(b"Bob")):
        changed = splice(raw, part.insert(at, "\nü\n"))
        assert b"\n" not in changed.replace(b"\r\n", b"")
        assert opened(changed).octets == part.octets[:at] + "\r\nü\r\n".encode() + part.octets[at:]
