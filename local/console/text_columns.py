"""What changed in a message, as a few lines to read."""

import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher

_MAX_COMPARED = 400
_LEAD = 24


def excerpt(before: bytes, after: bytes, width: int = 94, max_lines: int = 14) -> list[str]:
    """Lines of the form `@@ line 7`, `- old`, `+ new`: at most `max_lines`, each at most `width` columns. Empty when nothing changed.

    Control characters are shown, not sent to the terminal: a message's bytes are a stranger's.
    """
    if before == after:
        return []
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    lines = list(_changes(old[head : len(old) - tail], new[head : len(new) - tail], head + 1, width))
    if len(lines) > max_lines:
        lines[max_lines - 1 :] = [f"... and {len(lines) - max_lines + 1} more lines"]
    return lines


def _common(old: list[bytes], new: list[bytes]) -> int:
    """How many lines at the beginning are the same."""
    count = 0
    for left, right in zip(old, new, strict=False):
        if left != right:
            break
        count += 1
    return count


def _changes(old: list[bytes], new: list[bytes], first: int, width: int) -> Iterator[str]:
    if max(len(old), len(new)) > _MAX_COMPARED:
        yield f"@@ line {first}: {len(old):,} lines became {len(new):,}"
        return
    for kind, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        yield f"@@ line {first + start}"
        gone, come = old[start:end], new[new_start:new_end]
        skip = _shared_columns(gone[0], come[0]) if len(gone) == len(come) == 1 else 0
        yield from (f"- {_visible(line, skip, width - 2)}" for line in gone)
        yield from (f"+ {_visible(line, skip, width - 2)}" for line in come)


def _shared_columns(left: bytes, right: bytes) -> int:
    """Where to begin, so that the first difference of two long lines is in sight."""
    shared = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    return max(0, shared - _LEAD) if max(len(left), len(right)) > 2 * _LEAD else 0


def _visible(line: bytes, skip: int, width: int) -> str:
    text = line[skip:].removesuffix(b"\r\n").decode("utf-8", "backslashreplace")
    return fit(("..." if skip else "") + printable(text), width)


def printable(text: str) -> str:
    """The text with everything that a terminal would act on written as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def columns(text: str) -> int:
    """How wide a terminal shows it: East Asian wide characters take two columns, combining ones none."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def fit(text: str, width: int, *, keep_end: bool = False) -> str:
    """Return the text, cut to `width` columns when it is wider.

    Args:
        keep_end: cut the beginning, not the end.
    """
    if columns(text) <= width:
        return text
    room, kept = width - 3, 0
    for char in reversed(text) if keep_end else text:
        room -= columns(char)
        if room < 0:
            break
        kept += 1
    return f"...{text[len(text) - kept :]}" if keep_end else f"{text[:kept]}..."
