"""Calendars of the kinds that programs misread: public bug reports, in our own words, and variants of each kind."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mailhooks.availability.backends.ical.calendars import Calendars
from mailhooks.availability.errors import GenerationFailed
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent
from mailhooks.deadline import Deadline
from tests.unit.availability.ical.test_events import calendar, event

WEEK = Window(datetime(2026, 5, 4, tzinfo=UTC), datetime(2026, 5, 11, tzinfo=UTC))
SPRING = Window(datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
AUTUMN = Window(datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 10, 28, tzinfo=UTC))


def read(*contents: bytes, window: Window = WEEK, owners: tuple[str, ...] = ()) -> list[CalendarEvent]:
    return sorted(Calendars.parse(contents).events(window, Deadline.after(60), owners=owners), key=lambda one: one.start_time)


def times(content: bytes, window: Window = WEEK) -> str:
    """Return the days and times of the events, without minutes of 0: `4 9-10, 5 14:30-15`."""
    clock = "%-d %-H:%M"
    pairs = ((f"{one.start_time:{clock}}", f"{one.end_time:{clock}}") for one in read(content, window=window))
    texts = ((start.replace(":00", ""), end.replace(":00", "")) for start, end in pairs)
    return ", ".join(f"{start}-{end.split()[1] if start.split()[0] == end.split()[0] else end}" for start, end in texts)


BERLIN = "TZID=Europe/Berlin"
DAILY = (f"DTSTART;{BERLIN}:20260504T100000", f"DTEND;{BERLIN}:20260504T110000")
TWICE = (f"DTSTART;{BERLIN}:20260504T080000", f"DTEND;{BERLIN}:20260504T083000", "RRULE:FREQ=DAILY;BYHOUR=8,10;COUNT=4")
HOURLY = ("DTSTART:20260504T080000Z", "DURATION:PT30M", "RRULE:FREQ=HOURLY;COUNT=4")


@pytest.mark.parametrize(
    "lines, expected",
    [
        # Exceptions mean the exact moment: 10:00Z is not 10:00 in Berlin.
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260505T100000Z"), "4 8-9, 5 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260505T080000Z"), "4 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;TZID=America/New_York:20260505T040000"), "4 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;TZID=America/New_York:20260505T100000"), "4 8-9, 5 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260505T100000"), "4 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=3", f"EXDATE;{BERLIN}:20260504T100000,20260506T100000,"), "5 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20260505"), "4 8-9, 5 8-9, 6 8-9"),
        ((*TWICE, f"EXDATE;{BERLIN}:20260505T100000"), "4 6-6:30, 4 8-8:30, 5 6-6:30"),
        ((*TWICE, "EXDATE:20260505T080000Z"), "4 6-6:30, 4 8-8:30, 5 6-6:30"),
        ((*TWICE, f"EXDATE;{BERLIN}:20260505T080000"), "4 6-6:30, 4 8-8:30, 5 8-8:30"),
        ((*HOURLY, "EXDATE;TZID=Europe/London:20260504T100000"), "4 8-8:30, 4 10-10:30, 4 11-11:30"),
        ((*HOURLY, "EXDATE:20260504T100000Z"), "4 8-8:30, 4 9-9:30, 4 11-11:30"),
        ((*HOURLY, "EXDATE:20260504T100000"), "4 8-8:30, 4 9-9:30, 4 11-11:30"),
        (("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20260505"), "4 0-5 0, 6 0-7 0"),
        (("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260505T000000"), "4 0-5 0, 6 0-7 0"),
        (("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260505T090000Z"), "4 0-5 0, 5 0-6 0, 6 0-7 0"),
        # Times without a zone are in the zone of DTSTART.
        ((*DAILY, "RDATE:20260506T100000"), "4 8-9, 6 8-9"),
        ((*DAILY, "RDATE:20260506T100000Z"), "4 8-9, 6 10-11"),
        ((*DAILY, "RDATE;TZID=Asia/Tokyo:20260506T100000"), "4 8-9, 6 1-2"),
        ((*DAILY, "RDATE;VALUE=PERIOD:20260506T100000/PT2H,20260507T100000Z/20260507T103000Z"), "4 8-9, 6 8-10, 7 10-10:30"),
        ((*DAILY, "RDATE;VALUE=DATE:20260506"), "4 8-9, 5 22-6 22"),
        (("DTSTART;VALUE=DATE:20260504", "RDATE;VALUE=DATE:20260506,20260508"), "4 0-5 0, 6 0-7 0, 8 0-9 0"),
        ((DAILY[0], "DTEND:20260504T110000"), "4 8-9"),
        # UNTIL
        ((*DAILY, "RRULE:FREQ=DAILY;UNTIL=20260506"), "4 8-9, 5 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;UNTIL=20260506T080000Z"), "4 8-9, 5 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;UNTIL=20260506T075959Z"), "4 8-9, 5 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;UNTIL=20260506T100000"), "4 8-9, 5 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;UNTIL=20260506T095959"), "4 8-9, 5 8-9"),
        (("DTSTART:20260504T233000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260505"), "4 23:30-5 0:30, 5 23:30-6 0:30"),
        (
            ("DTSTART;TZID=America/Los_Angeles:20260504T213000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260505"),
            "5 4:30-5:30, 6 4:30-5:30",
        ),
        (("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;UNTIL=20260505"), "4 0-5 0, 5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;UNTIL=20260505T000000Z"), "4 0-5 0, 5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;UNTIL=20260505T235959"), "4 0-5 0, 5 0-6 0"),
        # Whole days that end on their own day or before it
        (("DTSTART;VALUE=DATE:20260505", "DTEND;VALUE=DATE:20260505"), "5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260505", "DTEND;VALUE=DATE:20260504"), "5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260505", "DTEND;VALUE=DATE:20260401"), "5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260505", "DURATION:PT0S"), "5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260505", "DURATION:-P1D"), "5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260505", "DURATION:PT36H"), "5 0-7 0"),
        (("DTSTART;VALUE=DATE:20260505", "DTEND;VALUE=DATE:20260505", "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=2"), "5 0-6 0, 7 0-8 0"),
        (("DTSTART:20260505", "DTEND:20260507"), "5 0-7 0"),
        (("DTSTART;VALUE=DATE:20260505", "DTEND:20260505T120000Z"), "5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260505", "DTEND:20260507T000000Z"), "5 0-7 0"),
        (("DTSTART:20260505T090000Z", "DTEND;VALUE=DATE:20260506"), "5 9-6 0"),
        (("DTSTART:20260505T090000Z", "DTEND;VALUE=DATE:20260505"), "5 9-6 0"),
        (("DTSTART;VALUE=DATE:20260505", "DTEND;VALUE=DATE:"), "5 0-6 0"),
        # Events that are declared to be of a whole day
        (("DTSTART:20260505T000000", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE"), "5 0-6 0"),
        ((f"DTSTART;{BERLIN}:20260505T000000", f"DTEND;{BERLIN}:20260505T000000", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE"), "4 22-5 22"),
        (("DTSTART:20260505T090000Z", "DTEND:20260505T100000Z", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE"), "5 9-10"),
        (("DTSTART:20260505T090000Z", "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE"), "5 9-9"),
        (("DTSTART;VALUE=DATE:20260505T000000",), "5 0-6 0"),
        (("DTSTART;VALUE=DATE:20260505T000000", "DTEND;VALUE=DATE:20260505T000000"), "5 0-6 0"),
        ((f"DTSTART;VALUE=DATE;{BERLIN}:20260505T000000", "DTEND;VALUE=DATE:20260506T000000"), "4 22-5 22"),
        # The longer one of DTEND and DURATION
        (("DTSTART:20260505T090000Z", "DTEND:20260505T100000Z", "DURATION:PT3H"), "5 9-12"),
        (("DTSTART:20260505T090000Z", "DTEND:20260505T120000Z", "DURATION:PT1H"), "5 9-12"),
        # Negative durations
        (("DTSTART:20260505T100000Z", "DURATION:-PT1H"), "5 10-11"),
        (("DTSTART:20260505T100000Z", "DURATION:-P1D"), "5 10-6 10"),
        (("DTSTART:20260505T100000Z", "DURATION:-PT1H", "RRULE:FREQ=DAILY;COUNT=2"), "5 10-11, 6 10-11"),
        # Odd times
        (("DTSTART:20260504T230000Z", "DTEND:20260504T240000Z"), "4 23-5 0"),
        (("DTSTART:20260504T235960Z", "DURATION:PT1H"), "4 23:59-5 0:59"),
        (("DTSTART;TZID=Europe/Berlin:20260504T100000Z", "DURATION:PT1H"), "4 10-11"),
        (("DTSTART:2026-05-04T09:00:00Z", "DTEND:2026-05-04T10:00:00Z"), "4 9-10"),
        (("DTSTART;VALUE=DATE:2026-05-04",), "4 0-5 0"),
        ((f"DTSTART;{BERLIN}:2026-05-04T11:00", "DURATION:PT1H"), "4 9-10"),
        (("DTSTART:20260504T0900Z", "DTEND:20260504t100000z"), "4 9-10"),
        (("DTSTART:20260504T110000+0200", "DTEND:2026-05-04T05:00:00.000-05:00"), "4 9-10"),
        (("DTSTART;TZID=Europe/Berlin:20260505T",), "5 0-6 0"),
        (("DTSTART:20260504T090000Z", "DTSTART:20260504T090000Z", "DURATION:PT1H"), "4 9-10"),
        # Events without an end, until the last year, and from the first one
        (("DTSTART:20260505T100000Z", "DTEND:99991231T235959Z"), "5 10-31 23:59"),
        ((f"DTSTART;{BERLIN}:20260505T100000", f"DTEND;{BERLIN}:99991231T235959"), "5 8-31 22:59"),
        (("DTSTART;TZID=America/New_York:20260505T100000", "DTEND;TZID=America/New_York:99991231T235959"), "5 14-31 23:59"),
        (("DTSTART;TZID=Asia/Tokyo:20260505T100000", "DTEND:99991231T235959Z"), "5 1-31 23:59"),
        (("DTSTART;TZID=Asia/Tokyo:00010101T000000", "DTEND;TZID=Asia/Tokyo:00010101T000000"), ""),
        (("DTSTART;TZID=Asia/Tokyo:00010101T000000", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=5"), "4 15-16"),
        (("DTSTART;TZID=America/New_York:20260504T050000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;UNTIL=99991231"), "4 9-10"),
        (("DTSTART;TZID=America/New_York:20260504T050000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;UNTIL=99991231T235959"), "4 9-10"),
        (("DTSTART;TZID=Asia/Tokyo:20260504T180000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;UNTIL=99991231T235959Z"), "4 9-10"),
        # An end that cannot be read is an error of the year after the start only.
        (("DTSTART:20200504T090000Z", "DTEND:"), ""),
        (("DTSTART:20200504T090000Z", "DTEND:garbage"), ""),
        (("DTSTART:20200504T090000Z", "DURATION:garbage"), ""),
        (("DTEND:20200504T090000Z",), ""),
        # Properties without a value
        ((*DAILY, "RRULE:", "RDATE:", f"EXDATE;{BERLIN}:", "EXDATE: "), "4 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=2", "EXDATE:"), "4 8-9, 5 8-9"),
        ((*DAILY, "RECURRENCE-ID:"), "4 8-9"),
        # Exceptions of whole days as times, which begin a day in the zone of the series or as they are written
        (("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;COUNT=2", "EXDATE;TZID=Asia/Tokyo:20260505T000000"), "4 0-5 0"),
        (("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;COUNT=2", "EXDATE;TZID=Asia/Tokyo:20260505T090000"), "4 0-5 0"),
        # Rules
        ((*DAILY, "RRULE:FREQ=WEEKLY;COUNT=2", "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=2"), "4 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;COUNT=3", "EXRULE:FREQ=DAILY;INTERVAL=2"), "4 8-9, 5 8-9, 6 8-9"),
        ((*DAILY, "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,2"), "4 8-9"),
        (("DTSTART:20260101T090000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2"), "4 9-10"),
        (("DTSTART:20260105T090000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-18"), "6 9-10"),
        (("DTSTART:19970805T090000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4000;BYDAY=TU,SU;WKST=SU"), "5 9-10"),
        (("DTSTART:20240229T090000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY"), ""),
        (("DTSTART:20250504T090000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYYEARDAY=124,-242,366"), "4 9-10"),
        (("DTSTART:20250505T090000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYWEEKNO=19"), "4 9-10"),
        (("DTSTART:20260101T090000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=1WE,-4FR"), "6 9-10, 8 9-10"),
        (("DTSTART:20260101T090000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY;BYDAY=18MO"), "4 9-10"),
        (("DTSTART:20260131T090000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY;BYMONTHDAY=31,-27"), "5 9-10"),
        (("DTSTART:20260504T090000Z", "DURATION:PT1S", "RRULE:freq=secondly;count=1"), "4 9-9"),
        (("DTSTART:20260504T090000Z", "DURATION:PT1H", "RRULE: FREQ=DAILY ; COUNT=2;"), "4 9-10, 5 9-10"),
        ((*DAILY, "RRULE:RRULE:FREQ=DAILY;COUNT=2"), "4 8-9, 5 8-9"),
        ((*DAILY, "RRULE:FREQ=WEEKLY;WKST=;INTERVAL=;COUNT=2;UNTIL=;BYDAY=MO,TU,;BYHOUR=;COUNT=2"), "4 8-9, 5 8-9"),
        ((*DAILY, "RRULE:FREQ=WEEKLY;BYDAY="), "4 8-9"),
        ((*DAILY, "RRULE:FREQ=DAILY;UNTIL=2026-05-05T08:00:00Z"), "4 8-9, 5 8-9"),
        (("DTSTART:20200504T090000Z", "DURATION:PT1H", 'RRULE;X-OLD="UNTIL=20200601":FREQ=WEEKLY'), "4 9-10"),
    ],
)
def test_an_odd_event_has_the_times_of_the_rfc(lines: tuple[str, ...], expected: str) -> None:
    good = event("DTSTART:20260510T090000Z", "DTEND:20260510T100000Z", uid="good")
    assert times(calendar(event(*lines), good)) == ", ".join(filter(None, [expected, "10 9-10"]))


def change(recurrence: str, hour: int, *lines: str) -> str:
    return event(recurrence, f"DTSTART:20260505T{hour:02}0000Z", f"DTEND:20260505T{hour + 1:02}0000Z", *lines)


FIFTH = "RECURRENCE-ID:20260505T090000Z"
DAYS = event("DTSTART:20260504T090000Z", "DTEND:20260504T100000Z", "RRULE:FREQ=DAILY;COUNT=3")
WHOLE_DAYS = event("DTSTART;VALUE=DATE:20260504", "RRULE:FREQ=DAILY;COUNT=2")
BERLIN_DAYS = event(*DAILY, "RRULE:FREQ=DAILY;COUNT=3")


@pytest.mark.parametrize(
    "parts, expected",
    [
        ((DAYS, change("RECURRENCE-ID:20260505T090000Z", 14)), "4 9-10, 5 14-15, 6 9-10"),
        ((change("RECURRENCE-ID:20260505T090000Z", 14), DAYS), "4 9-10, 5 14-15, 6 9-10"),
        ((DAYS, change(f"RECURRENCE-ID;{BERLIN}:20260505T110000", 14)), "4 9-10, 5 14-15, 6 9-10"),
        ((DAYS, change(f"RECURRENCE-ID;{BERLIN}:20260505T090000", 14)), "4 9-10, 5 9-10, 5 14-15, 6 9-10"),
        ((DAYS, change("RECURRENCE-ID:20260505T090000", 14)), "4 9-10, 5 14-15, 6 9-10"),
        ((DAYS, change("RECURRENCE-ID;VALUE=DATE:20260505", 14)), "4 9-10, 5 9-10, 5 14-15, 6 9-10"),
        ((DAYS, event(FIFTH, "STATUS:CANCELLED")), "4 9-10, 6 9-10"),
        ((DAYS, event(FIFTH)), "4 9-10, 5 9-10, 6 9-10"),
        ((WHOLE_DAYS, change("RECURRENCE-ID:20260505T000000Z", 14)), "4 0-5 0, 5 14-15"),
        ((WHOLE_DAYS, change("RECURRENCE-ID;TZID=Asia/Tokyo:20260505T000000", 14)), "4 0-5 0, 5 14-15"),
        ((BERLIN_DAYS, change("RECURRENCE-ID:20260505T100000", 14)), "4 8-9, 5 14-15, 6 8-9"),
        ((BERLIN_DAYS, change("RECURRENCE-ID:20260505T100000Z", 14)), "4 8-9, 5 8-9, 5 14-15, 6 8-9"),
        ((BERLIN_DAYS, change("RECURRENCE-ID:20260505T080000Z", 14)), "4 8-9, 5 14-15, 6 8-9"),
        ((event(*TWICE), change(f"RECURRENCE-ID;{BERLIN}:20260505T100000", 14)), "4 6-6:30, 4 8-8:30, 5 6-6:30, 5 14-15"),
        # A recurrence from outside of the window is moved into it.
        ((DAYS, change("RECURRENCE-ID:20270505T090000Z", 14)), "4 9-10, 5 9-10, 5 14-15, 6 9-10"),
        # The newest version of a change applies; of equally new ones all do.
        (
            (DAYS, change(FIFTH, 14, "SEQUENCE:2"), change(FIFTH, 16, "SEQUENCE:1")),
            "4 9-10, 5 14-15, 6 9-10",
        ),
        (
            (DAYS, change(FIFTH, 14), change(FIFTH, 16)),
            "4 9-10, 5 14-15, 5 16-17, 6 9-10",
        ),
        # This and all following ones
        ((DAYS, change("RECURRENCE-ID;RANGE=THISANDFUTURE:20260505T090000Z", 14)), "4 9-10, 5 14-15, 6 14-15"),
        ((BERLIN_DAYS, change("RECURRENCE-ID;RANGE=THISANDFUTURE:20260505T100000", 14)), "4 8-9, 5 14-15, 6 14-15"),
        ((DAYS, change("RECURRENCE-ID;RANGE=THISANDFUTURE:20260505T090000Z", 14, "STATUS:CANCELLED")), "4 9-10"),
        (
            (DAYS, change("RECURRENCE-ID;RANGE=THISANDFUTURE:20260505T090000Z", 14), change("RECURRENCE-ID:20260506T090000Z", 20)),
            "4 9-10, 5 14-15, 5 20-21",
        ),
    ],
)
def test_a_change_replaces_exactly_its_recurrence(parts: tuple[str, ...], expected: str) -> None:
    assert times(calendar(*parts)) == expected
    # QUIRK: ownCloud and Nextcloud export each event in a VCALENDAR of its own.
    assert times(b"".join(map(calendar, parts))) == expected


def test_collections_that_are_read_separately_do_not_replace_each_other() -> None:
    first, second = (
        calendar(event("DTSTART:20260504T090000Z", "DURATION:PT1H", "SEQUENCE:2")),
        calendar(event("DTSTART:20260504T120000Z", "DURATION:PT1H")),
    )
    assert len(read(first, second)) == 1
    assert len(read(first)) + len(read(second)) == 2


NIGHTS = f"DTSTART;{BERLIN}:20260327T220000"


@pytest.mark.parametrize(
    "lines, window, expected",
    [
        # DURATION in hours is exact, in days nominal (RFC 5545 section 3.3.6).
        ((f"DTSTART;{BERLIN}:20260328T220000", "DURATION:PT8H"), SPRING, "28 21-29 5"),
        ((f"DTSTART;{BERLIN}:20260328T220000", "DURATION:P1D"), SPRING, "28 21-29 20"),
        ((f"DTSTART;{BERLIN}:20260328T220000", "DURATION:P1DT1H"), SPRING, "28 21-29 21"),
        ((f"DTSTART;{BERLIN}:20260328T220000", "DURATION:PT24H"), SPRING, "28 21-29 21"),
        ((f"DTSTART;{BERLIN}:20261024T220000", "DURATION:PT8H"), AUTUMN, "24 20-25 4"),
        ((f"DTSTART;{BERLIN}:20261024T220000", "DURATION:P1D"), AUTUMN, "24 20-25 21"),
        ((f"DTSTART;{BERLIN}:20261024T220000", "DURATION:PT24H"), AUTUMN, "24 20-25 20"),
        ((NIGHTS, "DURATION:PT8H", "RRULE:FREQ=DAILY;COUNT=3"), SPRING, "27 21-28 5, 28 21-29 5, 29 20-30 4"),
        (("DTSTART:20260328T210000Z", "DURATION:P1D"), SPRING, "28 21-29 21"),
        ((f"DTSTART;{BERLIN}:20260301T080000", "RDATE;VALUE=PERIOD;TZID=Europe/Berlin:20260328T220000/P1D"), SPRING, "28 21-29 20"),
        # DTEND of a series: the later one of the exact time (section 3.8.5.3) and of the time on the clock.
        ((NIGHTS, f"DTEND;{BERLIN}:20260328T060000", "RRULE:FREQ=DAILY;COUNT=3"), SPRING, "27 21-28 5, 28 21-29 5, 29 20-30 4"),
        (
            (f"DTSTART;{BERLIN}:20261023T220000", f"DTEND;{BERLIN}:20261024T060000", "RRULE:FREQ=DAILY;COUNT=3"),
            AUTUMN,
            "23 20-24 4, 24 20-25 5, 25 21-26 5",
        ),
        ((f"DTSTART;{BERLIN}:20260328T220000", f"DTEND;{BERLIN}:20260329T060000"), SPRING, "28 21-29 4"),
        # Times that do not exist have the offset before the change, and of times that exist twice the first one is meant (section 3.3.5).
        ((f"DTSTART;{BERLIN}:20260329T023000", "DURATION:PT1H"), SPRING, "29 1:30-2:30"),
        ((f"DTSTART;{BERLIN}:20260329T023000", f"DTEND;{BERLIN}:20260329T031500"), SPRING, "29 1:30-2:15"),
        ((f"DTSTART;{BERLIN}:20261025T023000", "DURATION:PT1H"), AUTUMN, "25 0:30-1:30"),
        ((f"DTSTART;{BERLIN}:20261025T023000", f"DTEND;{BERLIN}:20261025T033000"), AUTUMN, "25 0:30-2:30"),
        ((f"DTSTART;{BERLIN}:20261025T024500", f"DTEND;{BERLIN}:20261025T021500"), AUTUMN, "25 0:45-1:15"),
        ((f"DTSTART;{BERLIN}:20260328T023000", "DURATION:PT30M", "RRULE:FREQ=DAILY;COUNT=3"), SPRING, "28 1:30-2, 29 1:30-2, 30 0:30-1"),
        (
            (f"DTSTART;{BERLIN}:20261024T023000", "DURATION:PT30M", "RRULE:FREQ=DAILY;UNTIL=20261025T003000Z"),
            AUTUMN,
            "24 0:30-1, 25 0:30-1",
        ),
        # An interval of hours or minutes also counts the hour that exists twice, one of days does not.
        (
            (f"DTSTART;{BERLIN}:20261025T010000", "DURATION:PT1H", "RRULE:FREQ=HOURLY;UNTIL=20261025T020000Z"),
            AUTUMN,
            "24 23-25 0, 25 0-1, 25 1-2, 25 2-3",
        ),
        (
            (f"DTSTART;{BERLIN}:20261025T010000", "DURATION:PT1H", "RRULE:FREQ=HOURLY;UNTIL=20261025T020000Z", "EXDATE:20261025T010000Z"),
            AUTUMN,
            "24 23-25 0, 25 0-1, 25 2-3",
        ),
        (
            (f"DTSTART;{BERLIN}:20261025T023000", "DURATION:PT5M", "RRULE:FREQ=MINUTELY;INTERVAL=20;COUNT=2"),
            AUTUMN,
            "25 0:30-0:35, 25 0:50-0:55, 25 1:30-1:35, 25 1:50-1:55",
        ),
        ((f"DTSTART;{BERLIN}:20261025T020000", "DURATION:PT1H", "RRULE:FREQ=DAILY;BYHOUR=2;COUNT=1"), AUTUMN, "25 0-1"),
        # Midnight does not exist, or exists twice.
        (
            ("DTSTART;TZID=America/Santiago:20260906T000000", "DURATION:PT1H"),
            Window(datetime(2026, 9, 5, tzinfo=UTC), datetime(2026, 9, 8, tzinfo=UTC)),
            "6 4-5",
        ),
    ],
)
def test_lengths_are_exact_when_the_clocks_change(lines: tuple[str, ...], window: Window, expected: str) -> None:
    assert times(calendar(event(*lines)), window) == expected


def test_utc_times_stay_there_in_a_declared_zone() -> None:
    head = "X-WR-TIMEZONE:Europe/Berlin\r\n"
    assert times(calendar(event("DTSTART:20261025T011500Z", "DTEND:20261025T014500Z"), head=head), AUTUMN) == "25 1:15-1:45"
    series = event("DTSTART:20260328T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2")
    assert times(calendar(series, head=head), SPRING) == "28 10-11, 29 10-11"
    evening = event("DTSTART:20260503T233000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;BYDAY=SU")
    assert times(calendar(evening, head=head)) == "3 23:30-4 0:30, 10 23:30-11 0:30"


OWNER = "room@example.net"


@pytest.mark.parametrize(
    "lines, is_free",
    [
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:room@example.net", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ben@example.net"), True),
        (("ATTENDEE;PARTSTAT=DECLINED:MAILTO:Room@Example.NET",), True),
        (('ATTENDEE;CN="A: B; C";ROLE=REQ-PARTICIPANT;partstat=declined;RSVP=TRUE:mailto:room@example.net',), True),
        (("ATTENDEE;PARTSTAT=DECLINED;EMAIL=room@example.net:urn:uuid:1",), True),
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:room%40example.net",), True),
        (("ATTENDEE;PARTSTAT=DECLINED:room@example.net",), True),
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:alias@example.org",), True),
        (("ATTENDEE;PARTSTAT=ACCEPTED:mailto:room@example.net", "ATTENDEE;PARTSTAT=DECLINED:mailto:ben@example.net"), False),
        (("ATTENDEE;PARTSTAT=ACCEPTED:mailto:room@example.net", "ATTENDEE;PARTSTAT=DECLINED:mailto:alias@example.org"), False),
        (("ATTENDEE;PARTSTAT=TENTATIVE:mailto:room@example.net",), False),
        (("ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:room@example.net",), False),
        (("ATTENDEE;PARTSTAT=DELEGATED:mailto:room@example.net",), False),
        (("ATTENDEE:mailto:room@example.net",), False),
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:room@example.net.example.org",), False),
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:otherroom@example.net",), False),
        (("ATTENDEE;CN=DECLINED:mailto:room@example.net",), False),
        (("ATTENDEE;PARTSTAT=DECLINED",), False),
        (("COMMENT;PARTSTAT=DECLINED:mailto:room@example.net",), False),
    ],
)
def test_a_meeting_that_the_owner_has_declined_is_free(lines: tuple[str, ...], is_free: bool) -> None:
    content = calendar(event("DTSTART:20260504T090000Z", "DTEND:20260504T100000Z", *lines))
    assert bool(read(content, owners=(OWNER, "alias@example.org"))) is not is_free
    assert len(read(content)) == 1


def test_the_owner_may_decline_one_recurrence() -> None:
    declined = change("RECURRENCE-ID:20260505T090000Z", 9, f"ATTENDEE;PARTSTAT=DECLINED:mailto:{OWNER}")
    assert [one.start_time.day for one in read(calendar(DAYS, declined), owners=(OWNER,))] == [4, 6]
    series = DAYS.replace("RRULE", f"ATTENDEE;PARTSTAT=DECLINED:mailto:{OWNER}\r\nRRULE")
    accepted = change("RECURRENCE-ID:20260505T090000Z", 9, f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{OWNER}")
    assert [one.start_time.day for one in read(calendar(series, accepted), owners=(OWNER,))] == [5]


def zone(name: str) -> str:
    offsets = "TZOFFSETFROM:+0300\r\nTZOFFSETTO:+0300"
    return f"BEGIN:VTIMEZONE\r\nTZID:{name}\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n{offsets}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"


@pytest.mark.parametrize(
    "defined, used",
    [
        (r"Amsterdam\, Berlin", r"Amsterdam\, Berlin"),
        (r"Amsterdam\, Berlin", "Amsterdam, Berlin"),
        (r"Amsterdam\, Berlin", '"Amsterdam, Berlin"'),
        ("Amsterdam, Berlin", r"Amsterdam\, Berlin"),
        (r"(UTC+01:00) Amsterdam\, Berlin", r"(UTC+01:00) Amsterdam\, Berlin"),
        (r"(UTC+01:00) Amsterdam\, Berlin", '"(UTC+01:00) Amsterdam, Berlin"'),
        ('"Our: own"', '"Our: own"'),
        ("Our own", "Our own"),
        ("/example.org/Our own", "/example.org/Our own"),
    ],
)
def test_the_name_of_a_zone_may_have_escapes_and_colons(defined: str, used: str) -> None:
    assert times(calendar(zone(defined), event(f"DTSTART;TZID={used}:20260504T120000", "DURATION:PT1H"))) == "4 9-10"


SUMMER = (
    ("DAYLIGHT", "19700301T020000", "-0500", "-0400", "RRULE:FREQ=YEARLY;BYMINUTE=0;BYHOUR=2;BYDAY=-1SU;BYMONTH=3"),
    ("STANDARD", "00010101T030000", "-0400", "-0500", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10"),
)


def summer_zone(name: str) -> str:
    parts = (
        f"BEGIN:{kind}\r\nDTSTART:{start}\r\nTZOFFSETFROM:{before}\r\nTZOFFSETTO:{after}\r\n{rule}\r\nEND:{kind}\r\n"
        for kind, start, before, after, rule in SUMMER
    )
    return f"BEGIN:VTIMEZONE\r\nTZID:{name}\r\n{''.join(parts)}END:VTIMEZONE\r\n"


@pytest.mark.parametrize(
    "definition, name, expected",
    [
        # Rules with hours (Domino), and a rule from the year 1 (.NET)
        (summer_zone("Ours"), "Ours", "4 16-17"),
        (zone("Ours").replace("1601", "0001"), "Ours", "4 9-10"),
        # Names of the tz database that calendars define otherwise
        (summer_zone("EST"), "EST", "4 16-17"),
        (zone("MST"), "MST", "4 9-10"),
        (zone("Europe/Berlin"), "Europe/Berlin", "4 10-11"),
        (zone("Eastern Standard Time"), "Eastern Standard Time", "4 16-17"),
        ("BEGIN:VTIMEZONE\r\nTZID:EST\r\nEND:VTIMEZONE\r\n", "EST", "4 17-18"),
        # Definitions that cannot be read
        ("BEGIN:VTIMEZONE\r\nTZID:Ours\r\nX-LIC-LOCATION:Europe/Berlin\r\nEND:VTIMEZONE\r\n", "Ours", "4 10-11"),
        *((zone("Ours").replace("+0300", text), "Ours", "4 9-10") for text in ("+03:00", "+03", "+3", "0300", "+030000")),
        (zone("Ours").replace("TZOFFSETFROM:+0300\r\n", ""), "Ours", "4 9-10"),
        # Names that are paths or offsets
        ("", "/Europe/Berlin", "4 10-11"),
        *(("", name, "4 10-11") for name in ("UTC+2", "UTC+02:00", "GMT+0200", "gmt+02:00", "+02:00", "+0200", "Etc/GMT-2")),
        (zone("GMT+2").replace("+0300", "+0200"), "GMT+2", "4 10-11"),
    ],
)
def test_odd_names_and_definitions_of_zones_are_read(definition: str, name: str, expected: str) -> None:
    assert times(calendar(definition, event(f"DTSTART;TZID={name}:20260504T120000", "DURATION:PT1H"))) == expected


@pytest.mark.parametrize("name", ["GMT+2", "UTC+25", "+2", "Nowhere/Land", "Customized Time Zone", "tzone://Microsoft/Custom", '""'])
def test_an_unknown_zone_is_a_failure(name: str) -> None:
    with pytest.raises(GenerationFailed, match="time zone"):
        times(calendar(event(f"DTSTART;TZID={name}:20260504T120000", "DURATION:PT1H")))


def test_the_declared_zone_may_be_a_defined_one() -> None:
    floating = event("DTSTART:20260504T120000", "DURATION:PT1H")
    assert times(calendar(zone("Ours"), floating, head="X-WR-TIMEZONE:Ours\r\n")) == "4 9-10"


@pytest.mark.parametrize(
    "change_content",
    [
        lambda content: content.decode().encode("utf-16"),
        lambda content: b"\xfe\xff" + content.decode().encode("utf-16-be"),
        lambda content: content.decode().encode("latin-1"),
        lambda content: content.replace(b"DTEND", b"\0DTEND").replace(b"BEGIN:VEV", b"\0BEGIN:V\0EV") + b"\0",
        lambda content: b"\xef\xbb\xbf" + content + b"\xef\xbb\xbf" + calendar(),
        lambda content: content.replace(b"DTEND:", b"DTEND:\r\n ").replace(b"\r\n", b"\r\r\n"),
        lambda content: content.replace("\xfc".encode(), b"\xc3\r\n \xbc").replace(b"DTEND", b"DT\r\n\tEND"),
        lambda content: content.replace(b"\r\n", b"\r"),
        lambda content: content.replace(b"\r\n", b" \r\n\r\n"),
    ],
)
def test_odd_encodings_and_line_ends_are_read(change_content: Callable[[bytes], bytes]) -> None:
    assert times(change_content(calendar(event(*NINE, "SUMMARY:Gr\xfc\xdfe")))) == "4 9-10"


@pytest.mark.parametrize(
    "lines",
    [
        ("DTEND:20260504T100000Z",),
        ("DTSTART:20260401T090000Z", "DTEND:"),
        ("DTSTART:20260401T090000Z", "DURATION:"),
        # Two lines that have become one
        ("DTSTART:20260504T090000ZDTEND:20260504T100000Z",),
        (f"DTSTART;{BERLIN}:20260504T090000DTEND;{BERLIN}:20260504T100000",),
    ],
)
def test_an_event_without_a_readable_start_or_end_is_a_failure(lines: tuple[str, ...]) -> None:
    with pytest.raises(GenerationFailed, match="an event that may overlap the window cannot be read"):
        times(calendar(event(*lines)))


def test_each_calendar_of_a_feed_has_its_own_zones() -> None:
    first = calendar(zone("Ours"), event("DTSTART;TZID=Ours:20260504T120000", "DURATION:PT1H"))
    second = calendar(zone("Ours").replace("+0300", "-0500"), event("DTSTART;TZID=Ours:20260504T120000", "DURATION:PT1H", uid="2"))
    assert times(first + second) == "4 9-10, 4 17-18"


def period(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VFREEBUSY", "UID:q", *lines, "END:VFREEBUSY", ""])


NINE = ("DTSTART:20260504T090000Z", "DTEND:20260504T100000Z")


@pytest.mark.parametrize(
    "parts, expected",
    [
        ((period(*NINE, "FBTYPE:BUSY"), period("DTSTART:20260505T090000Z", "DTEND:20260505T100000Z", "FBTYPE:BUSY")), "4 9-10, 5 9-10"),
        ((period(*NINE, "fbtype:busy-unavailable"),), "4 9-10"),
        ((period(*NINE, "FBTYPE:BUSY-TENTATIVE"),), "4 9-10"),
        ((period(*NINE, "FBTYPE:X-ODD"),), "4 9-10"),
        ((period(*NINE, "FBTYPE:"),), "4 9-10"),
        ((period(*NINE, "FBTYPE:FREE"),), ""),
        ((period(NINE[0], "DURATION:PT1H", "FBTYPE:BUSY"),), "4 9-10"),
        ((period("DTSTART;TZID=UTC:20260504T090000", "DTEND;VALUE=DATE:20260505", "FBTYPE:BUSY"),), "4 9-5 0"),
        ((period(*NINE),), ""),
        # QUIRK: times in a zone
        ((period(f"DTSTART;{BERLIN}:20260504T110000", NINE[1], "FBTYPE:BUSY"),), "4 9-10"),
        ((period(f"FREEBUSY;{BERLIN}:20260504T110000/20260504T120000"),), "4 9-10"),
        ((period(f"FREEBUSY;{BERLIN}:20260504T090000Z/PT1H"),), "4 9-10"),
        ((period(*NINE, "FBTYPE:BUSY", "FREEBUSY:20260504T093000Z/PT5M"),), "4 9:30-9:35"),
    ],
)
def test_a_free_busy_component_may_have_its_type_without_periods(parts: tuple[str, ...], expected: str) -> None:
    assert times(calendar(*parts)) == expected


@pytest.mark.parametrize(
    "lines",
    [
        ("FBTYPE:BUSY",),
        (NINE[0], "FBTYPE:BUSY"),
        (NINE[0], "DTEND:garbage", "FBTYPE:BUSY"),
        (NINE[1].replace("DTEND", "DTSTART"), NINE[0].replace("DTSTART", "DTEND"), "FBTYPE:BUSY"),
        ("DTSTART;TZID=Nowhere:20260504T090000", NINE[1], "FBTYPE:BUSY"),
        ("FREEBUSY;TZID=Nowhere:20260504T120000/20260504T130000",),
    ],
)
def test_an_unreadable_free_busy_component_is_a_failure(lines: tuple[str, ...]) -> None:
    with pytest.raises(GenerationFailed):
        times(calendar(period(*lines)))


ONE = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260504T090000Z\r\nDTEND:20260504T100000Z\r\nEND:VEVENT\r\n"
INDENTED = "".join(f"  {line}\r\n" for line in ONE.splitlines())


@pytest.mark.parametrize(
    "lines",
    [
        f"METHOD:PUBLISH\r\n{INDENTED}",  # calrs issue 36: a template in an indented text of a program
        f"METHOD:PUBLISH\n{INDENTED}".replace("\r\n", "\n").replace("  ", "\t"),
        f"X-WR-CALNAME:Ana\r\n{INDENTED}",
        "X-WR-CALNAME:Ana\r\n" + INDENTED.replace("VEVENT", "VFREEBUSY"),
        "VERSION:2.0\\n" + ONE.replace("\r\n", "\\n") + "\r\n",
    ],
)
def test_events_within_another_line_are_not_free_time(lines: str) -> None:
    with pytest.raises(GenerationFailed):
        read(f"BEGIN:VCALENDAR\r\n{lines}END:VCALENDAR\r\n".encode())


def test_a_description_may_have_a_calendar_in_it() -> None:
    text = ONE.replace("\r\n", "\\n")
    described = ONE.replace("UID:1\r\n", f"UID:1\r\nDESCRIPTION:{text}\r\n")
    assert times(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{described}END:VCALENDAR\r\n".encode()) == "4 9-10"
