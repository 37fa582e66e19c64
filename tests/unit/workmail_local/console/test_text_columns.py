import pytest

from workmail_local.console.text_columns import escape_controls, fit


def test_control_characters_are_escaped() -> None:
    assert escape_controls("\x1b]0;x\x07\u202e") == "\\x1b]0;x\\x07\\u202e"


@pytest.mark.parametrize("text, width, fitted", [("short", 10, "short"), ("x" * 20, 10, "xxxxxxx..."), ("日本語日本語", 10, "日本語...")])
def test_text_is_cut_by_columns_not_by_characters(text: str, width: int, fitted: str) -> None:
    assert fit(text, width) == fitted
