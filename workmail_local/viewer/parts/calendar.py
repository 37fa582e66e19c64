"""The events of a calendar part in words: what it asks, the participants, when and where (RFC 5545, and RFC 5546 for the methods).

The library's reader of calendars is used: it is bounded, and reads the zones of one calendar apart from those of the others.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final, NamedTuple

from mailhooks.availability.backends.ical.budget import Budget
from mailhooks.availability.backends.ical.lines import Component, parse_calendars
from mailhooks.availability.backends.ical.values import InvalidValue, parse_duration, parse_moment, parse_text, split_line, split_time_line
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.availability.errors import GenerationFailed
from mailhooks.deadline import Deadline
from workmail_local.viewer.excerpt import describe_cut
from workmail_local.viewer.parts.calendar_words import describe_here, describe_rule, describe_span

MAX_OCTETS: Final = 1_000_000
_MAX_EVENTS: Final = 50
_MAX_PEOPLE: Final = 100
_MAX_TEXT: Final = 5000
_SECONDS: Final = 5.0

_OTHERS: Final = frozenset(b"METHOD PRODID SUMMARY DESCRIPTION COMMENT LOCATION ORGANIZER ATTENDEE URL RELATED-TO PRIORITY".split())
_FLOATING: Final = timezone(timedelta(), "floating")
"""Marks a time without a zone, which is the same on each reader's clock (section 3.3.5)."""

_CARET: Final = re.compile(r"\^([n^'])")
_METHODS: Final = {
    "PUBLISH": "Events to add to a calendar",
    "REQUEST": "Invitation, or an update of one",
    "REPLY": "Answer to an invitation",
    "ADD": "Further dates of a series",
    "CANCEL": "Cancellation",
    "REFRESH": "Request for the newest version",
    "COUNTER": "Proposal of another time",
    "DECLINECOUNTER": "Rejection of a proposed time",
}
_STATUSES: Final = {
    "NEEDS-ACTION": "no answer yet",
    "ACCEPTED": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "tentative",
    "DELEGATED": "delegated",
}
_ROLES: Final = {"CHAIR": "chair", "OPT-PARTICIPANT": "optional", "NON-PARTICIPANT": "for information"}
_KINDS: Final = {"ROOM": "room", "RESOURCE": "resource", "GROUP": "group"}


class Person(NamedTuple):
    """The organizer or a participant of an event.

    Attributes:
        status: the participant's answer in words; "" for the organizer.
        details: role, kind and delegation in words.
    """

    name: str
    address: str
    status: str = ""
    details: tuple[str, ...] = ()


class When(NamedTuple):
    """The time of an event in words.

    Attributes:
        text: in the event's own zone.
        zone: its name, as the calendar has it; "" for a day or a time without a zone.
        here: the same time in this machine's zone; "" if it is the same or does not exist.
        start, end: in ISO 8601.
    """

    text: str
    zone: str
    here: str
    start: str
    end: str


class EventRow(NamedTuple):
    """An event in words.

    Attributes:
        recurrence: how it recurs; empty if it does not.
        problems: what of it cannot be read.
    """

    title: str
    when: When | None
    location: str
    organizer: Person | None
    attendees: tuple[Person, ...]
    recurrence: tuple[str, ...]
    status: str
    description: str
    comment: str
    url: str
    uid: str
    problems: tuple[str, ...]


class CalendarView(NamedTuple):
    """A calendar part in words.

    Attributes:
        method: what the sender asks, in words, with the name of the method.
        error: why it cannot be read; "" if it can.
        notes: what is left out.
    """

    method: str = ""
    events: tuple[EventRow, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()


def read_calendar(content: bytes) -> CalendarView:
    """Return the events of a calendar. Never raises: a calendar that cannot be read has an error."""
    if len(content) > MAX_OCTETS:
        return CalendarView(error=f"it is too long: {len(content):,} octets, and {MAX_OCTETS:,} are read")
    if b"BEGIN:VCALENDAR" not in content.upper().replace(b"\0", b""):
        return CalendarView(error="it is not a calendar: BEGIN:VCALENDAR is missing")
    try:
        calendars = parse_calendars(content, _OTHERS)
        budget = Budget(Deadline.after(_SECONDS))
        found = [(Zones(calendar, UTC), event) for calendar in calendars for event in calendar.all("VEVENT")]
        events = tuple(_EventReader(zones, event, budget).read() for zones, event in found[:_MAX_EVENTS])
    except (GenerationFailed, InvalidValue) as error:
        return CalendarView(error=str(error))
    note = describe_cut(len(events), len(found), "events")
    notes = [note] if note else []
    if not found:
        notes.append("it has no event (VEVENT)")
    method = next((name for calendar in calendars if (name := calendar.value("METHOD").upper())), "")
    return CalendarView(f"{_METHODS[method]} ({method})" if method in _METHODS else method[:100], events, notes=tuple(notes))


class _EventReader:
    """Reads one event. What cannot be read of it is listed."""

    def __init__(self, zones: Zones, event: Component, budget: Budget) -> None:
        self._zones = zones
        self._event = event
        self._budget = budget
        self._problems: list[str] = []

    def read(self) -> EventRow:
        event = self._event
        people = [person for line in event.lines.get("ATTENDEE", ())[:_MAX_PEOPLE] if (person := self._read_person(line, "ATTENDEE"))]
        if note := describe_cut(_MAX_PEOPLE, len(event.lines.get("ATTENDEE", ())), "participants"):
            self._problems.append(note)
        organizers = [self._read_person(line, "ORGANIZER") for line in event.lines.get("ORGANIZER", ())[:1]]
        when, recurrence = self._read_when(), tuple(self._read_recurrence())
        return EventRow(
            self._read_text("SUMMARY"),
            when,
            self._read_text("LOCATION"),
            organizers[0] if organizers else None,
            tuple(people),
            recurrence,
            {"CANCELLED": "cancelled", "TENTATIVE": "tentative", "CONFIRMED": "confirmed"}.get(event.value("STATUS").upper(), ""),
            self._read_text("DESCRIPTION"),
            self._read_text("COMMENT"),
            event.value("URL")[:_MAX_TEXT],
            event.value("UID")[:_MAX_TEXT],
            tuple(dict.fromkeys(self._problems)),
        )

    def _read_text(self, name: str) -> str:
        lines = self._event.lines.get(name)
        text = parse_text(lines[0]) if lines else ""
        if note := describe_cut(_MAX_TEXT, len(text), f"characters of {name}"):
            self._problems.append(note)
        return text[:_MAX_TEXT].strip()

    def _read_person(self, line: str, name: str) -> Person | None:
        try:
            parameters, value = split_line(line)
        except InvalidValue:
            self._problems.append(f"{name} cannot be read")
            return None
        scheme, colon, address = value.partition(":")
        status = _STATUSES.get(parameters.get("PARTSTAT", "NEEDS-ACTION").upper(), "another answer") if name == "ATTENDEE" else ""
        details = [_ROLES.get(parameters.get("ROLE", "").upper(), ""), _KINDS.get(parameters.get("CUTYPE", "").upper(), "")]
        for parameter, words in (("DELEGATED-TO", "delegated to"), ("DELEGATED-FROM", "delegated by"), ("SENT-BY", "sent by")):
            if other := parameters.get(parameter):
                details.append(f"{words} {_remove_scheme(other)}")
        return Person(
            _CARET.sub(lambda found: {"n": " ", "^": "^", "'": '"'}[found[1]], parameters.get("CN", ""))[:_MAX_TEXT],
            (address if colon and scheme.lower() == "mailto" else value)[:_MAX_TEXT],
            status,
            tuple(filter(None, details)),
        )

    def _read_when(self) -> When | None:
        try:
            start, zone = self._read_moment("DTSTART")
        except InvalidValue as error:
            self._problems.append(f"its start cannot be read: {error}")
            return None
        try:
            end = self._read_end(start)
        except (InvalidValue, OverflowError) as error:
            self._problems.append(f"its end cannot be read: {error}")
            end = start
        is_day = not isinstance(start, datetime)
        here = ""
        if isinstance(start, datetime) and isinstance(end, datetime) and zone:
            here = describe_here(start, end)
        return When(describe_span(start, end), "" if is_day else zone, here, start.isoformat(), end.isoformat())

    def _read_end(self, start: date) -> date:
        if "DTEND" in self._event.lines:
            end = self._read_moment("DTEND")[0]
            if isinstance(end, datetime) is not isinstance(start, datetime):
                raise InvalidValue("the start and the end are not both days or both times")
            if isinstance(end, datetime) and isinstance(start, datetime) and (end.tzinfo is None) is not (start.tzinfo is None):
                raise InvalidValue("only one of start and end has a zone")
            # An end in another zone is shown in that of the start.
            return end.astimezone(start.tzinfo) if isinstance(end, datetime) and isinstance(start, datetime) and start.tzinfo else end
        if "DURATION" in self._event.lines:
            length, is_negative = parse_duration(self._event.value("DURATION"))
            if is_negative:
                raise InvalidValue("its duration is negative")
            if not isinstance(start, datetime):
                return start + length.days
            return length.add_to(start).astimezone(start.tzinfo) if start.tzinfo else start + length.days + length.time
        # Without an end a day lasts one day, and a time no time (RFC 5545 section 3.6.1).
        return start if isinstance(start, datetime) else start + timedelta(days=1)

    def _read_moment(self, name: str) -> tuple[date, str]:
        """Return a day or a time and the name of its zone. A time without a zone is naive."""
        lines = self._event.lines.get(name)
        if not lines:
            raise InvalidValue(f"{name} is missing")
        parameters, value = split_time_line(lines[0])
        name_of_zone = parameters.get("TZID", "").strip('"')
        found = parse_moment(value, lambda: self._find_zone(name_of_zone))
        if not isinstance(found, datetime):
            return found, ""
        if found.tzinfo is _FLOATING:
            return found.replace(tzinfo=None), ""
        return found, name_of_zone if name_of_zone and value[-1:] not in {"Z", "z"} else "UTC"

    def _find_zone(self, name: str) -> tzinfo:
        if not name:
            return _FLOATING
        try:
            return self._zones.find(name, self._budget)
        except InvalidValue:
            self._problems.append(f"its time zone is not known: {name[:200]}")
            return _FLOATING

    def _read_recurrence(self) -> Iterator[str]:
        lines = self._event.lines
        yield from (describe_rule(line.partition(":")[2]) for line in lines.get("RRULE", ())[:3])
        for name, words in (("RDATE", "further date"), ("EXDATE", "date left out")):
            if count := sum(line.count(",") + 1 for line in lines.get(name, ())):
                yield f"{count:,} {words if count == 1 else words.replace('date', 'dates')}"
        if "RECURRENCE-ID" in lines:
            try:
                moment, zone = self._read_moment("RECURRENCE-ID")
                yield f"only the recurrence of {describe_span(moment, moment)}{f' ({zone})' if zone else ''}"
            except InvalidValue:
                yield "only one recurrence"


def _remove_scheme(address: str) -> str:
    text = address[:_MAX_TEXT].strip('"')
    return text[7:] if text[:7].lower() == "mailto:" else text
