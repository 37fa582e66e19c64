"""The pause that a server asks for, in any form."""

import pytest

from mailhooks.availability.backends.http.retry_after import parse_retry_after


@pytest.mark.parametrize("value, seconds", [("7", 7.0), (" 0 ", 0.0), ("Mon, 1 Jan 2001 00:00:00 GMT", 0.0), ("9" * 5000, float("inf"))])
def test_a_number_or_a_date_is_read(value: str, seconds: float) -> None:
    assert parse_retry_after({"Retry-After": value}) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-1",
        "1e3",
        "0x10",
        "\u0665",
        "Mon, 99999999999999 May 2026 00:00:00 GMT",
        "Mon, 1 Jan 0001 00:00:00 +2400",
        "x" * 100_000,
    ],
)
def test_anything_else_is_ignored(value: str) -> None:
    assert parse_retry_after({"Retry-After": value}) is None
