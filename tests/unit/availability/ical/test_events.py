"""The events of calendars."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.availability.backends.ical.calendars import Calendars
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, InstanceType
from mailhooks.deadline import Deadline

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))


def calendar(*parts: str, head: str = "") -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{''.join(parts)}END:VCALENDAR\r\n".encode()


def event(*lines: str, uid: str = "1") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT", ""])


def expanded(content: bytes, window: Window = WINDOW, zone: str | None = None) -> list[CalendarEvent]:
    found = Calendars.parse([content], ZoneInfo(zone) if zone else None).events(window, Deadline.after(10))
    touching = [e for e in found if e.start_time < window.end_date and (e.end_time > window.start_date or e.start_time == e.end_time)]
    return sorted(touching, key=lambda e: e.start_time)


def times(content: bytes, window: Window = WINDOW, zone: str | None = None) -> list[tuple[str, str]]:
    return [(f"{e.start_time:%d %H:%M}", f"{e.end_time:%d %H:%M}") for e in expanded(content, window, zone)]


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
def test_every_status_has_its_busy_type(lines: tuple[str, ...], busy_type: BusyType | None) -> None:
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
def test_times_are_in_the_events_zone_and_not_cut(lines: tuple[str, ...], start: str, end: str) -> None:
    assert times(calendar(event(*lines))) == [(start, end)]


@pytest.mark.parametrize(
    "start, lasting, utc",
    [
        ("Pacific/Pago_Pago:20260503T133000", "PT1H", ("04 00:30", "04 01:30")),
        ("Pacific/Kiritimati:20260505T133000", "PT1H", ("04 23:30", "05 00:30")),
    ],
)
def test_an_event_on_another_date_in_utc_is_found(start: str, lasting: str, utc: tuple[str, str]) -> None:
    assert times(calendar(event(f"DTSTART;TZID={start}", f"DURATION:{lasting}"))) == [utc]


FLOATING = event("DTSTART:20260504T090000", "DURATION:PT1H")


def test_a_time_without_a_zone_is_in_the_default_zone() -> None:
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


def test_a_zone_defined_in_the_calendar_is_used() -> None:
    assert times(calendar(ZONE, event("DTSTART;TZID=Our own:20260504T090000", "DURATION:PT1H"))) == [("04 06:00", "04 07:00")]


def test_recurrences_exceptions_and_moved_events_are_expanded() -> None:
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
def test_an_all_day_event_may_have_23_or_25_hours(day: Any, zone: str) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    after = day + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    [found] = expanded(calendar(event(f"DTSTART;VALUE=DATE:{day:%Y%m%d}")), Window(start, end), zone)
    assert (found.start_time, found.end_time) == (start, end)


def test_details_are_the_events() -> None:
    alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM"
    [found] = expanded(calendar(event(*NINE, "SUMMARY:Budget\\, final", "LOCATION:Room 1", "ORGANIZER:mailto:a@example.net", alarm)))
    assert found.details is not None
    assert (found.details.subject, found.details.location) == ("Budget, final", "Room 1")
    assert (found.details.is_meeting, found.details.is_reminder_set, found.details.is_private) == (True, True, False)


@pytest.mark.parametrize("kind, private", [("PUBLIC", False), ("", False), ("PRIVATE", True), ("confidential", True), ("X-BOARD", True)])
def test_a_class_that_is_not_public_is_private(kind: str, private: bool) -> None:
    [found] = expanded(calendar(event(*NINE, f"CLASS:{kind}")))
    assert found.details is not None
    assert found.details.is_private is private


def test_free_busy_components_are_read() -> None:
    assert times(calendar("BEGIN:VFREEBUSY\r\nFREEBUSY:20260504T090000Z/PT1H\r\nEND:VFREEBUSY\r\n")) == [("04 09:00", "04 10:00")]


def test_details_are_read_for_each_recurrence() -> None:
    series = event("DTSTART:20260503T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", "SUMMARY:Daily", "SUMMARY:Twice", 'LOCATION;X="open:y')
    changed = event("RECURRENCE-ID:20260505T090000Z", "DTSTART:20260505T090000Z", "DURATION:PT1H", "SUMMARY;LANGUAGE=de:Täglich\\nanders")
    found = expanded(calendar(series, changed), Window(DAY, DAY + timedelta(days=2)))
    assert [(e.details.subject, e.details.location) for e in found if e.details] == [("Daily", ""), ("Täglich\nanders", "")]


def test_a_fold_inside_a_character_is_removed() -> None:
    content = calendar(event(*NINE, "SUMMARY:Bücher")).replace("ü".encode(), b"\xc3\r\n \xbc")
    [found] = expanded(content)
    assert found.details is not None
    assert found.details.subject == "Bücher"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_any_line_end_and_a_byte_order_mark_are_read(end: bytes) -> None:
    assert times(b"\xef\xbb\xbf" + calendar(event(*NINE)).replace(b"\r\n", end)) == [("04 09:00", "04 10:00")]


@pytest.mark.parametrize("head", ["CALSCALE:gregorian\r\n", "METHOD:PUBLISH\r\nX-WR-CALNAME:Room\r\n"])
def test_unknown_properties_of_the_calendar_are_ignored(head: str) -> None:
    assert times(calendar(event(*NINE), head=head)) == [("04 09:00", "04 10:00")]


# Series and their changes


def test_a_change_of_this_and_future_moves_all_following_recurrences() -> None:
    series = event("DTSTART:20260501T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")
    later = event("RECURRENCE-ID;RANGE=THISANDFUTURE:20260503T090000Z", "DTSTART:20260503T110000Z", "DURATION:PT2H")
    assert times(calendar(series, later)) == [("04 11:00", "04 13:00")]


def test_a_series_moved_by_months_is_found() -> None:
    series = event("DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")
    later = event("RECURRENCE-ID;RANGE=THISANDFUTURE:20200601T090000Z", "DTSTART:20200831T110000Z", "DURATION:PT1H")
    assert times(calendar(series, later)) == [("04 11:00", "04 12:00")]


def test_moved_cancelled_and_free_recurrences_are_not_busy() -> None:
    series = event("DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")
    for lines in (("DTSTART:20270104T090000Z",), ("DTSTART:20260504T090000Z", "STATUS:CANCELLED"), (NINE[0], "TRANSP:TRANSPARENT")):
        assert times(calendar(series, event("RECURRENCE-ID:20260504T090000Z", "DURATION:PT1H", *lines))) == []


def test_a_changed_recurrence_of_a_free_series_may_be_busy() -> None:
    series = event("DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", "TRANSP:TRANSPARENT")
    assert times(calendar(series, event("RECURRENCE-ID:20260504T090000Z", *NINE))) == [("04 09:00", "04 10:00")]


def test_an_excluded_recurrence_stays_excluded_if_it_was_changed() -> None:
    lines = ("DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;UNTIL=20200201T000000Z", "EXDATE:20200108T090000Z")
    assert times(calendar(event(*lines), event("RECURRENCE-ID:20200108T090000Z", *NINE))) == []


def test_a_change_without_a_series_is_an_event() -> None:
    [found] = expanded(calendar(event("RECURRENCE-ID:20200504T090000Z", *NINE)))
    assert found.details is not None
    assert found.details.instance_type is InstanceType.EXCEPTION


OTHER = ("DTSTART:20260504T120000Z", "DTEND:20260504T130000Z")


def test_appointments_with_one_uid_are_read_without_older_versions() -> None:
    assert times(calendar(event(*NINE), event(*OTHER))) == [("04 09:00", "04 10:00"), ("04 12:00", "04 13:00")]
    assert times(calendar(event(*NINE, "SEQUENCE:2"), event(*OTHER, "SEQUENCE:1"))) == [("04 09:00", "04 10:00")]


def test_changes_belong_to_the_series_of_their_uid() -> None:
    series = event("DTSTART:20260501T150000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")
    moved = event("RECURRENCE-ID:20260504T150000Z", "DTSTART:20260504T180000Z", "DURATION:PT1H")
    assert times(calendar(event(*NINE), series, moved)) == [("04 09:00", "04 10:00"), ("04 18:00", "04 19:00")]


def test_an_empty_uid_counts_as_missing() -> None:
    assert len(times(calendar(event(*NINE, "SEQUENCE:2", uid=""), event(*OTHER, "SEQUENCE:1", uid="")))) == 2


def test_an_appointment_without_a_uid_is_read() -> None:
    lone = event(*NINE).replace("UID:1\r\n", "")
    assert len(times(calendar(lone, lone))) == 2


def test_utc_times_recur_in_utc_in_any_declared_zone() -> None:
    series = event("DTSTART:20260105T080000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY")
    assert times(calendar(series)) == [("04 08:00", "04 09:00")]
    assert times(calendar(series, head="X-WR-TIMEZONE:Europe/Berlin\r\n")) == [("04 08:00", "04 09:00")]


def test_rdates_and_periods_are_expanded() -> None:
    lines = ("RDATE;VALUE=PERIOD:20260504T150000Z/PT30M,20260504T170000Z/20260504T171500Z", "RDATE:20260504T200000Z")
    found = times(calendar(event("DTSTART:20260401T090000Z", "DURATION:PT1H", *lines)))
    assert found == [("04 15:00", "04 15:30"), ("04 17:00", "04 17:15"), ("04 20:00", "04 21:00")]
