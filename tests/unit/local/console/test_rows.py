"""Rows of console output stay within their columns."""

from local.console.rows import cell, first_rows, labelled_rows, wrap
from local.console.style import WIDTH
from local.console.text_columns import columns


def test_a_cell_is_cut_and_padded_by_columns():
    assert cell("ab", 6) == "ab    "
    assert cell("abcdefgh", 8) == "abc...  "
    assert cell("/a/long/path.eml", 10, keep_end=True) == "...h.eml  "
    assert columns(cell("日本語日本語", 9)) == 9
    assert cell("a\x1b", 10) == r"a\x1b     "


def test_the_label_is_before_the_first_row():
    assert list(labelled_rows("Note", ["one", "two"])) == ["  Note        one", "              two"]
    assert list(labelled_rows("Note", [])) == []


def test_a_long_text_is_cut_or_wrapped():
    [cut] = labelled_rows("Note", ["word " * 40])
    assert columns(cut) <= WIDTH
    assert cut.endswith("...")
    lines = list(labelled_rows("Note", ["word " * 40, "last"], wrapped=True))
    assert len(lines) == 4
    assert all(columns(line) <= WIDTH for line in lines)
    assert lines[1].startswith(" " * 16 + "word")


def test_a_line_of_a_diff_is_not_wrapped():
    assert wrap("+ " + "word " * 40, 20) == ["+ word word word ..."]


def test_a_word_wider_than_the_line_is_cut():
    assert wrap("a " + "日" * 30 + " b", 20, "  ") == ["a", "  " + "日" * 7 + "...", "  b"]


def test_the_rest_is_counted():
    assert list(first_rows(["a", "b", "c"], 2, "parts")) == ["a", "b", "... and 1 more parts"]
    assert list(first_rows(["a", "b"], 2)) == ["a", "b"]
