"""The Google backend and google-auth, with a server that implements Google's token endpoint and Calendar API."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mailhooks.availability.backends.google.backend import GoogleBackend
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, ServerBusy
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent
from tests.support.backends import DAY, WINDOW, ask
from tests.support.servers.google import ACCOUNT, GoogleCloud, api_error

ANA, BEN = "ana@example.net", "ben@example.net"

Make = Callable[..., GoogleBackend]


def test_busy_times_are_in_utc_without_details_and_working_hours(make_google: Make) -> None:
    found = ask(make_google(), ANA, BEN)
    assert found == {
        ANA: Schedule((CalendarEvent(DAY.replace(hour=9), DAY.replace(hour=10, minute=30), BusyType.BUSY),)),
        BEN: Schedule(),
    }


def test_a_busy_time_with_an_offset_is_converted_to_utc(google: GoogleCloud, make_google: Make) -> None:
    google.calendars[BEN] = [("2026-05-04T09:00:00+02:00", "2026-05-04T10:00:00+02:00")]
    schedule = ask(make_google(), BEN)[BEN]
    assert isinstance(schedule, Schedule)
    assert schedule.events[0].start_time == DAY.replace(hour=7)
    assert schedule.events[0].start_time.utcoffset() == timedelta(0)


def test_a_request_follows_the_reference(google: GoogleCloud, make_google: Make) -> None:
    ask(make_google(), ANA, BEN)
    assert google.requests == [
        {
            "timeMin": "2026-05-04T00:00:00.000Z",
            "timeMax": "2026-05-11T00:00:00.000Z",
            "timeZone": "UTC",
            "calendarExpansionMax": 50,
            "items": [{"id": ANA}, {"id": BEN}],
        }
    ]


def test_the_token_has_the_narrowest_scope(google: GoogleCloud, make_google: Make) -> None:
    ask(make_google(), ANA)
    (claims,) = google.claims
    assert claims["iss"] == ACCOUNT
    assert claims["scope"] == "https://www.googleapis.com/auth/calendar.freebusy"
    assert "sub" not in claims


def test_the_account_may_act_for_a_user(google: GoogleCloud, make_google: Make) -> None:
    google.subjects = {"calendar@example.net"}
    assert isinstance(ask(make_google(subject="calendar@example.net"), ANA)[ANA], Schedule)
    assert google.claims[0]["sub"] == "calendar@example.net"


def test_the_first_look_up_takes_two_requests_and_the_next_one(google: GoogleCloud, make_google: Make) -> None:
    backend = make_google()
    assert google.calls == []
    ask(backend, ANA)
    ask(backend, BEN)
    assert google.calls == ["POST token", "POST freeBusy", "POST freeBusy"]


def test_a_calendar_is_found_in_any_case(make_google: Make) -> None:
    assert isinstance(ask(make_google(), "Ana@Example.net")["Ana@Example.net"], Schedule)


def test_a_request_with_too_many_calendars_is_split(google: GoogleCloud, make_google: Make) -> None:
    mailboxes = [f"m{number}@example.net" for number in range(7)]
    google.calendars = {mailbox: [("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z")] for mailbox in mailboxes}
    google.max_calendars = 2
    found = ask(make_google(), *mailboxes)
    assert [len(schedule.events) for schedule in found.values() if isinstance(schedule, Schedule)] == [1] * 7
    assert [len(request["items"]) for request in google.requests] == [7, 4, 2, 2, 3, 2, 1]


def test_a_failed_request_with_too_many_calendars_is_split(google: GoogleCloud, make_google: Make) -> None:
    google.api_faults = [api_error(400, "tooManyCalendarsRequested")]
    assert {type(result) for result in ask(make_google(), ANA, BEN).values()} == {Schedule}


def test_a_failure_of_one_half_does_not_affect_the_other(google: GoogleCloud, make_google: Make) -> None:
    google.api_faults = [api_error(400, "tooManyCalendarsRequested"), api_error(503, "backendError")]
    found = ask(make_google(), ANA, BEN)
    assert isinstance(found[ANA], ServerBusy)
    assert isinstance(found[BEN], Schedule)


def test_a_window_that_is_too_long_is_split_in_halves(google: GoogleCloud, make_google: Make) -> None:
    google.max_days = 20
    google.calendars[ANA] = [("2026-05-05T09:00:00Z", "2026-05-05T10:00:00Z"), ("2026-06-30T09:00:00Z", "2026-06-30T10:00:00Z")]
    found = ask(make_google(), ANA, BEN, window=Window(DAY, DAY + timedelta(days=60)))
    assert [len(result.events) for result in found.values() if isinstance(result, Schedule)] == [2, 0]
    windows = [(request["timeMin"][:10], request["timeMax"][:10]) for request in google.requests[1:]]
    assert windows[-1][1] == "2026-07-03"
    assert len(google.calls) == 1 + 1 + 2 + 4


def test_a_window_of_a_day_is_not_split(google: GoogleCloud, make_google: Make) -> None:
    google.max_days = 0
    found = ask(make_google(), ANA, window=WINDOW)[ANA]
    assert isinstance(found, GenerationFailed)
    assert "timeRangeTooLong" in str(found)
    assert google.calls.count("POST freeBusy") == 1


def test_a_failure_in_one_half_is_a_failure_of_the_mailbox(google: GoogleCloud, make_google: Make) -> None:
    google.max_days = 4
    backend = make_google()
    free = (200, {"calendars": {ANA: {"busy": []}}}, {})
    google.api_faults = [api_error(400, "timeRangeTooLong"), free, api_error(403, "rateLimitExceeded")]
    found = ask(backend, ANA)[ANA]
    assert isinstance(found, ServerBusy)


def test_the_limits_are_googles(make_google: Make) -> None:
    limits = make_google().limits
    assert (limits.mailboxes, limits.span, limits.at_once) == (50, timedelta(days=60), 4)


# Tokens.


def test_a_revoked_token_is_renewed_once(google: GoogleCloud, make_google: Make) -> None:
    backend = make_google()
    ask(backend, ANA)
    google.tokens.clear()
    assert isinstance(ask(backend, ANA)[ANA], Schedule)
    assert google.calls[2:] == ["POST freeBusy", "POST token", "POST freeBusy"]


def test_a_second_rejection_is_an_authentication_failure(google: GoogleCloud, make_google: Make) -> None:
    google.api_faults = [api_error(401, "authError")] * 2
    with pytest.raises(AuthenticationFailed) as raised:
        ask(make_google(), ANA)
    assert "example.com" not in str(raised.value)
    assert google.calls.count("POST freeBusy") == 2


def test_an_expired_token_is_renewed(google: GoogleCloud, make_google: Make) -> None:
    google.expires_in = 0
    backend = make_google()
    ask(backend, ANA)
    ask(backend, ANA)
    assert google.calls.count("POST token") == 2
