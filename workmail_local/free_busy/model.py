"""Free/busy times as spans of a day's clock: the model that the console and the web page draw."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby, pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from mailhooks.contract.availability import Window
from workmail_local.free_busy.working_hours import is_at_work

DAY: Final = 24 * 60
"""Minutes of a day's clock."""

_MINUTE: Final = timedelta(minutes=1)
_STEP: Final = timedelta(minutes=15)
"""The precision of working hours and of changes of the clock."""

_FIRST_MOMENT: Final = datetime.min.replace(tzinfo=UTC)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)
_DRAWING_ORDER: Final = ("free", "tentative", "busy")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of one day.

    Attributes:
        start, end: minutes of the day's clock; `end` is not included.
        kind: `working`, `free`, `tentative`, `busy` or `outside` (of the window).
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a calendar.

    Attributes:
        start, end: in the zone that is shown.
        kind: `free`, `tentative` or `busy`.
        details: subject, location and more; None when the requester may not see them.
    """

    start: datetime
    end: datetime
    kind: str
    details: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The answer for one mailbox.

    Attributes:
        error: WorkMail's error code; "" when there are events.
        events: by start, then by end.
        hours: the working hours, in EWS's sign; None when they are not known.
    """

    address: str
    error: str = ""
    events: Sequence[Event] = ()
    hours: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the window.

    Attributes:
        midnight: the beginning, in the zone.
        periods: the parts of the day that have one offset from UTC, so two on a day on which the clocks change: begin, end, and the moment
            at which a clock with that offset shows 00:00.
    """

    midnight: datetime
    window: Window
    periods: Sequence[tuple[datetime, datetime, datetime]]

    @classmethod
    def of(cls, midnight: datetime, window: Window) -> "Day":
        """Find the periods of the day."""
        begin, next_midnight = midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)
        moments = (begin + number * _STEP for number in range((next_midnight - begin) // _STEP))
        by_offset = groupby(moments, lambda moment: moment.astimezone(midnight.tzinfo).utcoffset() or timedelta())
        starts = [(next(group), midnight.replace(tzinfo=UTC) - offset) for offset, group in by_offset]
        ends = [*(start for start, _ in starts[1:]), next_midnight]
        # A day that the zone skips has no start (Samoa, 30 December 2011).
        return cls(midnight, window, [(start, end, zero) for (start, zero), end in zip(starts, ends, strict=False)])

    def find_spans(self, events: Iterable[Event], hours: Mapping[str, Any] | None) -> list[Span]:
        """Return the spans in the order in which to draw them: a later span covers an earlier one."""
        by_kind = sorted(events, key=lambda event: _DRAWING_ORDER.index(event.kind))
        times = [(event.start, event.end, event.kind) for event in by_kind]
        times += [(_FIRST_MOMENT, self.window.start_date, "outside"), (self.window.end_date, _LAST_MOMENT, "outside")]
        working = self._find_working_hours(hours) if hours else ()
        return [*working, *(span for start, end, kind in times for span in self._find_between(start, end, kind))]

    def _find_between(self, start: datetime, end: datetime, kind: str) -> Iterator[Span]:
        for begin, stop, zero in self.periods:
            first, last = max(start, begin), min(end, stop)
            if first < last:
                yield Span((first - zero) // _MINUTE, -((zero - last) // _MINUTE), kind)

    def _find_working_hours(self, hours: Mapping[str, Any]) -> Iterator[Span]:
        step = _STEP // _MINUTE
        at_work = [is_at_work(hours, self.midnight + timedelta(minutes=minute)) for minute in range(0, DAY, step)]
        changes = [number * step for number, (before, now) in enumerate(pairwise([False, *at_work, False])) if before != now]
        yield from (Span(first, last, "working") for first, last in zip(changes[::2], changes[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class Calendar:
    """The time that a request asks for, in the zone that is shown."""

    window: Window
    zone: ZoneInfo

    def list_days(self, limit: int) -> list[Day]:
        """Return the first days of the window."""
        # The window ends before `end_date`: it has no part of a day that begins there.
        first, last = (
            datetime.combine(moment.astimezone(self.zone), time(), self.zone)
            for moment in (self.window.start_date, self.window.end_date - timedelta(microseconds=1))
        )
        return [Day.of(first + timedelta(number), self.window) for number in range(min((last - first).days + 1, limit))]

    def read_mailboxes(self, response: Mapping[str, Any]) -> list[Mailbox]:
        """Read a response that has its working hours in EWS's sign."""
        return [self._read_mailbox(document) for document in response["mailboxes"]]

    def _read_mailbox(self, document: Mapping[str, Any]) -> Mailbox:
        if "error" in document:
            return Mailbox(document["mailbox"], document["error"])
        events = sorted(map(self._read_event, document["events"]), key=lambda event: (event.start.timestamp(), event.end.timestamp()))
        return Mailbox(document["mailbox"], "", events, document.get("workingHours"))

    def _read_event(self, document: Mapping[str, Any]) -> Event:
        start, end = (datetime.fromisoformat(document[name]).astimezone(self.zone) for name in ("startTime", "endTime"))
        return Event(start, end, document["busyType"].lower(), document.get("details"))
