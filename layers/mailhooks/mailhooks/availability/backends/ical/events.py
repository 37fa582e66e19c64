"""The events of a calendar in a window: recurrences and exceptions by recurring-ical-events, bounded."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

import recurring_ical_events
from icalendar import Calendar, Event, vDDDLists, vDDDTypes, vRecur

from mailhooks.availability.backends.ical.event_selection import Appointment, Group, select_groups
from mailhooks.availability.backends.ical.recurrence_limits import Budget, BudgetExceeded, check_rule, count_recurrences, find_skip
from mailhooks.availability.backends.ical.values import Unreadable, parse_duration, parse_moment, parse_period, parse_text, split_line
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.availability.errors import GenerationFailed, LookupFailed
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType
from mailhooks.deadline import Deadline

_LONGEST_S: Final = 5.0
"""For one calendar: a year of a full one takes half a second. What takes longer keeps the other look-ups from their processor."""

_DAY: Final = timedelta(days=1)
_FARTHEST: Final = timedelta(days=400)
"""A change moves a recurrence, and those that follow, by so much at most: the series is expanded so much farther."""

_MOST_MOVES: Final = 100
"""Of one series, as it goes on: each recurrence is compared with each."""

_SOURCE: Final = "X-SOURCE"
"""Where an event of recurring-ical-events has the appointment that it was made of."""


def expand_events(groups: Sequence[Group], zones: Zones, window: Window, deadline: Deadline) -> Iterator[CalendarEvent]:
    """The events that touch the window, whole, and perhaps some that lie near it. What takes no time is left out.

    Args:
        groups: a calendar's appointments.
        zones: the same calendar's.

    Raises:
        GenerationFailed: an appointment that may lie in the window cannot be read, or expanding takes more work than is worth it.
    """
    effort = Budget(time.monotonic() + min(_LONGEST_S, deadline.left()))
    # A day more at either side, as days and local times lie elsewhere in UTC.
    begin, end = window.start_date - _DAY, window.end_date + _DAY
    try:
        calendar = Calendar()
        for number, group in enumerate(select_groups(groups, window)):
            calendar.subcomponents += _components(group, str(number), zones, begin.date(), effort)
            effort.events -= not group[0].recurs
            effort.check()
        query = recurring_ical_events.of(calendar)
        count_recurrences(query.series, begin, end, effort)
        for component in query.between(begin, end):
            if component[_SOURCE][0].busy_type is not BusyType.FREE:
                yield _event(component, zones.here)
    except LookupFailed:
        raise
    except BudgetExceeded:
        raise GenerationFailed("the calendar has too many events, or rules that take too long to expand") from None
    except Unreadable as error:
        raise GenerationFailed(f"an event that may lie in the time asked for cannot be read: {error}") from None
    except Exception as error:  # noqa: BLE001 - for hostile calendars the libraries raise whatever comes; a text may quote the calendar
        raise GenerationFailed(f"an event that may lie in the time asked for cannot be read ({type(error).__name__})") from None


def _components(group: Group, uid: str, zones: Zones, day: date, effort: Budget) -> Iterator[Any]:
    """A series with its changes, from a day on, or one appointment."""
    recurs = any(one.recurs or one.is_change for one in group)
    moves = sum(one.changes_following for one in group)
    if moves > _MOST_MOVES:
        raise Unreadable("a series that moves too often")
    for one in group:
        effort.values -= 1 + sum(line.count(",") for name in ("RDATE", "EXDATE") for line in one.component.lines.get(name, ()))
        effort.check()
        made = _component(one, zones)
        made["UID"] = uid
        made[_SOURCE] = one, _instance_type(one, recurs)
        if not moves:
            _begin_late(made, day)
        yield made


def _component(one: Appointment, zones: Zones) -> Any:
    """An appointment as recurring-ical-events takes it: dates and aware moments."""
    lines = one.component.lines
    made: Any = Event()
    made["SEQUENCE"] = one.sequence
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if name in lines:
            if len(lines[name]) > 1:
                raise Unreadable("two times where one belongs")
            made[name] = vDDDTypes(_moments(lines[name][0], zones)[0])
    if "DTEND" not in lines and "DURATION" in lines:
        made["DURATION"] = vDDDTypes(parse_duration(split_line(lines["DURATION"][0])[1]))
    for name in ("RDATE", "EXDATE"):
        if name in lines:
            made[name] = [vDDDLists(_moments(line, zones)) for line in lines[name]]
    if "RRULE" in lines:
        start = _wall(made["DTSTART"].dt)
        made["RRULE"] = [vRecur.from_ical(check_rule(split_line(line)[1], start)) for line in lines["RRULE"]]
    if one.changes_following:
        if abs(_wall(made["DTSTART"].dt) - _wall(made["RECURRENCE-ID"].dt)) > _FARTHEST:
            raise Unreadable("a series that moves by more than a year")
        made["RECURRENCE-ID"].params["RANGE"] = "THISANDFUTURE"
    return made


def _begin_late(component: Any, day: date) -> None:
    """Leaves out of a series what lies long before a day. Not of one that has several rules."""
    rules = component.get("RRULE", ())
    if len(rules) != 1:
        return
    start, end = component["DTSTART"].dt, component["DTEND"].dt if "DTEND" in component else None
    lasting = _wall(end) - _wall(start) if end else component["DURATION"].dt if "DURATION" in component else _DAY
    # A month more: the start itself is taken for a recurrence, whether it fits the rule or not.
    late = find_skip(rules[0].to_ical().decode(), start, day - abs(lasting) - 31 * _DAY)
    component["DTSTART"] = vDDDTypes(start + late)
    if end:
        component["DTEND"] = vDDDTypes(end + late)


def _instance_type(one: Appointment, recurs: bool) -> InstanceType:
    if one.is_change and not one.changes_following:
        return InstanceType.EXCEPTION
    return InstanceType.RECURRING_INSTANCE if recurs else InstanceType.SINGLE_INSTANCE


def _moments(line: str, zones: Zones) -> list[Any]:
    """The dates, aware moments and periods of a line."""
    parameters, value = split_line(line)
    read: Callable[[str, Callable[[], tzinfo]], Any] = parse_period if "/" in value else parse_moment
    found = [read(part.strip(), lambda: zones.of(parameters["TZID"]) if "TZID" in parameters else zones.here) for part in value.split(",")]
    # QUIRK: Google and others write UTC and name the zone in X-WR-TIMEZONE; recurrences are that one's.
    return [_local(part, zones.here) if zones.own else part for part in found]


def _local(part: Any, zone: tzinfo) -> Any:
    if isinstance(part, tuple):
        return _local(part[0], zone), part[1]
    return part.astimezone(zone) if isinstance(part, datetime) and part.tzinfo is UTC else part


def _wall(value: date) -> datetime:
    return datetime(*value.timetuple()[:6])


def _event(component: Any, here: tzinfo) -> CalendarEvent:
    one, instance_type = component[_SOURCE]
    start, end = _utc(component["DTSTART"].dt, here), _utc(component["DTEND"].dt, here)
    return CalendarEvent(start, max(start, end), one.busy_type, _details(one, instance_type))


def _utc(value: date, here: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=here)
    return value.astimezone(UTC)


def _details(one: Appointment, instance_type: InstanceType) -> Details:
    component = one.component
    subject, location = (parse_text(component.lines[name][0]) if name in component.lines else "" for name in ("SUMMARY", "LOCATION"))
    return Details(
        subject=subject,
        location=location,
        instance_type=instance_type,
        is_meeting="ATTENDEE" in component.lines or "ORGANIZER" in component.lines,
        is_reminder_set=bool(component.all("VALARM")),
        # RFC 5545 section 3.8.1.3: a class that nobody knows is private.
        is_private=component.value("CLASS").upper() not in {"", "PUBLIC"},
    )
