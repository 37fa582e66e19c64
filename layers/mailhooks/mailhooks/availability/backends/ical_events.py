"""The events of a calendar in a window: recurrences, exceptions and zones by recurring-ical-events and icalendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events

from ...contract.availability import Window
from ...contract.freebusy import BusyType, CalendarEvent, Details, InstanceType
from .. import worktime
from ..errors import GenerationFailed, LookupFailed
from .ical_freebusy import free_busy

_MOST_EVENTS: Final = 5000
"""In a window: a year of days with a dozen meetings each."""

_MOST_STEPS: Final = 500_000
"""That the rules of a calendar which have not ended may take together up to the window's end: a second or two of counting."""

_SECONDS: Final = {"SECONDLY": 1, "MINUTELY": 60, "HOURLY": 3600, "DAILY": 86400, "WEEKLY": 604800, "MONTHLY": 2592000, "YEARLY": 31536000}
_EXPANDS: Final = {
    "BYHOUR": {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"},
    "BYMINUTE": {"HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"},
    "BYSECOND": {"MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"},
    "BYDAY": {"WEEKLY", "MONTHLY", "YEARLY"},
    "BYMONTHDAY": {"MONTHLY", "YEARLY"},
    "BYYEARDAY": {"YEARLY"},
    "BYMONTH": {"YEARLY"},
}
"""Where a part of a rule makes it repeat more often, and does not limit it (RFC 5545 section 3.3.10, the table)."""

_MICROSOFT: Final = {
    "FREE": BusyType.FREE,
    "TENTATIVE": BusyType.TENTATIVE,
    "BUSY": BusyType.BUSY,
    "OOF": BusyType.BUSY,
    "WORKINGELSEWHERE": BusyType.FREE,
}
"""X-MICROSOFT-CDO-BUSYSTATUS of Outlook and Exchange (MS-OXCICAL section 2.1.3.1.1.20.31), whose TRANSP knows two states only."""


def events(calendar: Any, window: Window, zone: ZoneInfo | None) -> Iterator[CalendarEvent]:
    """The events that touch the window, whole, and the periods of VFREEBUSY components. What takes no time is left out.

    Args:
        zone: for days and times without one, where the calendar does not name its own (X-WR-TIMEZONE); None for UTC.

    Raises:
        GenerationFailed: an event cannot be read, or the calendar asks for more work than is worth it.
    """
    yield from free_busy(calendar)
    here = worktime.zone(str(calendar.get("X-WR-TIMEZONE", ""))) or zone or ZoneInfo("UTC")
    try:
        # What has no start lies nowhere (RFC 5545 section 3.8.2.4 lets only calendars with a METHOD have such).
        # Every change of "this and following" leaves a series that has ended: nothing to count.
        parts = [part for part in calendar.subcomponents if part.name != "VEVENT" or ("DTSTART" in part and not _has_ended(part, window))]
        calendar = _with(calendar, parts)
        _bound(calendar, window)
        kinds = _Kinds(calendar)
        query = recurring_ical_events.of(calendar)
        # A day more at either side, as days and local times lie elsewhere in UTC.
        found = query.between(window.start_date - timedelta(days=1), window.end_date + timedelta(days=1))
        for component in islice(found, _MOST_EVENTS + 1):
            if event := _event(component, here, kinds):
                yield event
    except LookupFailed:
        raise
    except Exception as error:  # noqa: BLE001 - for hostile calendars the libraries raise whatever comes; a text may quote the calendar
        raise GenerationFailed(f"an event of the calendar cannot be read ({type(error).__name__})") from None
    if len(found) > _MOST_EVENTS:
        raise GenerationFailed(f"the calendar has more than {_MOST_EVENTS:,} events in the time asked for")


def _with(calendar: Any, parts: list[Any]) -> Any:
    """The calendar with other components; the given one, which is kept for the next look-up, stays as it is."""
    other = calendar.copy()
    other.subcomponents = parts
    return other


def _rules(part: Any) -> list[Any]:
    found = part.get("RRULE", [])
    return found if isinstance(found, list) else [found]


def _until(rule: Any) -> datetime | None:
    """Up to when a rule repeats, in UTC, or a day later."""
    if not (found := rule.get("UNTIL")):
        return None
    last: date = found[0]
    return last.astimezone(UTC) if isinstance(last, datetime) and last.tzinfo else _midnight(last) + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _has_ended(part: Any, window: Window) -> bool:
    """Whether a series has its last event before the window, whatever the zone."""
    ends = [_until(rule) for rule in _rules(part)]
    if not ends or None in ends or "RDATE" in part:
        return False
    length = part["DURATION"].dt if "DURATION" in part else timedelta(days=1)
    if "DTEND" in part:
        length = _midnight(part["DTEND"].dt) - _midnight(part["DTSTART"].dt) + timedelta(days=1)
    return max(end for end in ends if end) + length + timedelta(days=2) < window.start_date


def _bound(calendar: Any, window: Window) -> None:
    """Raises GenerationFailed for rules that would be counted for minutes, such as each second since 1970."""
    steps = 0.0
    for part in calendar.walk("VEVENT"):
        for rule in _rules(part):
            steps += _steps(rule, part["DTSTART"].dt, window)
    if steps > _MOST_STEPS:
        raise GenerationFailed("the calendar's rules repeat too often to be counted")


def _steps(rule: Any, start: date, window: Window) -> float:
    """About how many recurrences a rule has until the window is over."""
    begin = datetime.combine(start, time(), UTC) if not isinstance(start, datetime) else start.replace(tzinfo=UTC)
    end = min(window.end_date, _until(rule) or window.end_date)
    if end <= begin:
        return 0.0
    frequency = str(rule.get("FREQ", ["DAILY"])[0]).upper()
    steps = (end - begin).total_seconds() / (_SECONDS.get(frequency, 1) * max(int(rule.get("INTERVAL", [1])[0]), 1))
    for name, frequencies in _EXPANDS.items():
        if frequency in frequencies:
            steps *= max(len(rule.get(name, ())), 1)
    return min(steps, float(rule["COUNT"][0])) if "COUNT" in rule else steps


class _Kinds:
    """Which events of a calendar recur, and which recurrences were changed by themselves. Once expanded, all have a RECURRENCE-ID."""

    def __init__(self, calendar: Any) -> None:
        parts = calendar.walk("VEVENT")
        self._changed = {_recurrence(part) for part in parts if "RECURRENCE-ID" in part}
        self._recurring = {str(part.get("UID", "")) for part in parts if any(name in part for name in ("RRULE", "RDATE", "RECURRENCE-ID"))}

    def of(self, component: Any) -> InstanceType:
        if _recurrence(component) in self._changed:
            return InstanceType.EXCEPTION
        recurring = str(component.get("UID", "")) in self._recurring
        return InstanceType.RECURRING_INSTANCE if recurring else InstanceType.SINGLE_INSTANCE


def _recurrence(component: Any) -> tuple[str, date]:
    return str(component.get("UID", "")), component["RECURRENCE-ID"].dt


def _event(component: Any, zone: ZoneInfo, kinds: _Kinds) -> CalendarEvent | None:
    """None for what takes no time: cancelled, transparent, or meant as free."""
    status = str(component.get("STATUS", "")).upper()
    if status == "CANCELLED":
        return None
    said = _MICROSOFT.get(str(component.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper())
    transparent = str(component.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT"
    kind = said or (BusyType.FREE if transparent else BusyType.TENTATIVE if status == "TENTATIVE" else BusyType.BUSY)
    if kind is BusyType.FREE:
        return None
    start, end = _moment(component["DTSTART"].dt, zone), _moment(component["DTEND"].dt, zone)
    return CalendarEvent(start, max(start, end), kind, _details(component, kinds))


def _moment(value: date, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _details(component: Any, kinds: _Kinds) -> Details:
    return Details(
        subject=str(component.get("SUMMARY", "")),
        location=str(component.get("LOCATION", "")),
        instance_type=kinds.of(component),
        is_meeting="ATTENDEE" in component or "ORGANIZER" in component,
        is_reminder_set=any(part.name == "VALARM" for part in component.subcomponents),
        is_private=str(component.get("CLASS", "PUBLIC")).upper() in {"PRIVATE", "CONFIDENTIAL"},
    )
