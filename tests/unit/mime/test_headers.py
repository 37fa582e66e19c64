from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime.edits import splice
from mailhooks.mime.headers import scan
from tests.support.mail import CORPUS, header_blocks
from tests.support.tables import check_rows


def named(raw: bytes) -> list[tuple[str, bytes]]:
    return [(field.name, field.value(raw)) for field in scan(raw).fields]


def test_a_folded_field_is_one_field_and_its_value_is_unfolded():
    raw = b"To: a@example.com,\r\n\tb@example.com\r\nSubject: x\r\n\r\nTo: not a field"
    assert named(raw) == [("To", b"a@example.com,\tb@example.com"), ("Subject", b"x")]


def test_the_header_ends_before_the_empty_line():
    for newline in (b"\r\n", b"\n"):
        raw = newline.join([b"A: 1", b"B: 2", b"", b"body", b""])
        block = scan(raw)
        assert (block.newline, block.complete) == (newline, True)
        assert raw[block.end :] == newline + b"body" + newline


def test_a_bare_cr_is_part_of_the_line():
    assert named(b"Subject: a\rBcc: b\r\nX: y\r\n\r\n") == [("Subject", b"a\rBcc: b"), ("X", b"y")]


def test_a_message_without_body_is_complete_with_a_last_line_end():
    for raw, complete in ((b"A: 1\r\nB: 2\r\n", True), (b"A: 1\r\nB: 2", False), (b"", True)):
        block = scan(raw)
        assert [field.name for field in block.fields] == ["A", "B"][: len(raw)]
        assert block.complete is complete


def test_a_bare_cr_makes_the_header_incomplete():
    assert not scan(b"A: 1\rB: 2\r\n\r\n").complete
    assert scan(b"A: 1\r\n\r\nbody\rbody").complete


def test_the_header_of_a_part_is_scanned_at_its_offset():
    raw = b"--b\r\nA: 1\r\n\r\n"
    [field] = scan(raw, 5).fields
    assert (field.start, field.value(raw), scan(raw, 5).end) == (5, b"1", 11)


def test_an_mbox_line_is_skipped():
    assert named(b"From someone@example.com Mon May  4 08:00:00 2026\nSubject: x\n\n") == [("Subject", b"x")]


def test_white_space_before_the_colon_is_accepted():
    assert named(b"Subject  : x\r\n\r\n") == [("Subject", b"x")]


@pytest.mark.parametrize("raw", [b"A: 1\r\nno field\r\nB: 2\r\n\r\n", b"Hello\r\n", b" folded from nothing\r\n\r\n", b"\xff\xfe\r\n"])
def test_a_line_that_is_no_field_makes_the_header_incomplete(raw: bytes):
    block = scan(raw)
    assert not block.complete
    assert raw[block.end :].startswith((b"no field", b"Hello", b" folded", b"\xff"))


def test_lines_are_appended_after_the_last_field():
    raw = b"A: 1\nB: 2\n\nbody"
    assert splice(raw, [scan(raw).appended(b"C: 3\n")]) == b"A: 1\nB: 2\nC: 3\n\nbody"


def test_real_mail_has_the_fields_of_the_standard_library() -> None:
    def check(path: Path) -> None:
        raw = path.read_bytes()
        block = scan(raw)
        assert block.fields
        if block.complete and b"\r" not in raw.replace(b"\r\n", b""):
            theirs = [(name.rstrip(), "".join(str(value).split())) for name, value in message_from_bytes(raw).raw_items()]
            ours = [(field.name, "".join(field.value(raw).decode("ascii", "surrogateescape").split())) for field in block.fields]
            assert ours == [(name, value) for name, value in theirs if value or name]

    check_rows(CORPUS, check)


@pytest.mark.fuzz
@given(st.one_of(st.binary(max_size=400), header_blocks()))
def test_any_bytes_have_a_header_with_fields_in_order(raw: bytes):
    block = scan(raw)
    position = block.fields[0].start if block.fields else 0
    for field in block.fields:
        assert position == field.start < field.body <= field.end <= block.end
        assert raw[field.start : field.body].rstrip(b": \t").decode() == field.name
        field.value(raw)
        position = field.end
    assert not block.fields or position == block.end
    assert not block.complete or block.end == len(raw) or raw[block.end :].startswith((b"\r\n", b"\n"))


@pytest.mark.parametrize(
    "value, disposition",
    [(b"Attachment; filename=a", "attachment"), (b"inline", "inline"), (b"attachment (x); y=z", "attachment"), (b"(x;y) INLINE ", "inline"),
     (b"=?utf-8?q?a?=", "a"), (b"", ""), (b";", ""), (b"(", "")],
)  # fmt: skip
def test_a_disposition_is_the_first_word(value: bytes, disposition: str):
    raw = b"Content-Disposition: " + value + b"\r\n\r\n"
    assert scan(raw).disposition(raw) == disposition


def test_there_may_be_no_disposition():
    assert scan(b"\r\n").disposition(b"\r\n") == ""
