"""The Google backend with real google-auth against a server that speaks the wire formats of Google's token endpoint and Calendar API."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from requests import Session

from local.servers import HttpServer
from mailhooks.availability.backends.google.backend import GoogleBackend
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.errors import AuthenticationFailed, LookupFailed, ServerBusy
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent
from mailhooks.deadline import Deadline
from tests.support.servers.google import ACCOUNT, GoogleCloud, Stage, api_error

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WEEK = Window(DAY, DAY + timedelta(days=7))
ANA, BEN = "ana@example.net", "ben@example.net"

Make = Callable[..., GoogleBackend]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Stage, str]]:
    stage = Stage()
    server = HttpServer(stage, 0)
    server.start()
    yield stage, server.url
    server.stop()


@pytest.fixture
def cloud(served: tuple[Stage, str]) -> GoogleCloud:
    stage, url = served
    made = GoogleCloud({ANA: [("2026-05-04T09:00:00Z", "2026-05-04T10:30:00Z")], BEN: []}, url=url)
    stage.app = made.app()
    return made


@pytest.fixture
def session() -> Iterator[Session]:
    with http.session() as made:
        yield made


@pytest.fixture
def make(cloud: GoogleCloud, session: Session) -> Make:
    def backend(**settings: Any) -> GoogleBackend:
        config = {"serviceAccount": cloud.service_account(), "endpoint": cloud.url, **settings}
        return GoogleBackend.from_config(config, session=session)

    return backend


def ask(backend: GoogleBackend, *mailboxes: str, window: Window = WEEK, seconds: float = 5) -> dict[str, Schedule | LookupFailed]:
    return backend.look_up(mailboxes, window, Deadline.after(seconds))


def test_busy_times_come_in_utc_without_details_or_working_hours(make: Make) -> None:
    found = ask(make(), ANA, BEN)
    assert found == {
        ANA: Schedule((CalendarEvent(DAY.replace(hour=9), DAY.replace(hour=10, minute=30), BusyType.BUSY),)),
        BEN: Schedule(),
    }


def test_a_busy_time_with_an_offset_is_moved_to_utc(cloud: GoogleCloud, make: Make) -> None:
    cloud.calendars[BEN] = [("2026-05-04T09:00:00+02:00", "2026-05-04T10:00:00+02:00")]
    schedule = ask(make(), BEN)[BEN]
    assert isinstance(schedule, Schedule)
    assert schedule.events[0].start_time == DAY.replace(hour=7)
    assert schedule.events[0].start_time.utcoffset() == timedelta(0)


def test_a_request_is_what_the_reference_says(cloud: GoogleCloud, make: Make) -> None:
    ask(make(), ANA, BEN)
    assert cloud.requests == [
        {
            "timeMin": "2026-05-04T00:00:00.000Z",
            "timeMax": "2026-05-11T00:00:00.000Z",
            "timeZone": "UTC",
            "calendarExpansionMax": 50,
            "items": [{"id": ANA}, {"id": BEN}],
        }
    ]


def test_the_token_is_asked_for_as_the_service_account_with_the_narrowest_scope(cloud: GoogleCloud, make: Make) -> None:
    ask(make(), ANA)
    (claims,) = cloud.claims
    assert claims["iss"] == ACCOUNT
    assert claims["scope"] == "https://www.googleapis.com/auth/calendar.freebusy"
    assert "sub" not in claims


def test_with_a_subject_the_account_acts_in_their_name(cloud: GoogleCloud, make: Make) -> None:
    cloud.subjects = {"calendar@example.net"}
    assert isinstance(ask(make(subject="calendar@example.net"), ANA)[ANA], Schedule)
    assert cloud.claims[0]["sub"] == "calendar@example.net"


def test_the_first_look_up_costs_two_calls_and_the_next_one(cloud: GoogleCloud, make: Make) -> None:
    backend = make()
    assert cloud.calls == []
    ask(backend, ANA)
    ask(backend, BEN)
    assert cloud.calls == ["POST token", "POST freeBusy", "POST freeBusy"]


def test_a_calendar_is_found_in_whatever_case_it_is_asked_for(make: Make) -> None:
    assert isinstance(ask(make(), "Ana@Example.net")["Ana@Example.net"], Schedule)


def test_too_many_calendars_are_asked_for_in_halves(cloud: GoogleCloud, make: Make) -> None:
    mailboxes = [f"m{number}@example.net" for number in range(7)]
    cloud.calendars = {mailbox: [("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z")] for mailbox in mailboxes}
    cloud.max_calendars = 2
    found = ask(make(), *mailboxes)
    assert [len(schedule.events) for schedule in found.values() if isinstance(schedule, Schedule)] == [1] * 7
    assert [len(request["items"]) for request in cloud.requests] == [7, 4, 2, 2, 3, 2, 1]


def test_too_many_calendars_may_also_be_said_of_the_whole_call(cloud: GoogleCloud, make: Make) -> None:
    cloud.api_faults = [api_error(400, "tooManyCalendarsRequested")]
    assert {type(result) for result in ask(make(), ANA, BEN).values()} == {Schedule}


def test_a_half_that_fails_leaves_the_other_as_it_is(cloud: GoogleCloud, make: Make) -> None:
    cloud.api_faults = [api_error(400, "tooManyCalendarsRequested"), api_error(503, "backendError")]
    found = ask(make(), ANA, BEN)
    assert isinstance(found[ANA], ServerBusy)
    assert isinstance(found[BEN], Schedule)


def test_the_limits_keep_within_what_google_takes(make: Make) -> None:
    limits = make().limits
    assert (limits.mailboxes, limits.span, limits.at_once) == (50, timedelta(days=60), 4)


# Tokens.


def test_a_revoked_token_is_renewed_once(cloud: GoogleCloud, make: Make) -> None:
    backend = make()
    ask(backend, ANA)
    cloud.tokens.clear()
    assert isinstance(ask(backend, ANA)[ANA], Schedule)
    assert cloud.calls[2:] == ["POST freeBusy", "POST token", "POST freeBusy"]


def test_a_second_refusal_is_final(cloud: GoogleCloud, make: Make) -> None:
    cloud.api_faults = [api_error(401, "authError")] * 2
    with pytest.raises(AuthenticationFailed) as raised:
        ask(make(), ANA)
    assert "example.com" not in str(raised.value)
    assert cloud.calls.count("POST freeBusy") == 2


def test_a_token_near_its_end_is_renewed_before_it_is_refused(cloud: GoogleCloud, make: Make) -> None:
    cloud.expires_in = 0
    backend = make()
    ask(backend, ANA)
    ask(backend, ANA)
    assert cloud.calls.count("POST token") == 2


def test_many_threads_share_one_token_and_renew_it_once(cloud: GoogleCloud, make: Make) -> None:
    backend = make()

    def together() -> None:
        start = threading.Barrier(4)

        def one(mailbox: str) -> None:
            start.wait()
            assert isinstance(ask(backend, mailbox)[mailbox], Schedule)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, [ANA, BEN, ANA, BEN]))

    cloud.delay = 0.05
    together()
    assert cloud.calls.count("POST token") == 1
    cloud.tokens.clear()
    together()
    assert cloud.calls.count("POST token") == 2
