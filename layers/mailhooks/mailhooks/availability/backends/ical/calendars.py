"""Reads the busy times of calendar data, for the backends `ics` and `caldav`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final, Self

from mailhooks.address_patterns import canonical
from mailhooks.availability.backends.ical.appointments import Series, group_appointments
from mailhooks.availability.backends.ical.budget import Budget
from mailhooks.availability.backends.ical.freebusy import read_periods
from mailhooks.availability.backends.ical.lines import parse_calendars
from mailhooks.availability.backends.ical.recurrences import Occurrence, expand_series
from mailhooks.availability.backends.ical.values import InvalidValue
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.availability.errors import GenerationFailed, LookupFailed
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType
from mailhooks.deadline import Deadline

MAX_EVENTS: Final = 5000
"""Events of one answer with their own times and details. If there are more, those that overlap are joined."""

MAX_JOINED: Final = 50_000
"""Busy times of one answer: its size is limited to 5.5 MB."""

_MAX_WINDOWS: Final = 4
_MAX_CACHED: Final = 2000
"""Expansions of one version of a feed that are kept, and their longest: clients ask for the same weeks again."""

_Key = tuple[Window, frozenset[str]]
_Time = tuple[datetime, datetime, BusyType]


@dataclass(eq=False, slots=True)
class Calendars:
    """The parsed content of one feed or of one CalDAV collection.

    Attributes:
        periods: the busy times of VFREEBUSY components.
    """

    series: list[Series]
    periods: tuple[CalendarEvent, ...]
    _expanded: dict[_Key, list[CalendarEvent]] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, contents: Iterable[bytes], zone: tzinfo | None = None) -> Self:
        """Parse calendar data: a feed, or the calendar objects of one CalDAV collection (RFC 4791 section 4.1).

        Events of one UID belong together, in whichever content they are. Parse two collections separately: both may contain the same event.

        Args:
            contents: each has one VCALENDAR or several.
            zone: the zone of times without a zone; UTC if it is None.

        Raises:
            GenerationFailed: a content is not a calendar or is incomplete, a free or busy period cannot be read, or a calendar is not
                Gregorian.
        """
        components = [component for content in contents for component in parse_calendars(content)]
        # QUIRK: some calendars have it in lower case.
        if any(component.value("CALSCALE").upper() not in {"", "GREGORIAN"} for component in components):
            raise GenerationFailed("the calendar is not Gregorian")
        series = group_appointments((component, Zones(component, zone)) for component in components)
        return cls(series, tuple(period for component in components for period in read_periods(component)))

    def events(self, window: Window, deadline: Deadline, *, owners: Collection[str] = ()) -> list[CalendarEvent]:
        """Return the busy events that overlap the window. Events keep their own start and end. For one thread at a time.

        Args:
            owners: the addresses of the calendar's owner. A meeting that the owner has declined is free.

        Raises:
            GenerationFailed: an event that may overlap the window cannot be read, or the expansion needs too much work.
        """
        key = window, frozenset(map(canonical, owners))
        found = self._expanded.pop(key, None)
        if found is None:
            found = self._expand(window, key[1], deadline)
        if len(found) <= _MAX_CACHED:
            self._expanded[key] = found
            if len(self._expanded) > _MAX_WINDOWS:
                self._expanded.pop(next(iter(self._expanded)))
        return found

    def _expand(self, window: Window, owners: Collection[str], deadline: Deadline) -> list[CalendarEvent]:
        try:
            return self._collect(window, owners, Budget(deadline))
        except LookupFailed:
            raise
        except InvalidValue as error:
            raise GenerationFailed(f"an event that may overlap the window cannot be read: {error}") from None
        except Exception as error:  # noqa: BLE001 - of a hostile calendar; the error's text may quote the calendar
            raise GenerationFailed(f"an event that may overlap the window cannot be read ({type(error).__name__})") from None

    def _collect(self, window: Window, owners: Collection[str], budget: Budget) -> list[CalendarEvent]:
        """Return the events of the window; their joined times if there are too many."""
        periods = [period for period in self.periods if period.start_time < window.end_date and period.end_time > window.start_date]
        found: list[Occurrence] = []
        times: list[_Time] = [(period.start_time, period.end_time, period.busy_type) for period in periods]
        is_joined = False
        for one in self.series:
            if not one.may_overlap(window):
                continue
            for occurrence in expand_series(one, window, owners, budget):
                found.append(occurrence)
                if len(found) > MAX_EVENTS:
                    # Joined at once, so that the memory is limited, too.
                    times = _join([*times, *(occurrence[:3] for occurrence in found)])
                    found, is_joined = [], True
                    budget.check_time()
            budget.check_time()
        if is_joined or len(found) + len(periods) > MAX_EVENTS:
            return [CalendarEvent(*time) for time in _join([*times, *(occurrence[:3] for occurrence in found)])]
        details: dict[tuple[int, InstanceType], Details] = {}
        for _, _, _, source, kind in found:
            if (id(source), kind) not in details:
                details[id(source), kind] = source.build_details(kind)
        return [*periods, *(CalendarEvent(*one[:3], details[id(one.source), one.kind]) for one in found)]


def _join(times: Iterable[_Time]) -> list[_Time]:
    """Return times joined with those of the same type that they overlap or touch.

    Raises:
        GenerationFailed: there are too many that do not.
    """
    joined: list[_Time] = []
    for start, end, busy_type in sorted(times, key=lambda time: (time[2], time[0])):
        if joined and joined[-1][2] is busy_type and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end), busy_type
        else:
            joined.append((start, end, busy_type))
    if len(joined) > MAX_JOINED:
        raise GenerationFailed(f"the calendar has more than {MAX_JOINED:,} busy times in the window")
    return joined
