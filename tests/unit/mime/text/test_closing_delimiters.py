from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.message import Defect, Message, scan
from mailhooks.mime.text.wrapping import close_multiparts
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
def test_a_multipart_is_closed_where_programs_end_it(raw: bytes, ends: bytes) -> None:
    changed = after(raw)
    assert changed.endswith(ends)
    assert scan(changed).defects == set()
    assert [body.rstrip() for body in bodies(changed)] == [body.rstrip() for body in bodies(raw)]


def test_the_last_part_keeps_all_octets() -> None:
    raw = TOP + b"--outer\r\nContent-Transfer-Encoding: 8bit\r\n\r\none\r\n\r\n"
    assert bodies(after(raw)) == [b"one\r\n\r\n"]


def test_a_complete_message_stays_as_it_is() -> None:
    raw = TOP + TEXT + b"--outer--\r\n"
    assert after(raw) is raw


def test_a_cut_forwarded_message_stays_as_it_is() -> None:
    raw = (
        TOP
        + b"--outer\r\nContent-Type: message/rfc822\r\n\r\n"
        + TOP.replace(b"outer", b"other")
        + b"--other\r\n\r\nHello\r\n--outer--\r\n"
    )
    assert after(raw) is raw


def test_the_delimiter_is_after_text_at_the_end() -> None:
    raw = TOP + TEXT
    assert after(raw, Edit(len(raw), len(raw), b"Example GmbH\r\n")).endswith(b"Hello\r\nExample GmbH\r\n\r\n--outer--\r\n")


def test_a_replaced_message_gets_no_delimiter() -> None:
    raw = TOP + TEXT
    assert after(raw, Edit(0, len(raw), b"another")) == b"another"


@pytest.mark.fuzz
@given(st.sampled_from(CORPUS), st.data())
def test_cut_mail_is_read_the_same_and_is_complete_afterwards(path, data: st.DataObject) -> None:
    raw = path.read_bytes()
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    before = scan(raw)
    changed = after(raw)
    now = scan(changed)
    assert now.defects == before.defects - {Defect.NOT_CLOSED} or before.ambiguous
    assert [part.content_type for part in now.root.walk()] == [part.content_type for part in before.root.walk()] or before.ambiguous
    assert after(changed) is changed or before.ambiguous
