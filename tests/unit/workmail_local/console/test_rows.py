"""Rows of console output stay within their columns."""

from workmail_local.console.rows import format_cell, label_rows, limit_rows, wrap
from workmail_local.console.style import WIDTH
from workmail_local.console.text_columns import count_columns


def test_a_cell_is_cut_and_padded_by_columns():
    assert format_cell("ab", 6) == "ab    "
    assert format_cell("abcdefgh", 8) == "abc...  "
    assert format_cell("/a/long/path.eml", 10, keep_end=True) == "...h.eml  "
    assert count_columns(format_cell("日本語日本語", 9)) == 9
    assert format_cell("a\x1b", 10) == r"a\x1b     "


def test_the_label_is_before_the_first_row():
    assert list(label_rows("Note", ["one", "two"])) == ["  Note        one", "              two"]
    assert list(label_rows("Note", [])) == []


def test_a_long_text_is_cut_or_wrapped():
    [cut] = label_rows("Note", ["word " * 40])
    assert count_columns(cut) <= WIDTH
    assert cut.endswith("...")
    lines = list(label_rows("Note", ["word " * 40, "last"], wrapped=True))
    assert len(lines) == 4
    assert all(count_columns(line) <= WIDTH for line in lines)
    assert lines[1].startswith(" " * 16 + "word")


def test_a_line_of_a_diff_is_not_wrapped():
    assert wrap("+ " + "word " * 40, 20) == ["+ word word word ..."]


def test_a_word_wider_than_the_line_is_cut():
    assert wrap("a " + "日" * 30 + " b", 20, "  ") == ["a", "  " + "日" * 7 + "...", "  b"]


def test_rows_over_the_limit_are_counted():
    assert list(limit_rows(["a", "b", "c"], 2, "parts")) == ["a", "b", "... and 1 more parts"]
    assert list(limit_rows(["a", "b"], 2)) == ["a", "b"]
