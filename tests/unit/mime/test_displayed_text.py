import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime.displayed_charset import decode, find_codec_name
from mailhooks.mime.displayed_text import find_text_parts, is_html, read_every_text, read_field, read_text
from mailhooks.mime.message import Message
from tests.support.charsets import (
    CHINESE,
    DECLARED,
    FRENCH,
    GERMAN,
    GREEK,
    HEBREW,
    JAPANESE,
    KOREAN,
    OWN,
    RUSSIAN,
    THAI,
)


def message(fields: str, body: bytes) -> Message:
    return Message(f"MIME-Version: 1.0\r\n{fields}\r\n\r\n".encode() + body)


def texts(raw: Message, limit: int | None = None) -> list[str]:
    return [read_text(raw.raw, part, limit) for part in find_text_parts(raw)]


UNDECLARED = [
    "",
    "us-ascii",
    "ascii",
    "ansi_x3.4-1968",
    "unknown-8bit",
    "x-unknown",
    "x-user-defined",
    "default",
    "ansi_x3.110-1983",
    "8bit",
]


@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("subtype", ["plain", "html"])
@pytest.mark.parametrize("label, codec, text", DECLARED)
def test_text_is_read_in_its_declared_charset(label: str, codec: str, text: str, subtype: str, encoding: str):
    octets = f"<p>{text}</p>".encode(codec)
    body = {"8bit": lambda: octets, "quoted-printable": lambda: quopri.encodestring(octets), "base64": lambda: base64.encodebytes(octets)}
    for written in (label, f'"{label}"', f"{label} (comment)", label.upper()):
        fields = f"Content-Type: text/{subtype}; charset={written}\r\nContent-Transfer-Encoding: {encoding}"
        assert texts(message(fields, body[encoding]())) == [f"<p>{text}</p>"]


@pytest.mark.parametrize("label", UNDECLARED)
@pytest.mark.parametrize("text", [GERMAN, FRENCH, RUSSIAN, GREEK, JAPANESE, CHINESE, KOREAN, HEBREW, THAI, "x"])
def test_text_without_a_usable_charset_is_utf8_or_else_windows_1252(label: str, text: str):
    assert decode(text.encode(), label) == text
    assert decode(text.encode(), label, is_html=True) == text
    if text in {GERMAN, FRENCH}:
        assert decode(text.encode("cp1252"), label) == text
        assert decode(f"<p>{text}".encode("cp1252"), label, is_html=True) == f"<p>{text}"


def test_the_undefined_octets_of_windows_1252_are_controls():
    assert decode(b"\x80\x81\x8d\x8f\x90\x9d\x9f\xff", "") == "€\x81\x8d\x8f\x90\x9dŸÿ"
    assert decode(b"\x80\x81\x8d\x8f\x90\x9d\x9f\xff", "iso-8859-1") == "€\x81\x8d\x8f\x90\x9dŸÿ"


@pytest.mark.parametrize("head, codec", OWN)
def test_html_without_a_declared_charset_is_read_in_its_own(head: str, codec: str):
    html = f"{head}<p>Здравствуйте, заказ</p>"
    assert decode(html.encode(codec), "us-ascii", is_html=True) == html


def test_user_defined_html_is_windows_1252():
    assert decode(b"<meta charset=x-user-defined>gr\x81n", "", is_html=True) == "<meta charset=x-user-defined>gr\x81n"


def test_a_declared_charset_wins_over_the_charset_of_html_and_a_byte_order_mark_over_both():
    html = "<meta charset=koi8-r><p>Здравствуйте</p>"
    assert decode(html.encode("cp1251"), "windows-1251", is_html=True) == html
    for codec, mark in (("utf-8", "utf-8-sig"), ("utf-16-le", "utf-16"), ("utf-16-be", "utf-16")):
        octets = ("\ufeff" + html).encode(codec)
        assert decode(octets, "windows-1251", is_html=True) == html, mark
        assert decode(octets, "", is_html=True) == html


@pytest.mark.parametrize(
    "octets, text",
    [
        (JAPANESE.encode("iso2022_jp"), JAPANESE),
        (b"\x1b$B-!F|K\\\x1b(B a\r\n\x1b$BF|\r\nb", "①日本 a\r\n日\r\nb"),
        (b"\x1b(I1;\x1b$BF|\x1b(B", "ｱｻ日"),
        (GERMAN.encode("utf-16-le"), GERMAN),
        (GERMAN.encode("utf-16-be"), GERMAN),
        (RUSSIAN.encode() + b" \xfc", RUSSIAN + " ü"),
        ("„Spaß“ für alle".encode("cp1252"), "„Spaß“ für alle"),
    ],
)
def test_octets_without_a_charset_are_recognized(octets: bytes, text: str):
    assert decode(octets, "") == text


@pytest.mark.parametrize("name", ["utf-8", "shift_jis", "gb18030", "euc-kr", "big5", "utf-16", "iso-2022-jp", ""])
def test_a_character_that_is_cut_is_left_out(name: str):
    text = "aé"[: 1 if name in {"euc-kr", "big5", "shift_jis", "iso-2022-jp"} else 2] + "中中中"
    octets = text.encode(name or "utf-8")
    for end in range(len(octets) - 8, len(octets)):
        shown = decode(octets[:end], name, is_cut=True)
        assert "\ufffd" not in shown
        assert text.startswith(shown.rstrip("\0"))


def test_damaged_text_in_a_declared_charset_has_replacement_characters():
    assert decode(JAPANESE.encode() + b"\xff!", "utf-8") == JAPANESE + "\ufffd!"
    assert decode(b"caf\xe9", "utf-8") == "caf\ufffd"
    assert decode(JAPANESE.encode("cp932") + b"\x82<b>", "shift_jis") == JAPANESE + "\ufffd<b>"
    assert decode(b"\xd8\x00", "utf-16-be") == "\ufffd"


@pytest.mark.parametrize(
    "label", ["", "\0", "a" * 10_000, "hex", "rot13", "unicode_escape", "idna", "$", "x-", "_$", "cp99999", "iso-8859-99"]
)
def test_other_labels_declare_nothing(label: str):
    assert find_codec_name(label) == ""


@pytest.mark.parametrize(
    "body, shown",
    [
        ("\r\nR3LDvMOfZQ==\r\n_______\r\nlist footer\r\n", "Grüße\n_______\r\nlist footer"),
        ("R3LDvMOfZQ==\r\n_______\r\nfooter\r\nhttps://example.org/list\r\n", "Grüße\n_______\r\nfooter\r\nhttps://example.org/list"),
        ("R3LDvMOf\r\n-- \r\nlist footer\r\n", "Grüß\n-- \r\nlist footer"),
        ("R3LDvMOfZQ==\r\nIHVuZCBUc2Now7xzcw==\r\n", "Grüße und Tschüss"),
        ("R3LDvMOfZQ==IHVuZCBUc2Now7xzcw==", "Grüße und Tschüss"),
        ("R3LDvMOfZQ==\r\n\r\n_____\r\n\r\nIHVuZCBUc2Now7xzcw==\r\n", "Grüße und Tschüss"),
        ("R3LDvMOf\r\n!! broken by a gateway !!\r\nZQ==\r\n", "Grüße"),
        ("R3LD*vMOfZQ==\r\n", "Grüße"),
        ("R3LDvMOfZQ=\r\n", "Grüße"),
        ("R3LDvMOfZQ\r\n", "Grüße"),
        ("R3LD\r\nvMO\r\nfZQ==", "Grüße"),
        ("\r\n\r\n R3LDvMOfZQ==", "Grüße"),
        ("", ""),
        ("====", ""),
        ("R3LDvMOfZSB1bmQg VHNjaMO8c3MsIHp3ZWl0ZSBa ZWlsZQ==", "Grüße und Tschüss, zweite Zeile"),
        ("no base64 at all", "no base64 at all"),
        ("a line before!\r\nR3LDvMOf\r\n", "Grüß"),
    ],
)
def test_base64_is_read_up_to_what_is_none_and_behind_its_padding(body: str, shown: str):
    for encoding in ("base64", '"base64"', "BASE64;", "base-64"):
        raw = message(f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}", body.encode())
        assert texts(raw) == [shown]
        assert texts(raw, 1000) == [shown]


@pytest.mark.parametrize("encoding", ["utf-8", "x-unknown", "none", "8-bit", "7bit", "binary", "UTF8", "gzip"])
def test_text_in_an_unknown_encoding_stays(encoding: str):
    raw = message(f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}", "Grüße = =3D".encode())
    assert texts(raw) == ["Grüße = =3D"]


@pytest.mark.parametrize(
    "fields",
    ["Content-Type: multipart/mixed", 'Content-Type: multipart/mixed; boundary="never"', "Content-Type: multipart/mixed; boundary="],
)
def test_a_multipart_without_parts_is_read_as_text(fields: str):
    raw = message(fields, b"--b\r\nContent-Type: text/plain\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n--b--\r\n")
    [part] = find_text_parts(raw)
    assert not is_html(part)
    assert "Grüße" in read_text(raw.raw, part)


PART = b"--b\r\n%s\r\n\r\n%s\r\n"
END = b"--b--\r\n"
PLAIN, HTML = b"Content-Type: text/plain; charset=utf-8", b"Content-Type: text/html; charset=utf-8"
MIXED = "Content-Type: multipart/mixed; boundary=b"


@pytest.mark.parametrize(
    "fields, body",
    [
        ("Content-Type: multipart/mixed", PART % (PLAIN, b"secret") + END),
        ("Content-Type: multipart/mixed", PART % (PLAIN + b"\r\nContent-Transfer-Encoding: base64", b"c2VjcmV0") + END),
        ('Content-Type: multipart/mixed; boundary="never"', PART % (PLAIN, b"secret") + END),
        (MIXED + "; boundary=c", PART % (PLAIN, b"x") + END + (PART % (PLAIN, b"secret") + END).replace(b"--b", b"--c")),
        ("Content-Type: text/plain\r\n" + MIXED, PART % (HTML + b"\r\nContent-Transfer-Encoding: base64", b"c2VjcmV0") + END),
        (MIXED, PART % (PLAIN, b"") * 60 + PART % (PLAIN, b"secret") + END),
        (MIXED, PART % (PLAIN, b"x") + PART % (b"Content-Type: text/x-foo", b"secret") + END),
        (MIXED, PART % (PLAIN, b"x") + PART % (b"Content-Type: text", b"secret") + END),
        (MIXED, PART % (PLAIN, b"x") + PART % (b"Content-Type: text/x-amp-html", b"secret") + END),
        (MIXED, PART % (PLAIN, b"x") + PART % (b"Content-Type: text/markdown", b"secret") + END),
        (MIXED, PART % (PLAIN, b"x") + PART % (b"Content-Type: nonsense", b"secret") + END),
        (MIXED, PART % (PLAIN, b"x") + END + PART % (PLAIN + b"\r\nContent-Transfer-Encoding: base64", b"c2VjcmV0")),
        (MIXED, (PART % (PLAIN + b"\r\nContent-Transfer-Encoding: base64", b"c2VjcmV0") + END).replace(b"\r\n", b"\r")),
        (MIXED + "\r\nContent-Transfer-Encoding: base64", base64.encodebytes(PART % (PLAIN, b"secret") + END)),
        (MIXED, PART % (PLAIN + b'\r\nContent-Transfer-Encoding: "base64"', b"c2VjcmV0") + END),
        (MIXED, PART % (PLAIN + b"\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64", b"c2VjcmV0") + END),
        (MIXED, PART % (b'Content-Type: text/plain; charset="utf-16le"; charset=us-ascii', b"secret") + END),
        ("Content-Type: text/plain; format=flowed; delsp=yes", b"a sec \r\nret"),
        ('Content-Type: text/plain; Format=Flowed; DelSp="Yes"', b"> a sec \r\n> ret"),
        ("Content-Type: text/plain; format=flowed; delsp=yes", b"a sec \r\n ret"),
        ("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", b"a sec= \r\nret"),
        ("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", b"a sec=\t\nr=\r\net"),
        *[(f"Content-Type: text/html; charset={name}", b"a secret plan") for name in ("cp037", "ibm-500", "utf-16le", "utf-32", "utf-7")],
        ("Content-Type: text/html; charset=utf-7", b"x +AHMAZQBjAHI-et"),
        ("Content-Type: text/html", b"<meta charset=cp500>secret \xe9"),
        ("Content-Type: text/plain; charset=utf-16le", "secret".encode("utf-16-le")),
    ],
)
def test_text_that_some_mail_program_displays_is_read(fields: str, body: bytes):
    assert any("secret" in text for text, _ in read_every_text(message(fields, body), 1000))


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Type: text/plain\r\nContent-Disposition: attachment",
        b"Content-Type: text/csv",
        b"Content-Type: text/calendar",
        b'Content-Type: text/x-log; name="a.log"',
        b"Content-Type: application/octet-stream",
        b"Content-Type: image/png",
        b"Content-Type: message/rfc822",
    ],
)
def test_files_and_forwarded_messages_are_no_displayed_text(part: bytes):
    assert texts(message(MIXED, PART % (PLAIN, b"x") + PART % (part, b"secret") + END)) == ["x"]


def test_a_text_is_read_up_to_the_limit_and_all_up_to_fifty_times_as_much():
    raw = message(MIXED, PART % (PLAIN, b"abcdefghij" * 10) * 3 + END)
    assert [text for text, _ in read_every_text(raw, 15)] == ["abcdefghijabcde"]
    numbered = b"".join(PART % (PLAIN, b"%03d" % number * 5) for number in range(200))
    assert len(list(read_every_text(message(MIXED, numbered + END), 6))) == 50


def test_the_whole_body_is_read_if_the_readings_cannot_be_enumerated():
    raw = message(MIXED, PART % (b"Content-Type: multipart/mixed; boundary=", b"--\r\n\r\nsecret") + END)
    assert raw.readings is None
    assert any("secret" in text for text, _ in read_every_text(raw, 100_000))


@pytest.mark.parametrize(
    "fold",
    ["\r\n ", "\r\n\t", "\n ", " \r\n ", "\t\r\n\t", "\r\n \t  ", "\r\n \r\n ", "  \n\t\n  ", "\r\n        "],
)
def test_a_fold_of_a_field_is_displayed_as_one_space(fold: str):
    for one, other, shown in (
        ("Offer", "for you", "Offer for you"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "aus =?utf-8?q?M=C3=BCnchen?=", "Grüße aus München"),
    ):
        raw = Message(f"Subject:{fold}{one}{fold}{other}{fold.rstrip(' ')}\r\n\r\nx".encode())
        assert read_field(raw, next(raw.header.named("subject"))) == shown
    words = Message(f"Subject: =?utf-8?q?Gr=C3=BC?={fold}=?utf-8?q?=C3=9Fe?=\r\n\r\nx".encode())
    assert read_field(words, next(words.header.named("subject"))) == "Grüße"


@pytest.mark.parametrize(
    "value, declared, text",
    [
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode("cp1252"), "us-ascii", "Grüße"),
        ("“Grüße” €".encode("cp1252"), "utf-8", "“Grüße” €"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("Привет".encode("cp1251"), '"windows-1251"', "Привет"),
        ("Привет".encode(), "windows-1251", "Привет"),
        ("日本".encode("cp932"), "shift_jis", "日本"),
        ("日本 x".encode("iso2022_jp"), "us-ascii", "日本 x"),
        (b"=?unknown-8bit?q?Gr=FC=DFe?=", "us-ascii", "Grüße"),
        (b"=?x-unknown?b?R3LDvMOfZQ==?=", "us-ascii", "Grüße"),
        (b"=?us-ascii?q?Gr=C3=BC=C3=9Fe?=", "us-ascii", "Grüße"),
        (b"=?iso-8859-1?q?=93Gr=FC=DFe=94?=", "us-ascii", "“Grüße”"),
        (b"=?utf-8?q?=93Gr=FC=DFe=94?=", "us-ascii", "“Grüße”"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe_=C3?= x", "us-ascii", "Grüße \ufffd x"),
        (b"=?x-sjis?b?k/qWew==?=", "us-ascii", "日本"),
        (b"=?_iso-2022-jp$ESC?B?GyRCRnxLXBsoQg==?=", "us-ascii", "日本"),
        (b"=?gb2312?b?%s?=" % base64.b64encode("镕".encode("gbk")), "us-ascii", "镕"),
        (b"=?cp-1252?q?=80?= =?windows-1252?q?=80?=", "us-ascii", "€€"),
        (b"=?utf-8?q?caf=C3=A9?= caf\xe9", "us-ascii", "café café"),
    ],
)
def test_a_field_is_read_in_the_charset_of_its_words_or_of_the_text(value: bytes, declared: str, text: str):
    head = f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset={declared}\r\nSubject: ".encode()
    raw = Message(head + value + b"\r\n\r\nx")
    assert read_field(raw, next(raw.header.named("subject"))) == text


def test_a_raw_field_of_a_multipart_is_read_in_the_charset_of_its_first_text():
    body = b"--b\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\nx\r\n--b--\r\n"
    raw = Message(b"Subject: " + "Привет".encode("koi8-r") + b"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + body)
    assert read_field(raw, next(raw.header.named("subject"))) == "Привет"


@pytest.mark.fuzz
@given(
    st.binary(max_size=300), st.sampled_from(["", "utf-8", "utf-16", "utf-7", "iso-2022-jp", "hz", "gb18030", "x-sjis", "cp500", "euc-jp"])
)
def test_any_octets_can_be_read(octets: bytes, name: str):
    for start in (b"", b"<meta charset=", b"<!--", b"\x1b$B", b"\xff\xfe", b"\x1b$(D"):
        for is_cut in (False, True):
            decode(start + octets, name, is_html=True, is_cut=is_cut).encode()
    for encoding in ("base64", "quoted-printable", "x-uuencode", "8bit"):
        raw = message(f"Content-Type: text/plain\r\nContent-Transfer-Encoding: {encoding}", octets)
        texts(raw)
        texts(raw, 100)


@pytest.mark.parametrize(
    "parameters, body, shown",
    [
        ("format=flowed", b"wire \r\ntransfer\r\nnow", "wire transfer\nnow"),
        ("format=flowed", b"> wire \r\n> transfer\r\n>> old \r\n> new", "> wire transfer\n>> old \n> new"),
        ("format=flowed", b"a \r\n-- \r\nAna \r\nLang", "a \n-- \nAna Lang"),
        ("format=flowed", b" > no quote\r\n From", "> no quote\nFrom"),
        ("delsp=yes", b"trans \r\nfer", "trans \r\nfer"),
        ("format=fixed; delsp=yes", b"trans \r\nfer", "trans \r\nfer"),
        ("format=flowed; delsp=yes", b"", ""),
    ],
)
def test_paragraphs_of_flowed_text_are_one_line(parameters: str, body: bytes, shown: str):
    assert list(read_every_text(message(f"Content-Type: text/plain; {parameters}", body), 1000)) == [(shown, False)]


def test_undeclared_korean_of_seven_bits_is_recognized():
    assert decode("비밀번호 1".encode("iso2022_kr"), "") == "비밀번호 1"
    assert decode(b"\x0e" * 100_000 + b"\x1b$)C", "") == "\x0e" * 100_000 + "\x1b$)C"
