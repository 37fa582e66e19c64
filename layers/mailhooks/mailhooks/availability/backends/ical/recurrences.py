"""Computes the busy times of a series with its changes in a window (RFC 5545 sections 3.8.4.4 and 3.8.5).

A recurrence is identified by its exact moment, or by its day if the series has whole days; never by its clock time alone.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from mailhooks.availability.backends.ical.appointments import Appointment, Series
from mailhooks.availability.backends.ical.budget import Budget
from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.rules import Rule
from mailhooks.availability.backends.ical.values import (
    InvalidValue,
    parse_duration,
    parse_moment,
    parse_period,
    split_line,
    split_time_line,
)
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, InstanceType

_DAY: Final = timedelta(days=1)
_NONE: Final = timedelta()

_MAX_MOVE: Final = timedelta(days=400)
"""Longest time by which a change may move a recurrence and all following ones."""

_MAX_MOVES: Final = 100
"""Changes of one series that also move all following recurrences: each is compared with each recurrence."""

_Id = date
"""A recurrence: its moment in UTC, or its day in a series of whole days."""

_Found = dict[_Id, tuple[datetime, datetime, datetime]]
"""Recurrences: the clock time of the start, the start and the end in UTC."""


class _Length(NamedTuple):
    """The length of a recurrence. The end is the later one of two: by the clock, and after an exact time.

    DTEND of a series means an exact time (RFC 5545 section 3.8.5.3), but most programs repeat the clock time of the end. The two differ if
    the clocks change meanwhile.

    Attributes:
        clock: time on the clock, in nominal days.
        rest: exact time after `clock`.
        exact: exact time.
        before: time by which DTEND precedes DTSTART.
    """

    clock: timedelta = _NONE
    rest: timedelta = _NONE
    exact: timedelta = _NONE
    before: timedelta = _NONE

    @property
    def longest(self) -> timedelta:
        return max(self.clock + self.rest, self.exact) + self.before


@dataclass(slots=True)
class _Times:
    """The times of an event in typed form.

    Attributes:
        zone: the zone in which it recurs, and in which its whole days are.
        floating: returns the zone of its other times if they have none.
        clock: the clock time of the start in `zone`.
        start: in UTC.
        changed: the recurrence that it changes.
        moved: the time on the series' clock by which it moves the following recurrences, too.
    """

    zone: tzinfo
    floating: Callable[[], tzinfo]
    is_whole_day: bool
    clock: datetime
    start: datetime
    length: _Length
    changed: _Id | None = None
    moved: timedelta = _NONE

    def place(self, clock: datetime) -> tuple[datetime, datetime]:
        """Return the start and the end, in UTC, of a recurrence at a clock time."""
        start = self.start if clock == self.clock else _to_utc(clock, self.zone)
        length = self.length
        end = max(_to_utc(clock + length.clock, self.zone) + length.rest if length.clock else start + length.rest, start + length.exact)
        return start - length.before, end


@dataclass(slots=True)
class _Parsed:
    """A series in typed form.

    Attributes:
        rules: each with the end of its recurrences (UNTIL) as a moment or day; None if it has none.
        dates: further recurrences (RDATE), some with an end of their own.
        excluded: the recurrences to leave out (EXDATE).
        changes: changes of one recurrence.
        moves: changes that also apply to the following recurrences, in order.
    """

    times: _Times | None
    rules: list[tuple[Rule, _Id | None]]
    dates: list[tuple[_Id, datetime, datetime, datetime]]
    excluded: frozenset[_Id]
    changes: list[tuple[Appointment, _Times]]
    moves: list[tuple[Appointment, _Times]]


class Occurrence(NamedTuple):
    """A busy time of an event, in UTC."""

    start: datetime
    end: datetime
    busy_type: BusyType
    source: Appointment
    kind: InstanceType


def expand_series(series: Series, window: Window, owners: Collection[str], budget: Budget) -> Iterator[Occurrence]:
    """Yield the busy recurrences of a series that overlap the window.

    Args:
        owners: the canonical addresses of the calendar's owner.

    Raises:
        InvalidValue, ValueError, OverflowError: a time or rule cannot be read.
        GenerationFailed: the expansion needs too much work.
    """
    if series.parsed is None:
        series.parsed = _parse_series(series, budget)
    parsed = series.parsed
    assert isinstance(parsed, _Parsed)
    recurs = bool(series.changes) or (series.master is not None and series.master.recurs)
    for one, is_single_change, start, end in _list_recurrences(series, parsed, window, budget):
        if start < window.end_date and (end > window.start_date or (start == end and start >= window.start_date)):
            busy_type = one.find_busy_type(owners)
            if busy_type is not BusyType.FREE:
                whole = InstanceType.RECURRING_INSTANCE if recurs else InstanceType.SINGLE_INSTANCE
                yield Occurrence(start, end, busy_type, one, InstanceType.EXCEPTION if is_single_change else whole)


def _list_recurrences(
    series: Series, parsed: _Parsed, window: Window, budget: Budget
) -> Iterator[tuple[Appointment, bool, datetime, datetime]]:
    """Yield the recurrences that may overlap the window: their event, whether it changes only one, start and end."""
    changed = {times.changed for _, times in parsed.changes}
    found = _expand_master(parsed, window, budget) if parsed.times else {}
    for key, (clock, start, end) in found.items():
        if key in changed:
            continue
        move = next((move for move in reversed(parsed.moves) if _starts_at_or_before(move[1].changed, key)), None)
        if move is None:
            if series.master:
                yield series.master, False, start, end
        else:
            one, times = move
            yield one, False, *times.place(times.clock if key == times.changed else _move(clock, times, parsed))
    for one, times in parsed.changes:
        # An excluded recurrence stays excluded if it was changed before.
        if times.changed not in parsed.excluded:
            yield one, True, *times.place(times.clock)
    for one, times in parsed.moves:
        if times.changed not in parsed.excluded and times.changed not in found and times.changed not in changed:
            yield one, False, *times.place(times.clock)


def _move(clock: datetime, change: _Times, parsed: _Parsed) -> datetime:
    """Return the clock time, in the zone of a change, to which it moves a recurrence of the series."""
    zone = parsed.times.zone if parsed.times else change.zone
    return _to_clock(_to_utc(clock + change.moved, zone), change.zone)


def _starts_at_or_before(first: _Id | None, key: _Id) -> bool:
    # A series of whole days has days only, and others have moments only, unless its changes are of the other kind.
    return first is not None and isinstance(first, datetime) == isinstance(key, datetime) and first <= key


def _expand_master(parsed: _Parsed, window: Window, budget: Budget) -> _Found:
    """Return the recurrences that may overlap the window after all moves, without the excluded ones."""
    times = parsed.times
    assert times is not None
    margin = max((abs(move.moved) for _, move in parsed.moves), default=_NONE) + _DAY
    longest = max([times.length.longest, *(move.length.longest for _, move in parsed.moves)])
    begin = _to_clock(_shift(window.start_date, -(longest + margin)), times.zone)
    end = _to_clock(_shift(window.end_date, margin + times.length.before), times.zone)
    found: _Found = {times.clock.date() if times.is_whole_day else times.start: (times.clock, *times.place(times.clock))}
    for rule, until in parsed.rules:
        for clock in rule.expand(begin, end, budget):
            start, last = times.place(clock)
            key = clock.date() if times.is_whole_day else start + times.length.before
            if until is not None and key > until:
                break
            found.setdefault(key, (clock, start, last))
            if rule.repeats_within_days and (later := _to_utc(clock.replace(fold=1), times.zone) - _to_utc(clock, times.zone)) > _NONE:
                # An hour that exists twice is an interval of its own.
                found.setdefault(key + later, (clock, start + later, last + later))
    for key, clock, start, last in parsed.dates:
        found.setdefault(key, (clock, start, last))
    for key in parsed.excluded:
        found.pop(key, None)
    return found


def _shift(moment: datetime, length: timedelta) -> datetime:
    try:
        return moment + length
    except OverflowError:
        return (datetime.max if length > _NONE else datetime.min).replace(tzinfo=UTC) - (_DAY if length > _NONE else -_DAY)


def _to_utc(clock: datetime, zone: tzinfo) -> datetime:
    """Convert a clock time to UTC. A time that does not exist has the offset before it, as RFC 5545 section 3.3.5 requires."""
    return _convert(clock.replace(tzinfo=zone), UTC)


def _to_clock(moment: datetime, zone: tzinfo) -> datetime:
    """Return the clock time in a zone, without the zone."""
    return _convert(moment, zone).replace(tzinfo=None, fold=0)


def _convert(moment: datetime, zone: tzinfo) -> datetime:
    """Convert a time to a zone. QUIRK: events without an end end in the year 9999, and others begin in the year 1."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return (datetime.max.replace(microsecond=0) if moment.year > 1 else datetime.min).replace(tzinfo=zone)


# Parsing


def _parse_series(series: Series, budget: Budget) -> _Parsed:
    budget.count_values(sum(1 + _count_dates(one.component) for one in series.appointments))
    master = series.master
    parsed = _Parsed(None, [], [], frozenset(), [], [])
    if master:
        times = parsed.times = _parse_times(master, budget)
        lines, zones = master.component.lines, master.zones
        parsed.rules = [_parse_rule(line, times) for line in lines.get("RRULE", ())]
        values = [value for line in lines.get("RDATE", ()) for value in _parse_values(line, zones, times.floating, budget)]
        parsed.dates = [_parse_date(value, times) for value in values]
        excluded = [value for line in lines.get("EXDATE", ()) for value in _parse_values(line, zones, times.floating, budget)]
        if master.recurs:
            # An event that does not recur has no exceptions.
            parsed.excluded = frozenset(_identify(value, times) for value in excluded if not isinstance(value, tuple))
    for one in _select_newest(series.changes):
        _parse_change(one, parsed, budget)
    parsed.moves.sort(key=lambda move: _sort_key(move[1].changed))
    if len(parsed.moves) > _MAX_MOVES:
        raise InvalidValue(f"a series that moves more than {_MAX_MOVES} times")
    return parsed


def _count_dates(component: Component) -> int:
    return sum(1 + line.count(",") for name in ("RDATE", "EXDATE") for line in component.lines.get(name, ()))


def _sort_key(changed: _Id | None) -> datetime:
    if isinstance(changed, datetime):
        return changed
    return datetime.combine(changed or date.min, time(), UTC)


def _select_newest(changes: list[Appointment]) -> list[Appointment]:
    """Remove older versions of a change. Several with one sequence number stay, since any of them may be the true one."""
    newest: dict[str, int] = {}
    for one in changes:
        name = one.component.lines["RECURRENCE-ID"][0]
        newest[name] = max(newest.get(name, 0), one.sequence)
    return [one for one in changes if one.sequence == newest[one.component.lines["RECURRENCE-ID"][0]]]


def _parse_change(one: Appointment, parsed: _Parsed, budget: Budget) -> None:
    """Add a change of one recurrence, or of it and all following ones."""
    times = _parse_times(one, budget)
    # The recurrence belongs to the series, which may be in another zone than its change.
    series = parsed.times or times
    lines = one.component.lines["RECURRENCE-ID"]
    [value, *others] = _parse_values(lines[0], one.zones, series.floating, budget)
    if len(lines) > 1 or others or isinstance(value, tuple):
        raise InvalidValue("two times instead of one")
    times.changed = _identify(value, series)
    if not one.changes_following:
        parsed.changes.append((one, times))
        return
    original = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=series.zone)
    first, moved = (_to_clock(moment, series.zone) for moment in (original, times.start))
    times.moved = moved - first
    if abs(times.moved) > _MAX_MOVE:
        raise InvalidValue(f"a series that moves by more than {_MAX_MOVE.days} days")
    parsed.moves.append((one, times))


def _parse_values(line: str, zones: Zones, floating: Callable[[], tzinfo], budget: Budget) -> list[date | tuple[datetime, datetime]]:
    """Parse the dates, aware times and periods of a line.

    Args:
        floating: returns the zone of times without one.
    """
    parameters, text = split_time_line(line)

    def find_zone() -> tzinfo:
        return zones.find(parameters["TZID"], budget) if "TZID" in parameters else floating()

    # QUIRK: a list may end in a comma.
    texts = [part.strip() for part in text.split(",")] if "," in text else [text]
    return [parse_period(part, find_zone) if "/" in part else parse_moment(part, find_zone) for part in texts if part or len(texts) == 1]


def _identify(value: date, times: _Times) -> _Id:
    """Return the recurrence that EXDATE or RECURRENCE-ID means.

    A day means no recurrence of a series with times (section 3.8.4.4 requires the same type), and a time means a day only if the day starts
    then, in the zone of the series or as the time is written.
    """
    if not isinstance(value, datetime):
        return value
    if times.is_whole_day:
        for local in (_convert(value, times.zone), value):
            if local.time() == time():
                return local.date()
    return _convert(value, UTC)


def _parse_rule(line: str, times: _Times) -> tuple[Rule, _Id | None]:
    rule = Rule(split_line(line)[1], times.clock)
    if not rule.until:
        return rule, None
    until = parse_moment(rule.until, times.floating)
    if not isinstance(until, datetime):
        # QUIRK: section 3.3.10 requires the type of DTSTART. A day without a time includes the whole day.
        return rule, until if times.is_whole_day else _to_utc(datetime.combine(until, time.max), times.zone)
    if times.is_whole_day:
        return rule, max(until.date(), _to_clock(until, times.zone).date())
    return rule, _convert(until, UTC)


def _parse_date(value: "date | tuple[datetime, datetime]", times: _Times) -> tuple[_Id, datetime, datetime, datetime]:
    """Return a further recurrence (RDATE): its key, clock time, start and end."""
    if isinstance(value, tuple):
        start = _convert(value[0], UTC)
        clock = _to_clock(start, times.zone)
        return clock.date() if times.is_whole_day else start, clock, start, value[1]
    if times.is_whole_day:
        day = _to_clock(value, times.zone).date() if isinstance(value, datetime) else value
        clock = datetime.combine(day, time())
        return day, clock, *times.place(clock)
    if not isinstance(value, datetime):
        # QUIRK: a day in a series with times (section 3.8.5.2 allows both types). No time of the day is known to be free.
        clock = datetime.combine(value, time())
        return value, clock, _to_utc(clock, times.zone), _to_utc(clock + _DAY, times.zone)
    start = _convert(value, UTC)
    clock = _to_clock(start, times.zone)
    first, end = times.place(clock)
    # `place` chooses the first one of a clock time that exists twice.
    return start, clock, first + (start - times.length.before - first), end + (start - times.length.before - first)


def _parse_times(one: Appointment, budget: Budget) -> _Times:
    """Parse the start and the length of an event.

    Raises:
        InvalidValue: a time cannot be read.
    """
    component, zones = one.component, one.zones
    value = _parse_single(component, "DTSTART", zones, lambda: zones.find_default(budget), budget)
    zone = (value.tzinfo if isinstance(value, datetime) else None) or zones.find_default(budget)
    if isinstance(value, datetime):
        times = _Times(zone, lambda: zone, False, _to_clock(value, zone), _convert(value, UTC), _Length())
    else:
        clock = datetime.combine(value, time())
        times = _Times(zone, lambda: zone, True, clock, _to_utc(clock, zone), _Length())
    times.length = _parse_length(component, times, zones, budget)
    if not times.length.longest and _is_marked_whole_day(component):
        times.length = _Length(clock=_DAY)
    return times


def _is_marked_whole_day(component: Component) -> bool:
    """Return whether an event is declared to be of a whole day. QUIRK: also if its start is written as a time, without an end."""
    if component.value("X-MICROSOFT-CDO-ALLDAYEVENT").upper() == "TRUE":
        return True
    return split_time_line(component.lines["DTSTART"][0])[0].get("VALUE", "").upper() == "DATE"


def _parse_single(component: Component, name: str, zones: Zones, floating: Callable[[], tzinfo], budget: Budget) -> date:
    if name not in component.lines:
        raise InvalidValue("an event without a start")
    # QUIRK: some programs write a property twice.
    lines = list(dict.fromkeys(component.lines[name]))
    [value, *others] = _parse_values(lines[0], zones, floating, budget)
    if len(lines) > 1 or others or isinstance(value, tuple):
        raise InvalidValue("two times instead of one")
    return value


def _parse_length(component: Component, times: _Times, zones: Zones, budget: Budget) -> _Length:
    """Return the length of an event; the longer one of DTEND and DURATION, which section 3.6.1 does not allow together."""
    found = [_Length(clock=_DAY) if times.is_whole_day else _Length()]
    if "DTEND" in component.lines and (component.value("DTEND") or not times.is_whole_day):
        found.append(_measure(_parse_single(component, "DTEND", zones, times.floating, budget), times))
    if "DURATION" in component.lines:
        # A negative duration is an error. The event has its start and that length, as no part of it is known to be free.
        length = parse_duration(split_line(component.lines["DURATION"][0])[1])[0]
        days = -(-(length.days + length.time) // _DAY) * _DAY
        found.append(_Length(clock=days) if times.is_whole_day else _Length(clock=length.days, rest=length.time))
    return max(found, key=lambda one: one.longest)


def _measure(end: date, times: _Times) -> _Length:
    """Return the length of an event with DTEND."""
    if times.is_whole_day:
        day = end if not isinstance(end, datetime) else _shift(_convert(end, times.zone), _DAY - timedelta(microseconds=1)).date()
        # QUIRK: leave planners write the last day instead of the day after it. The event has at least one day.
        return _Length(clock=max(datetime.combine(day, time()) - times.clock, _DAY))
    if not isinstance(end, datetime):
        # QUIRK: a day as the end of an event with times. The day itself is included if the event starts on it.
        end = datetime.combine(end if end > times.clock.date() else times.clock.date() + _DAY, time(), times.zone)
    start, clock = times.start, _to_clock(end, times.zone) - times.clock
    exact = _convert(end, UTC) - start
    if exact < _NONE:
        # The clocks are set back between start and end, or forward over the start.
        later = _convert(end.replace(fold=1), UTC) - start
        exact = later if later >= _NONE else clock if clock > _NONE else exact
    if exact < _NONE:
        # The time between an end and a later start is busy.
        return _Length(before=-exact)
    return _Length(clock=max(clock, _NONE), exact=exact)
