import pytest

from mailhooks.content.disclaimer import add_disclaimer, explain
from mailhooks.mime import charset
from mailhooks.mime.edits import CannotEdit, Reason

JAPANESE = "日本".encode("iso2022_jp")
OPEN = JAPANESE.removesuffix(b"\x1b(B")
ROMAN = OPEN + b"\x1b(J"
UNLIKE_ROMAN = r"Tel. \ ~"


def message(fields: str, octets: bytes) -> bytes:
    return f"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n{fields}\r\n\r\n".encode() + octets


@pytest.mark.parametrize(
    "before",
    [OPEN, OPEN + b"\r\n", b"a" + OPEN, JAPANESE + b"\r\n" + OPEN, ROMAN + b"\r\n", b"\x1b(Jx", b"", b"abc\r\n", JAPANESE],
)
def test_text_at_the_end_of_iso_2022_jp_is_read_as_ascii(before: bytes):
    lead, trail = charset.find_shifts(before, b"", "iso-2022-jp")
    assert (before + lead + UNLIKE_ROMAN.encode() + trail).decode("iso2022_jp") == before.decode("iso2022_jp") + UNLIKE_ROMAN
    assert trail == b""


@pytest.mark.parametrize("name", ["iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-ext", "ISO-2022-JP-2004"])
def test_text_in_the_middle_of_iso_2022_jp_is_read_as_ascii(name: str):
    after = b"> 100\\\r\n" + JAPANESE
    for before in (JAPANESE + b"\r\n", ROMAN + b"\r\n"):
        lead, trail = charset.find_shifts(before, after, name)
        whole, text = (before + after).decode("iso2022_jp"), before.decode("iso2022_jp")
        assert (before + lead + UNLIKE_ROMAN.encode() + trail + after).decode("iso2022_jp") == text + UNLIKE_ROMAN + whole[len(text) :]


def test_text_before_ambiguous_octets_is_rejected():
    with pytest.raises(CannotEdit) as caught:
        charset.find_shifts(OPEN + b"\r\n", b"> quoted\r\n", "iso-2022-jp")
    assert caught.value.reason is Reason.CHARSET


def test_hz_without_a_switch_to_ascii_is_rejected():
    chinese = "中国".encode("hz")
    assert charset.find_shifts(chinese, b"", "hz-gb-2312") == (b"", b"")
    with pytest.raises(CannotEdit):
        charset.find_shifts(chinese.removesuffix(b"~}"), b"", "hz-gb-2312")


@pytest.mark.parametrize("name", ["utf-8", "us-ascii", "shift_jis", "x-unknown", "", "iso-2022-cn", "iso-2022-kr", "utf-7"])
def test_other_charsets_need_no_switch(name: str):
    assert charset.find_shifts("한국".encode("iso2022_kr") + b"\r\n", b"x", name) == (b"", b"")


@pytest.mark.parametrize("name, text", [("iso2022_kr", "한국"), ("utf-7", "日本")])
def test_a_line_end_switches_to_ascii(name: str, text: str):
    octets = text.encode(name).rstrip(b"\x0f-")
    assert (octets + b"\r\nHello").decode(name) == f"{text}\r\nHello"


@pytest.mark.parametrize("fields", ["Content-Type: text/plain", "Content-Type: text/plain; charset=us-ascii", "X-Mailer: none"])
def test_text_without_charset_is_not_declared_as_utf8(fields: str):
    raw = message(fields, "Grüße\r\n".encode())
    assert add_disclaimer(raw, text="ä", html="").endswith("Grüße\r\n\r\na\r\n".encode())
    assert explain(raw, text="я") == "the charset or encoding of its text is unknown or wrong"
    assert add_disclaimer(raw, text="я", html="") is raw
    assert explain(raw, text="plain") == ""
    assert add_disclaimer(raw, text="plain", html="").endswith("Grüße\r\n\r\nplain\r\n".encode())


@pytest.mark.parametrize("fields", ["Content-Type: text/html", "Content-Type: text/html; charset=us-ascii"])
def test_html_without_charset_gets_character_references(fields: str):
    raw = message(fields, "<p>Grüße</p>\r\n".encode())
    assert explain(raw, text="ä") == ""
    changed = add_disclaimer(raw, text="ä", html="<p>ä</p>")
    assert "<p>Grüße</p>\r\n".encode() in changed
    assert b"<p>&#228;</p>" in changed
    assert b"utf-8" not in changed


@pytest.mark.parametrize(
    "name",
    "unicode_escape raw_unicode_escape Unicode-Escape charmap idna punycode undefined mbcs oem rot13 hex base64 quopri zlib bz2 uu".split(),
)
def test_codecs_of_python_are_no_charsets(name: str):
    assert charset.find_codec(name) is None
    assert charset.decode(b"a", name) is None
    assert charset.decode_loosely(rb"a\ud800 .exe", name) == r"a\ud800 .exe"


@pytest.mark.parametrize("name", ["utf-7", "utf7", "unicode-1-1-utf-7", "utf-16", "utf-16-le", "utf-32", "cesu-8", "utf-8", "hz", "x-none"])
def test_loosely_decoded_text_can_be_encoded(name: str):
    for octets in (b"a+2AA-b", b"\x00\xd8", b"\xed\xa0\x80", b"+2AA-+3AA-"):
        charset.decode_loosely(octets, name).encode("utf-8")


@pytest.mark.parametrize("name", ["cp-850", "ibm-850", "x-cp-1252", "win-1252", "dos-437", "_iso-2022-jp$ESC", "x-iso-2022-kr"])
def test_ascii_text_in_a_charset_with_an_odd_name_gets_ascii(name: str):
    changed = add_disclaimer(message(f"Content-Type: text/plain; charset={name}", b"Hello\r\n"), text="Grüße", html="")
    assert changed.endswith(b"Hello\r\n\r\nGrusse\r\n")
    assert f"charset={name}".encode() in changed


@pytest.mark.parametrize(
    "name, octets",
    [
        ("ibm-037", b"Hello"),
        ("cp-500", b"Hello"),
        ("cp-99999", b"Hello"),
        ("csutf7", b"Hello"),
        ("cp-850", b"Gr\x81n"),
        ("x-iso-2022-jp", JAPANESE),
        ("x-iso-2022-kr", b"\x0eAB\x0f"),
    ],
)
def test_text_that_may_not_be_ascii_in_such_a_charset_stays(name: str, octets: bytes):
    assert explain(message(f"Content-Type: text/plain; charset={name}", octets)).startswith("the charset")
