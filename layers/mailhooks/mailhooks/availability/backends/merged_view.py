"""Merged free/busy views: one digit for each slot of a window (Graph's availabilityView, EWS's MergedFreeBusy).

A view may know more than the events of a response, such as for mailboxes elsewhere. The busier of both applies, slot by slot.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import accumulate, groupby
from typing import Final

from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent

SLOT: Final = timedelta(minutes=30)
"""The length of a slot in every request: the default of both services."""

UNKNOWN: Final = "?"
"""A digit that no view has, for a slot without one."""

ELSEWHERE: Final = "4"
"""QUIRK: Exchange's "no data" (MS-ASCMD, MergedFreeBusy) and, in Graph's reference, "working elsewhere"."""

_RANKS: Final = {BusyType.FREE: 0, BusyType.TENTATIVE: 1, BusyType.BUSY: 2}


def choose_busier(*types: BusyType) -> BusyType:
    """Return the busiest type."""
    return max(types, key=_RANKS.__getitem__)


def complete_view(view: str, window: Window) -> str | None:
    """Return a view that is to be read without events, with UNKNOWN for a missing last slot.

    Return None if it lacks a whole slot of the window, because the rest would look free.
    """
    span = window.end_date - window.start_date
    return view.ljust(_count_slots(window), UNKNOWN) if len(view) >= span // SLOT else None


def add_busier_slots(
    events: Sequence[CalendarEvent],
    view: str,
    window: Window,
    busy_type: Callable[[str], BusyType],
    elsewhere: Iterable[CalendarEvent] = (),
) -> tuple[CalendarEvent, ...]:
    """Return the events, and an event for each run of slots that the view shows busier than they do.

    A slot has the busiest type of all events in it, even if they fill only a part.

    Args:
        view: the digits from the window's start. Digits after the window are ignored.
        busy_type: the busy type of a digit.
        elsewhere: those of the events that explain the digit ELSEWHERE.
    """
    count = _count_slots(window)
    digits = view[:count]
    if not digits.strip("0"):
        return tuple(events)
    tentative = _list_covered((event for event in events if event.busy_type is not BusyType.FREE), window, count)
    busy = _list_covered((event for event in events if event.busy_type is BusyType.BUSY), window, count)
    explained = _list_covered(elsewhere, window, count)

    def find_missing(slot: int) -> BusyType:
        kind = busy_type(digits[slot])
        is_known = _RANKS[kind] <= tentative[slot] + busy[slot] or (digits[slot] == ELSEWHERE and explained[slot])
        return BusyType.FREE if is_known else kind

    found = list(events)
    for kind, run in groupby(range(len(digits)), find_missing):
        slots = list(run)
        if kind is not BusyType.FREE:
            found.append(CalendarEvent(window.start_date + slots[0] * SLOT, window.start_date + (slots[-1] + 1) * SLOT, kind))
    return tuple(found)


def _count_slots(window: Window) -> int:
    return -((window.start_date - window.end_date) // SLOT)


def _list_covered(events: Iterable[CalendarEvent], window: Window, count: int) -> list[bool]:
    """Return for each slot whether an event is in it. The time is linear in the numbers of events and of slots."""
    changes = [0] * (count + 1)
    for event in events:
        first = (event.start_time - window.start_date) // SLOT
        end = -((window.start_date - event.end_time) // SLOT)
        if event.start_time < event.end_time:
            changes[min(max(first, 0), count)] += 1
            changes[min(max(end, 0), count)] -= 1
    return [total > 0 for total in accumulate(changes[:count])]
