"""Features of calendars with their expected busy times, as six calendar servers export them."""

from datetime import UTC, datetime
from typing import Final

import pytest

from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from tests.unit.availability.ical.test_events import calendar, event, expanded

WINDOW: Final = Window(datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))

ZONE: Final = """BEGIN:VTIMEZONE
TZID:Our Office Clock
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
DTSTART:19810329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
""".replace("\n", "\r\n")


def berlin(*lines: str) -> str:
    """Return an event in which `@` means the zone of Berlin."""
    return event(*(line.replace("@", ";TZID=Europe/Berlin:") for line in lines))


FEATURES: Final[dict[str, tuple[list[str], list[str]]]] = {
    "allday-recurring": (
        [
            berlin("DTSTART;VALUE=DATE:20260426", "DTEND;VALUE=DATE:20260427", "RRULE:FREQ=WEEKLY;INTERVAL=26;BYDAY=SU"),
        ],
        ["10-24 22:00 to 10-25 23:00"],
    ),
    "allday": (
        [
            berlin("DTSTART;VALUE=DATE:20261021", "DTEND;VALUE=DATE:20261022"),
        ],
        ["10-20 22:00 to 10-21 22:00"],
    ),
    "cancelled": (
        [
            berlin("DTSTART@20261022T150000", "DTEND@20261022T160000", "STATUS:CANCELLED"),
        ],
        [],
    ),
    "custom-zone": (
        [
            berlin("DTSTART;TZID=Our Office Clock:20261027T150000", "DTEND;TZID=Our Office Clock:20261027T160000"),
        ],
        ["10-27 14:00 to 10-27 15:00"],
    ),
    "daily-count-cancelled-transparent": (
        [
            berlin("DTSTART@20261015T180000", "DTEND@20261015T183000", "RRULE:FREQ=DAILY;COUNT=10"),
            berlin(
                "RECURRENCE-ID@20261020T180000",
                "DTSTART@20261020T180000",
                "DTEND@20261020T183000",
                "STATUS:CANCELLED",
            ),
            berlin(
                "RECURRENCE-ID@20261023T180000",
                "DTSTART@20261023T180000",
                "DTEND@20261023T183000",
                "TRANSP:TRANSPARENT",
            ),
        ],
        [
            "10-19 16:00 to 10-19 16:30",
            "10-21 16:00 to 10-21 16:30",
            "10-22 16:00 to 10-22 16:30",
            "10-24 16:00 to 10-24 16:30",
        ],
    ),
    "duration": (
        [
            berlin("DTSTART@20261028T080000", "DURATION:PT45M"),
        ],
        ["10-28 07:00 to 10-28 07:45"],
    ),
    "floating": (
        [
            berlin("DTSTART:20261024T100000", "DTEND:20261024T110000"),
        ],
        ["10-24 08:00 to 10-24 09:00"],
    ),
    "long-after": (
        [
            berlin("DTSTART@20261031T120000", "DTEND@20261105T120000"),
        ],
        ["10-31 11:00 to 11-05 11:00"],
    ),
    "long-before": (
        [
            berlin("DTSTART@20261010T090000", "DTEND@20261019T060000"),
        ],
        ["10-10 07:00 to 10-19 04:00"],
    ),
    "monthly-4th-thu": (
        [
            berlin("DTSTART@20260122T200000", "DTEND@20260122T210000", "RRULE:FREQ=MONTHLY;BYDAY=4TH"),
        ],
        ["10-22 18:00 to 10-22 19:00"],
    ),
    "moved-in-and-out": (
        [
            berlin("DTSTART@20260902T070000", "DTEND@20260902T073000", "RRULE:FREQ=WEEKLY;BYDAY=WE"),
            berlin(
                "RECURRENCE-ID@20261104T070000",
                "DTSTART@20261030T160000",
                "DTEND@20261030T163000",
            ),
            berlin(
                "RECURRENCE-ID@20261021T070000",
                "DTSTART@20261110T070000",
                "DTEND@20261110T073000",
            ),
        ],
        ["10-28 06:00 to 10-28 06:30", "10-30 15:00 to 10-30 15:30"],
    ),
    "newyork-weekly": (
        [
            berlin(
                "DTSTART;TZID=America/New_York:20260903T180000", "DTEND;TZID=America/New_York:20260903T190000", "RRULE:FREQ=WEEKLY;BYDAY=TH"
            ),
        ],
        ["10-22 22:00 to 10-22 23:00", "10-29 22:00 to 10-29 23:00"],
    ),
    "over-dst": (
        [
            berlin("DTSTART@20261025T010000", "DTEND@20261025T040000"),
        ],
        ["10-24 23:00 to 10-25 03:00"],
    ),
    "private": (
        [
            berlin("DTSTART@20261027T100000", "DTEND@20261027T110000", "CLASS:PRIVATE"),
        ],
        ["10-27 09:00 to 10-27 10:00"],
    ),
    "rdate": (
        [
            berlin(
                "DTSTART@20261019T083000",
                "DTEND@20261019T093000",
                "RDATE@20261023T083000,20261030T083000",
            ),
        ],
        [
            "10-19 06:30 to 10-19 07:30",
            "10-23 06:30 to 10-23 07:30",
            "10-30 07:30 to 10-30 08:30",
        ],
    ),
    "single": (
        [
            berlin("DTSTART@20261020T090000", "DTEND@20261020T100000"),
        ],
        ["10-20 07:00 to 10-20 08:00"],
    ),
    "tentative": (
        [
            berlin("DTSTART@20261022T130000", "DTEND@20261022T140000", "STATUS:TENTATIVE"),
        ],
        ["10-22 11:00 to 10-22 12:00"],
    ),
    "transparent": (
        [
            berlin("DTSTART@20261022T090000", "DTEND@20261022T120000", "TRANSP:TRANSPARENT"),
        ],
        [],
    ),
    "until-utc": (
        [
            berlin(
                "DTSTART@20261005T110000",
                "DTEND@20261005T120000",
                "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261026T100000Z",
            ),
        ],
        ["10-19 09:00 to 10-19 10:00", "10-26 10:00 to 10-26 11:00"],
    ),
    "weekly-exdate-moved": (
        [
            berlin(
                "DTSTART@20260105T140000",
                "DTEND@20260105T150000",
                "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR",
                "EXDATE@20261023T140000",
            ),
            berlin(
                "RECURRENCE-ID@20261028T140000",
                "DTSTART@20261029T163000",
                "DTEND@20261029T173000",
            ),
        ],
        [
            "10-19 12:00 to 10-19 13:00",
            "10-21 12:00 to 10-21 13:00",
            "10-26 13:00 to 10-26 14:00",
            "10-29 15:30 to 10-29 16:30",
            "10-30 13:00 to 10-30 14:00",
        ],
    ),
    "windows-zone": (
        [
            berlin("DTSTART;TZID=W. Europe Standard Time:20261030T130000", "DTEND;TZID=W. Europe Standard Time:20261030T140000"),
        ],
        ["10-30 12:00 to 10-30 13:00"],
    ),
    "zero-length": (
        [
            berlin("DTSTART@20261029T120000", "DTEND@20261029T120000"),
        ],
        [],
    ),
}


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("apart", [False, True], ids=["one calendar", "a calendar each"])
def test_a_feature_has_its_busy_times(name: str, apart: bool) -> None:
    events, expected = FEATURES[name]
    content = b"".join(calendar(ZONE, one) for one in events) if apart else calendar(ZONE, *events)
    found = [
        (f"{one.start_time:%m-%d %H:%M} to {one.end_time:%m-%d %H:%M}", one.busy_type)
        for one in expanded(content, WINDOW, "Europe/Berlin")
        if one.start_time < one.end_time
    ]
    assert found == [(times, BusyType.TENTATIVE if name == "tentative" else BusyType.BUSY) for times in expected]
