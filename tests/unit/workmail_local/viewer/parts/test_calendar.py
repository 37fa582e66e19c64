"""Calendar parts in words, compared with the libraries icalendar and ical.js."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ical_js
from tests.support.invitations import INVITATION, PEOPLE, ZONE, calendar
from workmail_local.viewer.parts.calendar import EventRow, read_calendar
from workmail_local.viewer.parts.calendar_words import describe_rule

START = "DTSTART;TZID=W. Europe Standard Time:20260504T090000"


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def read(*lines: str, zone: str = ZONE) -> EventRow:
    [event] = read_calendar(calendar(*lines, zone=zone)).events
    return event


@pytest.mark.usefixtures("in_tokyo")
def test_an_invitation_is_readable() -> None:
    shown = read_calendar(INVITATION)
    [event] = shown.events
    assert (shown.method, shown.error, shown.notes) == ("Invitation, or an update of one (REQUEST)", "", ())
    assert (event.title, event.location, event.description) == ("Planning, spring", "Room 7", "First line\nSecond <b>line</b>")
    assert event.when is not None
    assert event.when.text == "Mon 4 May 2026, 09:00 to 10:30"
    assert event.when.zone == "W. Europe Standard Time"
    assert event.when.here == "Mon 4 May 2026, 16:00 to 17:30 (JST)"
    assert event.organizer is not None
    assert event.organizer[:2] == ("Müller, Nora", "nora@example.net")
    assert [tuple(each) for each in event.attendees] == [
        ("Ana", "ana@example.com", "accepted", ()),
        ("Ben", "ben@example.com", "no answer yet", ("optional",)),
        ("Room 7", "room7@example.com", "declined", ("room",)),
    ]
    assert event.recurrence == ("every 2 weeks on Monday, until 30 June 2026", "1 date left out")
    assert event.problems == ()


@pytest.mark.parametrize("method", ["REQUEST", "REPLY", "CANCEL", "COUNTER", "PUBLISH", "ADD", "REFRESH", "DECLINECOUNTER"])
def test_each_method_is_in_words(method: str) -> None:
    words = read_calendar(calendar(START, method=method)).method
    assert words.endswith(f" ({method})")
    assert len(words) > len(method) + 10


CASES = {
    "zone of Outlook": [START, "DTEND;TZID=W. Europe Standard Time:20260504T100000"],
    "winter": ["DTSTART;TZID=W. Europe Standard Time:20261204T090000", "DURATION:PT90M"],
    "UTC": ["DTSTART:20260504T070000Z", "DTEND:20260504T080000Z"],
    "IANA": ["DTSTART;TZID=America/New_York:20261101T003000", "DTEND;TZID=America/New_York:20261101T033000"],
    "two zones": ["DTSTART;TZID=America/New_York:20260504T090000", "DTEND;TZID=W. Europe Standard Time:20260504T160000"],
    "duration of days": ["DTSTART;TZID=W. Europe Standard Time:20261024T090000", "DURATION:P1DT1H"],
    "day": ["DTSTART;VALUE=DATE:20260504"],
    "days": ["DTSTART;VALUE=DATE:20260504", "DTEND;VALUE=DATE:20260507"],
}


def read_moments(event: EventRow) -> list[date]:
    assert event.when is not None
    return [datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text) for text in (event.when.start, event.when.end)]


@pytest.mark.parametrize("lines", CASES.values(), ids=CASES)
def test_times_and_people_are_those_of_icalendar(lines: list[str]) -> None:
    content = calendar(*lines, "SUMMARY:A\\, b\\; c\\nd", "LOCATION:Wien \\\\ Köln")
    [judged] = icalendar.Calendar.from_ical(content).walk("VEVENT")
    [event] = read_calendar(content).events
    assert read_moments(event) == [judged.start, judged.end]
    assert (event.title, event.location) == (str(judged["SUMMARY"]), str(judged["LOCATION"]))
    assert [f"mailto:{each.address}" for each in event.attendees] == [str(each).replace("MAILTO", "mailto") for each in judged["ATTENDEE"]]
    assert [each.name for each in event.attendees] == [each.params["CN"] for each in judged["ATTENDEE"]]


@pytest.fixture(scope="module")
def judge() -> Iterator[ical_js.IcalJs]:
    if not ical_js.starts():
        pytest.skip("Playwright's node does not start here")
    with ical_js.running() as judge:
        yield judge


@pytest.mark.parametrize("lines", [lines for name, lines in CASES.items() if name not in {"IANA", "two zones", "day", "days"}])
def test_times_are_those_of_ical_js(judge: ical_js.IcalJs, lines: list[str]) -> None:
    """Only zones that the calendar defines: ical.js knows no others."""
    content = calendar(*lines)
    [event] = read_calendar(content).events
    assert judge.expand(content, datetime(2027, 1, 1, tzinfo=UTC)) == {tuple(read_moments(event))}


def test_days_end_with_the_last_one() -> None:
    one, three = read("DTSTART;VALUE=DATE:20260504"), read("DTSTART;VALUE=DATE:20260504", "DTEND;VALUE=DATE:20260507")
    assert [event.when and event.when.text for event in (one, three)] == [
        "Mon 4 May 2026, all day",
        "Mon 4 May 2026 to Wed 6 May 2026, all day",
    ]


@pytest.mark.usefixtures("in_tokyo")
def test_a_time_without_a_zone_is_the_same_on_each_clock() -> None:
    when = read("DTSTART:20260504T090000", "DURATION:PT1H").when
    assert when is not None
    assert (when.text, when.zone, when.here, when.start) == ("Mon 4 May 2026, 09:00 to 10:00", "", "", "2026-05-04T09:00:00")


def test_an_unknown_zone_is_a_problem_and_the_time_is_shown() -> None:
    event = read("DTSTART;TZID=Mars/Olympus:20260504T090000", zone="")
    assert event.problems == ("its time zone is not known: Mars/Olympus",)
    assert event.when is not None
    assert event.when.text == "Mon 4 May 2026, 09:00"


def test_the_zones_of_one_calendar_are_not_those_of_the_next() -> None:
    own = ZONE.replace("W. Europe Standard Time", "Customized")
    line = "DTSTART;TZID=Customized:20260504T090000"
    first, second = read(line, zone=own), read(line, zone=own.replace("+0", "+1"))
    assert [event.when and event.when.start[19:] for event in (first, second)] == ["+02:00", "+12:00"]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "BEGIN:VCALENDAR is missing"),
        (b"<html>Sign in</html>", "BEGIN:VCALENDAR is missing"),
        (INVITATION[:300], "incomplete"),
        (INVITATION.replace(b"END:VEVENT\r\n", b""), "not closed in order"),
        (b"BEGIN:VCALENDAR\r\n" * 50, "not closed"),
        (INVITATION + b"x" * 1_000_000, "too long"),
    ],
)
def test_a_broken_calendar_has_a_clear_note(content: bytes, words: str) -> None:
    shown = read_calendar(content)
    assert shown.events == ()
    assert words in shown.error


@pytest.mark.parametrize(
    "lines, problem",
    [
        (["SUMMARY:No time"], "its start cannot be read: DTSTART is missing"),
        (["DTSTART:yesterday"], "its start cannot be read: an invalid date or time"),
        (["DTSTART:20260231T090000Z"], "its start cannot be read: a day or time that does not exist"),
        ([START, "DTEND:20260505"], "its end cannot be read: the start and the end are not both days or both times"),
        ([START, "DURATION:-PT1H"], "its end cannot be read: its duration is negative"),
        ([START, "DURATION:P9999999D"], "its end cannot be read: date value out of range"),
        ([START, "ATTENDEE no colon"], "ATTENDEE cannot be read"),
    ],
)
def test_what_cannot_be_read_of_an_event_is_listed_and_the_rest_is_shown(lines: list[str], problem: str) -> None:
    event = read(*lines)
    assert problem in event.problems
    assert event.organizer is not None


def test_a_calendar_without_events_and_one_with_very_many_have_a_note() -> None:
    empty = b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nSUMMARY:x\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
    assert read_calendar(empty).notes == ("it has no event (VEVENT)",)
    event = f"BEGIN:VEVENT\r\n{START}\r\nEND:VEVENT\r\n" * 60
    assert read_calendar(f"BEGIN:VCALENDAR\r\n{ZONE}{event}END:VCALENDAR\r\n".encode()).notes == ("50 of 60 events shown",)
    people = PEOPLE + "ATTENDEE:mailto:a@example.com\r\n" * 200
    [crowded] = read_calendar(calendar(START, people=people)).events
    assert len(crowded.attendees) == 100
    assert crowded.problems == ("100 of 203 participants shown",)


def test_one_recurrence_and_delegation_are_in_words() -> None:
    event = read(START, "RECURRENCE-ID;TZID=W. Europe Standard Time:20260504T080000", "STATUS:CANCELLED")
    assert event.recurrence == ("only the recurrence of Mon 4 May 2026, 08:00 (W. Europe Standard Time)",)
    assert event.status == "cancelled"
    line = "ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO=\"mailto:ben@example.com\";CN=A^'n^'a:mailto:ana@example.com"
    [event] = read_calendar(calendar(START, line, people="")).events
    [person] = event.attendees
    assert person == ('A"n"a', "ana@example.com", "delegated", ("delegated to ben@example.com",))


@pytest.mark.parametrize(
    "rule, words",
    [
        ("FREQ=DAILY", "every day"),
        ("FREQ=DAILY;INTERVAL=3;COUNT=1", "every 3 days, once"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every week on working days (Monday to Friday)"),
        ("FREQ=WEEKLY;WKST=SU;BYDAY=SA,SU", "every week on Saturday and Sunday"),
        ("FREQ=MONTHLY;BYMONTHDAY=15", "every month on day 15"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day"),
        ("FREQ=MONTHLY;BYDAY=2TU", "every month on the second Tuesday"),
        ("FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "every month on the second Tuesday"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "every month on the last working day"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "every year in March on the last Sunday"),
        ("freq=yearly;bymonth=5;bymonthday=4;until=20301231", "every year in May on day 4, until 31 December 2030"),
        *(
            (rule, f"by the rule {rule}")
            for rule in ("FREQ=YEARLY;BYWEEKNO=20", "FREQ=WEEKLY;BYDAY=XX", "nonsense", "FREQ=DAILY;INTERVAL=0")
        ),
        *((rule, f"by the rule {rule}") for rule in ("FREQ=YEARLY;BYMONTH=13", "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=MO", "FREQ=DAILY;UNTIL=x")),
    ],
)
def test_rules_are_in_words_and_unusual_ones_are_quoted(rule: str, words: str) -> None:
    assert describe_rule(rule) == words


@pytest.mark.usefixtures("in_tokyo")
def test_a_time_that_this_machine_has_no_year_for_is_shown_in_its_own_zone() -> None:
    when = read("DTSTART:99991231T235900Z").when
    assert when is not None
    assert (when.text, when.here) == ("Fri 31 Dec 9999, 23:59", "")


@pytest.mark.fuzz
@given(st.integers(0, len(INVITATION)), st.integers(0, 40), st.binary(max_size=30))
def test_a_damaged_calendar_never_raises(start: int, length: int, octets: bytes) -> None:
    shown = read_calendar(INVITATION[:start] + octets + INVITATION[start + length :])
    assert shown.events or shown.error or shown.notes
