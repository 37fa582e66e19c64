"""Free/busy times as a picture: a row a mailbox and day, in shares of a day's width, so that it fits into any."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from local.free_busy.working_hours import is_at_work
from mailhooks.contract.availability import Window

MAX_DAYS: Final = 31
MAX_EVENTS: Final = 300
"""Of a mailbox."""

_DAY: Final = 24 * 60
_STEP: Final = 15
"""Minutes: working hours are looked at this closely."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a row.

    Attributes:
        kind: `busy`, `tentative`, `free`, `working` or `outside` (of the time asked for).
        x, width: percent of the row.
    """

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """One mailbox on one day.

    Attributes:
        label: the day.
        said: the same as the bars, in words.
    """

    label: str
    bars: Sequence[Bar]
    said: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, in words."""

    when: str
    kind: str
    about: str
    where: str


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox's answer; `error` "" when there is one."""

    address: str
    error: str
    rows: Sequence[Row] = ()
    entries: Sequence[Entry] = ()
    more: int = 0
    hours: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A window, in a zone."""

    window: Window
    zone: ZoneInfo

    def mailboxes(self, response: Mapping[str, Any]) -> list[Mailbox]:
        """All of them, in the response's order.

        Args:
            response: as WorkMail gets it, with working hours in EWS's sign.
        """
        return [self._mailbox(mailbox) for mailbox in response["mailboxes"]]

    def days(self) -> list[date]:
        """The first days of the window."""
        first = self.window.start_date.astimezone(self.zone).date()
        # The window has no part of the day that begins where it ends.
        last = (self.window.end_date - timedelta(microseconds=1)).astimezone(self.zone).date()
        return [first + timedelta(days=number) for number in range(min((last - first).days + 1, MAX_DAYS))]

    def _mailbox(self, mailbox: Mapping[str, Any]) -> Mailbox:
        if "error" in mailbox:
            return Mailbox(mailbox["mailbox"], mailbox["error"])
        events = sorted(mailbox["events"], key=lambda event: (_moment(event["startTime"]), _moment(event["endTime"])))
        some, hours = events[:MAX_EVENTS], mailbox.get("workingHours")
        return Mailbox(
            mailbox["mailbox"],
            "",
            [self._row(day, some, hours) for day in self.days()],
            [self._entry(event) for event in some],
            len(events) - len(some),
            bool(hours),
        )

    def _row(self, day: date, events: Sequence[Mapping[str, Any]], hours: Mapping[str, Any] | None) -> Row:
        bars = [Bar("working", *span) for span in self._at_work(day, hours)] if hours else []
        said = []
        # What takes time is drawn over what does not.
        for kind in ("FREE", "TENTATIVE", "BUSY"):
            for event in events:
                if event["busyType"] == kind and (span := self._span(day, _moment(event["startTime"]), _moment(event["endTime"]))):
                    bars.append(Bar(kind.lower(), *_share(*span)))
                    said.append((span, f"{kind.lower()} {_clock(span[0])} to {_clock(span[1])}"))
        bars += [Bar("outside", *_share(*span)) for span in self._outside(day)]
        return Row(f"{day:%a} {day.day} {day:%b}", bars, "; ".join(text for _, text in sorted(said)) or "nothing")

    def _span(self, day: date, start: datetime, end: datetime) -> tuple[int, int] | None:
        """Minutes of the day's clock; None when there is nothing of it on this day."""
        midnight, next_one = (datetime.combine(day + timedelta(days=number), time(), self.zone).astimezone(UTC) for number in (0, 1))
        start, end = max(start, midnight), min(end, next_one)
        if end <= start:
            return None
        first, last = self._minute(start), _DAY if end == next_one else self._minute(end)
        # In the night in which the clocks go back an event can end at an earlier time than it began.
        return first, max(last, first + 1)

    def _minute(self, moment: datetime) -> int:
        local = moment.astimezone(self.zone)
        return local.hour * 60 + local.minute

    def _outside(self, day: date) -> Iterator[tuple[int, int]]:
        begin, end = self.window.start_date, self.window.end_date
        for span in (self._span(day, begin - timedelta(days=1000), begin), self._span(day, end, end + timedelta(days=1000))):
            if span:
                yield span

    def _at_work(self, day: date, hours: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
        start: int | None = None
        for minute in range(0, _DAY + _STEP, _STEP):
            wall = datetime.combine(day, time()) + timedelta(minutes=minute)
            working = minute < _DAY and is_at_work(hours, wall.replace(tzinfo=self.zone))
            if working and start is None:
                start = minute
            elif not working and start is not None:
                yield _share(start, minute)
                start = None

    def _entry(self, event: Mapping[str, Any]) -> Entry:
        start, end = (_moment(event[name]).astimezone(self.zone) for name in ("startTime", "endTime"))
        until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a} {end.day} {end:%b %H:%M}"
        details = event.get("details", {})
        return Entry(
            f"{start:%a} {start.day} {start:%b %H:%M} - {until}",
            event["busyType"].lower(),
            details.get("subject", ""),
            details.get("location", ""),
        )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _share(start: int, end: int) -> tuple[float, float]:
    return round(start * 100 / _DAY, 3), round((end - start) * 100 / _DAY, 3)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
