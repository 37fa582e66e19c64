"""Times of day and days of the week in a zone, and moments."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = 24 * 60


def zone(name: str) -> ZoneInfo:
    """Raises:
    ValueError: there is no such time zone.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("a time zone such as Europe/Berlin") from None


def moment(text: str) -> datetime:
    """A moment with its offset from UTC.

    Raises:
        ValueError: there is no such moment.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a moment such as 2026-01-31T18:00:00+01:00") from None
    if found.tzinfo is None:
        raise ValueError("a moment with its offset from UTC, such as 2026-01-31T18:00:00+01:00")
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """Days of the week and a time of day, by a zone's clocks.

    Attributes:
        days: 0 is Monday. Of a span over midnight, the day on which it begins.
        begin, end: minutes from midnight; `end` is not in it. Where `end` is not after `begin` it goes over midnight.
    """

    days: frozenset[int]
    begin: int
    end: int
    zone: ZoneInfo

    @classmethod
    def of(cls, value: Mapping[str, Any], default: ZoneInfo) -> Self:
        """Raises:
        ValueError: there is no such time zone.
        """
        days = value.get("days", DAYS)
        return cls(
            frozenset(DAYS.index(day) for day in ([days] if isinstance(days, str) else days)),
            _minutes(value.get("from", "00:00")),
            _minutes(value.get("until", "24:00")),
            zone(value["zone"]) if "zone" in value else default,
        )

    def covers(self, now: datetime) -> bool:
        local = now.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end and local.weekday() in self.days
        if minute >= self.begin:
            return local.weekday() in self.days
        return minute < self.end and (local - timedelta(days=1)).weekday() in self.days

    def shown(self, now: datetime) -> str:
        """The moment as this span sees it."""
        local = now.astimezone(self.zone)
        return f"{DAYS[local.weekday()]} {local:%H:%M} {self.zone.key}"


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
