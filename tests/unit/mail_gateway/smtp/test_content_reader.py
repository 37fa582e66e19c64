"""The content of a message is the same however it arrives, and with asyncio's own reader."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mail_gateway.smtp.content_reader import ContentReader

_LIMIT = 1000
_CONTENT = st.lists(st.sampled_from([b"\r\n", b".", b"..", b"\r", b"\n", b"a", b"\r\n.", b"\n.\n", b"\r\n\r\n", b"x" * 70])).map(b"".join)


async def _read(reader: asyncio.StreamReader, chunks: list[bytes]) -> tuple[bytes, bytes]:
    """Return the content, read as aiosmtpd does, and the command after it."""

    async def feed() -> None:
        for chunk in chunks:
            reader.feed_data(chunk)
            await asyncio.sleep(0)

    feeding = asyncio.ensure_future(feed())
    lines = []
    while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
        lines.append(line.removeprefix(b"."))
    command = await reader.readuntil()
    await feeding
    return b"".join(lines), command


@given(_CONTENT, st.lists(st.integers(0, 300), max_size=6))
def test_content_is_that_of_asyncios_reader(content: bytes, cuts: list[int]) -> None:
    sent = content + b"\r\n.\r\n" + b"QUIT\r\n"
    places = [0, *sorted(cuts), len(sent)]
    chunks = [sent[start:end] for start, end in pairwise(places)]

    async def compare() -> None:
        expected = await _read(asyncio.StreamReader(limit=_LIMIT), [sent])
        assert await _read(ContentReader(limit=_LIMIT), chunks) == expected

    asyncio.run(compare())


def test_lines_that_have_arrived_are_read_at_once() -> None:
    async def count() -> list[bytes]:
        reader = ContentReader()
        reader.feed_data(b"a\r\nb\r\n..c\r\nd\r\n\r\n.\r\nQUIT\r\n")
        return [await reader.readuntil(b"\r\n") for _ in range(4)] + [await reader.readuntil()]

    assert asyncio.run(count()) == [b"a\r\nb\r\n", b"..c\r\n", b"d\r\n\r\n", b".\r\n", b"QUIT\r\n"]
