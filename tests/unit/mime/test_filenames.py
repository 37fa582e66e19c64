import doctest
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime import filenames
from mailhooks.mime.message import scan
from tests.support.mail import CORPUS


def given_names(fields: bytes) -> tuple[str, ...]:
    raw = fields + b"\r\n\r\n"
    return filenames.find_all_filenames(raw, scan(raw).root)


def test_the_examples_are_correct():
    assert doctest.testmod(filenames).failed == 0


@pytest.mark.parametrize(
    "fields, name",
    [
        ("Content-Disposition: attachment; filename=plain.pdf", "plain.pdf"),
        ("Content-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf", "résumé.pdf"),
        ("Content-Disposition: attachment; filename*0=long-; filename*1=name.pdf", "long-name.pdf"),
        ('Content-Type: a/b; name="=?utf-8?q?r=C3=A9sum=C3=A9.pdf?="', "résumé.pdf"),
        ("Content-Disposition: attachment; filename=résumé.pdf", "résumé.pdf"),
        ("Content-Disposition: attachment", ""),
        ("Content-Disposition: attachment; filename*" + "9" * 5000 + "=x", ""),
        ("Content-Disposition: attachment; filename*=%00utf-8''x", "x"),
    ],
)
def test_file_names_are_decoded_in_every_form(fields: str, name: str):
    raw = f"{fields}\r\n\r\n".encode()
    assert filenames.find_filename(raw, scan(raw).root) == name


def test_of_a_whole_name_and_a_piece_the_piece_or_none_is_the_name():
    """RFC 2231 does not allow both. Since 3.13.5 CPython reads the piece."""
    raw = b"Content-Disposition: attachment; filename*=utf-8''a; filename*0=b\r\n\r\n"
    assert filenames.find_filename(raw, scan(raw).root) in ("", "b")


@pytest.mark.parametrize(
    "fields, expected",
    [
        (b"Content-Disposition: attachment; filename=a.exe", {"a.exe"}),
        (b'Content-Disposition: attachment; filename="a.pdf"\r\nContent-Type: application/pdf; name="b.exe"', {"a.pdf", "b.exe"}),
        (b"Content-Disposition: attachment; filename=\"a.pdf\"; filename*=utf-8''b.exe", {"a.pdf", "b.exe"}),
        (b"Content-Disposition: attachment; filename=a.pdf; FILENAME=b.exe", {"a.pdf", "b.exe"}),
        (b"Content-Disposition: attachment; filename=a.pdf\r\nContent-Disposition: attachment; filename=b.exe", {"a.pdf", "b.exe"}),
        (b"Content-Type: a/b; name*0=in; name*1=voice.e; name*2=xe", {"invoice.exe"}),
        (b"Content-Type: a/b; name*=iso-8859-1'de'gr%FC%DFe.exe", {"grüße.exe"}),
        (b"Content-Type: a/b; name==?utf-8?q?gr=C3=BC=C3=9Fe=2Eexe?=", {"grüße.exe"}),
        (b'Content-Type: a/b; name="=?utf-8?B?5pel5pys?=\r\n =?utf-8?B?LmV4ZQ==?="', {"日本.exe"}),
        ("Content-Type: a/b; name=日本.exe".encode(), {"日本.exe"}),
        (b"Content-Type: a/b; name=gr\xfc\xdfe.exe", {"grüße.exe"}),
        (b"Content-Type: a/b; x=" + b"y" * 9000 + b"; name=far.exe", {"far.exe"}),
        (b"Content-Type: a/b; namex=a", set()),
        (b"Content-Type: a/b; name=", set()),
        (b"Content-Description: a.exe", set()),
    ],
)
def test_every_name_that_a_mail_program_may_use_is_returned(fields: bytes, expected: set[str]):
    assert set(given_names(fields)) == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (b"name=a.exe (x)", {"a.exe (x)", "a.exe"}),
        (b"name=a.exe(x)", {"a.exe(x)", "a.exe"}),
        (b'name="a.exe" (x)', {'"a.exe" (x)', "a.exe"}),
        (b"name=a.exe (x (y) \\) z)", {"a.exe (x (y) \\) z)", "a.exe"}),
        (b"name=(x) a.exe", {"(x) a.exe", "a.exe"}),
        (b'name=(x (y))"a.exe"(z)', {'(x (y))"a.exe"(z)', "a.exe"}),
        (b"(x) name (y) = (z) a.exe", {"a.exe"}),
        (b"x=y (; name=b.pdf); name=a.exe", {"a.exe", "b.pdf)"}),
        (b"name=a.exe (x; name=b.pdf)", {"a.exe (x", "a.exe", "b.pdf)"}),
        (b'name=a.exe (x; y="); name=b.pdf', {"a.exe (x", "a.exe", "b.pdf"}),
        (b"name=smile:(; name=a.exe (x)", {"smile:(", "smile:", "a.exe (x)", "a.exe"}),
        (b"name=a.e(x)xe", {"a.e(x)xe", "a.exe", "a.e"}),
        (b"name*=utf-8''a.e%78e (x)", {"a.exe (x)", "a.exe"}),
        (b"name*0=invoice.e (x); name*1=xe (y)", {"invoice.e (x)xe (y)", "invoice.exe"}),
        (b"name=a.exe b.pdf", {"a.exe b.pdf", "a.exe"}),
        (b'name="a.exe" b.pdf', {'"a.exe" b.pdf', "a.exe"}),
        (b'name=a.exe"; x=".pdf', {'a.exe"; x=".pdf', "a.exe"}),
        (b'name="a.e\\xe"', {"a.e\\xe", "a.exe"}),
        (b"x=" + b"y" * 9000 + b"; name=(; x) a.exe (y)", {"(", "a.exe ", "a.exe"}),
        (b"x=y; " * 60 + b"name=a.exe (y)", {"a.exe (y)", "a.exe ", "a.exe"}),
        (b"x=y; " * 60 + b"name=" + b"z" * 300 + b".exe", {"z" * 300 + ".exe"}),
        (b'name="a.exe (x).pdf"', {"a.exe (x).pdf"}),
        (b"name=report(1).pdf", {"report(1).pdf", "report.pdf", "report"}),
    ],
)
def test_a_name_is_returned_with_and_without_a_possible_comment(value: bytes, expected: set[str]):
    assert set(given_names(b"Content-Type: a/b; " + value)) == expected


def test_a_name_instead_of_the_disposition_is_returned():
    assert given_names(b"Content-Disposition: filename=a.exe; size=1") == ("a.exe",)


def test_the_name_as_written_comes_first():
    assert given_names(b"Content-Type: a/b; name=report (1).pdf")[0] == "report (1).pdf"


@pytest.mark.parametrize("pattern", [b"(", b"()", b"(()", b";name=(", b"name=(x)", b'"', b'\\"', b";name=a b", b" "])
def test_hostile_fields_take_linear_time(pattern: bytes):
    fields = b"Content-Type: a/b; name=" + pattern * (100_000 // len(pattern))
    started = time.perf_counter()
    given_names(fields)
    assert time.perf_counter() - started < 20  # a quadratic search would need minutes


@pytest.mark.parametrize(
    "name",
    [
        "a.exe",
        "a.EXE",
        "a.pdf.exe",
        "invoice\u202efdp.exe",  # displayed as invoiceexe.pdf
        "a.e\u200bx\ufeffe",
        "a.\u2066exe\u2069",
        "a.exe. . ",
        'a.exe"',
        "a.exe\0.pdf",
        "a.pdf\0.exe",
        "a．ｅｘｅ",  # noqa: RUF001 - full-width
        "a。exe",
        "a․exe",  # noqa: RUF001 - one dot leader
        "C:\\temp.d\\a.exe",
        "../a.exe",
        "a.exe::$DATA",
        "a.exe:zone",
        "a.ex\u00ade",
        "a.\tex\r\ne",
        "x" * 300 + ".exe",
        ".exe",
    ],
)
def test_the_extension_is_the_one_of_the_program_that_opens_the_file(name: str):
    assert ".exe" in filenames.find_extensions(name).last


@pytest.mark.parametrize("name", ["", "exe", "a.exe.pdf", "a.exe/b.pdf", "a.exe (1).pdf", "a.exes", "a.", "...", "example.exe says hi"])
def test_text_elsewhere_in_a_name_is_no_extension(name: str):
    assert ".exe" not in filenames.find_extensions(name).last


@pytest.mark.parametrize("name, inner", [("a.exe.pdf", {".exe"}), ("a.js.exe.pdf", {".js", ".exe"}), ("report for example.com.pdf", set())])
def test_inner_extensions_are_returned_without_those_of_host_names(name: str, inner: set[str]):
    assert filenames.find_extensions(name) == ({".pdf"}, inner)


def test_a_printable_name_is_one_short_line_with_its_extension():
    assert filenames.make_printable("a\r\nBcc: b\t\u202ec\u00a0d\0") == "a Bcc: b c d"
    assert filenames.make_printable("日本語 resumé 😀.pdf") == "日本語 resumé 😀.pdf"
    long = filenames.make_printable("x" * 10_000 + ".exe")
    assert len(long) == 120
    assert long.endswith(".exe")


@pytest.mark.fuzz
@given(st.text(max_size=400))
def test_any_text_has_extensions_and_a_printable_form(name: str):
    endings = filenames.find_extensions(name)
    for ending in endings.last | endings.inner:
        assert ending.startswith(".")
        assert len(ending) > 1
    shown = filenames.make_printable(name)
    assert shown.isprintable()
    assert len(shown) <= 120
    assert filenames.make_printable(shown) == shown


_PIECES = [
    b"filename",
    b"name",
    b"*",
    b"*0",
    b"*1*",
    b"*0*",
    b"=",
    b";",
    b'"',
    b"'",
    b"utf-8''",
    b"%00",
    b"%e2%80%ae",
    b"=?utf-8?b?",
    b"?=",
    b"(",
    b")",
    b"\\",
]


@pytest.mark.fuzz
@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=8)), max_size=30).map(b"".join))
def test_any_field_has_names_or_none(value: bytes):
    given_names(b"Content-Disposition: attachment; " + value.replace(b"\n", b""))


def test_real_mail_has_the_names_of_the_standard_library():
    from email import message_from_bytes

    seen = 0
    for path in CORPUS:
        raw = path.read_bytes()
        theirs = [part.get_filename() for part in message_from_bytes(raw).walk()]
        ours = [name for part in scan(raw).root.walk() for name in filenames.find_all_filenames(raw, part)]
        for name in theirs:
            if name and name.isascii() and "=?" not in name:
                seen += 1
                assert name.strip() in ours, path.name
    assert seen > 15


@pytest.mark.parametrize(
    "words",
    [
        b"=?utf-8?B?aW52b2l?= =?utf-8?B?jZS5leGU=?=",
        b"=?utf-8?B?aW52b2l?=\r\n =?utf-8?b?jZS5leGU=?=",
        b"=?utf-8?B?aW5?=\t=?UTF-8?B?2b2l?= =?utf-8?B?jZS5leGU=?=",
        b"=?utf-8?B?aW52b2l?==?us-ascii?B?jZS5leGU=?=",
    ],
)
def test_a_base64_group_may_be_split_over_two_words(words: bytes):
    assert "invoice.exe" in given_names(b'Content-Disposition: attachment; filename="' + words + b'"')
    assert "invoice.exe" in given_names(b"Content-Type: a/b; name=" + words)
