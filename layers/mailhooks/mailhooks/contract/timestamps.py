"""Moments in an availability document: read, checked and written. Inside they are aware and in UTC."""

from contextlib import suppress
from datetime import UTC, datetime

from mailhooks.contract.errors import ContractError


def read_time(text: str, place: str) -> datetime:
    """For a string that fits `schemas/availability-response.json`, `time`."""
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    # Behind the `with`, so that the error does not carry the ValueError, which quotes the text, as its context.
    raise ContractError(place, "a day that the calendar has", "another")


def check_order(start: datetime, end: datetime, place: str) -> None:
    if end < start:
        raise ContractError(f"{place}/endTime", "a time not before startTime", "an earlier one")


def put_in_utc(value: object, **places: str) -> None:
    """Moves moments to UTC; for the `__post_init__` of a frozen dataclass, by the names of its fields."""
    for name, place in places.items():
        moment: datetime = getattr(value, name)
        if moment.utcoffset() is None:
            raise ContractError(place, "a moment with its time zone", "a naive one")
        object.__setattr__(value, name, moment.astimezone(UTC))


def write_time(moment: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds as in the guide's example.

    >>> write_time(datetime(2021, 5, 4, tzinfo=UTC))
    '2021-05-04T00:00:00.000Z'
    """
    # Not strftime, which writes the year 999 in three digits.
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
