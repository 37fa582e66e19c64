import pytest

from local.console.text_columns import columns, excerpt, fit, printable


def test_nothing_changed_is_nothing_to_show() -> None:
    assert excerpt(b"a\r\n", b"a\r\n") == []


def test_changed_added_and_removed_lines_are_shown_with_the_line_where_they_begin() -> None:
    before = b"A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\nbody\r\n"
    after = b"A: 1\r\nB: two\r\nC: 3\r\n\r\nbody\r\nmore\r\n"
    assert excerpt(before, after) == ["@@ line 2", "- B: 2", "+ B: two", "@@ line 4", "- D: 4", "@@ line 7", "+ more"]


def test_a_difference_far_into_a_long_line_is_in_sight() -> None:
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
    assert max(map(columns, lines)) <= 40


def test_a_change_of_thousands_of_lines_is_counted_not_compared() -> None:
    assert excerpt(b"old\r\n" * 5000, b"new\r\n" * 6000) == ["@@ line 1: 5,000 lines became 6,000"]


def test_nothing_of_a_message_reaches_the_terminal_as_a_command() -> None:
    [_, _, new] = excerpt(b"a\r\n", b"\x1b[2J\x07\xff\xe2\x80\xae\r\n")
    assert new.isprintable()
    assert printable("\x1b]0;x\x07\u202e") == "\\x1b]0;x\\x07\\u202e"


@pytest.mark.parametrize("text, width, fitted", [("short", 10, "short"), ("x" * 20, 10, "xxxxxxx..."), ("日本語日本語", 10, "日本語...")])
def test_text_is_cut_by_columns_not_by_characters(text: str, width: int, fitted: str) -> None:
    assert fit(text, width) == fitted
