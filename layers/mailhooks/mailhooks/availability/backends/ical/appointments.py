"""Groups a calendar's events by UID, and selects those that may overlap a window, by their dates only.

The other events are never parsed, so invalid ones among them do not matter.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final
from urllib.parse import unquote

from mailhooks.address_patterns import canonical
from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.values import InvalidValue, parse_duration, parse_text, split_line, split_time_line
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, Details, InstanceType

_DAY: Final = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)", re.ASCII)

_MARGIN: Final = timedelta(days=3)
"""More than the difference between a local date and UTC, and than the length of an all-day event."""

_UNREADABLE: Final = timedelta(days=366)
"""Time around an event with one readable day for which it is an error of the mailbox."""

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
        zones: of its calendar.
        first: the first day, without recurrences; `date.min` if unknown.
        last: the last day, with all recurrences; `date.max` if unknown.
        busy_type: FREE also for a cancelled event.
    """

    component: Component
    zones: Zones
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

    def find_busy_type(self, owners: Collection[str]) -> BusyType:
        """Return the busy type for the owner of a calendar, who may have declined the meeting (RFC 5545 section 3.2.12).

        Args:
            owners: the canonical addresses of the owner.
        """
        lines = self.component.lines.get("ATTENDEE", ())
        # `lines` has dropped the participants if none of them has declined.
        if self.busy_type is not BusyType.FREE and lines and lines[0]:
            answers = {answer for answer in map(_read_participant, lines) if answer and not answer[0].isdisjoint(owners)}
            if answers and all(declined for _, declined in answers):
                return BusyType.FREE
        return self.busy_type

    def build_details(self, kind: InstanceType) -> Details:
        component = self.component
        subject, location = (parse_text(component.lines[name][0]) if name in component.lines else "" for name in ("SUMMARY", "LOCATION"))
        return Details(
            subject=subject,
            location=location,
            instance_type=kind,
            is_meeting="ATTENDEE" in component.lines or "ORGANIZER" in component.lines,
            is_reminder_set=bool(component.all("VALARM")),
            # RFC 5545 section 3.8.1.3: an unknown class is private.
            is_private=component.value("CLASS").upper() not in {"", "PUBLIC"},
        )


@dataclass(slots=True)
class Series:
    """An event or a series, with the changes of its recurrences. A change may be known without its series.

    Attributes:
        parsed: the times of `master` and `changes`, after the first use (see `recurrences`).
    """

    master: Appointment | None
    changes: list[Appointment]
    parsed: object = field(default=None, repr=False)

    @property
    def appointments(self) -> list[Appointment]:
        return [*([self.master] if self.master else []), *self.changes]

    def may_overlap(self, window: Window) -> bool:
        """Return whether a recurrence may overlap the window and be busy."""
        begin, end = (window.start_date - _MARGIN).date(), (window.end_date + _MARGIN).date()
        all_of_it = self.appointments
        is_busy = any(one.busy_type is not BusyType.FREE for one in all_of_it)
        return is_busy and any((one.first <= end and one.last >= begin) or one.changes_following for one in all_of_it)


def group_appointments(calendars: Iterable[tuple[Component, Zones]]) -> list[Series]:
    """Group the events of calendars by UID, without those that have no times.

    QUIRK: ownCloud and Nextcloud export each event in a VCALENDAR of its own.

    RFC 5545 section 3.6.1 allows an event without a start only in calendars with a METHOD. One with an end only cannot be read.
    """
    by_uid: dict[object, list[Appointment]] = {}
    for calendar, zones in calendars:
        for component in calendar.all("VEVENT"):
            if _busy_type(component) is BusyType.FREE and "RECURRENCE-ID" in component.lines:
                # QUIRK: a recurrence that is cancelled, without its start.
                component.lines.setdefault("DTSTART", component.lines["RECURRENCE-ID"])
            if "DTSTART" in component.lines or "DTEND" in component.lines:
                by_uid.setdefault(component.value("UID") or id(component), []).append(_read_appointment(component, zones))
    return [series for group in by_uid.values() for series in _split_group(group)]


def _split_group(group: list[Appointment]) -> Iterator[Series]:
    """Split the events of one UID into one series with its changes and single events.

    Older versions are removed (RFC 5545 section 3.8.7.4).

    QUIRK: booking systems use one UID for several events with one sequence number. Changes belong to the event that recurs.
    """
    changes = [one for one in group if one.is_change]
    masters = [one for one in group if not one.is_change]
    newest = max((one.sequence for one in masters), default=0)
    current = sorted((one for one in masters if one.sequence == newest), key=lambda one: not one.recurs)
    yield Series(current[0] if current else None, changes)
    yield from (Series(one, []) for one in current[1:])


def _read_appointment(component: Component, zones: Zones) -> Appointment:
    try:
        first, last = _read_days(component)
    except ValueError:
        first, last = date.min, date.max
    return Appointment(component, zones, first, last, _busy_type(component))


def _read_days(component: Component) -> tuple[date, date]:
    lines = component.lines
    starts, ends = _read_dates(component, "DTSTART"), _read_dates(component, "DTEND")
    if not starts + ends:
        raise InvalidValue("no day")
    first, last = min(starts + ends), max(starts + ends)
    if not starts:
        first = _add_duration(first, -_UNREADABLE)
    if "DTEND" in lines and not ends:
        last = _add_duration(last, _UNREADABLE)
    for line in lines.get("DURATION", ()):
        try:
            length = parse_duration(split_line(line)[1])[0]
            last = _add_duration(last, length.days + length.time)
        except InvalidValue:
            last = _add_duration(last, _UNREADABLE)
    if "RDATE" in lines:
        return date.min, date.max
    if "RRULE" in lines:
        until = [_DAY.match(split_line(line)[1].upper().partition("UNTIL=")[2][:10]) for line in lines["RRULE"]]
        if None in until:
            return first, date.max
        last = _add_duration(max(_to_date(match) for match in until if match), last - first)
    return first, last


def _read_dates(component: Component, name: str) -> list[date]:
    """Return the days of a property's lines; none for an unreadable line."""
    return [_to_date(match) for line in component.lines.get(name, ()) if (match := _DAY.match(_read_value(line)))]


def _read_value(line: str) -> str:
    try:
        return split_time_line(line)[1]
    except InvalidValue:
        return ""


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


def _read_participant(line: str) -> tuple[frozenset[str], bool] | None:
    """Return the addresses of an ATTENDEE, and whether it has declined; None for an unreadable line."""
    try:
        parameters, value = split_line(line)
    except InvalidValue:
        return None
    scheme, colon, address = value.partition(":")
    addresses = [unquote(address) if colon and scheme.lower() == "mailto" else value]
    # QUIRK: Apple writes `urn:uuid:` and the address into EMAIL (RFC 7986 section 6.2).
    addresses += [address.lower().removeprefix("mailto:") for address in [parameters.get("EMAIL", "")] if address]
    return frozenset(canonical(one.strip().strip("<>")) for one in addresses), parameters.get("PARTSTAT", "").upper() == "DECLINED"
