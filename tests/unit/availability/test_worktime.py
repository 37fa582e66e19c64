"""Rules for the year asked for, judged by a reader of their own (`local.working`, written from EWS's definition) against zoneinfo."""

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tzlocal.windows_tz import win_tz

from local.working import bias
from mailhooks.availability import worktime
from mailhooks.contract.availability import Window, check_availability_response
from mailhooks.contract.freebusy import DayOfWeek, MailboxAvailability, Month, Week, WorkingPeriod

YEARS = range(2020, 2036)


def distinct() -> list[str]:
    """All zones, of those with the same data one."""
    found: dict[bytes, str] = {}
    for name in sorted(available_timezones() - {"localtime", "Factory"}, key=lambda name: ("/" not in name, name)):
        found.setdefault(files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes(), name)
    return sorted(found.values())


ZONES = distinct()
HOUR = timedelta(hours=1)


def window(year: int, month: int = 6) -> Window:
    return Window(datetime(year, month, 15, tzinfo=UTC), datetime(year, month, 22, tzinfo=UTC))


def as_document(value: Any) -> dict[str, Any]:
    """As WorkMail gets it."""
    from mailhooks.contract import availability

    found: dict[str, Any] = availability._document(value)
    return found


def offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


@cache
def changes(name: str, year: int) -> tuple[datetime, ...]:
    """The hours of a local year after which the offset is another; found by looking at each day, then at each of its hours."""
    zone = ZoneInfo(name)
    start, end = (datetime(y, 1, 1, tzinfo=zone).astimezone(UTC) for y in (year, year + 1))
    found = []
    day = start
    while day < end:
        after = min(day + timedelta(days=1), end)
        if offset(zone, day) != offset(zone, after):
            hour = day
            while hour < after:
                if offset(zone, hour) != offset(zone, min(hour + HOUR, after)):
                    found.append(hour)
                hour += HOUR
        day = after
    return tuple(found)


def moments(name: str, year: int) -> list[datetime]:
    """Every hour of two days around each change, both ends of the year, and one a fortnight."""
    zone = ZoneInfo(name)
    start, end = (datetime(y, 1, 1, tzinfo=zone).astimezone(UTC) for y in (year, year + 1))
    found = [start, end - timedelta(minutes=1), *(start + timedelta(days=n) for n in range(0, 360, 14))]
    found += [change + HOUR * n for change in changes(name, year) for n in range(-24, 25)]
    return [moment for moment in found if start <= moment < end]


def expressible(name: str, year: int) -> bool:
    """The clocks change twice, and back: told from zoneinfo alone."""
    zone = ZoneInfo(name)
    found = changes(name, year)
    if len(found) != 2:
        return not found
    start, end = (datetime(y, 1, 1, tzinfo=zone).astimezone(UTC) for y in (year, year + 1))
    return offset(zone, start) == offset(zone, end - HOUR)


NOT_EXPRESSIBLE = {
    # Two Ramadans begin or end in the year.
    "Africa/Casablanca": (2029, 2033),
    "Africa/El_Aaiun": (2029, 2033),
    # The law changed: other hours for good, or summer time given up.
    "Africa/Juba": (2021,),
    "America/Chihuahua": (2022,),
    "America/Dawson": (2020,),
    "America/Nuuk": (2023,),
    "America/Ojinaga": (2022,),
    "America/Scoresbysund": (2024,),
    "America/Whitehorse": (2020,),
    "Antarctica/Casey": (2023,),
    "Antarctica/Vostok": (2023,),
    "Asia/Almaty": (2024,),
    "Asia/Amman": (2022,),
    "Asia/Damascus": (2022,),
    "Asia/Qostanay": (2024,),
    "Europe/Volgograd": (2020,),
    "Pacific/Apia": (2021,),
    "Pacific/Fiji": (2021,),
}
"""All years of all zones, as of tzdata 2026, that fit no rules: they go out with a fixed offset."""


@pytest.mark.parametrize("name", [pytest.param(name) for name in ZONES])
def test_the_rules_of_a_year_give_the_zones_offset_at_every_hour_or_there_are_none(name: str) -> None:
    zone = ZoneInfo(name)
    for year in YEARS:
        found = worktime.time_zone(zone, window(year))
        document = as_document(found)
        if not expressible(name, year):
            assert found.standard_time is found.daylight_time is None
            assert timedelta(minutes=-found.bias) == offset(zone, window(year).start_date)
            continue
        assert (found.standard_time is None) == (not changes(name, year))
        for moment in moments(name, year):
            assert timedelta(minutes=-bias(document, moment)) == offset(zone, moment), (year, moment)


@pytest.mark.parametrize("name, year", [(name, year) for name, years in NOT_EXPRESSIBLE.items() for year in years])
def test_a_year_that_fits_no_rules_goes_out_with_the_offset_of_the_window(name: str, year: int) -> None:
    found = worktime.time_zone(ZoneInfo(name), window(year))
    assert found.standard_time is found.daylight_time is None
    assert timedelta(minutes=-found.bias) == offset(ZoneInfo(name), window(year).start_date)


@pytest.mark.fuzz
@given(st.sampled_from(ZONES), st.sampled_from(YEARS), st.integers(0, 366 * 24))
def test_at_any_hour_of_any_year_the_rules_are_right(name: str, year: int, hour: int) -> None:
    zone = ZoneInfo(name)
    moment = datetime(year, 1, 1, tzinfo=zone).astimezone(UTC) + HOUR * hour
    if moment.astimezone(zone).year != year or not expressible(name, year):
        return
    assert timedelta(minutes=-bias(as_document(worktime.time_zone(zone, window(year))), moment)) == offset(zone, moment)


def test_of_a_window_over_a_change_the_offset_counts_that_it_has_longest() -> None:
    zone = ZoneInfo("America/Nuuk")  # 2023: on 26 March from -3 to -2 hours, for good
    for days_before, days_after, hours in ((5, 1, -3), (1, 5, -2)):
        change = datetime(2023, 3, 26, 1, tzinfo=UTC)
        over = Window(change - timedelta(days=days_before), change + timedelta(days=days_after))
        assert worktime.time_zone(zone, over).bias == -60 * hours


@pytest.mark.parametrize(
    "name, bias_, standard, daylight",
    [
        ("Europe/Berlin", -60, "0 03:00:00 OCT LAST SUN", "-60 02:00:00 MAR LAST SUN"),
        ("America/New_York", 300, "0 02:00:00 NOV FIRST SUN", "-60 02:00:00 MAR SECOND SUN"),
        ("Australia/Lord_Howe", -630, "0 02:00:00 APR FIRST SUN", "-30 02:00:00 OCT FIRST SUN"),
        ("Europe/Dublin", 0, "0 02:00:00 OCT LAST SUN", "-60 01:00:00 MAR LAST SUN"),
        ("Antarctica/Troll", 0, "0 03:00:00 OCT LAST SUN", "-120 01:00:00 MAR LAST SUN"),
    ],
)
def test_known_zones_have_their_known_rules_with_the_sign_of_ews(name: str, bias_: int, standard: str, daylight: str) -> None:
    found = worktime.time_zone(ZoneInfo(name), window(2026))
    assert found.bias == bias_
    for rule, expected in ((found.standard_time, standard), (found.daylight_time, daylight)):
        assert rule is not None
        assert f"{rule.offset} {rule.time.isoformat()} {rule.month} {rule.week} {rule.day_of_week}" == expected


@pytest.mark.parametrize("year", YEARS)
def test_the_last_sunday_is_the_last_one_also_in_years_when_it_is_the_fourth(year: int) -> None:
    found = worktime.time_zone(ZoneInfo("Europe/Berlin"), window(year))
    assert found.standard_time is not None
    assert found.daylight_time is not None
    assert (found.standard_time.week, found.daylight_time.week) == (Week.LAST, Week.LAST)


def test_may_is_a_month() -> None:
    # Ramadan 2020 ended in May: in Morocco the clocks went forward on the 31st.
    found = worktime.time_zone(ZoneInfo("Africa/Casablanca"), window(2020))
    assert found.daylight_time is not None
    assert found.daylight_time.month is Month.MAY


@pytest.mark.parametrize("name", sorted(win_tz))
def test_every_name_that_windows_has_is_a_zone(name: str) -> None:
    for found in (worktime.zone(name), worktime.zone(f' "{name.upper()}" ')):
        assert found is not None
        assert found.key in {win_tz[name], name}  # UTC is a name of both


@pytest.mark.parametrize(
    "name, key", [("europe/berlin", "Europe/Berlin"), ("UTC", "UTC"), ("tzone://Microsoft/Utc", "UTC"), ("Etc/GMT+3", "Etc/GMT+3")]
)
def test_zones_are_found_by_iana_names_in_any_case(name: str, key: str) -> None:
    assert worktime.zone(name) == ZoneInfo(key)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "../../etc/passwd",
        "/etc/localtime",
        "Mars/Base",
        "(UTC+01:00) Amsterdam, Berlin",
        "Europe/Berlin\0",
        "Customized Time Zone",
        "x" * 9999,
    ],
)
def test_what_is_no_zone_is_none_and_no_file(name: str) -> None:
    assert worktime.zone(name) is None


@pytest.mark.parametrize("text, minutes", [("00:00", 0), ("09:30", 570), ("23:59", 1439), ("24:00", 1440)])
def test_a_time_of_day_in_minutes(text: str, minutes: int) -> None:
    assert worktime.minutes(text) == minutes


@pytest.mark.parametrize("text", ["24:01", "9:00", "09:60", "", "0900", "09:00:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hh:mm"):
        worktime.minutes(text)


def test_what_is_made_fits_the_contract_and_turns_its_sign() -> None:
    hours = worktime.working_hours(
        ZoneInfo("Europe/Berlin"), [WorkingPeriod(540, 1020, (DayOfWeek.MON,))], window(2026), "W. Europe Standard Time"
    )
    assert hours.timezone.name == "W. Europe Standard Time"
    turned = worktime.flipped(hours)
    assert worktime.flipped(turned) == hours
    assert (turned.timezone.bias, turned.timezone.daylight_time and turned.timezone.daylight_time.offset) == (60, 60)
    check_availability_response({"mailboxes": [as_document(MailboxAvailability("a@example.net", (), hours))]})
