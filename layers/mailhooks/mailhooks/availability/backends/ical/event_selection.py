"""Which appointments of a calendar may lie in the time asked for, told by a look at their dates: the others need not be read at all, and
those that cannot be read do no harm.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.values import Unreadable, parse_duration, split_line
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType

_DAY: Final = re.compile(r"(?<!\d)(\d{4})(\d\d)(\d\d)(?!\d)", re.ASCII)

_MARGIN: Final = timedelta(days=3)
"""More than a local day and its time zone can lie elsewhere in UTC, and a whole day's end after its start."""

_MICROSOFT: Final = {
    "FREE": BusyType.FREE,
    "TENTATIVE": BusyType.TENTATIVE,
    "BUSY": BusyType.BUSY,
    "OOF": BusyType.BUSY,
    "WORKINGELSEWHERE": BusyType.FREE,
}
"""X-MICROSOFT-CDO-BUSYSTATUS of Outlook and Exchange (MS-OXCICAL section 2.1.3.1.1.20.31), whose TRANSP knows two states only."""


@dataclass(slots=True)
class Appointment:
    """A VEVENT.

    Attributes:
        first: the first day that it touches, if it does not recur; the day before all where that cannot be told.
        last: its last day, with all its recurrences; the day after all where that cannot be told.
        busy_type: FREE for what is cancelled, too.
    """

    component: Component
    first: date
    last: date
    busy_type: BusyType

    @property
    def recurs(self) -> bool:
        return "RRULE" in self.component.lines or "RDATE" in self.component.lines

    @property
    def is_change(self) -> bool:
        """Of one recurrence, or of those that follow, too."""
        return "RECURRENCE-ID" in self.component.lines

    @property
    def changes_following(self) -> bool:
        return any("THISANDFUTURE" in line.partition(":")[0].upper() for line in self.component.lines.get("RECURRENCE-ID", ()))

    @property
    def sequence(self) -> int:
        number = self.component.value("SEQUENCE")
        return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0


Group = list[Appointment]
"""A series and its changes, or one appointment."""


def group_appointments(calendar: Component) -> list[Group]:
    """A calendar's appointments by their UID. What has no start lies nowhere (RFC 5545 section 3.6.1 lets only calendars with a METHOD have
    such) and is left out.
    """
    by_uid: dict[object, Group] = {}
    for component in calendar.all("VEVENT"):
        if "DTSTART" in component.lines:
            by_uid.setdefault(component.value("UID") or id(component), []).append(_appointment(component))
    return [part for group in by_uid.values() for part in _apart(group)]


def select_groups(groups: Sequence[Group], window: Window) -> Iterator[Group]:
    """Those that may touch the window; a series with all its changes, as they take time away from it, and it from them."""
    begin, end = (window.start_date - _MARGIN).date(), (window.end_date + _MARGIN).date()
    for group in groups:
        takes_time = any(one.busy_type is not BusyType.FREE for one in group)
        if takes_time and any(_touches(one, begin, end) or one.changes_following for one in group):
            yield group


def _touches(one: Appointment, begin: date, end: date) -> bool:
    return one.first <= end and one.last >= begin


def _apart(group: Group) -> Iterator[Group]:
    """QUIRK: booking systems give one UID to several appointments, of which one would count. Older versions of an appointment are left out
    (RFC 5545 section 3.8.7.4); what has one number has one standing. Changes belong to the one that recurs.
    """
    masters = [one for one in group if not one.is_change]
    if len(masters) < 2:
        yield group
        return
    newest = max(one.sequence for one in masters)
    current = sorted((one for one in masters if one.sequence == newest), key=lambda one: not one.recurs)
    yield [current[0], *(one for one in group if one.is_change)]
    yield from ([one] for one in current[1:])


def _appointment(component: Component) -> Appointment:
    try:
        first, last = _days(component)
    except ValueError:
        first, last = date.min, date.max
    return Appointment(component, first, last, _busy_type(component))


def _days(component: Component) -> tuple[date, date]:
    lines = component.lines
    start = _dates(component, "DTSTART")
    ends = _dates(component, "DTEND") if "DTEND" in lines else start
    if not start or not ends:
        raise Unreadable("no day")
    first, last = min(start + ends), max(start + ends)
    for line in lines.get("DURATION", ()):
        length = parse_duration(split_line(line)[1])
        first, last = min(first, _later(first, length)), max(last, _later(last, length))
    if "RDATE" in lines:
        return date.min, date.max
    if "RRULE" in lines:
        until = [_DAY.search(line.upper().partition("UNTIL=")[2][:8]) for line in lines["RRULE"]]
        if None in until:
            return first, date.max
        last = _later(max(_date(match) for match in until if match), last - first)
    return first, last


def _dates(component: Component, name: str) -> list[date]:
    return [_date(match) for line in component.lines[name] for match in _DAY.finditer(line.rpartition(":")[2].partition("T")[0])]


def _date(match: re.Match[str]) -> date:
    return date(*map(int, match.groups()))


def _later(day: date, length: timedelta) -> date:
    try:
        return day + length
    except OverflowError:
        return date.max if length > timedelta() else date.min


def _busy_type(component: Component) -> BusyType:
    status = component.value("STATUS").upper()
    if status == "CANCELLED":
        return BusyType.FREE
    if said := _MICROSOFT.get(component.value("X-MICROSOFT-CDO-BUSYSTATUS").upper()):
        return said
    if component.value("TRANSP").upper() == "TRANSPARENT":
        return BusyType.FREE
    return BusyType.TENTATIVE if status == "TENTATIVE" else BusyType.BUSY
