"""Availability requests, and responses with one result for each requested mailbox, in order."""

from dataclasses import astuple
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
    map_unknown_errors,
)
from mailhooks.contract.timestamps import format_time
from tests.unit.contract.documents import Edit, check_error, load, named, put, without

GUIDE = load("availability-request-guide")
USER2, UNKNOWN = GUIDE["mailboxes"]
MAY_4 = datetime(2021, 5, 4, tzinfo=UTC)
GUIDE_WINDOW = Window(MAY_4, datetime(2021, 5, 6, tzinfo=UTC))


def request_for(*mailboxes: str) -> AvailabilityRequest:
    return AvailabilityRequest.parse(put("/mailboxes", list(mailboxes))(GUIDE))


def build(result: MailboxAvailability) -> dict[str, Any]:
    response = AvailabilityResponse((result,)).to_response(request_for(result.mailbox))
    first: dict[str, Any] = response["mailboxes"][0]
    return first


class TestRequest:
    @pytest.mark.parametrize("name", named("availability-request-*"))
    def test_a_valid_request_is_accepted(self, name: str) -> None:
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

    def test_both_notations_of_utc_are_equal(self) -> None:
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
            ("2021-05-04t18:05:56z", 0),
            ("2021-05-04t18:05:56.5z", 500000),
            ("2021-05-04T18:05:56-00:00", 0),
            ("2021-05-04T20:05:56+02:00", 0),
            ("2021-05-04T23:35:56.25+05:30", 250000),
            ("2021-05-03T23:05:56-19:00", 0),
            ("2021-05-04T18:05:56." + "0" * 5000 + "1Z", 0),
            ("2021-05-04T18:05:56.1234567890123456789-00:00", 123456),
        ],
    )
    def test_times_are_aware_and_in_utc(self, text: str, microsecond: int) -> None:
        start = AvailabilityRequest.parse(put("/window/startDate", text)(GUIDE)).window.start_date
        assert (start, start.tzinfo) == (datetime(2021, 5, 4, 18, 5, 56, microsecond, tzinfo=UTC), UTC)

    @pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2016-12-31t23:59:60.000z", "2017-01-01T01:59:60+02:00"])
    def test_a_leap_second_is_the_second_after_it(self, text: str) -> None:
        window = AvailabilityRequest.parse(put("/window/startDate", text)(GUIDE)).window
        assert window.start_date == datetime(2017, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        "edit",
        [
            *(put(f"/requester/{name}", value) for name in ("origin", "bearer") for value in (None, False, 7, 1.5, {"ip": ""}, ["x"], "")),
            *(put(f"/requester/{name}", value) for name in ("userId", "userName", "organization") for value in ("", None, 18, {})),
            *(without(f"/requester/{name}") for name in ("origin", "userId", "userName", "organization")),
            put("/requester/somethingNew", {"a": [1]}),
            put("/somethingNew", None),
            put("/window/timeZone", "UTC"),
        ],
    )
    def test_odd_values_that_a_response_does_not_need_are_accepted(self, edit: Edit) -> None:
        found = AvailabilityRequest.parse(edit(GUIDE))
        assert (found.mailboxes, found.window, found.requester.email) == ((USER2, UNKNOWN), GUIDE_WINDOW, "user1@internal.example.com")
        assert all(isinstance(value, str | None) for value in astuple(found.requester))

    @pytest.mark.parametrize(
        "edit",
        [without("/requester"), *(put("/requester", value) for value in (None, [], "a@example.com", {}, {"email": 7}, {"email": None}))],
    )
    def test_a_requester_that_cannot_be_read_is_empty(self, edit: Edit) -> None:
        assert AvailabilityRequest.parse(edit(GUIDE)).requester == Requester()

    def test_mailboxes_that_are_not_strings_are_omitted(self) -> None:
        mailboxes = [None, USER2, 7, {"mailbox": UNKNOWN}, "", [USER2]]
        assert AvailabilityRequest.parse(put("/mailboxes", mailboxes)(GUIDE)).mailboxes == (USER2, "")

    def test_a_request_without_mailboxes_is_valid(self) -> None:
        assert AvailabilityResponse(()).to_response(request_for()) == {"mailboxes": []}

    def test_the_window_must_end_after_it_starts(self) -> None:
        for end in ("2021-05-04T00:00:00.000Z", "2021-05-03T23:59:59.999Z"):
            error = check_error(AvailabilityRequest.parse, put("/window/endDate", end)(GUIDE))
            assert (error.pointer, error.expected) == ("/window/endDate", "a time after startDate")
        assert check_error(lambda at: Window(at, at), MAY_4).pointer == "/window/endDate"

    def test_naive_times_are_rejected_and_others_converted_to_utc(self) -> None:
        naive = datetime(2021, 5, 4)
        assert check_error(lambda at: Window(at, MAY_4), naive).pointer == "/window/startDate"
        assert check_error(lambda at: Window(MAY_4, at), naive).pointer == "/window/endDate"
        cest = timezone(timedelta(hours=2))
        window = Window(datetime(2021, 5, 4, 2, tzinfo=cest), datetime(2021, 5, 5, 2, tzinfo=cest))
        assert (window.start_date, window.start_date.tzinfo) == (MAY_4, UTC)


GUIDE_RESPONSE = AvailabilityResponse(
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
    def test_a_valid_response_is_accepted(self, name: str) -> None:
        check_availability_response(load(name))

    def test_the_guides_response_can_be_built(self) -> None:
        assert GUIDE_RESPONSE.to_response(AvailabilityRequest.parse(GUIDE)) == load("availability-response-guide")

    def test_it_contains_json_types_only(self) -> None:
        def types(value: Any) -> set[type]:
            inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            return {type(value)}.union(*map(types, inner))

        assert types(GUIDE_RESPONSE.to_response(AvailabilityRequest.parse(GUIDE))) == {dict, list, str, int, bool}

    def test_absent_values_are_omitted(self) -> None:
        assert build(MailboxAvailability("a@example.com")) == {"mailbox": "a@example.com", "events": []}
        event = CalendarEvent(MAY_4, MAY_4 + timedelta(hours=1), BusyType.TENTATIVE)
        assert build(MailboxAvailability("a@example.com", (event,)))["events"] == [
            {"startTime": "2021-05-04T00:00:00.000Z", "endTime": "2021-05-04T01:00:00.000Z", "busyType": "TENTATIVE"}
        ]

    def test_a_fixed_offset_has_no_transitions(self) -> None:
        hours = WorkingHours(TimeZone("UTC", 0), (WorkingPeriod(0, 1440, tuple(DayOfWeek)),))
        assert build(MailboxAvailability("a@example.com", (), hours))["workingHours"]["timezone"] == {"name": "UTC", "bias": 0}

    @pytest.mark.parametrize("error", ["ErrorNoFreeBusyAccess", "ERROR_SERVER_BUSY", "mailboxnotfound", "", "Unknown"])
    def test_workmail_reads_an_unknown_error_as_a_failure_of_its_mailbox_only(self, error: str) -> None:
        read = map_unknown_errors(put("/mailboxes/1/error", error)(load("availability-response-guide")))
        check_availability_response(read)
        assert read == put("/mailboxes/1/error", "ErrorFreeBusyGenerationFailed")(load("availability-response-guide"))

    @pytest.mark.parametrize("document", [None, [], {}, {"mailboxes": None}, {"mailboxes": [None, {"error": None}, {"error": {}}]}])
    def test_other_parts_of_a_response_stay(self, document: Any) -> None:
        assert map_unknown_errors(document) == document

    def test_may_is_a_month(self) -> None:
        may = put("/mailboxes/0/workingHours/timezone/daylightTime/month", "MAY")(load("availability-response-guide"))
        check_availability_response(may)

    def test_empty_details_and_false_flags_are_not_omitted(self) -> None:
        details = Details("", "", InstanceType.EXCEPTION, is_meeting=False, is_reminder_set=False, is_private=True)
        event = CalendarEvent(MAY_4, MAY_4, BusyType.FREE, details)
        assert build(MailboxAvailability("a@example.com", (event,)))["events"][0]["details"] == {
            "subject": "",
            "location": "",
            "instanceType": "EXCEPTION",
            "isMeeting": False,
            "isReminderSet": False,
            "isPrivate": True,
        }

    def test_an_event_is_not_cut_at_the_window(self) -> None:
        event = CalendarEvent(MAY_4 - timedelta(days=30), MAY_4 + timedelta(days=30), BusyType.BUSY)
        assert build(MailboxAvailability(USER2, (event,)))["events"][0]["startTime"] == "2021-04-04T00:00:00.000Z"

    def test_an_event_cannot_end_before_it_starts(self) -> None:
        error = check_error(lambda end: CalendarEvent(MAY_4, end, BusyType.BUSY), MAY_4 - timedelta(milliseconds=1))
        assert (error.pointer, error.got) == ("/mailboxes/-/events/-/endTime", "an earlier one")

    def test_an_event_with_naive_times_is_rejected(self) -> None:
        naive = datetime(2021, 5, 4)
        assert check_error(lambda at: CalendarEvent(at, MAY_4, BusyType.BUSY), naive).pointer == "/mailboxes/-/events/-/startTime"
        assert check_error(lambda at: CalendarEvent(MAY_4, at, BusyType.BUSY), naive).got == "a naive one"

    def test_a_time_of_day_with_fractions_is_rejected(self) -> None:
        odd = TimeZoneTransition(0, time(2, 0, 0, 5), Month.OCT, Week.LAST, DayOfWeek.SUN)
        hours = WorkingHours(TimeZone("Odd", -60, odd, odd), (WorkingPeriod(540, 1020, (DayOfWeek.MON,)),))
        error = check_error(build, MailboxAvailability(USER2, (), hours))
        assert error.pointer == "/mailboxes/0/workingHours/timezone/standardTime/time"


class TestEveryMailboxAskedIsAnsweredOnceAndInOrder:
    A, B, C = (MailboxError(f"{name}@example.com", AvailabilityErrorCode.SERVER_BUSY) for name in "abc")
    request_all = staticmethod(lambda *results: request_for(*(result.mailbox for result in results)))

    def test_results_in_the_requests_order_are_accepted(self) -> None:
        response = AvailabilityResponse((self.B, self.A, self.C)).to_response(self.request_all(self.B, self.A, self.C))
        assert [answer["mailbox"] for answer in response["mailboxes"]] == ["b@example.com", "a@example.com", "c@example.com"]

    def test_a_missing_result_is_rejected(self) -> None:
        error = check_error(AvailabilityResponse((self.A,)).to_response, self.request_all(self.A, self.B))
        assert (error.pointer, error.expected, error.got) == ("/mailboxes", "2 results, one for each requested mailbox", "1")

    def test_an_additional_result_is_rejected(self) -> None:
        assert check_error(AvailabilityResponse((self.A, self.B)).to_response, self.request_all(self.A)).pointer == "/mailboxes"
        assert (
            check_error(AvailabilityResponse((self.A, self.B)).to_response, self.request_all(self.A, self.C)).pointer
            == "/mailboxes/1/mailbox"
        )

    def test_two_results_for_one_mailbox_are_rejected(self) -> None:
        assert (
            check_error(AvailabilityResponse((self.A, self.A)).to_response, self.request_all(self.A, self.B)).pointer
            == "/mailboxes/1/mailbox"
        )

    def test_another_order_is_rejected(self) -> None:
        error = check_error(AvailabilityResponse((self.A, self.C, self.B)).to_response, self.request_all(self.A, self.B, self.C))
        assert (error.pointer, error.got) == ("/mailboxes/1/mailbox", "another one")

    def test_another_spelling_is_rejected(self) -> None:
        assert check_error(AvailabilityResponse((self.A,)).to_response, request_for("A@example.com")).pointer == "/mailboxes/0/mailbox"

    def test_a_mailbox_requested_twice_has_two_results(self) -> None:
        assert len(AvailabilityResponse((self.A, self.A)).to_response(self.request_all(self.A, self.A))["mailboxes"]) == 2


moments = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-11, minutes=-30))])).filter(
    lambda moment: 1 < moment.year < 9999
)


@pytest.mark.fuzz
@given(moments, moments)
def test_a_time_survives_a_round_trip_to_the_millisecond(one: datetime, other: datetime) -> None:
    start, end = sorted((one, other))
    event = CalendarEvent(start, end, BusyType.BUSY)
    said = build(MailboxAvailability(USER2, (event,)))["events"][0]
    read = datetime.fromisoformat(said["startTime"])
    assert timedelta(0) <= start - read < timedelta(milliseconds=1)
    if end - start >= timedelta(milliseconds=1):
        window = AvailabilityRequest.parse(put("/window", {"startDate": said["startTime"], "endDate": said["endTime"]})(GUIDE)).window
        assert (format_time(window.start_date), format_time(window.end_date)) == (said["startTime"], said["endTime"])
