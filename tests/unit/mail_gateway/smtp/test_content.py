"""The content between two SMTP connections: dots, false ends, and a limit, wherever the octets are cut."""

import asyncio
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_gateway.smtp.content import read_content
from mail_gateway.smtp.content_reader import ContentReader
from mailhooks.relay.smtp_data import add_dots, has_false_end

LIMIT = 64
MAX = 1000
_ODD = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"\0", b"\xff", b"x" * 70]), max_size=30).map(b"".join)
MiB = 1024 * 1024


def cut(content: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut a content into pieces at these places."""
    ends = sorted({place % (len(content) + 1) for place in places} | {len(content)})
    return [content[start:end] for start, end in zip([0, *ends], ends, strict=False)]


async def read(chunks: Sequence[bytes], *, max_octets: int = MAX) -> tuple[bytes | None, bytes]:
    """Return the content that is read from chunks, and what stays for the next command."""
    reader = ContentReader(limit=LIMIT)
    task = asyncio.ensure_future(read_content(reader, max_octets, lambda: None))
    for chunk in chunks:
        reader.feed_data(chunk)
        await asyncio.sleep(0)
    content = await asyncio.wait_for(task, 5)
    reader.feed_eof()
    return content, await reader.read()


@pytest.mark.fuzz
@given(_ODD, st.lists(st.integers(0, 1000), max_size=12))
def test_sent_content_is_read_as_it_was_wherever_it_is_cut(content: bytes, places: list[int]) -> None:
    pieces = cut(content, places)
    sent = b"".join(add_dots(pieces))
    received, rest = asyncio.run(read([*cut(sent, places), b"QUIT\r\n"]))
    # SMTP cannot carry content without a line end at its end.
    assert received == (content if content.endswith(b"\r\n") or not content else content + b"\r\n")
    assert rest == b"QUIT\r\n"


@pytest.mark.fuzz
@given(_ODD, st.lists(st.integers(0, 1000), max_size=12))
def test_a_strict_host_sees_one_end_and_a_lenient_one_none_before_it(content: bytes, places: list[int]) -> None:
    pieces = cut(content, places)
    sent = b"".join(add_dots(pieces))
    assert sent.find(b"\r\n.\r\n", 0, -1) == -1 or not content
    lone_dots = [end for end in _lenient_ends(sent) if end < len(sent)]
    assert has_false_end(pieces) == has_false_end([content])
    if not has_false_end(pieces):
        assert lone_dots == []


def _lenient_ends(sent: bytes) -> list[int]:
    """Return where a host that accepts any line end sees the end of the content."""
    ends, line_begins = [], True
    for at in range(len(sent)):
        if line_begins and sent[at : at + 1] == b"." and sent[at + 1 : at + 2] in (b"\r", b"\n"):
            ends.append(at + (3 if sent[at + 1 : at + 3] == b"\r\n" else 2))
        line_begins = sent[at : at + 1] in (b"\r", b"\n")
    return ends


def test_content_above_the_limit_is_read_to_its_end_and_not_kept() -> None:
    assert asyncio.run(read([b"a" * MAX, b"\r\n.\r\nQUIT\r\n"])) == (None, b"QUIT\r\n")
    assert asyncio.run(read([b"a" * (MAX - 2), b"\r\n.\r\n"])) == (b"a" * (MAX - 2) + b"\r\n", b"")


def test_content_that_ends_with_the_connection_is_no_message() -> None:
    async def end() -> None:
        reader = ContentReader(limit=LIMIT)
        reader.feed_data(b"From: nora@example.net\r\n\r\nHello\r\n.")
        reader.feed_eof()
        with pytest.raises(asyncio.IncompleteReadError):
            await read_content(reader, MAX, lambda: None)

    asyncio.run(end())


def test_a_large_message_is_read_and_sent_without_a_second_copy() -> None:
    block = b"x" * 998 + b"\r\n"
    octets = 38 * MiB

    async def pass_through() -> int:
        reader = ContentReader(limit=64 * 1024)
        task = asyncio.ensure_future(read_content(reader, octets + MiB, lambda: None))
        for _ in range(octets // 64_000):
            reader.feed_data(block * 64)
            await asyncio.sleep(0)
        reader.feed_data(b".\r\n")
        content = await task
        assert content is not None
        assert not has_false_end([content])
        return sum(map(len, add_dots([memoryview(content)])))

    tracemalloc.start()
    try:
        sent = asyncio.run(pass_through())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent == octets // 64_000 * 64_000 + len(b".\r\n")
    assert peak < octets * 1.3
