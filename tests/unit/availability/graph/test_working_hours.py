"""The forms of Microsoft Graph's working hours."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from mailhooks.availability.backends.graph.working_hours import read_hours
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import DayOfWeek, Month, TimeZone, TimeZoneTransition, Week, WorkingHours, WorkingPeriod

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=7))
WEEKDAYS = (DayOfWeek.MON, DayOfWeek.TUE, DayOfWeek.WED, DayOfWeek.THU, DayOfWeek.FRI)

STANDARD = {"time": "02:00:00.0000000", "dayOccurrence": 1, "dayOfWeek": "sunday", "month": 11, "year": 0}
DAYLIGHT = {"daylightBias": -60, "time": "02:00:00.0000000", "dayOccurrence": 2, "dayOfWeek": "sunday", "month": 3, "year": 0}
CUSTOM = {
    "@odata.type": "#microsoft.graph.customTimeZone",
    "bias": 480,
    "name": "Customized Time Zone",
    "standardOffset": STANDARD,
    "daylightOffset": DAYLIGHT,
}
"""The example of "calendar: getSchedule"."""


def hours(**changes: Any) -> dict[str, Any]:
    return {
        "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        "startTime": "08:00:00.0000000",
        "endTime": "17:00:00.0000000",
        "timeZone": {"name": "Pacific Standard Time"},
        **changes,
    }


def read(**changes: Any) -> WorkingHours:
    found = read_hours(hours(**changes), WINDOW)
    assert found is not None
    return found


def custom(**changes: Any) -> TimeZone:
    return read(timeZone={**CUSTOM, **changes}).timezone


@pytest.mark.parametrize("name", ["Pacific Standard Time", "America/Los_Angeles"])
def test_a_zone_found_by_name_has_rules_in_ewss_sign(name: str) -> None:
    found = read(timeZone={"name": name})
    assert found.timezone == TimeZone(
        name,
        480,
        TimeZoneTransition(0, time(2), Month.NOV, Week.FIRST, DayOfWeek.SUN),
        TimeZoneTransition(-60, time(2), Month.MAR, Week.SECOND, DayOfWeek.SUN),
    )
    assert found.working_periods == (WorkingPeriod(480, 1020, WEEKDAYS),)


@pytest.mark.parametrize("odd", [None, [], {}, 1.5, "x", True])
def test_a_zone_with_values_of_other_types_can_be_compared_and_sent(odd: Any) -> None:
    for changes in ({"name": odd}, {"daylightOffset": DAYLIGHT | {"daylightBias": odd}}):
        assert isinstance(hash(read(timeZone=CUSTOM | changes)), int)


def test_a_customized_zone_is_not_changed() -> None:
    assert custom() == TimeZone(
        "Customized Time Zone",
        480,
        TimeZoneTransition(0, time(2), Month.NOV, Week.FIRST, DayOfWeek.SUN),
        TimeZoneTransition(-60, time(2), Month.MAR, Week.SECOND, DayOfWeek.SUN),
    )


def test_a_fifth_sunday_is_the_last_one() -> None:
    found = custom(standardOffset={**STANDARD, "dayOccurrence": 5, "month": 5})
    assert found.standard_time is not None
    assert (found.standard_time.week, found.standard_time.month) == (Week.LAST, Month.MAY)


@pytest.mark.parametrize(
    "changes",
    [
        {"standardOffset": None},
        {"daylightOffset": None},
        {"standardOffset": {**STANDARD, "month": 0}},
        {"standardOffset": {**STANDARD, "month": 13}},
        {"standardOffset": {**STANDARD, "dayOccurrence": 6}},
        {"standardOffset": {**STANDARD, "dayOfWeek": "someday"}},
        {"standardOffset": {**STANDARD, "time": "late"}},
        {"standardOffset": {**STANDARD, "year": 2026}},
        {"daylightOffset": STANDARD},
    ],
)
def test_a_customized_zone_without_yearly_rules_keeps_its_bias(changes: dict[str, Any]) -> None:
    assert custom(**changes) == TimeZone("Customized Time Zone", 480)


def test_a_customized_zone_without_a_name_gets_one() -> None:
    assert custom(name=None).name == "Customized Time Zone"


@pytest.mark.parametrize(
    "start, end, minutes",
    [
        ("08:30:00.0000000", "17:15:00.0000000", (510, 1035)),
        ("08:30:00", "17:15", (510, 1035)),
        ("00:00:00.0000000", "00:00:00.0000000", (0, 1440)),
        ("09:00:00.0000000", "00:00:00.0000000", (540, 1440)),
    ],
)
def test_midnight_as_an_end_is_the_end_of_the_day(start: str, end: str, minutes: tuple[int, int]) -> None:
    (period,) = read(startTime=start, endTime=end).working_periods
    assert (period.start_minutes, period.end_minutes) == minutes


@pytest.mark.parametrize(
    "value",
    [
        None,
        "always",
        {},
        hours(daysOfWeek=[]),
        hours(daysOfWeek=None),
        hours(daysOfWeek=["someday"]),
        hours(daysOfWeek=[1]),
        hours(startTime=None),
        hours(startTime="early"),
        hours(startTime="22:00:00", endTime="06:00:00"),
        hours(timeZone=None),
        hours(timeZone={}),
        hours(timeZone={"name": ""}),
        hours(timeZone={"name": "tzone://Microsoft/Custom"}),
        hours(timeZone={"name": 7}),
    ],
)
def test_absent_and_invalid_working_hours_are_none(value: Any) -> None:
    assert read_hours(value, WINDOW) is None
