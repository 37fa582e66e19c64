"""Free/busy times for the console: a row for each mailbox and day, a character for each part of an hour."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mailhooks.availability.errors import LookupFailed
from mailhooks.mime.filenames import make_printable
from workmail_local.console.rows import format_cell, limit_rows
from workmail_local.console.style import Style
from workmail_local.console.text_columns import fit
from workmail_local.free_busy.model import DAY, Calendar, Event, Span

_LABEL: Final = 26
_MINUTES: Final = (15, 30, 60, 120)
"""Minutes of a cell: the smallest with which a day fits into the width is used."""

_MAX_DAYS: Final = 62
_MAX_EVENTS: Final = 40
_BLOCKS: Final = {"busy": "█", "tentative": "▒", "working": "─", "free": "·"}
_ASCII: Final = {"busy": "#", "tentative": "~", "working": "-", "free": "."}


def choose_marks(encoding: str | None) -> Mapping[str, str]:
    """Return blocks if the terminal's encoding has them, else ASCII."""
    try:
        "".join(_BLOCKS.values()).encode(encoding or "ascii")
    except (UnicodeError, LookupError):
        return _ASCII
    return _BLOCKS


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture of a response.

    Attributes:
        marks: the characters of the cells.
        width: columns of a line.
    """

    calendar: Calendar
    marks: Mapping[str, str]
    style: Style
    width: int = 80

    def draw(self, response: Mapping[str, Any], failed: Mapping[str, LookupFailed]) -> Iterator[str]:
        """Yield the whole picture.

        Args:
            response: the response for WorkMail, with working hours in EWS's sign.
            failed: the errors of the mailboxes that have no events.
        """
        days = self.calendar.list_days(_MAX_DAYS)
        yield f"{'':{_LABEL}}{self._draw_ruler()}".rstrip()
        for mailbox in self.calendar.read_mailboxes(response):
            name = make_printable(mailbox.address)
            if mailbox.error:
                reason = failed.get(mailbox.address)
                yield f"{format_cell(name, _LABEL)}{self.style.bad(f'{mailbox.error}: {reason}' if reason else mailbox.error)}"
                continue
            if len(days) > 1:
                yield self.style.bold(name)
            for day in days:
                label = name if len(days) == 1 else f"  {day.midnight:%a} {day.midnight.day:2} {day.midnight:%b}"
                spans = day.find_spans(mailbox.events, mailbox.hours)
                row = "".join(self._choose_mark(minute, spans) for minute in range(0, DAY, self._minutes))
                yield f"{format_cell(label, _LABEL)}{row}".rstrip()
            described = [self._describe(event, with_day=len(days) > 1) for event in mailbox.events if event.details]
            yield from (f"  {line}" for line in limit_rows(described, _MAX_EVENTS))
        yield ""
        yield "   ".join(f"{mark * 2} {'free, working hours' if kind == 'working' else kind}" for kind, mark in self.marks.items())

    @property
    def _minutes(self) -> int:
        return next((minutes for minutes in _MINUTES if DAY // minutes <= self.width - _LABEL), _MINUTES[-1])

    def _draw_ruler(self) -> str:
        per_hour = 60 / self._minutes
        step = next(hours for hours in (1, 2, 3, 4, 6, 12) if hours * per_hour >= 3)
        return "".join(f"{hour:02}".ljust(int(step * per_hour)) for hour in range(0, 24, step))

    def _choose_mark(self, start: int, spans: Sequence[Span]) -> str:
        end = start + self._minutes
        if any(span.kind == "outside" and span.start <= start and span.end >= end for span in spans):
            return " "
        kinds = {span.kind for span in spans if span.start < end and span.end > start}
        at_work = any(span.kind == "working" and span.start <= start < span.end for span in spans)
        kind = "busy" if "busy" in kinds else "tentative" if "tentative" in kinds else "working" if at_work else "free"
        return self.marks[kind]

    def _describe(self, event: Event, *, with_day: bool) -> str:
        assert event.details is not None
        day = f"{event.start:%a} {event.start.day:2} {event.start:%b} " if with_day else ""
        subject, location = (make_printable(event.details[name]) for name in ("subject", "location"))
        text = f"{subject or '(no subject)'}{f' ({location})' if location else ''}"
        return fit(f"{day}{event.start:%H:%M}-{event.end:%H:%M}  {event.kind:<9}  {text}", self.width - 2)
