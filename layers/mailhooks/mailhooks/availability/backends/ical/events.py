"""Expands a calendar's recurring events in a window by recurring-ical-events, with limits on the work."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

import recurring_ical_events
from icalendar import Calendar, Event, vDDDLists, vDDDTypes, vRecur

from mailhooks.availability.backends.ical.event_selection import Appointment, Group, select_groups
from mailhooks.availability.backends.ical.recurrence_limits import Budget, BudgetExceeded, check_rule, count_recurrences, find_skip
from mailhooks.availability.backends.ical.values import InvalidValue, parse_duration, parse_moment, parse_period, parse_text, split_line
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.availability.errors import GenerationFailed, LookupFailed
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType
from mailhooks.deadline import Deadline

_MAX_SECONDS: Final = 5.0
"""Time for one calendar: a year of a full calendar needs half a second. A longer expansion would delay the other look-ups."""

_DAY: Final = timedelta(days=1)
_MAX_MOVE: Final = timedelta(days=400)
"""Longest time by which a change may move a recurrence and all following ones."""

_MAX_MOVES: Final = 100
"""Changes of one series that also move all following recurrences: each is compared with each recurrence."""

_SOURCE: Final = "X-SOURCE"
"""The property of recurring-ical-events' events in which their appointment is stored."""


def expand_events(groups: Sequence[Group], zones: Zones, window: Window, deadline: Deadline) -> Iterator[CalendarEvent]:
    """Yield the busy events that overlap the window, and perhaps some near it. Events are not cut.

    Raises:
        GenerationFailed: an appointment that may overlap the window cannot be read, or the expansion needs too much work.
    """
    budget = Budget(time.monotonic() + min(_MAX_SECONDS, deadline.left()))
    # One day more before and after the window, as local dates and times differ from UTC.
    begin, end = window.start_date - _DAY, window.end_date + _DAY
    try:
        calendar = Calendar()
        for number, group in enumerate(select_groups(groups, window)):
            calendar.subcomponents += _build_components(group, str(number), zones, begin.date(), budget)
            budget.events -= not group[0].recurs
            budget.check()
        query = recurring_ical_events.of(calendar)
        count_recurrences(query.series, begin, end, budget)
        for component in query.between(begin, end):
            if component[_SOURCE][0].busy_type is not BusyType.FREE:
                yield _build_event(component, zones.default)
    except LookupFailed:
        raise
    except BudgetExceeded:
        raise GenerationFailed("the calendar has too many events, or rules that take too long to expand") from None
    except InvalidValue as error:
        raise GenerationFailed(f"an event that may overlap the window cannot be read: {error}") from None
    except Exception as error:  # noqa: BLE001 - hostile calendars lead to any error of the libraries; its text may quote the calendar
        raise GenerationFailed(f"an event that may overlap the window cannot be read ({type(error).__name__})") from None


def _build_components(group: Group, uid: str, zones: Zones, day: date, budget: Budget) -> Iterator[Any]:
    """Yield the components of a series with its changes, or of one appointment. Skip recurrences before `day`."""
    recurs = any(one.recurs or one.is_change for one in group)
    moves = sum(one.changes_following for one in group)
    if moves > _MAX_MOVES:
        raise InvalidValue("a series that moves too often")
    for one in group:
        budget.values -= 1 + sum(line.count(",") for name in ("RDATE", "EXDATE") for line in one.component.lines.get(name, ()))
        budget.check()
        event = _build_component(one, zones)
        event["UID"] = uid
        event[_SOURCE] = one, _instance_type(one, recurs)
        if not moves:
            _skip_recurrences(event, day)
        yield event


def _build_component(one: Appointment, zones: Zones) -> Any:
    """Convert an appointment to an event of icalendar, with dates and aware times."""
    lines = one.component.lines
    event: Any = Event()
    event["SEQUENCE"] = one.sequence
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if name in lines:
            if len(lines[name]) > 1:
                raise InvalidValue("two times instead of one")
            event[name] = vDDDTypes(_parse_times(lines[name][0], zones)[0])
    if "DTEND" not in lines and "DURATION" in lines:
        event["DURATION"] = vDDDTypes(parse_duration(split_line(lines["DURATION"][0])[1]))
    for name in ("RDATE", "EXDATE"):
        if name in lines:
            event[name] = [vDDDLists(_parse_times(line, zones)) for line in lines[name]]
    if "RRULE" in lines:
        start = _to_naive(event["DTSTART"].dt)
        event["RRULE"] = [vRecur.from_ical(check_rule(split_line(line)[1], start)) for line in lines["RRULE"]]
    if one.changes_following:
        if abs(_to_naive(event["DTSTART"].dt) - _to_naive(event["RECURRENCE-ID"].dt)) > _MAX_MOVE:
            raise InvalidValue("a series that moves by more than a year")
        event["RECURRENCE-ID"].params["RANGE"] = "THISANDFUTURE"
    return event


def _skip_recurrences(component: Any, day: date) -> None:
    """Skip the recurrences of a series long before a day, if it has one rule."""
    rules = component.get("RRULE", ())
    if len(rules) != 1:
        return
    start, end = component["DTSTART"].dt, component["DTEND"].dt if "DTEND" in component else None
    length = _to_naive(end) - _to_naive(start) if end else component["DURATION"].dt if "DURATION" in component else _DAY
    # One month earlier, because the start always counts as a recurrence, even if it does not fit the rule.
    skip = find_skip(rules[0].to_ical().decode(), start, day - abs(length) - 31 * _DAY)
    component["DTSTART"] = vDDDTypes(start + skip)
    if end:
        component["DTEND"] = vDDDTypes(end + skip)


def _instance_type(one: Appointment, recurs: bool) -> InstanceType:
    if one.is_change and not one.changes_following:
        return InstanceType.EXCEPTION
    return InstanceType.RECURRING_INSTANCE if recurs else InstanceType.SINGLE_INSTANCE


def _parse_times(line: str, zones: Zones) -> list[Any]:
    """Parse the dates, aware times and periods of a line."""
    parameters, value = split_line(line)
    read: Callable[[str, Callable[[], tzinfo]], Any] = parse_period if "/" in value else parse_moment
    found = [
        read(part.strip(), lambda: zones.find(parameters["TZID"]) if "TZID" in parameters else zones.default) for part in value.split(",")
    ]
    # QUIRK: Google and others write times in UTC and the zone in X-WR-TIMEZONE. Recurrences are in that zone.
    return [_to_local(part, zones.default) if zones.is_declared else part for part in found]


def _to_local(part: Any, zone: tzinfo) -> Any:
    if isinstance(part, tuple):
        return _to_local(part[0], zone), part[1]
    return part.astimezone(zone) if isinstance(part, datetime) and part.tzinfo is UTC else part


def _to_naive(value: date) -> datetime:
    return datetime(*value.timetuple()[:6])


def _build_event(component: Any, default: tzinfo) -> CalendarEvent:
    one, instance_type = component[_SOURCE]
    start, end = _to_utc(component["DTSTART"].dt, default), _to_utc(component["DTEND"].dt, default)
    return CalendarEvent(start, max(start, end), one.busy_type, _build_details(one, instance_type))


def _to_utc(value: date, default: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=default)
    return value.astimezone(UTC)


def _build_details(one: Appointment, instance_type: InstanceType) -> Details:
    component = one.component
    subject, location = (parse_text(component.lines[name][0]) if name in component.lines else "" for name in ("SUMMARY", "LOCATION"))
    return Details(
        subject=subject,
        location=location,
        instance_type=instance_type,
        is_meeting="ATTENDEE" in component.lines or "ORGANIZER" in component.lines,
        is_reminder_set=bool(component.all("VALARM")),
        # RFC 5545 section 3.8.1.3: an unknown class is private.
        is_private=component.value("CLASS").upper() not in {"", "PUBLIC"},
    )
