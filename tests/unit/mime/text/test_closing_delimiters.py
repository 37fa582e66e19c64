from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.message import Message
from mailhooks.mime.structure import Defect, scan
from mailhooks.mime.text.closing_delimiters import close_multiparts
from tests.support.mail import CORPUS

TOP = b"From: ana@example.com\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n"
TEXT = b"--outer\r\n\r\nHello\r\n"
INNER = b"--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n\r\nHello\r\n"


def after(raw: bytes, *edits: Edit) -> bytes:
    return splice(raw, close_multiparts(Message(raw), edits))


def bodies(raw: bytes) -> list[bytes]:
    return [part.get_payload(decode=True) for part in message_from_bytes(raw, policy=policy.SMTP).walk() if not part.is_multipart()]


@pytest.mark.parametrize(
    "raw, ends",
    [
        (TOP + TEXT, b"Hello\r\n\r\n--outer--\r\n"),
        (TOP + TEXT.removesuffix(b"\r\n"), b"Hello\r\n--outer--\r\n"),
        (TOP + TEXT + b"--outer", b"--outer\r\n\r\n--outer--\r\n"),
        (TOP + INNER, b"Hello\r\n\r\n--inner--\r\n--outer--\r\n"),
        (TOP + INNER + b"--inner--\r\n", b"Hello\r\n--inner--\r\n\r\n--outer--\r\n"),
        (TOP + INNER + TEXT + b"--outer--\r\nbehind", b"Hello\r\n--inner--\r\n--outer\r\n\r\nHello\r\n--outer--\r\nbehind"),
    ],
)
def test_a_multipart_is_closed_where_programs_take_it_to_end(raw: bytes, ends: bytes) -> None:
    changed = after(raw)
    assert changed.endswith(ends)
    assert scan(changed).defects == set()
    assert [body.rstrip() for body in bodies(changed)] == [body.rstrip() for body in bodies(raw)]


def test_the_last_part_keeps_all_of_its_octets() -> None:
    raw = TOP + b"--outer\r\nContent-Transfer-Encoding: 8bit\r\n\r\none\r\n\r\n"
    assert bodies(after(raw)) == [b"one\r\n\r\n"]


def test_what_is_whole_stays_as_it_is() -> None:
    raw = TOP + TEXT + b"--outer--\r\n"
    assert after(raw) is raw


def test_a_forwarded_message_that_was_cut_short_stays_as_it_is() -> None:
    raw = (
        TOP
        + b"--outer\r\nContent-Type: message/rfc822\r\n\r\n"
        + TOP.replace(b"outer", b"other")
        + b"--other\r\n\r\nHello\r\n--outer--\r\n"
    )
    assert after(raw) is raw


def test_the_delimiter_stands_behind_what_is_put_at_the_end() -> None:
    raw = TOP + TEXT
    assert after(raw, Edit(len(raw), len(raw), b"Example GmbH\r\n")).endswith(b"Hello\r\nExample GmbH\r\n\r\n--outer--\r\n")


def test_a_message_that_is_replaced_altogether_is_not_added_to() -> None:
    raw = TOP + TEXT
    assert after(raw, Edit(0, len(raw), b"another")) == b"another"


@pytest.mark.fuzz
@given(st.sampled_from(CORPUS), st.data())
def test_wherever_mail_is_cut_short_it_reads_the_same_and_is_whole_afterwards(path, data: st.DataObject) -> None:
    raw = path.read_bytes()
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    before = scan(raw)
    changed = after(raw)
    now = scan(changed)
    assert now.defects == before.defects - {Defect.NOT_CLOSED} or before.ambiguous
    assert [part.content_type for part in now.root.walk()] == [part.content_type for part in before.root.walk()] or before.ambiguous
    assert after(changed) is changed or before.ambiguous
