"""Calendar data (RFC 5545) of the backends `caldav` and `ics`: read, and its VFREEBUSY components as events."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import icalendar

from ...contract.freebusy import BusyType, CalendarEvent
from ..errors import GenerationFailed

BUSY_TYPES: Final = {
    "BUSY": BusyType.BUSY,
    "BUSY-UNAVAILABLE": BusyType.BUSY,
    "BUSY-TENTATIVE": BusyType.TENTATIVE,
    "FREE": BusyType.FREE,
}
"""FBTYPE (RFC 5545 section 3.2.9). Others are taken for BUSY, as that section wants."""


def calendars(content: bytes) -> list[Any]:
    """The VCALENDAR objects in `content`.

    Raises:
        GenerationFailed: it is none: a page to sign in, for one.
    """
    if b"BEGIN:VCALENDAR" not in content[:4096].upper():
        raise GenerationFailed("the answer is no calendar")
    # The library takes what it has got for all of it, and what is missing would be free time.
    if not content[-4096:].rstrip().upper().endswith(b"END:VCALENDAR"):
        raise GenerationFailed("the calendar was cut short")
    try:
        return list(icalendar.Calendar.from_ical(content, multiple=True))
    except Exception as error:  # noqa: BLE001 - for hostile content the library raises whatever comes; its text may quote the calendar
        raise GenerationFailed(f"the calendar cannot be read ({type(error).__name__})") from None


def free_busy(calendar: Any) -> Iterator[CalendarEvent]:
    """The periods of all its VFREEBUSY components, FREE ones left out. Several components are as good as one: QUIRK: Radicale sends one for
    each event, though RFC 4791 section 7.10 asks for exactly one.

    Raises:
        GenerationFailed: a period cannot be read: time that is not known to be free is not shown as free.
    """
    for component in calendar.walk("VFREEBUSY"):
        found = component.get("FREEBUSY", [])
        for period in found if isinstance(found, list) else [found]:
            try:
                kind = BUSY_TYPES.get(str(period.params.get("FBTYPE", "BUSY")).upper(), BusyType.BUSY)
                start, end = _utc(period.start), _utc(period.end)
            except Exception as error:  # noqa: BLE001 - as above
                raise GenerationFailed(f"a period of the calendar cannot be read ({type(error).__name__})") from None
            if kind is not BusyType.FREE and end >= start:
                yield CalendarEvent(start, end, kind)


def _utc(moment: datetime) -> datetime:
    """RFC 5545 section 3.8.2.6 wants UTC. QUIRK: a moment without a zone is taken for that."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
