"""Names of zones, offsets of windows, working hours. Rules: `test_timezone_rules`."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tzlocal.windows_tz import win_tz

from mailhooks.availability import timezones
from mailhooks.contract.availability import AvailabilityRequest, AvailabilityResponse, Requester, Window
from mailhooks.contract.freebusy import DayOfWeek, MailboxAvailability, WorkingHours, WorkingPeriod
from tests.support.tables import check_rows

WEEK_IN_JUNE = Window(datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 6, 22, tzinfo=UTC))


def test_the_longest_offset_of_a_window_applies() -> None:
    zone = ZoneInfo("America/Nuuk")  # 2023: on 26 March from -3 to -2 hours, permanently
    for days_before, days_after, hours in ((5, 1, -3), (1, 5, -2)):
        change = datetime(2023, 3, 26, 1, tzinfo=UTC)
        over = Window(change - timedelta(days=days_before), change + timedelta(days=days_after))
        assert timezones.build_time_zone(zone, over).bias == -60 * hours


def test_only_the_first_year_of_a_window_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    # Volgograd changed from +4 to +3 hours at the end of 2020: +4 for most of the first year, +3 for centuries.
    over = Window(datetime(2020, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
    reads = []
    offset = timezones._offset
    monkeypatch.setattr(timezones, "_offset", lambda zone, moment: reads.append(moment) or offset(zone, moment))
    assert timezones.build_time_zone(ZoneInfo("Europe/Volgograd"), over).bias == -240
    assert max(reads).year < 2030
    assert len(reads) < 5000


def test_a_window_may_start_between_two_seconds() -> None:
    # The clocks changed at 01:00:00, a fraction of a second before the window starts.
    over = Window(datetime(2023, 3, 20, 1, 0, 0, 300_000, tzinfo=UTC), datetime(2023, 4, 9, tzinfo=UTC))
    assert timezones.build_time_zone(ZoneInfo("America/Nuuk"), over).bias == 120


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("start", [datetime.min, datetime.max - timedelta(minutes=1), datetime(9998, 12, 31)])
def test_a_window_may_be_at_either_end_of_the_calendar(name: str, start: datetime) -> None:
    begin = start.replace(tzinfo=UTC)
    found = timezones.build_time_zone(ZoneInfo(name), Window(begin, begin + timedelta(seconds=30)))
    assert -840 <= found.bias <= 720


def test_every_windows_name_is_a_zone() -> None:
    def check(name: str) -> None:
        for zone in (timezones.find_zone(name), timezones.find_zone(f' "{name.upper()}" ')):
            assert zone is not None
            assert zone.key in {win_tz[name], name}  # UTC is a name in both lists

    check_rows(sorted(win_tz), check)


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
def test_an_unknown_name_is_not_opened_as_a_file(name: str) -> None:
    assert timezones.find_zone(name) is None


def test_working_hours_fit_the_contract_and_can_be_flipped() -> None:
    period = WorkingPeriod(540, 1020, (DayOfWeek.MON,))
    zone = timezones.build_time_zone(ZoneInfo("Europe/Berlin"), WEEK_IN_JUNE, "W. Europe Standard Time")
    hours = WorkingHours(zone, (period,))
    assert (hours.timezone.name, hours.working_periods) == ("W. Europe Standard Time", (period,))
    turned = timezones.flip_bias(hours)
    assert timezones.flip_bias(turned) == hours
    assert (turned.timezone.bias, turned.timezone.daylight_time and turned.timezone.daylight_time.offset) == (60, 60)
    request = AvailabilityRequest(Requester("b@example.net", "b", "m-1", "u-1"), ("a@example.net",), WEEK_IN_JUNE)
    # Raises an error if the hours do not fit.
    AvailabilityResponse((MailboxAvailability("a@example.net", (), hours),)).to_response(request)


def test_a_zone_without_rules_can_be_flipped() -> None:
    hours = WorkingHours(timezones.build_time_zone(ZoneInfo("Asia/Kolkata"), WEEK_IN_JUNE), ())
    assert timezones.flip_bias(hours).timezone.bias == 330


@pytest.mark.parametrize("offset, bias", [(1, -60), (-8, 480), (5.5, -330), (0, 0)])
def test_utc_is_local_time_plus_bias(offset: float, bias: int) -> None:
    assert timezones.to_bias(timedelta(hours=offset)) == bias
