"""The relaxed canonicalization of bodies, compared with dkimpy's."""

import re
import tracemalloc
from collections.abc import Iterable, Sequence
from itertools import pairwise

import dkim.canonicalization
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailhooks.relay.relaxed_body import CHUNK_OCTETS, RelaxedBody, split_pieces

SNIPPETS = st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"a", b"word", b"\xe9", b"\0", b"  \t", b" \r\n", b"\r\n\r\n", b"."])
BODIES = st.lists(SNIPPETS, max_size=40).map(b"".join)


def canonicalize(chunks: Iterable[bytes | memoryview]) -> bytes:
    written: list[bytes] = []
    body = RelaxedBody(written.append)
    for chunk in chunks:
        body.add(chunk)
    body.finish()
    return b"".join(written)


def correct_line_ends(body: bytes) -> bytes:
    return re.sub(rb"(?<!\r)\n", b"\r\n", body)


@given(BODIES)
@example(b"")
@example(b" \r\n\r\n \t\r\n")
@example(b"a \r\r\n\r\n")
def test_a_body_is_canonicalized_as_by_dkimpy(body: bytes) -> None:
    body = correct_line_ends(body) + b"\r\n"
    assert canonicalize([body]) == dkim.canonicalization.Relaxed.canonicalize_body(body)


@given(BODIES, st.lists(st.integers(0, 100)))
def test_chunks_cut_anywhere_give_the_same(body: bytes, cuts: Sequence[int]) -> None:
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[start:end] for start, end in pairwise(places)]
    assert canonicalize(chunks) == canonicalize([body])


@given(BODIES)
def test_a_server_that_corrects_line_ends_changes_nothing(body: bytes) -> None:
    assert canonicalize([correct_line_ends(body)]) == canonicalize([body])


@pytest.mark.parametrize(
    "body, canonical",
    [
        (b"", b""),
        (b"\r\n\n\r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # RFC 6376 section 3.4.5
        (b"last line", b"last line\r\n"),
        (b"last line \t", b"last line\r\n"),
        (b"a CR at the end\r", b"a CR at the end\r\r\n"),
        (b" \r", b" \r\r\n"),
    ],
)
def test_a_body_without_its_last_line_end_gets_one(body: bytes, canonical: bytes) -> None:
    assert canonicalize([body]) == canonical


@given(st.lists(st.binary(max_size=20)), st.integers(0, 150))
def test_pieces_are_read_from_an_offset_on(pieces: list[bytes], start: int) -> None:
    assert b"".join(split_pieces(pieces, start)) == b"".join(pieces)[start:]


@pytest.mark.parametrize("octets", [b"\r\n", b" ", b"\n", b" \r\n", b"text\r\n"])
def test_the_memory_does_not_grow_with_the_body(octets: bytes) -> None:
    """A body of empty lines, of spaces or of text: octets that may be left out at the end are counted, not stored."""
    body = memoryview(octets * (8 * 1024 * 1024 // len(octets)) + b"end")
    sizes: list[int] = []
    tracemalloc.start()
    try:
        canonical = RelaxedBody(lambda written: sizes.append(len(written)))
        for chunk in split_pieces([body]):
            canonical.add(chunk)
        canonical.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) > 0
    assert peak < 20 * CHUNK_OCTETS
