"""Older messages without marks below a marked quote, as programs make them that quote only the newest message."""

from collections.abc import Sequence
from typing import Final

from mailhooks.mime.quotes.attribution import MAX_LENGTH, Line, normalize
from mailhooks.patterns import compile_late

_CLOCK: Final = compile_late(r"(?<!\d)(\d{1,2}) ?[.:h\u6642\u65f6\u70b9\u9ede\uc2dc] ?(\d\d)(?![./-]?\d)")
_HEAD: Final = 6
"""Lines of an attribution or of a block of fields that are read."""


def is_reply(lines: Sequence[Line]) -> bool:
    """Return whether lines above a quote are a reply, and not only a salutation such as `Hi Robin,`."""
    return len(lines) > 1 or (len(lines) == 1 and not lines[0].text.endswith(","))


def are_different_mails(lines: Sequence[Line], first: tuple[int, int], second: int) -> bool:
    """Return whether two quotes are of different messages by their times of day.

    Args:
        lines: of the message.
        first: the first line of a quote with its attribution, and the first quoted line.
        second: the first line of a later quote.
    """
    start, body = first
    clocks = _read_clocks(lines[start : min(body, start + _HEAD)]), _read_clocks(lines[second : second + _HEAD])
    return all(clocks) and not clocks[0] & clocks[1]


def _read_clocks(lines: Sequence[Line]) -> set[tuple[int, str]]:
    """Return hours of a 12-hour clock with minutes."""
    text = normalize(" ".join(line.text[:MAX_LENGTH] for line in lines))
    return {(int(hour) % 12, minute) for hour, minute in _CLOCK.findall(text)}
