"""Names of zones, offsets of windows, working hours. The rules themselves: `test_worktime_rules`."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

import pytest
from tzlocal.windows_tz import win_tz

from mailhooks.availability import timezones
from mailhooks.contract.availability import AvailabilityRequest, AvailabilityResponse, Requester, Window
from mailhooks.contract.freebusy import DayOfWeek, MailboxAvailability, WorkingPeriod

WEEK_IN_JUNE = Window(datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 6, 22, tzinfo=UTC))


def test_of_a_window_over_a_change_the_offset_counts_that_it_has_longest() -> None:
    zone = ZoneInfo("America/Nuuk")  # 2023: on 26 March from -3 to -2 hours, for good
    for days_before, days_after, hours in ((5, 1, -3), (1, 5, -2)):
        change = datetime(2023, 3, 26, 1, tzinfo=UTC)
        over = Window(change - timedelta(days=days_before), change + timedelta(days=days_after))
        assert timezones.build_time_zone(zone, over).bias == -60 * hours


def test_the_length_of_a_window_does_not_count_beyond_a_year() -> None:
    # Volgograd moved from +4 to +3 hours in the last days of 2020: for most of the first year it has +4, for centuries +3.
    over = Window(datetime(2020, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
    began = monotonic()
    assert timezones.build_time_zone(ZoneInfo("Europe/Volgograd"), over).bias == -240
    assert monotonic() - began < 1


def test_a_window_that_begins_between_two_seconds_is_answered() -> None:
    # The clocks changed at 01:00:00, a fraction of a second before the time of day at which the window begins.
    over = Window(datetime(2023, 3, 20, 1, 0, 0, 300_000, tzinfo=UTC), datetime(2023, 4, 9, tzinfo=UTC))
    assert timezones.build_time_zone(ZoneInfo("America/Nuuk"), over).bias == 120


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("start", [datetime.min, datetime.max - timedelta(minutes=1), datetime(9998, 12, 31)])
def test_a_window_at_either_end_of_time_is_answered(name: str, start: datetime) -> None:
    begin = start.replace(tzinfo=UTC)
    found = timezones.build_time_zone(ZoneInfo(name), Window(begin, begin + timedelta(seconds=30)))
    assert -840 <= found.bias <= 720


@pytest.mark.parametrize("name", sorted(win_tz))
def test_every_name_that_windows_has_is_a_zone(name: str) -> None:
    for found in (timezones.find_zone(name), timezones.find_zone(f' "{name.upper()}" ')):
        assert found is not None
        assert found.key in {win_tz[name], name}  # UTC is a name of both


@pytest.mark.parametrize(
    "name, key", [("europe/berlin", "Europe/Berlin"), ("UTC", "UTC"), ("tzone://Microsoft/Utc", "UTC"), ("Etc/GMT+3", "Etc/GMT+3")]
)
def test_zones_are_found_by_iana_names_in_any_case(name: str, key: str) -> None:
    assert timezones.find_zone(name) == ZoneInfo(key)


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
        "/usr/share/zoneinfo/Europe/Berlin",
        "Europe/../Europe/Berlin",
        "europe",
        "localtime",
        "LOCALTIME",
        "posixrules",
        "Factory",
        "tzdata.zi",
        "tzone://Microsoft/Custom",
        "Customized Time Zone",
        "\ud800",
        "x" * 9999,
    ],
)
def test_what_is_no_zone_is_none_and_no_file(name: str) -> None:
    assert timezones.find_zone(name) is None


@pytest.mark.parametrize("text, minutes", [("00:00", 0), ("09:30", 570), ("23:59", 1439), ("24:00", 1440)])
def test_a_time_of_day_in_minutes(text: str, minutes: int) -> None:
    assert timezones.parse_minutes(text) == minutes


@pytest.mark.parametrize("text", ["24:01", "9:00", "09:60", "", "0900", "09:00:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hh:mm"):
        timezones.parse_minutes(text)


def test_what_is_made_fits_the_contract_and_turns_its_sign() -> None:
    period = WorkingPeriod(540, 1020, (DayOfWeek.MON,))
    hours = timezones.build_working_hours(ZoneInfo("Europe/Berlin"), [period], WEEK_IN_JUNE, "W. Europe Standard Time")
    assert (hours.timezone.name, hours.working_periods) == ("W. Europe Standard Time", (period,))
    turned = timezones.flip_bias(hours)
    assert timezones.flip_bias(turned) == hours
    assert (turned.timezone.bias, turned.timezone.daylight_time and turned.timezone.daylight_time.offset) == (60, 60)
    request = AvailabilityRequest(Requester("b@example.net", "b", "m-1", "u-1"), ("a@example.net",), WEEK_IN_JUNE)
    # Raises what does not fit.
    AvailabilityResponse((MailboxAvailability("a@example.net", (), hours),)).to_response(request)


def test_a_zone_without_rules_turns_its_sign_too() -> None:
    hours = timezones.build_working_hours(ZoneInfo("Asia/Kolkata"), [], WEEK_IN_JUNE)
    assert timezones.flip_bias(hours).timezone.bias == 330


@pytest.mark.parametrize("offset, bias", [(1, -60), (-8, 480), (5.5, -330), (0, 0)])
def test_a_bias_is_what_is_added_to_local_time_to_have_utc(offset: float, bias: int) -> None:
    assert timezones.to_bias(timedelta(hours=offset)) == bias
