"""Free/busy times as lines of text: a row a mailbox and day, a block for what takes time, in any zone and width."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from local.console.style import Style
from local.console.text_columns import columns, fit
from local.free_busy.working_hours import is_at_work
from mailhooks.availability.errors import LookupFailed
from mailhooks.contract.availability import Window
from mailhooks.mime.filenames import shown

_LABEL: Final = 26
_MINUTES: Final = (15, 30, 60, 120)
"""Of a cell: the finest for which a day fits into the width."""

_MOST_DAYS: Final = 62
_MOST_EVENTS: Final = 40


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands for a stretch of time: a character each."""

    busy: str
    tentative: str
    working: str
    other: str

    @classmethod
    def of(cls, encoding: str | None) -> "Marks":
        """Blocks where the terminal can show them, else ASCII."""
        blocks = cls("█", "▒", "─", "·")
        try:
            "█▒─·".encode(encoding or "ascii")
        except (UnicodeError, LookupError):
            return cls("#", "~", "-", ".")
        return blocks


@dataclass(frozen=True, slots=True)
class Timeline:
    """How a response is shown.

    Attributes:
        window: the time asked for.
        zone: whose days and hours are shown.
        width: columns of a line.
    """

    window: Window
    zone: ZoneInfo
    marks: Marks
    style: Style
    width: int = 80

    def lines(self, response: Mapping[str, Any], failed: Mapping[str, LookupFailed]) -> Iterator[str]:
        """The whole picture.

        Args:
            response: as WorkMail gets it, with working hours in EWS's sign.
            failed: by mailbox, why it has no answer.
        """
        days = self._days()
        marks = self.marks
        yield f"{' ':{_LABEL}}{self._ruler()}".rstrip()
        for mailbox in response["mailboxes"]:
            name = shown(mailbox["mailbox"])
            if "error" in mailbox:
                yield from self._failure(name, mailbox, failed)
                continue
            if len(days) > 1:
                yield self.style.bold(name)
            for day in days:
                label = name if len(days) == 1 else f"  {day:%a} {day.day:2} {day:%b}"
                yield f"{_padded(label)}{self._row(day, mailbox)}".rstrip()
            yield from self._details(mailbox["events"])
        yield ""
        legend = ((marks.busy, "busy"), (marks.tentative, "tentative"), (marks.working, "free, working hours"), (marks.other, "free"))
        yield "   ".join(f"{mark * 2} {meaning}" for mark, meaning in legend)

    @property
    def _minutes(self) -> int:
        room = self.width - _LABEL
        return next((minutes for minutes in _MINUTES if 24 * 60 // minutes <= room), _MINUTES[-1])

    def _days(self) -> list[date]:
        first = self.window.start_date.astimezone(self.zone).date()
        # The window has no part of the day that begins where it ends.
        last = (self.window.end_date - timedelta(microseconds=1)).astimezone(self.zone).date()
        return [first + timedelta(days=number) for number in range(min((last - first).days + 1, _MOST_DAYS))]

    def _ruler(self) -> str:
        per_hour = 60 / self._minutes
        step = next(hours for hours in (1, 2, 3, 4, 6, 12) if hours * per_hour >= 3)
        return "".join(f"{hour:02}".ljust(int(step * per_hour)) for hour in range(0, 24, step))

    def _row(self, day: date, mailbox: Mapping[str, Any]) -> str:
        events = [(_moment(event["startTime"]), _moment(event["endTime"]), event["busyType"]) for event in mailbox["events"]]
        hours = mailbox.get("workingHours")
        return "".join(self._cell(start, end, events, hours) for start, end in self._cells(day))

    def _cells(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Start and end of each cell in UTC. An hour that comes twice in a night is one cell with both; one that is left out shows what
        comes after it.
        """
        minutes = self._minutes
        for number in range(24 * 60 // minutes):
            wall = datetime.combine(day, time()) + timedelta(minutes=number * minutes)
            start = wall.replace(tzinfo=self.zone).astimezone(UTC)
            second = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
            yield start, max(start, second) + timedelta(minutes=minutes)

    def _cell(
        self, start: datetime, end: datetime, events: Sequence[tuple[datetime, datetime, str]], hours: Mapping[str, Any] | None
    ) -> str:
        if end <= self.window.start_date or start >= self.window.end_date:
            return " "
        kinds = {busy_type for begins, ends, busy_type in events if begins < end and ends > start}
        if "BUSY" in kinds:
            return self.marks.busy
        if "TENTATIVE" in kinds:
            return self.marks.tentative
        return self.marks.working if hours and is_at_work(hours, start) else self.marks.other

    def _failure(self, name: str, mailbox: Mapping[str, Any], failed: Mapping[str, LookupFailed]) -> Iterator[str]:
        reason = failed.get(mailbox["mailbox"])
        text = f"{mailbox['error']}: {reason}" if reason else mailbox["error"]
        yield f"{_padded(name)}{self.style.bad(text)}"

    def _details(self, events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        described = [event for event in events if "details" in event]
        for event in described[:_MOST_EVENTS]:
            start, end = (_moment(event[name]).astimezone(self.zone) for name in ("startTime", "endTime"))
            day = "" if len(self._days()) == 1 else f"{start:%a} {start.day:2} {start:%b} "
            about = shown(event["details"]["subject"]) or "(no subject)"
            where = shown(event["details"]["location"])
            kind = event["busyType"].lower()
            line = f"  {day}{start:%H:%M}-{end:%H:%M}  {kind:<9}  {about}{f' ({where})' if where else ''}"
            yield fit(line, self.width)
        if len(described) > _MOST_EVENTS:
            yield f"  ... and {len(described) - _MOST_EVENTS} more"


def _padded(label: str) -> str:
    label = fit(label, _LABEL - 2)
    return label + " " * (_LABEL - columns(label))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
