"""Broken and hostile calendars: busy time never looks free, and the work is limited."""

import time
from datetime import timedelta

import pytest

from mailhooks.availability.backends.ical import budget, calendars
from mailhooks.availability.backends.ical.calendars import Calendars
from mailhooks.availability.errors import GenerationFailed
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from mailhooks.deadline import Deadline
from tests.unit.availability.ical.test_events import DAY, NINE, WINDOW, calendar, event, expanded, times

OFTEN = ("SECONDLY", "MINUTELY", "HOURLY", "DAILY")
SIXTY = ",".join(map(str, range(60)))
HOURS = ",".join(map(str, range(24)))


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART:19700101T000000Z", "RRULE:FREQ=SECONDLY;BYSECOND=0,1;COUNT=99999999"),
        ("DTSTART:20260101T000000Z", f"RRULE:FREQ=DAILY;BYHOUR={HOURS};BYMINUTE={SIXTY};BYSECOND={SIXTY};COUNT=99999999"),
        ("DTSTART:garbage", "DTEND:20260504T100000Z"),
        (*NINE, "RRULE:FREQ=SOMETIMES"),
    ],
)
def test_unreadable_or_endless_rules_are_a_failure_and_not_free_time(lines: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_STEPS", 90_000)
    with pytest.raises(GenerationFailed):
        expanded(calendar(event(*lines), event(*NINE, uid="2")))


def test_series_that_have_ended_are_not_counted() -> None:
    ended = [event("DTSTART:19700101T000000Z", "DURATION:PT1S", f"RRULE:FREQ={often};UNTIL=20260101T000000Z", uid=often) for often in OFTEN]
    assert len(times(calendar(*ended, event(*NINE, uid="x")))) == 1


def test_the_last_event_of_a_series_may_overlap_the_window() -> None:
    long = event("DTSTART:20260401T000000Z", "DURATION:P10D", "RRULE:FREQ=WEEKLY;UNTIL=20260429T000000Z")
    assert times(calendar(long)) == [("29 00:00", "09 00:00")]
    moved = event("RECURRENCE-ID:20200101T090000Z", *NINE)
    series = event("DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20200110T090000Z")
    assert times(calendar(series, moved)) == [("04 09:00", "04 10:00")]


def test_a_calendar_of_many_years_is_within_the_budget() -> None:
    parts = "RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR"
    daily = [event("DTSTART:20060102T090000Z", "DURATION:PT1H", parts, uid=str(number)) for number in range(12)]
    assert len(times(calendar(*daily))) == 12


def test_a_short_rule_may_repeat_every_second() -> None:
    assert len(times(calendar(event("DTSTART:20260504T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY;COUNT=100")))) == 100


def test_an_event_without_a_start_is_ignored() -> None:
    assert len(times(calendar(event("SUMMARY:when?"), event(*NINE, uid="2")))) == 1


def test_the_time_between_an_end_and_a_later_start_is_busy() -> None:
    assert times(calendar(event("DTSTART:20260504T090000Z", "DTEND:20260504T080000Z"))) == [("04 08:00", "04 09:00")]


# Limits on the work

ENDLESS = [
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;INTERVAL=0;BYMONTH=2",
    "FREQ=WEEKLY;INTERVAL=-1",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
    "FREQ=DAILY;BYSETPOS=9",
    "FREQ=SECONDLY;BYSETPOS=9;COUNT=3",
    "FREQ=MINUTELY;BYMINUTE=1,2;BYHOUR=1,2;COUNT=99999999",
]


@pytest.mark.parametrize("rule", ENDLESS)
def test_a_rule_that_would_never_finish_is_rejected(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_STEPS", 90_000)
    with pytest.raises(GenerationFailed):
        expanded(calendar(event("DTSTART:19000101T000000Z", f"RRULE:{rule}")))


@pytest.mark.parametrize(
    "start, rule, number",
    [
        ("20000101T000000Z", f"FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={HOURS};BYMINUTE={SIXTY}", 1440),
        ("20000101T000000Z", "FREQ=MINUTELY;COUNT=99999999", 1440),
        ("19700101T000000Z", "FREQ=MINUTELY", 1440),
        ("20200101T000000Z", f"FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8;BYMINUTE={SIXTY}", 540),
        ("00010101T000000Z", "FREQ=SECONDLY;INTERVAL=7;BYHOUR=0;BYMINUTE=0;BYSECOND=0", 1),
        ("00010101T000000Z", "FREQ=SECONDLY;INTERVAL=86399;BYMONTH=2;BYMONTHDAY=29;BYHOUR=1;BYMINUTE=2;BYSECOND=3", 0),
        ("00010101T000000Z", "FREQ=YEARLY;INTERVAL=999999999;BYMONTH=2;BYMONTHDAY=29;BYDAY=5MO;BYHOUR=1;BYMINUTE=2;BYSECOND=3", 0),
    ],
)
def test_a_rule_costs_only_its_recurrences_in_the_window(start: str, rule: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_STEPS", 15_000)
    assert len(times(calendar(event(f"DTSTART:{start}", f"RRULE:{rule}")))) == number


@pytest.mark.parametrize("changes", ["FREQ=SECONDLY", "FREQ=DAILY", "FREQ=YEARLY;BYDAY=MO", f"FREQ=YEARLY;BYMONTH=3;BYSECOND={SIXTY}"])
def test_a_zone_with_frequent_changes_is_rejected(changes: str) -> None:
    times = "TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
    parts = (f"BEGIN:{name}\r\nDTSTART:20000101T000000\r\nRRULE:{changes}\r\n{times}END:{name}\r\n" for name in ("STANDARD", "DAYLIGHT"))
    zone = f"BEGIN:VTIMEZONE\r\nTZID:Odd\r\n{''.join(parts)}END:VTIMEZONE\r\n"
    with pytest.raises(GenerationFailed):
        expanded(calendar(zone, event("DTSTART;TZID=Odd:20260504T090000", "DURATION:PT1H")))


def test_many_events_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "MAX_EVENTS", 1000)
    long = event("DTSTART:19900101T000000Z", "DURATION:P1200D", "RRULE:FREQ=DAILY", "SUMMARY:x")
    [found] = expanded(calendar(long))
    assert (found.start_time.year, found.end_time.year, found.details) == (2023, 2029, None)
    parts = (event(*NINE, "STATUS:TENTATIVE" if number % 2 else "X:", uid=str(number)) for number in range(1001))
    assert {(one.busy_type, one.details) for one in expanded(calendar(*parts))} == {(BusyType.BUSY, None), (BusyType.TENTATIVE, None)}


def test_events_that_only_touch_are_joined_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "MAX_EVENTS", 1000)
    monkeypatch.setattr(calendars, "MAX_JOINED", 2000)
    minutes = event("DTSTART:20260501T000000Z", "DURATION:PT30S", "RRULE:FREQ=MINUTELY")
    assert len(expanded(calendar(minutes))) == 1440
    assert len(expanded(calendar(minutes.replace("PT30S", "PT60S")))) == 1
    with pytest.raises(GenerationFailed, match="more than 2,000 busy times"):
        expanded(calendar(minutes), Window(DAY, DAY + timedelta(days=2)))


SERIES = event("DTSTART:20260101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")
MOVES = [
    event(f"RECURRENCE-ID;RANGE=THISANDFUTURE:{DAY + timedelta(minutes=minute):%Y%m%dT%H%M%SZ}", *NINE, "RRULE:FREQ=DAILY")
    for minute in range(101)
]


@pytest.mark.parametrize(
    "content, reason",
    [
        (calendar(SERIES, event("RECURRENCE-ID:20260504T090000Z", "DTSTART:20200101T000000Z") * 101), "more than 100 events"),
        (calendar(SERIES.replace("END:V", "EXDATE:" + ",".join(["20260101T000000Z"] * 101) + "\r\nEND:V")), "more than 100 events"),
        (calendar(SERIES, *MOVES), "more than 100 times"),
        (
            calendar("BEGIN:VFREEBUSY\r\nFREEBUSY:" + ",".join(["20260504T090000Z/PT1H"] * 50_001) + "\r\nEND:VFREEBUSY\r\n"),
            "50,000 periods",
        ),
        (calendar("BEGIN:X-A\r\n" * 300_000, "END:X-A\r\n" * 300_000), "not closed"),
        (calendar(event("DTSTART:20200101T000000Z", "RRULE:FREQ=MINUTELY;BYHOUR=1,2;COUNT=900000")), "more than 90,000 steps"),
    ],
    ids=["changes", "dates", "moves", "periods", "depth", "steps"],
)
def test_a_refusal_has_its_reason_and_the_limit(content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_STEPS", 90_000)
    monkeypatch.setattr(budget, "MAX_VALUES", 100 if "events" in reason else 1000)
    with pytest.raises(GenerationFailed, match=reason):
        expanded(content)


def test_the_limit_on_time_counts_the_processor_time_of_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([0.0, 0.0, 5.1, 5.1])
    monkeypatch.setattr(time, "thread_time", lambda: next(used))
    with pytest.raises(GenerationFailed, match="more than 5 s of processor time"):
        expanded(calendar(event(*NINE)))


def steps(rule: str, monkeypatch: pytest.MonkeyPatch, window: Window = WINDOW) -> int:
    """Return the steps that the expansion of a series from 2010 needs."""
    counted: list[int] = []
    monkeypatch.setattr(budget.Budget, "count_step", lambda _: counted.append(1))
    expanded(calendar(event("DTSTART:20100104T090000Z", "DURATION:PT1H", f"RRULE:{rule}")), window)
    return len(counted)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;COUNT=1000",
        "FREQ=DAILY;INTERVAL=3;COUNT=300",
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=900",
        "FREQ=DAILY;BYHOUR=9,10,11;COUNT=2000",
        "FREQ=WEEKLY;COUNT=500",
        "FREQ=WEEKLY;BYDAY=MO,WE;INTERVAL=2;WKST=SU;COUNT=300",
        "FREQ=MONTHLY;COUNT=60",
        "FREQ=MONTHLY;BYDAY=2TU;COUNT=60",
        "FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=60",
        "FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20200101T000000Z",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=24",
        "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=60",
        "FREQ=YEARLY;BYMONTH=5;BYDAY=MO;BYSETPOS=1;COUNT=9",
        "FREQ=YEARLY;BYDAY=20MO;COUNT=9",
        "FREQ=YEARLY;BYWEEKNO=20;COUNT=9",
        "FREQ=YEARLY;COUNT=5",
        "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU;COUNT=10",
        "FREQ=HOURLY;COUNT=9000",
        "FREQ=SECONDLY;COUNT=9000",
        "FREQ=DAILY;UNTIL=20200101T000000Z",
    ],
)
def test_a_series_that_has_ended_costs_nothing(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps(rule, monkeypatch) == 0


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;COUNT=9000",
        "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=9000",
        "FREQ=MONTHLY;BYDAY=1MO;COUNT=900",
        "FREQ=YEARLY;COUNT=90",
        "FREQ=YEARLY;BYDAY=20MO,30FR;COUNT=90",
        "FREQ=HOURLY;COUNT=900000",
    ],
)
def test_a_live_series_costs_only_its_recurrences_in_the_window(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps(rule, monkeypatch) < 150
    month = Window(DAY, DAY + timedelta(days=30))
    assert steps(rule, monkeypatch, month) <= 20 * steps(rule, monkeypatch)


def test_a_count_without_a_fixed_step_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Calendars.parse([calendar(event("DTSTART:20100131T090000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY;COUNT=50"))])
    counted: list[int] = []
    monkeypatch.setattr(budget.Budget, "count_step", lambda _: counted.append(1))
    totals = []
    for days in (1, 2):
        found.events(Window(DAY, DAY + timedelta(days=days)), Deadline.after(60))
        totals.append(len(counted))
    assert 0 < totals[0] == totals[1]


def test_an_expansion_is_kept_for_its_version_and_window(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Calendars.parse([calendar(SERIES)])
    first = found.events(WINDOW, Deadline.after(60), owners=["a@example.net"])
    assert found.events(WINDOW, Deadline.after(60), owners=["A@example.net"]) is first
    assert found.events(WINDOW, Deadline.after(60), owners=["b@example.net"]) is not first
    for days in range(2, 9):
        found.events(Window(DAY, DAY + timedelta(days=days)), Deadline.after(60))
    assert len(found._expanded) == 4


def test_the_expansion_ends_at_the_deadline() -> None:
    found = Calendars.parse([calendar(event(*NINE))])
    with pytest.raises(GenerationFailed, match="time for the response"):
        found.events(WINDOW, Deadline.after(0))


def test_five_hundred_series_of_many_years_are_expanded() -> None:
    series = (event("DTSTART:20060102T090000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY", uid=str(number)) for number in range(500))
    assert len(times(calendar(*series))) == 500


# Unreadable content


@pytest.mark.parametrize(
    "line",
    [
        "DTEND:garbage",
        "DURATION:garbage",
        "DURATION:P99999999999D",
        "RRULE:garbage",
        "RRULE:FREQ=DAILY;UNTIL=garbage",
        "RRULE:FREQ=DAILY;INTERVAL=x",
        "RRULE:FREQ=DAILY;BYDAY=XX",
        "RRULE:FREQ=WEEKLY;BYDAY=MO;BYDAY=TU",
        "RRULE:FREQ=",
        "EXDATE:garbage",
        "RDATE:garbage",
        "RECURRENCE-ID:garbage",
        "DTSTART:20260504T110000Z",
    ],
)
def test_an_unreadable_time_of_an_event_in_the_window_is_a_failure(line: str) -> None:
    with pytest.raises(GenerationFailed):
        expanded(calendar(event(NINE[0], line)))


@pytest.mark.parametrize(
    "line", ["SEQUENCE:x", "STATUS:", "CREATED:garbage", "GEO:x", "ATTENDEE:", "no colon", "X-ODD;=:x", 'SUMMARY;X="open:y']
)
def test_an_unreadable_line_without_times_is_ignored(line: str) -> None:
    assert times(calendar(event(*NINE, line))) == [("04 09:00", "04 10:00")]


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART:20100504T090000Z", "DTEND:20100504T100000Z", "EXDATE:garbage"),
        ("DTSTART;TZID=Nowhere:20100504T090000", "DURATION:PT1H"),
        ("DTSTART:20100504T090000Z", "DURATION:PT1H", "RRULE:FREQ=HOURLY;INTERVAL=x;UNTIL=20110101T000000Z"),
        ("DTSTART:99991231T235900Z", "DURATION:P9D"),
        ("DTSTART;VALUE=DATE:99991231",),
        ("DTSTART:20300101T000000Z", "RRULE:FREQ=SECONDLY"),
        (*NINE, "TRANSP:TRANSPARENT", "RRULE:garbage"),
        (*NINE, "STATUS:CANCELLED", "RRULE:FREQ=SECONDLY"),
    ],
)
def test_unreadable_events_outside_of_the_window_are_ignored(lines: tuple[str, ...]) -> None:
    assert times(calendar(event(*lines), event(*NINE, uid="2"))) == [("04 09:00", "04 10:00")]


@pytest.mark.parametrize(
    "part",
    [
        "BEGIN:VTODO\r\nDTSTART:garbage\r\nEND:VTODO\r\n",
        "BEGIN:VJOURNAL\r\nDTSTART:garbage\r\nEND:VJOURNAL\r\n",
        "BEGIN:VTIMEZONE\r\nTZID:Q\r\nBEGIN:STANDARD\r\nDTSTART:garbage\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n",
        "BEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\n",
        event(*NINE, "BEGIN:VALARM\r\nTRIGGER:garbage\r\nEND:VALARM"),
    ],
)
def test_a_broken_component_without_times_is_ignored(part: str) -> None:
    assert ("04 09:00", "04 10:00") in times(calendar(part, event(*NINE, uid="2")))


@pytest.mark.parametrize(
    "content",
    [
        calendar(event(*NINE).replace("END:VEVENT\r\n", ""), event(*NINE, uid="2")),
        calendar(event(*NINE), "END:VEVENT\r\n"),
        calendar(event(*NINE, "BEGIN:VALARM")),
        calendar("BEGIN:X-BOX\r\n", event(*NINE), "END:X-BOX\r\n"),
        calendar(event(*NINE, event(*NINE))),
        event(*NINE).encode(),
        calendar(event(*NINE))[:-16] + calendar(event(*NINE)),
        calendar(event(*NINE), head="CALSCALE:JULIAN\r\n"),
        calendar(event("DTSTART;TZID=Nowhere:20260504T090000")),
        calendar(event("RECURRENCE-ID;RANGE=THISANDFUTURE:20260504T090000Z", "DTSTART:30260504T090000Z", "RRULE:FREQ=DAILY")),
    ],
)
def test_an_incomplete_or_unsupported_calendar_is_a_failure(content: bytes) -> None:
    with pytest.raises(GenerationFailed):
        expanded(content)


def test_a_failure_does_not_quote_the_calendar() -> None:
    for line in (
        "DTSTART:secret",
        "RRULE:FREQ=secret",
        "RRULE:FREQ=DAILY;BYDAY=secret",
        "DTSTART;TZID=secret:20260504T090000",
        "RDATE:secret",
    ):
        with pytest.raises(GenerationFailed) as failure:
            expanded(calendar(event(*NINE, line, "SUMMARY:secret")), Window(DAY, DAY + timedelta(days=2)))
        assert "secret" not in str(failure.value)
        assert failure.value.__cause__ is None
