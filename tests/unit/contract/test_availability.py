"""Availability: the request is read as WorkMail writes it, and the response answers each mailbox asked, once and in order."""

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.contract import check_availability_request, check_availability_response
from mailhooks.contract.availability import (
    AvailabilityErrorCode,
    AvailabilityRequest,
    AvailabilityResponse,
    BusyType,
    CalendarEvent,
    DayOfWeek,
    Details,
    InstanceType,
    MailboxAvailability,
    MailboxError,
    Month,
    Requester,
    TimeZone,
    TimeZoneTransition,
    Week,
    Window,
    WorkingHours,
    WorkingPeriod,
)
from mailhooks.contract.timestamps import format_time
from tests.unit.contract.documents import load, named, put, refused

GUIDE = load("availability-request-guide")
USER2, UNKNOWN = GUIDE["mailboxes"]
MAY_4 = datetime(2021, 5, 4, tzinfo=UTC)


def asked(*mailboxes: str) -> AvailabilityRequest:
    return AvailabilityRequest.parse(put("/mailboxes", list(mailboxes))(GUIDE))


def answered(answer: MailboxAvailability) -> dict[str, Any]:
    response = AvailabilityResponse((answer,)).to_response(asked(answer.mailbox))
    first: dict[str, Any] = response["mailboxes"][0]
    return first


class TestRequest:
    @pytest.mark.parametrize("name", named("availability-request-*"))
    def test_a_request_that_workmail_may_send_passes(self, name: str) -> None:
        check_availability_request(load(name))
        assert list(AvailabilityRequest.parse(load(name)).mailboxes) == load(name)["mailboxes"]

    def test_the_guides_request_is_read_field_by_field(self) -> None:
        assert AvailabilityRequest.parse(GUIDE) == AvailabilityRequest(
            Requester(
                email="user1@internal.example.com",
                user_name="user1",
                organization="m-0123456789abcdef0123456789abcdef",
                user_id="S-1-5-18",
                origin="127.0.0.1",
                bearer=None,
            ),
            ("user2@external.example.com", "unknown@internal.example.com"),
            Window(datetime(2021, 5, 4, tzinfo=UTC), datetime(2021, 5, 6, tzinfo=UTC)),
        )

    def test_both_ways_of_writing_utc_mean_the_same(self) -> None:
        assert AvailabilityRequest.parse(load("availability-request-aws-sample")) == AvailabilityRequest.parse(GUIDE)

    @pytest.mark.parametrize(
        "text, microsecond",
        [
            ("2021-05-04T18:05:56Z", 0),
            ("2021-05-04T18:05:56.000Z", 0),
            ("2021-05-04T18:05:56.7Z", 700000),
            ("2021-05-04T18:05:56.123456789Z", 123456),
            ("2021-05-04T18:05:56+00:00", 0),
            ("2021-05-04T18:05:56.250+00:00", 250000),
        ],
    )
    def test_times_are_read_as_aware_and_in_utc(self, text: str, microsecond: int) -> None:
        start = AvailabilityRequest.parse(put("/window/startDate", text)(GUIDE)).window.start_date
        assert (start, start.tzinfo) == (datetime(2021, 5, 4, 18, 5, 56, microsecond, tzinfo=UTC), UTC)

    def test_asking_for_no_mailbox_is_allowed_and_answered_with_none(self) -> None:
        assert AvailabilityResponse(()).to_response(asked()) == {"mailboxes": []}

    def test_the_window_must_end_after_it_starts(self) -> None:
        for end in ("2021-05-04T00:00:00.000Z", "2021-05-03T23:59:59.999Z"):
            error = refused(AvailabilityRequest.parse, put("/window/endDate", end)(GUIDE))
            assert (error.pointer, error.expected) == ("/window/endDate", "a time after startDate")
        assert refused(lambda at: Window(at, at), MAY_4).pointer == "/window/endDate"

    def test_naive_moments_are_refused_and_other_zones_become_utc(self) -> None:
        naive = datetime(2021, 5, 4)
        assert refused(lambda at: Window(at, MAY_4), naive).pointer == "/window/startDate"
        assert refused(lambda at: Window(MAY_4, at), naive).pointer == "/window/endDate"
        cest = timezone(timedelta(hours=2))
        window = Window(datetime(2021, 5, 4, 2, tzinfo=cest), datetime(2021, 5, 5, 2, tzinfo=cest))
        assert (window.start_date, window.start_date.tzinfo) == (MAY_4, UTC)


GUIDE_ANSWER = AvailabilityResponse(
    (
        MailboxAvailability(
            "user2@external.example.com",
            (
                CalendarEvent(
                    datetime(2021, 5, 3, 23, tzinfo=UTC),
                    datetime(2021, 5, 4, 3, tzinfo=UTC),
                    BusyType.BUSY,
                    Details("Late meeting", "Chime", InstanceType.SINGLE_INSTANCE, is_meeting=True, is_reminder_set=True, is_private=False),
                ),
            ),
            WorkingHours(
                TimeZone(
                    "W. Europe Standard Time",
                    60,
                    standard_time=TimeZoneTransition(60, time(2), Month.JAN, Week.FIRST, DayOfWeek.SUN),
                    daylight_time=TimeZoneTransition(0, time(3), Month.JAN, Week.FIRST, DayOfWeek.SUN),
                ),
                (WorkingPeriod(480, 1040, (DayOfWeek.SUN,)),),
            ),
        ),
        MailboxError("unknown@internal.example.com", AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    )
)


class TestResponse:
    @pytest.mark.parametrize("name", named("availability-response-*"))
    def test_a_response_of_the_guides_kind_passes(self, name: str) -> None:
        check_availability_response(load(name))

    def test_the_guides_response_can_be_said(self) -> None:
        assert GUIDE_ANSWER.to_response(AvailabilityRequest.parse(GUIDE)) == load("availability-response-guide")

    def test_it_holds_plain_json_values_only(self) -> None:
        def types(value: Any) -> set[type]:
            inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            return {type(value)}.union(*map(types, inner))

        assert types(GUIDE_ANSWER.to_response(AvailabilityRequest.parse(GUIDE))) == {dict, list, str, int, bool}

    def test_what_is_not_known_is_left_out(self) -> None:
        assert answered(MailboxAvailability("a@example.com")) == {"mailbox": "a@example.com", "events": []}
        event = CalendarEvent(MAY_4, MAY_4 + timedelta(hours=1), BusyType.TENTATIVE)
        assert answered(MailboxAvailability("a@example.com", (event,)))["events"] == [
            {"startTime": "2021-05-04T00:00:00.000Z", "endTime": "2021-05-04T01:00:00.000Z", "busyType": "TENTATIVE"}
        ]

    def test_a_fixed_offset_has_no_transitions(self) -> None:
        hours = WorkingHours(TimeZone("UTC", 0), (WorkingPeriod(0, 1440, tuple(DayOfWeek)),))
        assert answered(MailboxAvailability("a@example.com", (), hours))["workingHours"]["timezone"] == {"name": "UTC", "bias": 0}

    def test_may_is_a_month(self) -> None:
        may = put("/mailboxes/0/workingHours/timezone/daylightTime/month", "MAY")(load("availability-response-guide"))
        check_availability_response(may)

    def test_empty_details_and_false_flags_are_said_and_not_left_out(self) -> None:
        details = Details("", "", InstanceType.EXCEPTION, is_meeting=False, is_reminder_set=False, is_private=True)
        event = CalendarEvent(MAY_4, MAY_4, BusyType.FREE, details)
        assert answered(MailboxAvailability("a@example.com", (event,)))["events"][0]["details"] == {
            "subject": "",
            "location": "",
            "instanceType": "EXCEPTION",
            "isMeeting": False,
            "isReminderSet": False,
            "isPrivate": True,
        }

    def test_an_event_keeps_its_own_start_before_the_window(self) -> None:
        event = CalendarEvent(MAY_4 - timedelta(days=30), MAY_4 + timedelta(days=30), BusyType.BUSY)
        assert answered(MailboxAvailability(USER2, (event,)))["events"][0]["startTime"] == "2021-04-04T00:00:00.000Z"

    def test_an_event_ends_when_it_starts_or_later(self) -> None:
        error = refused(lambda end: CalendarEvent(MAY_4, end, BusyType.BUSY), MAY_4 - timedelta(milliseconds=1))
        assert (error.pointer, error.got) == ("/mailboxes/-/events/-/endTime", "an earlier one")

    def test_an_event_of_naive_moments_is_refused(self) -> None:
        naive = datetime(2021, 5, 4)
        assert refused(lambda at: CalendarEvent(at, MAY_4, BusyType.BUSY), naive).pointer == "/mailboxes/-/events/-/startTime"
        assert refused(lambda at: CalendarEvent(MAY_4, at, BusyType.BUSY), naive).got == "a naive one"

    def test_a_time_of_day_with_fractions_is_refused_where_it_stands(self) -> None:
        odd = TimeZoneTransition(0, time(2, 0, 0, 5), Month.OCT, Week.LAST, DayOfWeek.SUN)
        hours = WorkingHours(TimeZone("Odd", -60, odd, odd), (WorkingPeriod(540, 1020, (DayOfWeek.MON,)),))
        error = refused(answered, MailboxAvailability(USER2, (), hours))
        assert error.pointer == "/mailboxes/0/workingHours/timezone/standardTime/time"


class TestEveryMailboxAskedIsAnsweredOnceAndInOrder:
    A, B, C = (MailboxError(f"{name}@example.com", AvailabilityErrorCode.SERVER_BUSY) for name in "abc")
    asked_for = staticmethod(lambda *answers: asked(*(answer.mailbox for answer in answers)))

    def test_in_the_order_asked_it_passes(self) -> None:
        response = AvailabilityResponse((self.B, self.A, self.C)).to_response(self.asked_for(self.B, self.A, self.C))
        assert [answer["mailbox"] for answer in response["mailboxes"]] == ["b@example.com", "a@example.com", "c@example.com"]

    def test_a_mailbox_without_an_answer_is_refused(self) -> None:
        error = refused(AvailabilityResponse((self.A,)).to_response, self.asked_for(self.A, self.B))
        assert (error.pointer, error.expected, error.got) == ("/mailboxes", "2 results, one for each requested mailbox", "1")

    def test_an_answer_nobody_asked_for_is_refused(self) -> None:
        assert refused(AvailabilityResponse((self.A, self.B)).to_response, self.asked_for(self.A)).pointer == "/mailboxes"
        assert refused(AvailabilityResponse((self.A, self.B)).to_response, self.asked_for(self.A, self.C)).pointer == "/mailboxes/1/mailbox"

    def test_two_answers_for_one_mailbox_are_refused(self) -> None:
        assert refused(AvailabilityResponse((self.A, self.A)).to_response, self.asked_for(self.A, self.B)).pointer == "/mailboxes/1/mailbox"

    def test_another_order_is_refused(self) -> None:
        error = refused(AvailabilityResponse((self.A, self.C, self.B)).to_response, self.asked_for(self.A, self.B, self.C))
        assert (error.pointer, error.got) == ("/mailboxes/1/mailbox", "another one")

    def test_another_spelling_is_refused_as_workmail_may_not_find_it(self) -> None:
        assert refused(AvailabilityResponse((self.A,)).to_response, asked("A@example.com")).pointer == "/mailboxes/0/mailbox"

    def test_a_mailbox_asked_twice_is_answered_twice(self) -> None:
        assert len(AvailabilityResponse((self.A, self.A)).to_response(self.asked_for(self.A, self.A))["mailboxes"]) == 2


moments = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-11, minutes=-30))])).filter(
    lambda moment: 1 < moment.year < 9999
)


@pytest.mark.fuzz
@given(moments, moments)
def test_a_moment_goes_out_and_comes_in_again_to_the_millisecond(one: datetime, other: datetime) -> None:
    start, end = sorted((one, other))
    event = CalendarEvent(start, end, BusyType.BUSY)
    said = answered(MailboxAvailability(USER2, (event,)))["events"][0]
    read = datetime.fromisoformat(said["startTime"])
    assert timedelta(0) <= start - read < timedelta(milliseconds=1)
    if end - start >= timedelta(milliseconds=1):
        window = AvailabilityRequest.parse(put("/window", {"startDate": said["startTime"], "endDate": said["endTime"]})(GUIDE)).window
        assert (format_time(window.start_date), format_time(window.end_date)) == (said["startTime"], said["endTime"])
