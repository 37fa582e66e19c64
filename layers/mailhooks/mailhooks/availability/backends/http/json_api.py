"""What the JSON APIs of Microsoft and Google have in common."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from mailhooks.availability.errors import GenerationFailed, LookupFailed
from mailhooks.availability.model import Answers, Result, Schedule
from mailhooks.contract.availability import Window

_MIN_WINDOW: Final = timedelta(days=1)
"""A window of this length is not split."""

_WORD: Final = re.compile(r"[A-Za-z0-9_]{1,60}")


class WindowTooLong(GenerationFailed):
    """The window is longer than the service accepts, or a calendar has more entries in it than the service returns."""


def json_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object in a response's body; {} for any other content."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def loggable(code: str) -> str:
    """Return an error code for a log. Anything but a single word may be text that quotes an address."""
    return code if _WORD.fullmatch(code) else "a code of another form"


def look_up_apart(look_up: Callable[[Sequence[str]], Answers], mailboxes: Sequence[str]) -> dict[str, Result]:
    """Look up a part of a batch without affecting the results of the other parts.

    A failure of the whole part becomes the failure of each of its mailboxes.
    """
    try:
        found = look_up(mailboxes)
    except LookupFailed as failed:
        return dict.fromkeys(mailboxes, failed)
    return {mailbox: found.get(mailbox) or GenerationFailed("the response leaves this mailbox out") for mailbox in mailboxes}


def look_up_in_halves(look_up: Callable[[Sequence[str], Window], Answers], found: dict[str, Result], window: Window) -> dict[str, Result]:
    """Replace each `WindowTooLong` by the joined results of the window's halves, unless the window is short already.

    Args:
        found: the results of the whole window.
    """
    mailboxes = [mailbox for mailbox, result in found.items() if isinstance(result, WindowTooLong)]
    if not mailboxes or window.end_date - window.start_date <= _MIN_WINDOW:
        return found
    middle = window.start_date + (window.end_date - window.start_date) / 2
    first, second = Window(window.start_date, middle), Window(middle, window.end_date)
    found |= look_up_apart(lambda part: look_up(part, first), mailboxes)
    schedules = {mailbox: result for mailbox in mailboxes if isinstance(result := found[mailbox], Schedule)}
    if not schedules:
        return found
    for mailbox, result in look_up_apart(lambda part: look_up(part, second), list(schedules)).items():
        if isinstance(result, Schedule):
            schedule = schedules[mailbox]
            # An event at the middle is in both halves.
            result = Schedule(tuple(dict.fromkeys(schedule.events + result.events)), schedule.working_hours or result.working_hours)
        found[mailbox] = result
    return found
