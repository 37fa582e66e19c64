"""Reads the busy times of calendar data, for the backends `ics` and `caldav`."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

from mailhooks.availability.backends.ical.event_selection import Group, group_appointments
from mailhooks.availability.backends.ical.events import expand_events
from mailhooks.availability.backends.ical.freebusy import read_periods
from mailhooks.availability.backends.ical.lines import Component, parse_calendars
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.availability.errors import GenerationFailed
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent
from mailhooks.deadline import Deadline


@dataclass(frozen=True, slots=True)
class FeedCalendar:
    """A parsed calendar of a feed. `periods` are its own free and busy times."""

    appointments: list[Group]
    zones: Zones
    periods: tuple[CalendarEvent, ...]

    @classmethod
    def parse(cls, component: Component, zone: ZoneInfo | None) -> Self:
        """Parse a calendar, in which times without a zone are in `zone`.

        Raises:
            GenerationFailed: a free or busy period cannot be read, or the calendar is not Gregorian.
        """
        # QUIRK: some calendars have it in lower case.
        if component.value("CALSCALE").upper() not in {"", "GREGORIAN"}:
            raise GenerationFailed("the calendar is not Gregorian")
        return cls(group_appointments(component), Zones(component, zone), tuple(read_periods(component)))

    def events(self, window: Window, deadline: Deadline) -> Iterator[CalendarEvent]:
        """Yield the events that overlap the window, and perhaps others.

        Raises:
            GenerationFailed: see `ical.events.expand_events`.
        """
        yield from self.periods
        yield from expand_events(self.appointments, self.zones, window, deadline)


@dataclass(frozen=True, slots=True)
class Calendars:
    """The parsed content of one feed or of one CalDAV collection."""

    calendars: list[FeedCalendar]

    @classmethod
    def parse(cls, contents: Iterable[bytes], zone: ZoneInfo | None = None) -> Self:
        """Parse calendar data: a feed, or the calendar objects of one CalDAV collection (RFC 4791 section 4.1).

        Events of one UID belong together, in whichever content they are. Parse two collections separately: both may contain the same event.

        Args:
            contents: each has one VCALENDAR or several.
            zone: the zone of times without a zone; UTC if it is None.

        Raises:
            GenerationFailed: a content is not a calendar or is incomplete, or a free or busy period cannot be read.
        """
        return cls([FeedCalendar.parse(component, zone) for content in contents for component in parse_calendars(content)])

    def events(self, window: Window, deadline: Deadline, *, owners: Collection[str] = ()) -> list[CalendarEvent]:  # noqa: ARG002 - used next
        """Return the busy events that overlap the window, and perhaps others. Events keep their own start and end.

        Args:
            owners: the addresses of the calendar's owner. A meeting that the owner has declined is free.

        Raises:
            GenerationFailed: an event that may overlap the window cannot be read, or the expansion needs too much work.
        """
        return [event for calendar in self.calendars for event in calendar.events(window, deadline)]
