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
        (message("text/plain; charset=utf-16", base64.b64encode("x".encode("utf-16")), "base64"), Reason.CHARSET),
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
