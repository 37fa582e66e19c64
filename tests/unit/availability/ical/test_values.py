"""Strict parsing of values and time zones of calendar data."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.availability import timezones
from mailhooks.availability.backends.ical import values
from mailhooks.availability.backends.ical.budget import Budget
from mailhooks.availability.backends.ical.lines import parse_calendars
from mailhooks.availability.backends.ical.values import InvalidValue, parse_duration, parse_moment, parse_period, split_line
from mailhooks.availability.backends.ical.zones import Zones
from mailhooks.availability.errors import GenerationFailed
from mailhooks.deadline import Deadline
from tests.unit.availability.ical.test_events import calendar, event, times


def utc() -> Any:
    return UTC


@pytest.mark.parametrize(
    "line, parameters, value",
    [
        ("DTSTART:20260504", {}, "20260504"),
        ("DTSTART;VALUE=DATE:20260504 ", {"VALUE": "DATE"}, "20260504"),
        ('DTSTART;tzid="A:B;C,D":x', {"TZID": "A:B;C,D"}, "x"),
        ("FREEBUSY;FBTYPE=BUSY,X;Y=:a:b", {"FBTYPE": "BUSY,X", "Y": ""}, "a:b"),
        ("X-A:", {}, ""),
    ],
)
def test_a_line_has_a_name_parameters_and_a_value(line: str, parameters: dict[str, str], value: str) -> None:
    assert split_line(line) == (parameters, value)


@pytest.mark.parametrize("line", ["", "DTSTART", "DTSTART 20260504", ";A=b:c", 'A;B="c:d', "A;B:c", "A;B=c"])
def test_an_invalid_line_is_rejected(line: str) -> None:
    with pytest.raises(InvalidValue):
        split_line(line)


@pytest.mark.parametrize(
    "read, text",
    [
        *(
            (parse_moment, text)
            for text in (
                "",
                "2026-5-4",
                "20260504T09",
                "20260504T090000+01",
                "20260504T090000+2400",
                "20260504T09:00:00:00",
                "\uff12\uff10\uff12\uff160504",
            )
        ),
        *((parse_moment, text) for text in ("00000101", "20260230", "20261301", "20260504T250000", "20260504T096000")),
        *(
            (parse_period, text)
            for text in ("20260504T090000Z", "20260504T090000Z/", "/PT1H", "20260504/20260505", "20260504T090000Z/20260505")
        ),
        *((parse_period, text) for text in ("20260504T090000Z/20260504T080000Z", "20260504T090000Z/-PT1H", "20260504T090000Z/PT1H/PT1H")),
    ],
)
def test_an_invalid_time_is_rejected(read: Callable[..., Any], text: str) -> None:
    with pytest.raises(InvalidValue):
        read(text, utc)


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "P1", "P1H", "PT1D", "P1.5D", "P-1D", "P" + "9" * 30 + "D", "P999999999999W"])
def test_an_invalid_duration_is_rejected(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_duration(text)


@given(
    st.timedeltas(timedelta(0), timedelta(days=99_999)).map(lambda length: timedelta(seconds=int(length.total_seconds()))), st.booleans()
)
def test_a_duration_survives_a_round_trip(length: timedelta, negative: bool) -> None:
    hours, rest = divmod(length.seconds, 3600)
    written = f"{'-' if negative else ''}P{length.days}DT{hours}H{rest // 60}M{rest % 60}S"
    found, is_negative = parse_duration(written)
    assert found.days + found.time == length
    assert is_negative == negative


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda value: value.replace(microsecond=0)))
def test_a_time_survives_a_round_trip(value: datetime) -> None:
    digits = f"{value.year:04}{value.month:02}{value.day:02}"
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_moment(digits, utc) == date(value.year, value.month, value.day)
    assert parse_moment(f"{digits}T{value:%H%M%S}Z", lambda: berlin) == value.replace(tzinfo=UTC)
    assert parse_moment(f"{digits}T{value:%H%M%S}", lambda: berlin) == value.replace(tzinfo=berlin)


def test_a_leap_second_is_read_as_the_second_before_it() -> None:
    assert parse_moment("20161231T235960Z", utc) == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_escapes_in_text_are_resolved() -> None:
    assert values.parse_text(r"SUMMARY;LANGUAGE=en:a\, b\; c\\ d\ne\Nf\x") == "a, b; c\\ d\ne\nfx"


# Zones


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Berlin",
        "europe/berlin",
        '"Europe/Berlin"',
        "W. Europe Standard Time",
        "w. europe standard time",
        "/freeassociation.sourceforge.net/Europe/Berlin",
        "/citadel.org/20210210_1/Europe/Berlin",
    ],
)
def test_a_zone_is_found_by_the_names_that_programs_use(name: str) -> None:
    assert times(calendar(event(f"DTSTART;TZID={name}:20260504T090000", "DURATION:PT1H"))) == [("04 07:00", "04 08:00")]


@pytest.mark.parametrize("name", ["Nowhere", "Customized Time Zone", "../../etc/passwd", "/", "(UTC+01:00) Amsterdam, Berlin", "Berlin"])
def test_an_unknown_zone_is_a_failure(name: str) -> None:
    with pytest.raises(GenerationFailed):
        times(calendar(event(f"DTSTART;TZID={name}:20260504T090000", "DURATION:PT1H")), zone="Asia/Tokyo")


def test_a_name_of_many_parts_costs_a_few_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    find_zone = timezones.find_zone
    monkeypatch.setattr(timezones, "find_zone", lambda name: searched.append(len(name)) or find_zone(name))
    for count in (1000, 100_000):
        name = "/" * count + "Nowhere"
        with pytest.raises(GenerationFailed):
            times(calendar(event(f"DTSTART;TZID={name}:20260504T090000", "DURATION:PT1H")))
        assert len(searched) <= 4
        searched.clear()


@pytest.mark.parametrize("name", ["W. Europe Standard Time", "Europe/Berlin", " europe/berlin"])
def test_the_declared_zone_is_found_by_the_same_names(name: str) -> None:
    floating = event("DTSTART:20260504T090000", "DURATION:PT1H")
    assert times(calendar(floating, head=f"X-WR-TIMEZONE:{name}\r\n")) == [("04 07:00", "04 08:00")]


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../x"])
def test_an_unknown_declared_zone_is_ignored(name: str) -> None:
    floating = event("DTSTART:20260504T090000", "DURATION:PT1H")
    assert times(calendar(floating, head=f"X-WR-TIMEZONE:{name}\r\n"), zone="Europe/Berlin") == [("04 07:00", "04 08:00")]


def observance(name: str, start: str, offsets: tuple[str, str], *more: str) -> str:
    lines = [f"BEGIN:{name}", start, f"TZOFFSETFROM:{offsets[0]}", f"TZOFFSETTO:{offsets[1]}", *more, f"END:{name}", ""]
    return "\r\n".join(lines)


def defined(*observances: str) -> Zones:
    [component] = parse_calendars(calendar(f"BEGIN:VTIMEZONE\r\nTZID:Office\r\nX-ODD:1\r\n{''.join(observances)}END:VTIMEZONE\r\n"))
    return Zones(component, None)


OUTLOOK = (
    observance("STANDARD", "DTSTART:16011028T030000", ("+0200", "+0100"), "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10"),
    observance("DAYLIGHT", "DTSTART:16010325T020000", ("+0100", "+0200"), "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3"),
)
LIBICAL = (
    observance("STANDARD", "DTSTART:19961027T030000", ("+0200", "+0100"), "RRULE:FREQ=YEARLY;UNTIL=20991025T010000Z;BYDAY=-1SU;BYMONTH=10"),
    observance("DAYLIGHT", "DTSTART;VALUE=DATE-TIME:19810329T020000", ("+0100", "+0200"), "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"),
)


@pytest.mark.parametrize("observances", [OUTLOOK, LIBICAL])
def test_a_defined_zone_has_the_right_offsets(observances: tuple[str, ...]) -> None:
    office, berlin = defined(*observances).find("Office", Budget(Deadline.after(60))), ZoneInfo("Europe/Berlin")
    for day in range(366 * 2):
        wall = datetime(2026, 1, 1, 12) + timedelta(days=day)
        assert wall.replace(tzinfo=office).utcoffset() == wall.replace(tzinfo=berlin).utcoffset()


def test_a_defined_zone_may_change_on_single_days() -> None:
    office = defined(
        observance("STANDARD", "DTSTART:20200101T000000", ("+0000", "+0000")),
        observance("DAYLIGHT", "DTSTART:20260401T000000", ("+0000", "+0100"), "RDATE;VALUE=DATE-TIME:20260601T000000,20270401T000000"),
        observance("STANDARD", "DTSTART;VALUE=DATE:20260501", ("+0100", "+0000")),
    ).find("Office", Budget(Deadline.after(60)))
    offsets = [datetime(2026, month, 15, tzinfo=office).utcoffset() for month in range(3, 7)]
    assert offsets == [timedelta(hours=hours) for hours in (0, 1, 0, 1)]


@pytest.mark.parametrize(
    "observances",
    [
        (),
        (observance("STANDARD", "DTSTART:20200101T000000", ("+0000", "east")),),
        (observance("STANDARD", "DTSTART:garbage", ("+0000", "+0000")),),
        (observance("STANDARD", "X:20200101T000000", ("+0000", "+0000")),),
        (observance("STANDARD", "DTSTART:20200101T000000", ("+0000", "+9900")),),
        (observance("STANDARD", "DTSTART:20200101T000000", ("+0000", "+0000"), "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),),
        (observance("STANDARD", "DTSTART:20200101T000000", ("+0000", "+0000"), "RDATE:garbage"),),
        (observance("STANDARD", "DTSTART:20200101T000000", ("+0000", "+0000")),) * 101,
    ],
)
def test_an_unreadable_definition_is_rejected(observances: tuple[str, ...]) -> None:
    with pytest.raises(InvalidValue):
        defined(*observances).find("Office", Budget(Deadline.after(60)))
