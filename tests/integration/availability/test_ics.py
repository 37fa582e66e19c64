"""The backend `ics`: feeds over HTTP, Radicale's among them, expanded by well-kept libraries."""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from mailhooks.availability.backends.ical_events import events
from mailhooks.availability.backends.ical_freebusy import calendars
from mailhooks.availability.backends.ics import IcsBackend
from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    NoAccess,
    ServerBusy,
    TimedOut,
    Unreachable,
)
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, InstanceType
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError
from tests.integration.availability.servers import feeds, radicale

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))


def calendar(*parts: str, head: str = "") -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{''.join(parts)}END:VCALENDAR\r\n".encode()


def event(*lines: str, uid: str = "1") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT", ""])


def expanded(content: bytes, window: Window = WINDOW, zone: str | None = None) -> list[CalendarEvent]:
    [parsed] = calendars(content)
    found = list(events(parsed, window, ZoneInfo(zone) if zone else None))
    touching = [e for e in found if e.start_time < window.end_date and (e.end_time > window.start_date or e.start_time == e.end_time)]
    return sorted(touching, key=lambda e: e.start_time)


def times(content: bytes, window: Window = WINDOW, zone: str | None = None) -> list[tuple[str, str]]:
    return [(f"{e.start_time:%d %H:%M}", f"{e.end_time:%d %H:%M}") for e in expanded(content, window, zone)]


# What calendars say


NINE = ("DTSTART:20260504T090000Z", "DTEND:20260504T100000Z")


@pytest.mark.parametrize(
    "lines, busy_type",
    [
        ((), BusyType.BUSY),
        (("STATUS:CONFIRMED",), BusyType.BUSY),
        (("STATUS:TENTATIVE",), BusyType.TENTATIVE),
        (("STATUS:CANCELLED",), None),
        (("TRANSP:OPAQUE",), BusyType.BUSY),
        (("TRANSP:TRANSPARENT",), None),
        (("X-MICROSOFT-CDO-BUSYSTATUS:FREE",), None),
        (("X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",), BusyType.TENTATIVE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:BUSY",), BusyType.BUSY),
        (("X-MICROSOFT-CDO-BUSYSTATUS:OOF", "TRANSP:OPAQUE"), BusyType.BUSY),
        (("X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE",), None),
        (("X-MICROSOFT-CDO-BUSYSTATUS:SOMETHING-NEW",), BusyType.BUSY),
    ],
)
def test_every_status_takes_time_or_does_not(lines: tuple[str, ...], busy_type: BusyType | None) -> None:
    assert [e.busy_type for e in expanded(calendar(event(*NINE, *lines)))] == ([busy_type] if busy_type else [])


@pytest.mark.parametrize(
    "lines, start, end",
    [
        (NINE, "04 09:00", "04 10:00"),
        (("DTSTART:20260504T090000Z", "DURATION:PT90M"), "04 09:00", "04 10:30"),
        (("DTSTART;TZID=Europe/Berlin:20260504T090000", "DURATION:PT1H"), "04 07:00", "04 08:00"),
        (("DTSTART;TZID=W. Europe Standard Time:20260504T090000", "DURATION:PT1H"), "04 07:00", "04 08:00"),
        (("DTSTART;TZID=America/New_York:20260504T090000", "DURATION:PT1H"), "04 13:00", "04 14:00"),
        (("DTSTART:20260503T230000Z", "DTEND:20260504T010000Z"), "03 23:00", "04 01:00"),
        (("DTSTART;VALUE=DATE:20260504",), "04 00:00", "05 00:00"),
        (("DTSTART;VALUE=DATE:20260501", "DTEND;VALUE=DATE:20260506"), "01 00:00", "06 00:00"),
    ],
)
def test_times_are_those_of_the_zone_that_an_event_names_and_are_not_cut(lines: tuple[str, ...], start: str, end: str) -> None:
    assert times(calendar(event(*lines))) == [(start, end)]


FLOATING = event("DTSTART:20260504T090000", "DURATION:PT1H")


def test_a_time_without_a_zone_is_the_calendars_or_the_configured_zones_or_utc() -> None:
    assert times(calendar(FLOATING)) == [("04 09:00", "04 10:00")]
    assert times(calendar(FLOATING, head="X-WR-TIMEZONE:Asia/Tokyo\r\n")) == [("04 00:00", "04 01:00")]
    assert times(calendar(FLOATING, head="X-WR-TIMEZONE:Asia/Tokyo\r\n"), zone="Europe/Berlin") == [("04 00:00", "04 01:00")]
    assert times(calendar(FLOATING), zone="Europe/Berlin") == [("04 07:00", "04 08:00")]


ZONE = """BEGIN:VTIMEZONE
TZID:Our own
BEGIN:STANDARD
DTSTART:20000101T000000
TZOFFSETFROM:+0300
TZOFFSETTO:+0300
END:STANDARD
END:VTIMEZONE
""".replace("\n", "\r\n")


def test_a_zone_that_the_calendar_defines_itself_is_heard() -> None:
    assert times(calendar(ZONE, event("DTSTART;TZID=Our own:20260504T090000", "DURATION:PT1H"))) == [("04 06:00", "04 07:00")]


def test_recurrences_exceptions_and_what_was_moved() -> None:
    series = event(
        "DTSTART;TZID=Europe/Berlin:20260302T090000",
        "DTEND;TZID=Europe/Berlin:20260302T100000",
        "RRULE:FREQ=DAILY",
        "EXDATE;TZID=Europe/Berlin:20260505T090000",
        "RDATE;TZID=Europe/Berlin:20260504T200000",
    )
    moved = event("RECURRENCE-ID;TZID=Europe/Berlin:20260506T090000", "DTSTART;TZID=Europe/Berlin:20260506T110000", "DURATION:PT2H")
    found = expanded(calendar(series, moved, event(*NINE, uid="2")), Window(DAY, DAY + timedelta(days=3)))
    assert [f"{e.start_time:%d %H:%M}" for e in found] == ["04 07:00", "04 09:00", "04 18:00", "06 09:00"]
    kinds = [e.details.instance_type for e in found if e.details]
    assert kinds == [
        InstanceType.RECURRING_INSTANCE,
        InstanceType.SINGLE_INSTANCE,
        InstanceType.RECURRING_INSTANCE,
        InstanceType.EXCEPTION,
    ]


def test_a_series_keeps_its_local_hour_when_the_clocks_change() -> None:
    weekly = calendar(event("DTSTART;TZID=Europe/Berlin:20260105T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY"))
    for day, hour in ((datetime(2026, 3, 23, tzinfo=UTC), "08"), (datetime(2026, 3, 30, tzinfo=UTC), "07")):
        assert times(weekly, Window(day, day + timedelta(days=1)))[0][0].endswith(f"{hour}:00")


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)), st.sampled_from(["Europe/Berlin", "America/Santiago", "Asia/Kolkata"]))
def test_a_whole_day_is_the_zones_day_also_when_it_has_23_or_25_hours(day: Any, zone: str) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    after = day + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    [found] = expanded(calendar(event(f"DTSTART;VALUE=DATE:{day:%Y%m%d}")), Window(start, end), zone)
    assert (found.start_time, found.end_time) == (start, end)


def test_details_say_what_the_event_says() -> None:
    alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM"
    [found] = expanded(calendar(event(*NINE, "SUMMARY:Budget\\, final", "LOCATION:Room 1", "ORGANIZER:mailto:a@example.net", alarm)))
    assert found.details is not None
    assert (found.details.subject, found.details.location) == ("Budget, final", "Room 1")
    assert (found.details.is_meeting, found.details.is_reminder_set, found.details.is_private) == (True, True, False)


@pytest.mark.parametrize("kind, private", [("PUBLIC", False), ("PRIVATE", True), ("confidential", True)])
def test_a_class_that_is_not_public_is_private(kind: str, private: bool) -> None:
    [found] = expanded(calendar(event(*NINE, f"CLASS:{kind}")))
    assert found.details is not None
    assert found.details.is_private is private


def test_periods_of_free_busy_components_count_too() -> None:
    assert times(calendar("BEGIN:VFREEBUSY\r\nFREEBUSY:20260504T090000Z/PT1H\r\nEND:VFREEBUSY\r\n")) == [("04 09:00", "04 10:00")]


# Hostile and broken calendars

OFTEN = ("SECONDLY", "MINUTELY", "HOURLY", "DAILY")
SIXTY = ",".join(map(str, range(60)))


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART:19700101T000000Z", "RRULE:FREQ=SECONDLY"),
        ("DTSTART:20200101T000000Z", "RRULE:FREQ=MINUTELY"),
        ("DTSTART:20260101T000000Z", f"RRULE:FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8;BYMINUTE={SIXTY};BYSECOND={SIXTY}"),
        ("DTSTART:garbage", "DTEND:20260504T100000Z"),
        (*NINE, "RRULE:FREQ=SOMETIMES"),
    ],
)
def test_what_cannot_be_read_or_counted_is_a_failure_and_not_free_time(lines: tuple[str, ...]) -> None:
    with pytest.raises(GenerationFailed):
        expanded(calendar(event(*lines), event(*NINE, uid="2")))


def test_series_that_have_ended_are_not_counted_however_often_they_repeated() -> None:
    ended = [event("DTSTART:19700101T000000Z", "DURATION:PT1S", f"RRULE:FREQ={often};UNTIL=20260101T000000Z", uid=often) for often in OFTEN]
    assert len(times(calendar(*ended, event(*NINE, uid="x")))) == 1


def test_the_last_event_of_a_series_may_reach_into_the_window() -> None:
    long = event("DTSTART:20260401T000000Z", "DURATION:P10D", "RRULE:FREQ=WEEKLY;UNTIL=20260429T000000Z")
    assert times(calendar(long)) == [("29 00:00", "09 00:00")]
    moved = event("RECURRENCE-ID:20200101T090000Z", *NINE)
    series = event("DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20200110T090000Z")
    assert times(calendar(series, moved)) == [("04 09:00", "04 10:00")]


def test_a_calendar_of_many_years_is_not_too_much() -> None:
    parts = "RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR"
    daily = [event("DTSTART:20060102T090000Z", "DURATION:PT1H", parts, uid=str(number)) for number in range(12)]
    assert len(times(calendar(*daily))) == 12


def test_a_rule_that_ends_soon_may_repeat_each_second() -> None:
    assert len(times(calendar(event("DTSTART:20260504T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY;COUNT=100")))) == 100


def test_an_event_without_a_start_lies_nowhere_and_harms_no_other() -> None:
    assert len(times(calendar(event("SUMMARY:when?"), event(*NINE, uid="2")))) == 1


def test_an_end_before_the_start_takes_the_time_between_them() -> None:
    assert times(calendar(event("DTSTART:20260504T090000Z", "DTEND:20260504T080000Z"))) == [("04 08:00", "04 09:00")]


# Over HTTP


@pytest.fixture
def site() -> Iterator[feeds.Feeds]:
    with feeds.running() as found:
        yield found


def backend(url: str, **more: Any) -> IcsBackend:
    return IcsBackend.from_config({"type": "ics", "feeds": [{"mailbox": "Room@example.net", "url": url, **more}]})


def look_up(of: IcsBackend, mailbox: str = "room@example.net", seconds: float = 10) -> Schedule | LookupFailed:
    try:
        return of.look_up([mailbox], WINDOW, Deadline.after(seconds))[mailbox]
    except LookupFailed as failure:
        return failure


FEED = calendar(event(*NINE))


def test_a_feed_is_fetched_again_only_when_it_has_changed(site: feeds.Feeds) -> None:
    def answer(request: Request) -> Response:
        unchanged = request.headers.get("If-None-Match") == '"1"'
        headers = {"ETag": '"1"', "Last-Modified": "Mon, 04 May 2026 00:00:00 GMT"}
        return Response(status_code=304) if unchanged else Response(FEED, headers=headers)

    site.answers["/room.ics"] = answer
    of = backend(f"{site.url}/room.ics")
    for _ in range(3):
        found = look_up(of)
        assert isinstance(found, Schedule)
        assert len(found.events) == 1
    assert [headers.get("if-none-match") for _, _, headers, _ in site.asked] == [None, '"1"', '"1"']
    assert site.asked[1][2]["if-modified-since"] == "Mon, 04 May 2026 00:00:00 GMT"


def test_a_mailbox_without_a_feed_is_not_found_and_nobody_is_asked(site: feeds.Feeds) -> None:
    assert isinstance(look_up(backend(f"{site.url}/room.ics"), "other@example.net"), MailboxNotFound)
    assert site.asked == []


@pytest.mark.parametrize(
    "status, failure",
    [
        (401, NoAccess),
        (403, NoAccess),
        (404, MailboxNotFound),
        (410, MailboxNotFound),
        (429, ServerBusy),
        (500, GenerationFailed),
        (503, ServerBusy),
        (504, TimedOut),
        (304, GenerationFailed),
    ],
)
def test_every_status_is_a_failure_of_its_kind(site: feeds.Feeds, status: int, failure: type[LookupFailed]) -> None:
    site.answers["/room.ics"] = Response("private", status)
    assert type(look_up(backend(f"{site.url}/room.ics"))) is failure


def test_refused_credentials_are_told_from_a_feed_that_wants_some(site: feeds.Feeds) -> None:
    site.answers["/room.ics"] = Response("no", 401)
    assert type(look_up(backend(f"{site.url}/room.ics", username="u", password="p"))) is AuthenticationFailed


@pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>", FEED[:-20]])
def test_what_is_no_whole_calendar_is_a_failure(site: feeds.Feeds, content: bytes) -> None:
    site.answers["/room.ics"] = Response(content)
    assert type(look_up(backend(f"{site.url}/room.ics"))) is GenerationFailed


def test_a_feed_may_move_but_credentials_stay_at_home(site: feeds.Feeds) -> None:
    with feeds.running() as other:
        other.answers["/new.ics"] = Response(FEED)
        site.answers["/room.ics"] = Response(status_code=302, headers={"Location": "/next.ics"})
        site.answers["/next.ics"] = Response(status_code=302, headers={"Location": f"{other.url}/new.ics"})
        assert isinstance(look_up(backend(f"{site.url}/room.ics", username="u", password="ü")), Schedule)
        expected = "Basic " + base64.b64encode("u:ü".encode()).decode()
        assert [headers.get("authorization") for _, _, headers, _ in site.asked] == [expected, expected]
        assert "authorization" not in other.asked[0][2]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "/room.ics", "ftp://example.net/x"])
def test_a_redirect_to_nowhere_good_is_a_failure(site: feeds.Feeds, target: str) -> None:
    site.answers["/room.ics"] = Response(status_code=302, headers={"Location": target})
    assert type(look_up(backend(f"{site.url}/room.ics"))) is GenerationFailed
    assert len(site.asked) <= 5


def test_a_feed_too_large_to_be_read_in_time_is_a_failure(site: feeds.Feeds) -> None:
    site.answers["/room.ics"] = Response(calendar("X-PAD:" + "x" * 9_000_000 + "\r\n"))
    assert type(look_up(backend(f"{site.url}/room.ics"))) is GenerationFailed


def test_a_server_that_hangs_or_is_not_there_ends_with_the_time(site: feeds.Feeds) -> None:
    site.delay = 5
    assert type(look_up(backend(f"{site.url}/room.ics"), seconds=0.3)) is TimedOut
    assert type(look_up(backend("http://127.0.0.1:9/room.ics"))) is Unreachable


def test_webcal_is_https(site: feeds.Feeds) -> None:
    assert type(look_up(backend(site.url.replace("http:", "webcal:") + "/room.ics"))) is Unreachable
    assert site.asked == []


TWICE = [{"mailbox": mailbox, "url": "https://x"} for mailbox in ("a@example.net", "A@example.net")]


@pytest.mark.parametrize("change", [{"timeZone": "Nowhere/City"}, {"feeds": TWICE}])
def test_settings_that_cannot_be_meant_are_refused(change: dict[str, Any]) -> None:
    document = {"type": "ics", "feeds": [{"mailbox": "a@example.net", "url": "https://x"}]} | change
    with pytest.raises(SettingsError):
        IcsBackend.from_config(document)


def test_a_collection_of_radicale_is_a_feed(tmp_path: Any) -> None:
    with radicale.running(tmp_path) as server:
        free = radicale.event("two", "DTSTART;VALUE=DATE:20260504", "TRANSP:TRANSPARENT")
        server.make(f"/{radicale.USER}/room/", radicale.event("one", *NINE, "SUMMARY:Budget"), free)
        found = look_up(backend(f"{server.url}/{radicale.USER}/room/", username=radicale.USER, password=radicale.PASSWORD))
        assert isinstance(found, Schedule)
        assert [(e.start_time.hour, e.details and e.details.subject) for e in found.events] == [(9, "Budget")]
