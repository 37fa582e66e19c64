import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime.edits import Edit, splice


def test_no_edits_return_the_same_object():
    raw = b"as it was"
    assert splice(raw, []) is raw


def test_insertions_at_one_offset_keep_their_order():
    assert splice(b"ad", [Edit(1, 1, b"b"), Edit(1, 1, b"c")]) == b"abcd"


@pytest.mark.parametrize("edits", [[Edit(0, 3, b""), Edit(2, 4, b"")], [Edit(3, 2, b"")], [Edit(0, 6, b"")], [Edit(-1, 2, b"")]])
def test_overlapping_and_outside_edits_are_rejected(edits: list[Edit]):
    with pytest.raises(ValueError, match="overlaps another edit, or is outside"):
        splice(b"12345", edits)


@pytest.mark.fuzz
@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8), st.binary(max_size=8)), max_size=8), st.randoms())
def test_bytes_outside_of_edits_stay(pieces: list[tuple[bytes, bytes, bytes]], random):
    """Each piece is bytes to keep, bytes to replace, and their replacement."""
    raw, expected, edits = b"", b"", []
    for keep, old, new in pieces:
        start = len(raw) + len(keep)
        edits.append(Edit(start, start + len(old), new))
        raw += keep + old
        expected += keep + new
    if all(old for _, old, _ in pieces):  # the order of insertions at one offset matters
        random.shuffle(edits)
    assert splice(raw, edits) == expected
