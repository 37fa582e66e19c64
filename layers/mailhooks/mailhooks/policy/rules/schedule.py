"""Weekly schedules in a time zone, and points in time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name. Raises ValueError with the expected form if the zone is unknown."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("a time zone such as Europe/Berlin") from None


def parse_time(text: str) -> datetime:
    """Return a point in time with its offset from UTC. Raises ValueError with the expected form."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a date and time such as 2026-01-31T18:00:00+01:00") from None
    if found.tzinfo is None:
        raise ValueError("a date and time with its offset from UTC, such as 2026-01-31T18:00:00+01:00")
    return found


@dataclass(frozen=True, slots=True)
class WeeklySpan:
    """A time of day on some days of the week, in a time zone.

    Attributes:
        days: 0 is Monday. A span over midnight belongs to the day on which it begins.
        begin, end: minutes from midnight; `end` is exclusive. If `end` is not after `begin`, the span goes over midnight.
    """

    days: frozenset[int]
    begin: int
    end: int
    zone: ZoneInfo

    @classmethod
    def of(cls, value: Mapping[str, Any], default: str) -> Self:
        """Make a span from a policy's `time`, in the zone `default` if the value names none. Raises as `parse_zone`."""
        days = value.get("days", DAYS)
        return cls(
            frozenset(DAYS.index(day) for day in ([days] if isinstance(days, str) else days)),
            _minutes(value.get("from", "00:00")),
            _minutes(value.get("until", "24:00")),
            parse_zone(value.get("zone", default)),
        )

    def covers(self, now: datetime) -> bool:
        """Return whether a time is within the span."""
        local = now.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end and local.weekday() in self.days
        if minute >= self.begin:
            return local.weekday() in self.days
        return minute < self.end and (local - timedelta(days=1)).weekday() in self.days

    def format(self, now: datetime) -> str:
        """Return a time as day, time of day and zone of the span."""
        local = now.astimezone(self.zone)
        return f"{DAYS[local.weekday()]} {local:%H:%M} {self.zone.key}"


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
