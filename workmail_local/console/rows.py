"""Rows of console output: cells of a table, rows with a label, wrapped text. Control characters are escaped here."""

from collections.abc import Iterable, Iterator, Sequence

from workmail_local.console.style import WIDTH
from workmail_local.console.text_columns import count_columns, escape_controls, fit

LABEL = 12
"""Columns of a label; a command may use another width."""


def format_cell(text: str, width: int, *, gap: int = 2, keep_end: bool = False) -> str:
    """Cut a text to `width - gap` columns and pad it to `width`.

    Args:
        keep_end: cut the beginning instead, as for a long path.
    """
    text = fit(escape_controls(text), width - gap, keep_end=keep_end)
    return text + " " * (width - count_columns(text))


def label_rows(label: str, texts: Iterable[str], *, label_width: int = LABEL, wrapped: bool = False) -> Iterator[str]:
    """Yield a row for each text, with the label before the first row.

    Args:
        wrapped: continue a long text in the next row instead of cutting it.
    """
    room = WIDTH - label_width - 2
    lines = (
        line for text in texts for line in (wrap(escape_controls(text), room, "  ") if wrapped else [fit(escape_controls(text), room)])
    )
    for number, line in enumerate(lines):
        yield f"  {'' if number else label:<{label_width}}{line}".rstrip()


def limit_rows(texts: Sequence[str], limit: int, noun: str = "") -> Iterator[str]:
    """Yield the first `limit` texts, then the number of the others."""
    yield from texts[:limit]
    if len(texts) > limit:
        yield f"... and {len(texts) - limit:,} more {noun}".rstrip()


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Break a text into lines of at most `width` columns. A longer word is cut, and so is a line of a diff.

    Args:
        indent: begins every line but the first.
    """
    if count_columns(text) <= width or text.startswith(("+ ", "- ", "@@ ")):
        return [fit(text, width)]
    lines: list[str] = []
    for word in text.split():
        if lines and count_columns(lines[-1]) + 1 + count_columns(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append((indent if lines else "") + word)
    return [fit(line, width) for line in lines]
