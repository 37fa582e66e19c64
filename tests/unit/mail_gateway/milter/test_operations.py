import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mail_gateway.milter.operations import CannotExpress, plan_operations
from mail_gateway.milter.protocol import Packet, PacketReader
from mail_gateway.milter.session import MilterMessage, MilterSession
from mailhooks.mime.edits import Edit, splice, splice_pieces
from tests.support.mail import CORPUS, header_blocks
from tests.support.milter_mta import KINDS, OLD, POSTFIX, SENDMAIL, Kind, Result, Transaction, negotiate, read_by_mta

MESSAGE = read_by_mta(b"From: a@example.com\nSubject: one\nX-Mark: 1\nx-mark:2\n\t3\nSubject:two\nEmpty:\n\nBody\n")


def receive(transaction: Transaction) -> tuple[MilterMessage, bool]:
    """Return the message that the model sends, and whether values have their leading space."""
    session = MilterSession(10**9)
    (packet,) = PacketReader().read(negotiate(transaction.kind))
    assert isinstance(session.receive(packet), Packet)
    for octets in transaction.packets(session.options):
        (packet,) = PacketReader().read(octets)
        result = session.receive(packet)
    assert isinstance(result, MilterMessage)
    return result, bool(session.options & 0x100000)


def change(content: bytes, edits: list[Edit], kind: Kind = POSTFIX) -> Result:
    """Return the message that an MTA has after the operations for edits."""
    transaction = Transaction(content, kind=kind)
    message, leading_space = receive(transaction)
    operations = plan_operations(message.fields, message.content, splice_pieces(message.content, edits), leading_space=leading_space)
    return transaction.apply([*operations.packets(), Packet(b"c", b"")])


def replace(content: bytes, old: bytes, new: bytes) -> list[Edit]:
    at = content.index(old)
    return [Edit(at, at + len(old), new)]


def append(content: bytes, lines: bytes) -> list[Edit]:
    at = content.index(b"\r\n\r\n") + 2
    return [Edit(at, at, lines)]


@st.composite
def edits_of(draw: st.DrawFn, content: bytes) -> list[Edit]:
    """Draw edits: anywhere, or of whole fields, as hooks make them."""
    end = content.find(b"\r\n\r\n") + 2
    lines = [at for at in range(end) if at == 0 or content.startswith(b"\r\n", at - 2)] if end >= 2 else [0]
    places = st.one_of(st.sampled_from(lines), st.integers(0, min(len(content), 3_000)))
    marks = sorted(draw(st.lists(places, max_size=8)))
    new = st.one_of(
        st.just(b""),
        st.sampled_from(
            [b"Subject: new\r\n", b"X-Mark: 4\r\n", b"From:\r\n", b"x", b" ", b"\r\n", b"\r\n\r\n", b"a:b\r\n\t\r\n", b"\n", b"\0"]
        ),
        st.text(" :aX-\t", max_size=6).map(str.encode),
    )
    return [Edit(start, stop, draw(new)) for start, stop in zip(marks[::2], marks[1::2], strict=False)]


CONTENTS = st.one_of(
    st.sampled_from(CORPUS).map(lambda path: read_by_mta(path.read_bytes())),
    header_blocks().map(read_by_mta),
    st.just(MESSAGE),
)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_message_is_rebuilt_as_it_was_sent(path):
    content = read_by_mta(path.read_bytes())
    assert receive(Transaction(content))[0].content == content


@pytest.mark.fuzz
@given(st.data(), CONTENTS, st.sampled_from([POSTFIX, SENDMAIL]))
def test_an_mta_makes_exactly_the_changed_bytes(data: st.DataObject, content: bytes, kind: Kind):
    edits = data.draw(edits_of(content))
    try:
        result = change(content, edits, kind)
    except CannotExpress:
        assert not is_message(splice(content, edits))
    else:
        assert result.content == splice(content, edits)


def is_message(content: bytes) -> bool:
    """Return whether an MTA reads these bytes as a message and changes none."""
    header = b"\r\n" + content.partition(b"\r\n\r\n")[0]
    return read_by_mta(content) == content and b"\0" not in header and b"\n" not in header.replace(b"\r\n", b"")


@pytest.mark.fuzz
@given(st.data(), CONTENTS)
def test_an_old_mta_differs_in_the_space_after_the_colon_alone(data: st.DataObject, content: bytes):
    received = receive(Transaction(content, kind=OLD))[0].content
    edits = data.draw(edits_of(received))
    try:
        result = change(content, edits, OLD)
    except CannotExpress:
        assert not is_message(splice(received, edits))
    else:
        assert result.content is not None
        assert without_spaces(result.content) == without_spaces(splice(received, edits))


def without_spaces(content: bytes) -> bytes:
    return re.sub(rb"(?m)^([!-9;-~]+): ", rb"\1:", content)


@pytest.mark.parametrize(
    "edits, operations",
    [
        ([], ""),
        (replace(MESSAGE, b"one", b"[X] one"), "m"),
        (replace(MESSAGE, b"Subject: one\r\n", b""), "m"),
        (append(MESSAGE, b"X-New: 1\r\n"), "h"),
        (append(MESSAGE, b"X-New: 1\r\nX-New: 2\r\n"), "hh"),
        ([Edit(0, 0, b"X-First: 1\r\nX-Second: 2\r\n")], "ii"),
        (replace(MESSAGE, b"Subject: one\r\nX-Mark: 1\r\n", b"X-Mark: 0\r\n"), "mm"),
        (replace(MESSAGE, b"X-Mark: 1", b"X-MARK: 1"), "im"),
        (replace(MESSAGE, b"Subject: one", b"Subject:"), "im"),
        (replace(MESSAGE, b"Body", b"New body"), "b"),
        (replace(MESSAGE, b"Body\r\n", b""), "b"),
        ([*replace(MESSAGE, b"two", b"2"), *replace(MESSAGE, b"Body", b"New")], "mb"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [POSTFIX, SENDMAIL], ids=["Postfix", "Sendmail"])
def test_a_change_needs_the_fewest_operations(edits: list[Edit], operations: str, kind: Kind):
    result = change(MESSAGE, edits, kind)
    assert result.operations == operations
    assert result.content == splice(MESSAGE, edits)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_message_wrapped_in_a_new_one_gets_the_header_of_the_new_one(kind: Kind):
    content = b"From: a@example.com\r\nReceived: x\r\nReceived: y\r\n\r\nHello\r\n"
    new = b'From: b@example.com\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n'
    edits = [Edit(0, 0, new), Edit(len(content), len(content), b"\r\n--b--\r\n")]
    assert change(content, edits, kind).content == splice(content, edits)


def test_a_large_body_is_replaced_in_chunks():
    content = b"From: a@example.com\r\n\r\n" + b"x" * 300_000 + b"\r\n"
    result = change(content, [Edit(len(content), len(content), b"Footer\r\n")])
    assert result.operations == "bbbbb"
    assert result.content == content + b"Footer\r\n"


@pytest.mark.parametrize(
    "old, new, reason",
    [
        (b"Subject: one", b"no field", "no field"),
        (b"Subject: one", b"Sub ject: one", "no field"),
        (b"Subject: one", b"Subject: \0", "NUL"),
        (b"Subject: one", b"Subject: o\nne", "line end"),
        (b"From: a", b" folded", "no field"),
        (MESSAGE, b"From: a@example.com\r\n", "no empty line"),
        (MESSAGE, b"", "no empty line"),
    ],
)
def test_a_header_that_no_mta_can_make_has_no_operations(old: bytes, new: bytes, reason: str):
    with pytest.raises(CannotExpress, match=reason):
        change(MESSAGE, replace(MESSAGE, old, new))


def test_a_broken_field_that_the_change_does_not_touch_needs_no_operation():
    content = b"From: a@example.com\r\nX-Odd: a\rb\r\nSubject: one\r\n\r\nBody\r\n"
    edits = replace(content, b"one", b"two")
    result = change(content, edits)
    assert (result.operations, result.content) == ("m", splice(content, edits))


@pytest.mark.parametrize("content", [b"\r\nBody\r\n", b"\r\n", b"Subject: one\r\n\r\n"])
def test_a_message_without_a_header_or_a_body_can_be_changed(content: bytes):
    edits = [Edit(0, 0, b"X-New: 1\r\n"), Edit(len(content), len(content), b"End\r\n")]
    assert change(content, edits).content == splice(content, edits)


@pytest.mark.fuzz
@given(st.lists(st.binary(max_size=3), max_size=40), st.integers(0, 200))
@example([b"\r\n", b"\r", b"\n"], 0)
def test_an_unchanged_body_in_any_pieces_is_not_sent(pieces: list[bytes], size: int):
    body = b"".join(pieces) + b"x" * size
    header = b"Subject: one\r\n\r\n"
    assert plan_operations([(b"Subject", b"Subject: one\r\n")], header + body, [header[:5], header[5:], *pieces, b"x" * size]).body is None


def test_a_field_of_very_many_folds_is_read_in_a_moment():
    content = b"Subject: a" + b"\r\n b" * 200_000 + b"\r\nX-Last: 1\r\n\r\nBody\r\n"
    edits = replace(content, b"X-Last: 1", b"X-Last: 2")
    result = change(content, edits)
    assert (result.operations, result.content == splice(content, edits)) == ("m", True)
