"""The line diff: its edits, the unified form, the excerpt for a terminal, and the bound of its work."""

import random
from collections import Counter
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime.edits import splice
from workmail_local.console.text_columns import count_columns
from workmail_local.viewer import diff
from workmail_local.viewer.diff import LineDiff, LineKind, mark_lines
from workmail_local.viewer.excerpt import Excerpt

LINES = st.lists(st.sampled_from([b"a\r\n", b"b\n", b"\r\n", b"c", b"unique 1\n", b"unique 2\n"]), max_size=60).map(b"".join)
MANY = 20_000
NUMBERS = [b"%d" % number for number in range(MANY)]


def excerpt(before: bytes, after: bytes, width: int = 94, max_lines: int = 14) -> list[str]:
    return LineDiff(before, after).excerpt(width, max_lines)


# Edits


@given(LINES | st.binary(max_size=200), LINES | st.binary(max_size=200))
def test_the_edits_turn_one_message_into_the_other(before: bytes, after: bytes) -> None:
    assert splice(before, LineDiff(before, after).edits()) == after


def test_only_the_lines_that_differ_are_edited() -> None:
    before = b"".join(b"line %d\r\n" % number for number in range(5000))
    after = before.replace(b"line 10\r\n", b"line ten\r\n").replace(b"line 4000\r\n", b"line 4000\r\nnew\r\n")
    assert [(before[edit.start : edit.end], edit.new) for edit in LineDiff(before, after).edits()] == [
        (b"line 10\r\n", b"line ten\r\n"),
        (b"", b"new\r\n"),
    ]


def test_repeated_lines_between_two_changes_are_not_edited() -> None:
    zeros = b"AAAA\r\n" * 10_000
    before, after = b"one\r\nsame\r\n" + zeros + b"two\r\n", b"1\r\nsame\r\n" + zeros + b"2\r\n"
    assert [edit.new for edit in LineDiff(before, after).edits()] == [b"1\r\n", b"2\r\n"]


@pytest.mark.parametrize("line", [b"A" * 76 + b"\r\n", b"A\n", b"AB" * 40], ids=["alike", "short", "no line end"])
def test_forty_megabytes_that_differ_at_both_ends_are_compared(line: bytes) -> None:
    body = line * (40_000_000 // len(line))
    before, after = b"Subject: x\r\n\r\n" + body + b"end\r\n", b"Subject: y\r\n\r\n" + body + b"\r\nEND\r\n"
    assert splice(before, LineDiff(before, after).edits()) == after


# The bound


@pytest.mark.parametrize(
    "old, new",
    [
        (NUMBERS, [b"x" + number for number in NUMBERS]),
        (NUMBERS, [number + b"\nx" + number for number in NUMBERS]),
        (NUMBERS, NUMBERS[::-1]),
        ([b"x"] * MANY, [b"x\ny"] * MANY),
        (random.Random(1).choices(NUMBERS[:3], k=MANY), random.Random(2).choices(NUMBERS[:3], k=MANY)),
        (random.Random(1).choices(NUMBERS[:3000], k=MANY), random.Random(2).choices(NUMBERS[:3000], k=MANY)),
    ],
    ids=["different", "every second", "reversed", "one line", "three lines", "many lines"],
)
def test_the_work_for_hostile_messages_is_bounded(old: list[bytes], new: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0

    find_longest_match = SequenceMatcher.find_longest_match

    def count(self, alo, ahi, blo, bhi):
        nonlocal steps
        steps += sum(1 + len(self.b2j.get(line, ())) for line in self.a[alo:ahi])
        return find_longest_match(self, alo, ahi, blo, bhi)

    monkeypatch.setattr(SequenceMatcher, "find_longest_match", count)
    before, after = b"\n".join(old), b"\n".join(new)
    edits = LineDiff(before, after).edits()
    assert splice(before, edits) == after
    assert 0 < steps <= diff.MAX_STEPS


def test_more_lines_than_the_limit_are_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "MAX_LINES", 100)
    body = b"".join(b"%d\n" % number for number in range(150))
    [edit] = LineDiff(b"a\n" + body + b"b\n", b"c\n" + body + b"d\n").edits()
    assert edit.new == b"c\n" + body + b"d\n"


# A unified diff


@given(LINES | st.binary(max_size=200), LINES | st.binary(max_size=200))
def test_the_unified_diff_has_the_lines_of_both_messages(before: bytes, after: bytes) -> None:
    lines = LineDiff(before, after).unified().items
    counts = Counter(line.kind for line in lines)
    assert counts[LineKind.ADDED] - counts[LineKind.REMOVED] == len(diff._split(after)) - len(diff._split(before))
    assert counts[LineKind.SAME] + counts[LineKind.REMOVED] <= len(diff._split(before))
    assert all(line.text.isprintable() for line in lines)


def test_far_apart_changes_are_hunks_of_their_own_with_their_line_numbers() -> None:
    raw = b"".join(b"%d\r\n" % number for number in range(1, 101))
    changed = b"new\r\n" + raw.replace(b"90\r\n", b"")
    assert [line.text for line in LineDiff(raw, changed).unified().items] == [
        *("@@ -1,3 +1,4 @@", "+new", " 1", " 2", " 3"),
        *("@@ -87,7 +88,6 @@", " 87", " 88", " 89", "-90", " 91", " 92", " 93"),
    ]


def test_near_changes_share_a_hunk() -> None:
    before = b"".join(b"%d\n" % number for number in range(1, 21))
    lines = LineDiff(before, before.replace(b"8\n", b"eight\n", 1).replace(b"13\n", b"thirteen\n")).unified().items
    assert [line.text for line in lines if line.kind is LineKind.HUNK] == ["@@ -5,12 +5,12 @@"]
    assert [line.text for line in lines if line.kind in {LineKind.REMOVED, LineKind.ADDED}] == ["-8", "+eight", "-13", "+thirteen"]


def test_a_unified_diff_is_bounded() -> None:
    shown = LineDiff(b"a\n" * 5000, b"b\n" * 5000 + b"x" * 1_000_000).unified()
    assert len(shown.items) == 1000
    assert shown.notes == ("1,000 of 10,002 lines shown", "2,000 octets of each longer line shown")
    assert max(len(line.text) for line in LineDiff(b"", b"x" * 1_000_000).unified().items) == 2001


def test_only_inserted_lines_of_a_text_are_marked() -> None:
    old, new = mark_lines("A\nB\n", "A\nnew\n\nB\n")
    assert [line.text for line in old if line.kind is not LineKind.SAME] == []
    assert [line.text for line in new if line.kind is LineKind.ADDED] == ["new", ""]


# An excerpt for a terminal


def test_equal_messages_have_an_empty_diff() -> None:
    same = LineDiff(b"a\r\n", b"a\r\n")
    assert (same.edits(), same.unified(), same.excerpt()) == ([], Excerpt([]), [])


def test_an_excerpt_has_the_changed_added_and_removed_lines_with_their_numbers() -> None:
    before = b"A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\nbody\r\n"
    after = b"A: 1\r\nB: two\r\nC: 3\r\n\r\nbody\r\nmore\r\n"
    assert excerpt(before, after) == ["@@ line 2", "- B: 2", "+ B: two", "@@ line 4", "- D: 4", "@@ line 7", "+ more"]


def test_a_difference_far_into_a_long_line_is_visible() -> None:
    _, old, new = excerpt(b"x" * 500 + b"OLD\r\n", b"x" * 500 + b"NEW\r\n", width=60)
    assert old.endswith("OLD")
    assert new.endswith("NEW")
    assert max(map(len, (old, new))) <= 60


def test_a_changed_line_end_is_visible() -> None:
    assert excerpt(b"a\n", b"a\r\n") == ["@@ line 1", "- a\\n", "+ a"]


def test_the_excerpt_is_bounded_in_lines_and_in_columns() -> None:
    before = b"".join(b"old %d\r\n" % number for number in range(50))
    after = b"".join(b"new %d %s\r\n" % (number, b"z" * 300) for number in range(50))
    lines = excerpt(before, after, width=40, max_lines=10)
    assert len(lines) == 10
    assert lines[-1] == "... and 92 more lines"
    assert max(map(count_columns, lines)) <= 40


def test_an_excerpt_counts_the_lines_of_a_large_change() -> None:
    assert excerpt(b"old\r\n" * 5000, b"new\r\n" * 6000) == ["@@ line 1: 5,000 lines became 6,000"]


def test_an_excerpt_has_no_control_characters() -> None:
    [_, _, new] = excerpt(b"a\r\n", b"\x1b[2J\x07\xff\xe2\x80\xae\r\n")
    assert new.isprintable()
