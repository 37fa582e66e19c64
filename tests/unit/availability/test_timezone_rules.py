"""Rules of every zone for 2020 to 2035, compared with zoneinfo by an independent reader.

The zones are those of the package tzdata, whose release `requirements-dev.txt` and the layer pin. The system's release may be another,
with other laws.
"""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.availability import timezones
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import DayOfWeek, Month, TimeZone, TimeZoneTransition, Week

YEARS = range(2020, 2036)
DATABASE = files("tzdata")
SECOND, HOUR, DAY, WEEK = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)

NOT_EXPRESSIBLE = {
    # Summer time was abolished, or the zone changed permanently.
    "Africa/Juba": (2021,),
    "America/Chihuahua": (2022,),
    "America/Dawson": (2020,),
    "America/Edmonton": (2026,),
    "America/Inuvik": (2026,),
    "America/Nuuk": (2023,),
    "America/Ojinaga": (2022,),
    "America/Scoresbysund": (2024,),
    "America/Vancouver": (2026,),
    "America/Whitehorse": (2020,),
    "America/Winnipeg": (2026,),
    "Antarctica/Casey": (2023,),
    "Antarctica/Vostok": (2023,),
    "Asia/Almaty": (2024,),
    "Asia/Amman": (2022,),
    "Asia/Damascus": (2022,),
    "Asia/Qostanay": (2024,),
    "Europe/Volgograd": (2020,),
    "Pacific/Apia": (2021,),
    "Pacific/Fiji": (2021,),
    # Summer time started in one year and ended in the next.
    "America/Havana": (2026, 2027),
    # Ramadan, and later another law.
    "Africa/Casablanca": (2026,),
    "Africa/El_Aaiun": (2026,),
}
"""All zones and years of tzdata 2026f without rules, one name per zone. Depends on the pinned release of tzdata."""


@cache
def pinned(name: str) -> ZoneInfo:
    with DATABASE.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


@cache
def offsets(name: str) -> tuple[tuple[datetime, timedelta], ...]:
    """Return the changes of a zone's offset in `YEARS` and two years around them. Changes are at least a week apart."""
    zone, start = pinned(name), datetime(YEARS[0] - 2, 1, 1, tzinfo=UTC)
    found = [(start, offset(zone, start))]
    for week in steps(start, datetime(YEARS[-1] + 3, 1, 1, tzinfo=UTC), WEEK):
        if offset(zone, week + WEEK) != found[-1][1]:
            seconds = bisect_left(range(7 * 86400), True, key=lambda n: offset(zone, week + n * SECOND) != found[-1][1])
            found.append((week + seconds * SECOND, offset(zone, week + WEEK)))
    return tuple(found)


def steps(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    while start < end:
        yield start
        start += step


ALL = sorted(set(DATABASE.joinpath("zones").read_text().split()) - {"Factory"})
ZONES = list({offsets(name): name for name in reversed(ALL)}.values())
"""Return one of all zones that are equal in these years."""

FIT_NONE = {(offsets(name), year) for name, years in NOT_EXPRESSIBLE.items() for year in years}


def window(year: int, month: int = 6) -> Window:
    return Window(datetime(year, month, 15, tzinfo=UTC), datetime(year, month, 22, tzinfo=UTC))


@cache
def zone_of(name: str, year: int) -> TimeZone:
    return timezones.build_time_zone(pinned(name), window(year))


def ends(zone: ZoneInfo, year: int) -> tuple[datetime, datetime]:
    start, end = (datetime(y, 1, 1, tzinfo=zone).astimezone(UTC) for y in (year, year + 1))
    return start, end


def moments(name: str, year: int) -> list[datetime]:
    """Return times of a local year: the start of each week, the last minute, each change and the second before it, and every hour two days
    around it.
    """
    start, end = ends(pinned(name), year)
    found = [*steps(start, end, WEEK), end - timedelta(minutes=1)]
    for change, _ in offsets(name):
        found += [change, change - SECOND, *steps(change - 2 * DAY, change + 2 * DAY, HOUR)]
    return [moment for moment in found if start <= moment < end]


def day(rule: TimeZoneTransition, year: int) -> date:
    """Return the date of a rule in a year."""
    month = list(Month).index(rule.month) + 1
    weekday = (list(DayOfWeek).index(rule.day_of_week) - 1) % 7
    days = [date(year, month, n) for n in range(1, monthrange(year, month)[1] + 1) if date(year, month, n).weekday() == weekday]
    return days[-1] if rule.week is Week.LAST else days[list(Week).index(rule.week)]


class Reader:
    """Reads a `TimeZone` in a year and the years around it.

    In EWS, UTC = local time + bias + offset (reference, `Bias (UTC)` and `Bias`). A change is in the local time before it,
    as in Windows's `TIME_ZONE_INFORMATION`.
    """

    def __init__(self, zone: TimeZone, year: int) -> None:
        self.zone = zone
        self.changes: list[tuple[datetime, int]] = []
        standard, daylight = zone.standard_time, zone.daylight_time
        if standard and daylight:
            for rule, other in ((standard, daylight), (daylight, standard)):
                for y in (year - 1, year, year + 1):
                    at = datetime.combine(day(rule, y), rule.time, UTC) + timedelta(minutes=zone.bias + other.offset)
                    self.changes.append((at, rule.offset))
        self.changes.sort()
        self.begins = [at for at, _ in self.changes]

    def offset(self, moment: datetime) -> timedelta:
        """Return the offset of local time from UTC."""
        more = self.changes[bisect_right(self.begins, moment) - 1][1] if self.changes else 0
        return -timedelta(minutes=self.zone.bias + more)


@pytest.mark.parametrize("year", YEARS)
def test_rules_give_the_offset_of_each_zone_at_every_hour(year: int) -> None:
    wrong = []
    for name in ZONES:
        zone, found = pinned(name), zone_of(name, year)
        if (offsets(name), year) in FIT_NONE:
            is_right = found == TimeZone(name, -(offset(zone, window(year).start_date) // timedelta(minutes=1)))
        else:
            reader = Reader(found, year)
            is_right = all(reader.offset(moment) == offset(zone, moment) for moment in moments(name, year))
        if not is_right:
            wrong.append(found)
    assert not wrong


@pytest.mark.fuzz
@given(st.sampled_from(ALL), st.sampled_from(YEARS), st.integers(0, 52))
def test_rules_give_the_offset_at_every_hour_of_any_week(name: str, year: int, week: int) -> None:
    zone = pinned(name)
    if (offsets(name), year) in FIT_NONE:
        return
    start, end = ends(zone, year)
    reader = Reader(zone_of(name, year), year)
    for moment in steps(start + WEEK * week, min(end, start + WEEK * (week + 1)), HOUR):
        assert reader.offset(moment) == offset(zone, moment), moment


@pytest.mark.parametrize("year", YEARS)
def test_a_fourth_and_last_weekday_is_named_as_in_the_next_year(year: int) -> None:
    wrong = []
    for name in ZONES:
        this, following = zone_of(name, year), zone_of(name, year + 1)
        for rule, actual in ((this.standard_time, following.standard_time), (this.daylight_time, following.daylight_time)):
            if not rule or not actual or rule.week not in (Week.FOURTH, Week.LAST):
                continue
            other = replace(rule, week=Week.LAST if rule.week is Week.FOURTH else Week.FOURTH)
            free = day(other, year) == day(rule, year)
            if free and day(rule, year + 1) != day(actual, year + 1) == day(other, year + 1):
                wrong.append((name, rule))
    assert not wrong


def written(rule: TimeZoneTransition | None) -> str | None:
    return f"{rule.offset} {rule.time.isoformat()} {rule.month} {rule.week} {rule.day_of_week}" if rule else None


@pytest.mark.parametrize(
    "name, year, bias, standard, daylight",
    [
        ("Europe/Berlin", 2026, -60, "0 03:00:00 OCT LAST SUN", "-60 02:00:00 MAR LAST SUN"),
        ("America/New_York", 2026, 300, "0 02:00:00 NOV FIRST SUN", "-60 02:00:00 MAR SECOND SUN"),
        ("Asia/Kolkata", 2026, -330, None, None),
        ("UTC", 2026, 0, None, None),
        # In the south New Year is in summer.
        ("Australia/Sydney", 2026, -600, "0 03:00:00 APR FIRST SUN", "-60 02:00:00 OCT FIRST SUN"),
        ("Pacific/Apia", 2020, -780, "0 04:00:00 APR FIRST SUN", "-60 03:00:00 SEP LAST SUN"),
        # Half an hour, two hours, and a winter time that is less than standard time in tzdata.
        ("Australia/Lord_Howe", 2026, -630, "0 02:00:00 APR FIRST SUN", "-30 02:00:00 OCT FIRST SUN"),
        ("Antarctica/Troll", 2026, 0, "0 03:00:00 OCT LAST SUN", "-120 01:00:00 MAR LAST SUN"),
        ("Europe/Dublin", 2026, 0, "0 02:00:00 OCT LAST SUN", "-60 01:00:00 MAR LAST SUN"),
        # 24:00 belongs to the next day: on Thursday in Egypt, on Saturday in Chile.
        ("Africa/Cairo", 2024, -120, "0 00:00:00 NOV FIRST FRI", "-60 00:00:00 APR LAST FRI"),
        ("America/Santiago", 2026, 240, "0 00:00:00 APR FIRST SUN", "-60 00:00:00 SEP FIRST SUN"),
        # The fourth Sunday of a March without a fifth one, at a midnight that occurs twice.
        ("America/Asuncion", 2021, 240, "0 00:00:00 MAR FOURTH SUN", "-60 00:00:00 OCT FIRST SUN"),
        ("Asia/Gaza", 2026, -120, "0 02:00:00 OCT FOURTH SAT", "-60 02:00:00 MAR LAST SAT"),
        # Ramadan. In 2020 it ended in May, a month that the guide omits.
        ("Africa/Casablanca", 2020, 0, "0 03:00:00 APR THIRD SUN", "-60 02:00:00 MAY LAST SUN"),
        # Before, during and after Greenland's change by one hour.
        ("America/Nuuk", 2022, 180, "0 23:00:00 OCT LAST SAT", "-60 22:00:00 MAR LAST SAT"),
        ("America/Nuuk", 2023, 120, None, None),
        ("America/Nuuk", 2024, 120, "0 00:00:00 OCT LAST SUN", "-60 23:00:00 MAR LAST SAT"),
        # Two changes in the same direction.
        ("Europe/Simferopol", 2014, -240, None, None),
        # A change at midnight of New Year: backward, it is not in January of that year; forward, it belongs to the next year.
        ("Asia/Dhaka", 2009, -360, None, None),
        ("Asia/Khandyga", 2003, -540, "0 03:00:00 OCT LAST SUN", "-60 02:00:00 MAR LAST SUN"),
        # Another offset for twelve days.
        ("America/Argentina/Tucuman", 2004, 240, "0 00:00:00 JUN FIRST TUE", "-60 00:00:00 JUN SECOND SUN"),
        # Offsets with seconds: -3:30:52 in winter.
        ("America/St_Johns", 1934, 211, None, None),
    ],
)
def test_known_zones_have_their_known_rules_with_the_sign_of_ews(
    name: str, year: int, bias: int, standard: str | None, daylight: str | None
) -> None:
    found = timezones.build_time_zone(pinned(name), window(year, 4))
    assert (found.name, found.bias, written(found.standard_time), written(found.daylight_time)) == (name, bias, standard, daylight)


@pytest.mark.parametrize("year", YEARS)
def test_the_last_sunday_is_last_also_if_it_is_the_fourth(year: int) -> None:
    found = timezones.build_time_zone(pinned("Europe/Berlin"), window(year))
    assert found.standard_time is not None
    assert found.daylight_time is not None
    assert (found.standard_time.week, found.daylight_time.week) == (Week.LAST, Week.LAST)
