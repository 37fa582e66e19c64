"""Times of availability documents: strings there, aware datetimes in UTC here."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from mailhooks.contract.errors import ContractError


def parse_time(text: str, place: str) -> datetime:
    """Parse a time, at a JSON Pointer, that the schema has accepted (`schemas/availability-response.json`, `time`).

    Raises:
        ContractError: the month does not have that day.
    """
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    # After the `with`: the ValueError quotes the text and must not become the context of this error.
    raise ContractError(place, "a day that exists", "one that does not")


def parse_request_time(text: str, place: str) -> datetime:
    """Parse a time, at a JSON Pointer, that the schema has accepted (`schemas/availability-request.json`, `time`); in UTC.

    Raises:
        ContractError: the month does not have that day, or the time is not in the years 1 to 9999.
    """
    with suppress(ValueError, OverflowError):
        return parse_iso_time(text).astimezone(UTC)
    raise ContractError(place, "a day that exists", "one that does not")


def parse_iso_time(text: str) -> datetime:
    """Parse a time of a calendar service, with an offset or without one.

    RFC 3339 section 5.6 allows `t` and `z`, an offset, and the second 60. A leap second is read as the second after it. ISO 8601 also
    allows 24:00:00, the end of a day.

    >>> parse_iso_time("2026-05-04t23:59:60z")
    datetime.datetime(2026, 5, 5, 0, 0, tzinfo=datetime.timezone.utc)

    Raises:
        ValueError, OverflowError: the text is not a time of the years 1 to 9999.
    """
    text, more = text.upper(), timedelta()
    if text[17:19] == "60":
        text, more = f"{text[:17]}59{text[19:]}", timedelta(seconds=1)
    elif text[11:19] == "24:00:00":
        text, more = f"{text[:11]}00{text[13:]}", timedelta(days=1)
    return datetime.fromisoformat(text) + more


def check_order(start: datetime, end: datetime, place: str) -> None:
    """Raise ContractError if the end is before the start."""
    if end < start:
        raise ContractError(f"{place}/endTime", "a time not before startTime", "an earlier one")


def convert_to_utc(value: object, **places: str) -> None:
    """Convert fields, each with its JSON Pointer, of a frozen dataclass to UTC in its `__post_init__`.

    Raises:
        ContractError: a time is naive.
    """
    for name, place in places.items():
        moment: datetime = getattr(value, name)
        if moment.utcoffset() is None:
            raise ContractError(place, "a time with its time zone", "a naive one")
        object.__setattr__(value, name, moment.astimezone(UTC))


def format_time(moment: datetime) -> str:
    """Format a time in UTC as RFC 3339, with milliseconds as in the guide's example.

    >>> format_time(datetime(2021, 5, 4, tzinfo=UTC))
    '2021-05-04T00:00:00.000Z'
    """
    # strftime writes the year 999 with three digits.
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
