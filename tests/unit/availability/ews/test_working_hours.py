"""The conversion of EWS working hours."""

from datetime import time

import lxml.etree
import pytest

from mailhooks.availability.backends.ews.working_hours import ZONE_NAME, read_hours
from mailhooks.contract.availability import AvailabilityRequest, AvailabilityResponse
from mailhooks.contract.freebusy import (
    DayOfWeek,
    MailboxAvailability,
    Month,
    TimeZone,
    TimeZoneTransition,
    Week,
    WorkingHours,
    WorkingPeriod,
)
from tests.support.backends import request
from tests.support.servers.ews import OFFICE_HOURS, TYPES, period, transition, working_hours

WEEK = DayOfWeek.MON, DayOfWeek.TUE, DayOfWeek.WED, DayOfWeek.THU, DayOfWeek.FRI
DAYS = period("Monday", 480, 1020)
WINTER, SUMMER = transition("StandardTime", 0, "03:00:00", 5, 10), transition("DaylightTime", -60, "02:00:00", 5, 3)


def read(xml: str) -> WorkingHours | None:
    element = lxml.etree.fromstring(f'<x xmlns:t="{TYPES}">{xml}</x>')[0]
    hours = read_hours(element)
    if hours is not None:
        # The result must fit WorkMail's contract.
        AvailabilityResponse((MailboxAvailability("ben@example.org", (), hours),)).to_response(
            AvailabilityRequest.parse(request("ben@example.org"))
        )
    return hours


def zone(*parts: str, bias: int = -60) -> TimeZone | None:
    hours = read(working_hours(bias, *parts, periods=DAYS))
    return hours and hours.timezone


def test_working_hours_keep_the_sign_of_ews() -> None:
    winter = TimeZoneTransition(0, time(3), Month.OCT, Week.LAST, DayOfWeek.SUN)
    summer = TimeZoneTransition(-60, time(2), Month.MAR, Week.LAST, DayOfWeek.SUN)
    assert read(OFFICE_HOURS) == WorkingHours(TimeZone(ZONE_NAME, -60, winter, summer), (WorkingPeriod(480, 1020, WEEK),))


def test_working_hours_may_be_absent() -> None:
    assert read_hours(None) is None


@pytest.mark.parametrize(
    "order, week", [(1, Week.FIRST), (2, Week.SECOND), (3, Week.THIRD), (4, Week.FOURTH), (5, Week.LAST), (-1, Week.LAST)]
)
def test_day_order_is_the_week(order: int, week: Week) -> None:
    found = zone(transition("StandardTime", 0, "02:00:00", order, 11), SUMMER)
    assert found is not None
    assert found.standard_time is not None
    assert found.standard_time.week is week


@pytest.mark.parametrize("number, month", list(enumerate(Month, 1)))
def test_every_month_is_converted(number: int, month: Month) -> None:
    found = zone(transition("StandardTime", 0, "02:00:00.0000000", 1, number), transition("DaylightTime", -60, "02:00:00", 2, 3))
    assert found is not None
    assert found.standard_time is not None
    assert (found.standard_time.month, found.standard_time.time) == (month, time(2))


@pytest.mark.parametrize(
    "parts, bias",
    [
        ((), -60),
        ((WINTER,), -60),
        ((SUMMER,), -60),
        ((transition("StandardTime", 0, "00:00:00", 0, 0), transition("DaylightTime", 0, "00:00:00", 0, 0)), -60),
        ((transition("StandardTime", 0, "00:00:00", 0, 0), transition("DaylightTime", -60, "00:00:00", 0, 0)), -60),
        ((transition("StandardTime", 0, "00:00:00", 0, 0), SUMMER), -60),
        ((WINTER, transition("DaylightTime", -60, "00:00:00", 0, 0)), -60),
        ((transition("StandardTime", 0, "00:00:00", 1, 1), transition("DaylightTime", 0, "00:00:00", 5, 12)), -60),
        ((transition("StandardTime", -30, "02:00:00", 1, 4), transition("DaylightTime", -60, "02:00:00", 1, 4)), -90),
        ((transition("StandardTime", -60, "02:00:00", 1, 4), transition("DaylightTime", -60, "02:00:00", 1, 10)), -120),
    ],
)
def test_a_zone_whose_clocks_never_change_has_no_transitions(parts: tuple[str, ...], bias: int) -> None:
    assert zone(*parts) == TimeZone(ZONE_NAME, bias)


@pytest.mark.parametrize(
    "written, days",
    [
        ("Sunday Saturday", (DayOfWeek.SUN, DayOfWeek.SAT)),
        ("Monday Monday", (DayOfWeek.MON,)),
        ("Weekday", WEEK),
        ("WeekendDay", (DayOfWeek.SAT, DayOfWeek.SUN)),
        ("Day", tuple(DayOfWeek)),
        ("Monday Weekday", WEEK),
    ],
)
def test_days_may_be_names_or_groups(written: str, days: tuple[DayOfWeek, ...]) -> None:
    hours = read(working_hours(0, periods=period(written, 0, 1440)))
    assert hours is not None
    assert hours.working_periods == (WorkingPeriod(0, 1440, days),)


@pytest.mark.parametrize(
    "xml",
    [
        "<t:WorkingHours/>",
        working_hours(0, periods=""),
        working_hours(0, periods=period("", 480, 1020)),
        working_hours(0, periods=period("Funday", 480, 1020)),
        working_hours(0, periods=period("Monday", 1020, 480)),
        working_hours(0, periods=period("Monday", 480, 480)),
        working_hours(0, periods=period("Monday", -1, 480)),
        working_hours(0, periods=period("Monday", 0, 1441)),
        working_hours(9999, periods=DAYS),
        working_hours(1440, transition("StandardTime", 60, "03:00:00", 0, 0), SUMMER, periods=DAYS),
        working_hours(-60, transition("StandardTime", 0, "3 o'clock", 5, 10), SUMMER, periods=DAYS),
        working_hours(-60, transition("StandardTime", 0, "03:00:00", 5, 13), SUMMER, periods=DAYS),
        working_hours(-60, transition("StandardTime", 0, "03:00:00", 6, 10), SUMMER, periods=DAYS),
        working_hours(-60, transition("StandardTime", 0, "03:00:00", 5, 10, "Weekday"), SUMMER, periods=DAYS),
        OFFICE_HOURS.replace("<t:Bias>-60</t:Bias>", "", 1),
        OFFICE_HOURS.replace("-60", "an hour"),
        OFFICE_HOURS.replace("480", ""),
        OFFICE_HOURS.replace("TimeZone", "Zone"),
    ],
)
def test_invalid_working_hours_are_none(xml: str) -> None:
    assert read(xml) is None
