import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.smtp.reader import Incoming

LIMIT = 20


def read(pieces: Sequence[bytes]) -> tuple[list[bytes | None], int]:
    """Two contents and a line out of a stream that comes in these pieces, and how often something came."""
    alive = 0

    def came() -> None:
        nonlocal alive
        alive += 1

    async def all_of_it() -> list[bytes | None]:
        stream = asyncio.StreamReader(limit=64)
        incoming = Incoming(stream, longest=8)

        async def feed() -> None:
            for piece in pieces:
                stream.feed_data(piece)
                await asyncio.sleep(0)
            stream.feed_eof()

        feeding = asyncio.create_task(feed())
        found = [await incoming.content(LIMIT, came), await incoming.content(LIMIT, came), await incoming.readline()]
        await feeding
        return found

    return asyncio.run(all_of_it()), alive


def stuffed(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2, word for word."""
    return b"".join(b"." + line if line.startswith(b".") else line for line in content.split(b"\r\n")[:-1] for line in [line + b"\r\n"])


CONTENT = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"\0"]), max_size=60).map(lambda some: b"".join(some) + b"\r\n")


@given(st.one_of(CONTENT, st.just(b"")), CONTENT, st.integers(1, 7))
@example(b"", b"\r\n", 1)
@example(b".\r\n.\r\n", b"\r\n.\r\n", 3)
@example(b"a" * 60 + b"\r\n", b"a\r\n", 5)
@pytest.mark.fuzz
def test_content_is_what_was_sent_however_it_comes_in_pieces(first: bytes, second: bytes, size: int) -> None:
    sent = b"".join(stuffed(content) + b".\r\n" for content in (first, second)) + b"NOOP\r\n"
    pieces = [sent[start : start + size] for start in range(0, len(sent), size)]
    found, alive = read(pieces)
    assert found == [content if len(content) <= LIMIT else None for content in (first, second)] + [b"NOOP\r\n"]
    assert 1 <= alive <= len(pieces)


@pytest.mark.parametrize(
    "sent, lines",
    [
        (b"NOOP\r\nQUIT\n", [b"NOOP\r\n", b"QUIT\n"]),
        (b"123456\r\n", [b"123456\r\n"]),
        (b"1234567\r\n", [b"1234567\r\n"]),
        (b"x" * 1000 + b"\r\nNOOP\r\n", [b"x" * 9, b"NOOP\r\n"]),
        (b"\n\n", [b"\n", b"\n"]),
    ],
)
def test_a_command_line_that_is_too_long_is_cut_and_the_next_is_read(sent: bytes, lines: list[bytes]) -> None:
    async def all_of_it() -> list[bytes]:
        stream = asyncio.StreamReader()
        stream.feed_data(sent)
        incoming = Incoming(stream, longest=8)
        return [await incoming.readuntil() for _ in lines]

    assert asyncio.run(all_of_it()) == lines


@pytest.mark.parametrize("trouble", [None, ConnectionResetError(), TimeoutError()])
def test_a_client_that_hangs_up_ends_the_conversation(trouble: Exception | None) -> None:
    async def hang_up() -> None:
        stream = asyncio.StreamReader()
        if trouble:
            stream.set_exception(trouble)
        else:
            stream.feed_data(b"half a comm")
            stream.feed_eof()
        await Incoming(stream, longest=8).readuntil()

    async def outcome() -> bool:
        task = asyncio.create_task(hang_up())
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(outcome())
