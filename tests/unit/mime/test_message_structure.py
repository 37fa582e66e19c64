from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailhooks.mime import message as module
from mailhooks.mime.message import MAX_DEPTH, MAX_PARTS, Defect, Part, scan
from tests.support.mail import CORPUS
from tests.support.structure import check_structure
from tests.support.tables import check_rows


def shape(part: Part) -> object:
    return (part.content_type, [shape(child) for child in part.children]) if part.children else part.content_type


def their_shape(message: Message) -> object:
    if message.get_content_type() == "message/delivery-status":  # the standard library reads its fields as messages
        return "message/delivery-status"
    return (
        (message.get_content_type(), [their_shape(part) for part in message.get_payload()])
        if message.is_multipart()
        else message.get_content_type()
    )


def bodies(raw: bytes) -> list[bytes]:
    return [raw[part.body : part.end] for part in scan(raw).root.walk() if not part.children]


def multipart(*parts: str, kind: str = "mixed", boundary: str = "b") -> bytes:
    inner = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{inner}--{boundary}--\r\n'.encode()


@given(st.lists(st.sampled_from([b"-", b"--", b"\n", b"\r", b"b", b"." * 6, b"." * 30]), max_size=30).map(b"".join), st.integers(0, 40))
@example(b"." * 8 + b"\n--b", 8)
def test_texts_with_hyphens_are_found_in_stretches_of_a_message(raw: bytes, start: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_HYPHEN_OCTETS", 4)
        patch.setattr(module, "_NEAR_OCTETS", 5)
        hyphens = module._Hyphens(raw)
        assert [hyphens.find(text, start) for text in (b"\n--b", b"\r--")] == [raw.find(text, start) for text in (b"\n--b", b"\r--")]


def test_real_mail_has_the_structure_of_the_standard_library() -> None:
    def check(path: Path) -> None:
        raw = path.read_bytes()
        assert shape(scan(raw).root) == their_shape(message_from_bytes(raw))

    check_rows(CORPUS, check)


def test_parts_of_real_mail_have_the_content_of_the_standard_library() -> None:
    def check(path: Path) -> None:
        raw = path.read_bytes()
        theirs = [
            part._payload.encode("ascii", "surrogateescape")  # get_payload() decodes
            for part in message_from_bytes(raw).walk()
            if not part.is_multipart() and isinstance(part.get_payload(), str)
        ]
        if b"message/delivery-status" not in raw and not scan(raw).ambiguous:
            assert [body.rstrip(b"\r\n") for body in bodies(raw)] == [body.rstrip(b"\r\n") for body in theirs]

    check_rows(CORPUS, check)


def test_the_line_end_before_a_delimiter_belongs_to_the_delimiter():
    raw = multipart("\r\none\r\n", "\r\ntwo", "Content-Type: text/html\r\n\r\n")
    assert bodies(raw) == [b"one\r\n", b"two", b""]


def test_a_delimiter_may_have_white_space_after_it():
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b \t\r\n\r\none\r\n--bc\r\n --b\r\n--b--x\r\n--b-- \r\nepilogue"
    assert bodies(raw) == [b"one\r\n--bc\r\n --b\r\n--b--x"]
    assert scan(raw).root.closed


@pytest.mark.parametrize("boundary", ["=_(a b)+.,/:?'", "b--", "--", "a:b", "ä"])
def test_odd_boundaries_are_found(boundary: str):
    assert bodies(multipart("\r\none", "\r\ntwo", boundary=boundary)) == [b"one", b"two"]


def test_an_outer_delimiter_closes_inner_multiparts():
    inner = multipart("\r\ntext", kind="alternative", boundary="inner").decode().replace("--inner--\r\n", "")
    structure = scan(multipart(inner, "\r\nlast"))
    assert shape(structure.root) == ("multipart/mixed", [("multipart/alternative", ["text/plain"]), "text/plain"])
    assert structure.defects == {Defect.NOT_CLOSED}
    assert not structure.ambiguous


def test_parts_of_a_forwarded_message_are_embedded():
    forwarded = "Content-Type: message/rfc822\r\n\r\n" + multipart("\r\nforwarded", kind="related", boundary="f").decode()
    structure = scan(multipart("\r\nown", forwarded))
    assert [(part.content_type, part.embedded) for part in structure.root.walk()] == [
        ("multipart/mixed", False),
        ("text/plain", False),
        ("message/rfc822", False),
        ("multipart/related", True),
        ("text/plain", True),
    ]


def test_a_defect_in_a_forwarded_message_counts_only_if_it_obscures_its_end():
    odd = "Content-Type: message/rfc822\r\n\r\nbroken header\r\n\r\n"
    assert not scan(multipart("\r\nown", odd)).ambiguous
    same = "Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    assert scan(multipart("\r\nown", same)).ambiguous == {Defect.SAME_BOUNDARY}


@pytest.mark.parametrize(
    "raw, defect",
    [
        (b"A: b\r\nno field\r\n\r\n", Defect.BROKEN_HEADER),
        (b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n", Defect.TWO_CONTENT_FIELDS),
        (b"Content-Type: multipart/mixed\r\n\r\n", Defect.NO_BOUNDARY),
        (b"Content-Type: /mixed; boundary=b\r\n\r\n", Defect.UNREADABLE_TYPE),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\nnothing", Defect.NO_PARTS),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nx\r\n--b--",
            Defect.ENCODED_MULTIPART,
        ),
        (b"Content-Type: text/plain; x=" + b"y" * 9000 + b"\r\n\r\n", Defect.LONG_FIELD),
        (multipart(multipart("\r\nx").decode()), Defect.SAME_BOUNDARY),
    ],
)
def test_defects_that_programs_read_differently_are_ambiguous(raw: bytes, defect: Defect):
    assert defect in scan(raw).ambiguous


def test_nesting_and_the_number_of_parts_are_bounded():
    deep = scan(b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10 * MAX_DEPTH)))
    assert Defect.TOO_DEEP in deep.ambiguous
    assert sum(1 for _ in deep.root.walk()) <= MAX_DEPTH + 1
    forwarded = scan(b"Content-Type: message/rfc822\r\n\r\n" * 10 * MAX_DEPTH)
    assert sum(1 for _ in forwarded.root.walk()) <= MAX_DEPTH + 1
    many = scan(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 2 * MAX_PARTS)
    assert Defect.TOO_MANY in many.ambiguous
    assert sum(1 for _ in many.root.walk()) == MAX_PARTS


@pytest.mark.parametrize(
    "fields, encoding, charset",
    [
        ("", "7bit", "us-ascii"),
        ("Content-Transfer-Encoding: QUOTED-Printable\r\n", "quoted-printable", "us-ascii"),
        ("Content-Transfer-Encoding: base64 (a comment)\r\n", "base64", "us-ascii"),
        ("Content-Transfer-Encoding:\r\n", "7bit", "us-ascii"),
        ('Content-Type: TEXT/Plain;\r\n\tcharset="UTF-8"\r\n', "7bit", "utf-8"),
        ("Content-Type: text/plain; charset=utf-8 (comment)\r\n", "7bit", "utf-8"),
        ("Content-Type: text/plain; charset*=us-ascii'en'iso-8859-1\r\n", "7bit", "iso-8859-1"),
        ("Content-Type: text/plain; charset\r\n", "7bit", "us-ascii"),
        ("Content-Type: nonsense\r\n", "7bit", "us-ascii"),
    ],
)
def test_encodings_and_charsets_are_read_in_odd_forms(fields: str, encoding: str, charset: str):
    root = scan(f"{fields}\r\n".encode()).root
    assert (root.encoding, root.charset) == (encoding, charset)


_LINES = st.sampled_from(
    [b"--b", b"--b--", b"--c", b"--c--", b"", b" ", b"text", b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: message/rfc822",
     b"Content-Type: multipart/alternative; boundary=c", b"Content-Type: multipart/digest; boundary=c",
     b"Content-Transfer-Encoding: base64", b"--"]
)  # fmt: skip


@pytest.mark.fuzz
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.tuples(_LINES, st.sampled_from([b"\r\n", b"\n"])), max_size=30).map(lambda ls: b"".join(a + b for a, b in ls)),
    )
)
def test_any_bytes_have_a_structure_with_parts_in_order(raw: bytes):
    check_structure(raw)
