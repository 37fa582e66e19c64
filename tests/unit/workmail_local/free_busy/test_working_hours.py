from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from workmail_local.free_busy.working_hours import find_bias, is_at_work

BERLIN = {
    "name": "W. Europe Standard Time",
    "bias": -60,
    "standardTime": {"offset": 0, "time": "03:00:00", "month": "OCT", "week": "LAST", "dayOfWeek": "SUN"},
    "daylightTime": {"offset": -60, "time": "02:00:00", "month": "MAR", "week": "LAST", "dayOfWeek": "SUN"},
}
SYDNEY = {
    "name": "AUS Eastern Standard Time",
    "bias": -600,
    "standardTime": {"offset": 0, "time": "03:00:00", "month": "APR", "week": "FIRST", "dayOfWeek": "SUN"},
    "daylightTime": {"offset": -60, "time": "02:00:00", "month": "OCT", "week": "FIRST", "dayOfWeek": "SUN"},
}


@pytest.mark.parametrize("rule, zone", [(BERLIN, "Europe/Berlin"), (SYDNEY, "Australia/Sydney")])
def test_bias_is_the_offset_of_the_zone_at_every_hour_of_a_year(rule: dict, zone: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    while moment.year == 2026:
        assert timedelta(minutes=-find_bias(rule, moment)) == moment.astimezone(ZoneInfo(zone)).utcoffset(), moment
        moment += timedelta(hours=1)


def test_zone_without_transitions_has_one_bias() -> None:
    assert find_bias({"name": "x", "bias": 480}, datetime(2026, 7, 1, tzinfo=UTC)) == 480


@pytest.mark.parametrize(
    "utc, working", [("2026-07-06T07:00", True), ("2026-07-06T06:59", False), ("2026-12-07T08:00", True), ("2026-12-07T07:59", False)]
)
def test_working_hours_are_local_time_in_summer_and_winter(utc: str, working: bool) -> None:
    hours = {"timezone": BERLIN, "workingPeriods": [{"startMinutes": 540, "endMinutes": 1020, "days": ["MON"]}]}
    assert is_at_work(hours, datetime.fromisoformat(utc).replace(tzinfo=UTC)) is working
    assert not is_at_work(hours, datetime.fromisoformat(utc).replace(tzinfo=UTC) + timedelta(days=1))
