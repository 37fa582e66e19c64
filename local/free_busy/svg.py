"""Free/busy times for the web page: a row for each mailbox and day, in shares of a day's width so that it fits into any window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from local.free_busy.model import DAY, Day, Mailbox, Span

MAX_DAYS: Final = 31
MAX_EVENTS: Final = 300
"""Events of a mailbox that are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One mailbox on one day.

    Attributes:
        label: the day.
        text: the events in words, for screen readers.
    """

    label: str
    spans: Sequence[Span]
    text: str


def draw_rows(mailbox: Mailbox, days: Sequence[Day]) -> Iterator[Row]:
    """Yield a row for each day; none when the mailbox has an error."""
    for day in () if mailbox.error else days:
        spans = day.find_spans(mailbox.events[:MAX_EVENTS], mailbox.hours)
        events = sorted((span.start, span.end, span.kind) for span in spans if span.kind not in {"working", "outside"})
        texts = [f"{kind} {_clock(start)} to {_clock(end)}" for start, end, kind in events]
        yield Row(f"{day.midnight:%a} {day.midnight.day} {day.midnight:%b}", spans, "; ".join(texts) or "no event")


def to_percent(minutes: int) -> float:
    """Return the share of a day."""
    return round(minutes * 100 / DAY, 3)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
