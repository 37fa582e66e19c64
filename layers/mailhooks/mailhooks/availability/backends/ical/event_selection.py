"""Selects the appointments of a calendar that may overlap a window, by their dates only.

The other appointments are never parsed, so invalid ones among them do not matter.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.values import InvalidValue, parse_duration, split_line
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType

_DAY: Final = re.compile(r"(?<!\d)(\d{4})(\d\d)(\d\d)(?!\d)", re.ASCII)

_MARGIN: Final = timedelta(days=3)
"""More than the difference between a local date and UTC, and than the length of an all-day event."""

_MICROSOFT: Final = {
    "FREE": BusyType.FREE,
    "TENTATIVE": BusyType.TENTATIVE,
    "BUSY": BusyType.BUSY,
    "OOF": BusyType.BUSY,
    "WORKINGELSEWHERE": BusyType.FREE,
}
"""X-MICROSOFT-CDO-BUSYSTATUS of Outlook and Exchange (MS-OXCICAL section 2.1.3.1.1.20.31), whose TRANSP has two values only."""


@dataclass(slots=True)
class Appointment:
    """A VEVENT.

    Attributes:
        first: the first day, without recurrences; `date.min` if unknown.
        last: the last day, with all recurrences; `date.max` if unknown.
        busy_type: FREE also for a cancelled event.
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
        """Whether it changes a recurrence of a series, or that one and all following ones."""
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
    """Group a calendar's appointments by UID, without those that have no start.

    RFC 5545 section 3.6.1 allows an appointment without a start only in calendars with a METHOD.
    """
    by_uid: dict[object, Group] = {}
    for component in calendar.all("VEVENT"):
        if "DTSTART" in component.lines:
            by_uid.setdefault(component.value("UID") or id(component), []).append(_read_appointment(component))
    return [part for group in by_uid.values() for part in _split_group(group)]


def select_groups(groups: Sequence[Group], window: Window) -> Iterator[Group]:
    """Yield the groups that may overlap the window.

    A series keeps all its changes, because they depend on each other.
    """
    begin, end = (window.start_date - _MARGIN).date(), (window.end_date + _MARGIN).date()
    for group in groups:
        is_busy = any(one.busy_type is not BusyType.FREE for one in group)
        if is_busy and any((one.first <= end and one.last >= begin) or one.changes_following for one in group):
            yield group


def _split_group(group: Group) -> Iterator[Group]:
    """Split a group into one series with its changes and single appointments.

    Older versions are removed (RFC 5545 section 3.8.7.4).

    QUIRK: booking systems use one UID for several appointments with one sequence number. Changes belong to the appointment that recurs.
    """
    masters = [one for one in group if not one.is_change]
    if len(masters) < 2:
        yield group
        return
    newest = max(one.sequence for one in masters)
    current = sorted((one for one in masters if one.sequence == newest), key=lambda one: not one.recurs)
    yield [current[0], *(one for one in group if one.is_change)]
    yield from ([one] for one in current[1:])


def _read_appointment(component: Component) -> Appointment:
    try:
        first, last = _read_days(component)
    except ValueError:
        first, last = date.min, date.max
    return Appointment(component, first, last, _busy_type(component))


def _read_days(component: Component) -> tuple[date, date]:
    lines = component.lines
    start = _read_dates(component, "DTSTART")
    ends = _read_dates(component, "DTEND") if "DTEND" in lines else start
    if not start or not ends:
        raise InvalidValue("no day")
    first, last = min(start + ends), max(start + ends)
    for line in lines.get("DURATION", ()):
        length = parse_duration(split_line(line)[1])
        first, last = min(first, _add_duration(first, length)), max(last, _add_duration(last, length))
    if "RDATE" in lines:
        return date.min, date.max
    if "RRULE" in lines:
        until = [_DAY.search(line.upper().partition("UNTIL=")[2][:8]) for line in lines["RRULE"]]
        if None in until:
            return first, date.max
        last = _add_duration(max(_to_date(match) for match in until if match), last - first)
    return first, last


def _read_dates(component: Component, name: str) -> list[date]:
    return [_to_date(match) for line in component.lines[name] for match in _DAY.finditer(line.rpartition(":")[2].partition("T")[0])]


def _to_date(match: re.Match[str]) -> date:
    return date(*map(int, match.groups()))


def _add_duration(day: date, length: timedelta) -> date:
    try:
        return day + length
    except OverflowError:
        return date.max if length > timedelta() else date.min


def _busy_type(component: Component) -> BusyType:
    status = component.value("STATUS").upper()
    if status == "CANCELLED":
        return BusyType.FREE
    if busy_type := _MICROSOFT.get(component.value("X-MICROSOFT-CDO-BUSYSTATUS").upper()):
        return busy_type
    if component.value("TRANSP").upper() == "TRANSPARENT":
        return BusyType.FREE
    return BusyType.TENTATIVE if status == "TENTATIVE" else BusyType.BUSY
