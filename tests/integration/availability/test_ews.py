"""The EWS backend with an EWS server: its requests and the results of the responses."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from mailhooks.availability.backends.ews.backend import EwsBackend
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess, ServerBusy
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, DayOfWeek, Details, InstanceType, WorkingPeriod
from mailhooks.contract.schema import check
from mailhooks.deadline import Deadline
from tests.support.backends import DAY, WINDOW
from tests.support.servers.ews import (
    OFFICE_HOURS,
    EwsServer,
    Reply,
    answer,
    calendar,
    error,
    event,
    ews_backend,
    t,
)


def schedule(exchange: EwsServer, response: str, **config: Any) -> Schedule:
    exchange.mailboxes["ben@example.org"] = response
    found = ews_backend(exchange.endpoint, **config).look_up(["ben@example.org"], WINDOW, Deadline.after(5))["ben@example.org"]
    assert isinstance(found, Schedule), found
    return found


def test_a_look_up_is_one_request_in_utc_with_all_details(exchange: EwsServer) -> None:
    ews_backend(exchange.endpoint).look_up(["ben@example.org", "cleo@example.org"], WINDOW, Deadline.after(5))
    (asked,) = exchange.requests
    assert asked.operation == "GetUserAvailabilityRequest"
    assert asked.action == '"http://schemas.microsoft.com/exchange/services/2006/messages/GetUserAvailability"'
    assert asked.mailboxes == ("ben@example.org", "cleo@example.org")
    assert asked.zone == ("0", "0", "0")
    assert asked.window == ("2026-05-04T00:00:00Z", "2026-05-05T00:00:00Z")
    assert asked.view == "Detailed"
    assert asked.version == "Exchange2010"
    assert asked.impersonated is None
    assert "TimeZoneContext" not in asked.text
    assert asked.headers["authorization"] == "Basic c3ZjOnB3"
    assert asked.headers["user-agent"] == "workmail-hooks"


def test_a_second_look_up_uses_the_same_connection(exchange: EwsServer) -> None:
    ews = ews_backend(exchange.endpoint)
    for _ in range(3):
        ews.look_up(["ben@example.org"], WINDOW, Deadline.after(5))
    assert len(exchange.requests) == 3
    assert len({asked.connection for asked in exchange.requests}) == 1


def test_the_requested_window_is_widened_to_whole_seconds(exchange: EwsServer) -> None:
    window = Window(DAY + timedelta(milliseconds=1), DAY + timedelta(hours=1, milliseconds=1))
    ews_backend(exchange.endpoint).look_up(["ben@example.org"], window, Deadline.after(5))
    assert exchange.requests[0].window == ("2026-05-04T00:00:00Z", "2026-05-04T01:00:01Z")


def test_creating_a_backend_sends_no_request() -> None:
    for auth in (
        {"type": "ntlm", "username": "CORP\\svc", "password": "pw"},
        {"type": "oauth", "tokenUrl": "https://127.0.0.1:1/token", "clientId": "c", "clientSecret": "s"},
    ):
        ews = EwsBackend({"type": "ews", "url": "https://127.0.0.1:1/EWS/Exchange.asmx", "auth": auth})
        assert (ews.limits.mailboxes, ews.limits.span, ews.limits.at_once) == (100, timedelta(days=42), 4)


def test_a_valid_configuration_creates_a_backend() -> None:
    oauth = {"type": "oauth", "tokenUrl": "https://login.example.org/token", "clientId": "c", "clientSecret": "s", "scope": "x/.default"}
    config = {"type": "ews", "url": "https://mail.example.org", "workingElsewhere": "BUSY", "auth": oauth}
    check("availability-config", {"backends": {"hq": config}, "routes": [{"mailboxes": ["example.org"], "backend": "hq"}]})
    assert isinstance(EwsBackend(config), EwsBackend)


def test_an_event_has_all_details_of_the_response(exchange: EwsServer) -> None:
    elements = [
        t("ID", "0000"),
        t("Subject", "Budget &amp; plans"),
        t("Location", "Room 1"),
        t("IsMeeting", "true"),
        t("IsRecurring", "true"),
        t("IsException", "false"),
        t("IsReminderSet", "true"),
        t("IsPrivate", "false"),
    ]
    found = schedule(
        exchange, calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", details="".join(elements)), hours=OFFICE_HOURS)
    )
    details = Details("Budget & plans", "Room 1", InstanceType.RECURRING_INSTANCE, is_meeting=True, is_reminder_set=True, is_private=False)
    assert found.events == (CalendarEvent(DAY + timedelta(hours=9), DAY + timedelta(hours=10), BusyType.BUSY, details),)
    assert found.working_hours is not None
    assert found.working_hours.timezone.bias == -60
    days = DayOfWeek.MON, DayOfWeek.TUE, DayOfWeek.WED, DayOfWeek.THU, DayOfWeek.FRI
    assert found.working_hours.working_periods == (WorkingPeriod(480, 1020, days),)


def test_an_empty_calendar_has_no_events(exchange: EwsServer) -> None:
    assert schedule(exchange, calendar(kind="FreeBusy")) == Schedule()


def test_events_are_neither_sorted_nor_cut(exchange: EwsServer) -> None:
    late, early = event("2026-05-06T09:00:00Z", "2026-05-06T10:00:00Z"), event("2026-05-01T09:00:00Z", "2026-05-04T01:00:00Z")
    assert [found.start_time.day for found in schedule(exchange, calendar(late, early)).events] == [6, 1]


def test_the_busy_type_of_working_elsewhere_is_configurable(exchange: EwsServer) -> None:
    response = calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", "WorkingElsewhere"))
    assert schedule(exchange, response).events[0].busy_type is BusyType.FREE
    assert schedule(exchange, response, workingElsewhere="BUSY").events[0].busy_type is BusyType.BUSY


def test_each_mailbox_has_its_own_result(exchange: EwsServer) -> None:
    exchange.mailboxes = {
        "ben@example.org": calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z")),
        "cleo@example.org": error("ErrorNoFreeBusyAccess"),
        "dan@example.org": calendar(),
    }
    found = ews_backend(exchange.endpoint).look_up(
        ["Ben@example.org", "cleo@example.org", "eve@example.org", "dan@example.org"], WINDOW, Deadline.after(5)
    )
    kinds = [type(result) for result in found.values()]
    assert list(found) == ["Ben@example.org", "cleo@example.org", "eve@example.org", "dan@example.org"]
    assert kinds == [Schedule, NoAccess, MailboxNotFound, Schedule]
    assert len(exchange.requests) == 1


def test_one_address_that_fails_the_request_is_isolated(exchange: EwsServer) -> None:
    people = [f"person{number}@example.org" for number in range(100)]
    exchange.mailboxes = {person: calendar() for person in people}
    exchange.refuse = lambda asked: "ErrorInvalidSmtpAddress" if people[37] in asked.mailboxes else None
    found = ews_backend(exchange.endpoint).look_up(people, WINDOW, Deadline.after(10))
    assert isinstance(found[people[37]], MailboxNotFound)
    assert [person for person in people if not isinstance(found[person], Schedule)] == [people[37]]
    assert len(exchange.requests) <= 15


def test_a_request_with_too_many_mailboxes_is_split(exchange: EwsServer) -> None:
    people = [f"person{number}@example.org" for number in range(100)]
    exchange.mailboxes = {person: calendar() for person in people}
    exchange.refuse = lambda asked: "ErrorMailboxDataArrayTooBig" if len(asked.mailboxes) > 30 else None
    found = ews_backend(exchange.endpoint).look_up(people, WINDOW, Deadline.after(10))
    assert all(found[person] == Schedule() for person in people)
    assert len(exchange.requests) == 7


def test_the_number_of_requests_is_limited(exchange: EwsServer) -> None:
    people = [f"person{number}@example.org" for number in range(100)]
    exchange.refuse = lambda asked: "ErrorSchemaValidation"
    found = ews_backend(exchange.endpoint).look_up(people, WINDOW, Deadline.after(10))
    assert all(isinstance(found[person], GenerationFailed) for person in people)
    assert len(exchange.requests) <= 32


def test_a_request_to_a_busy_server_is_not_split(exchange: EwsServer) -> None:
    exchange.refuse = lambda asked: "ErrorServerBusy"
    found = ews_backend(exchange.endpoint).look_up(["ben@example.org", "cleo@example.org"], WINDOW, Deadline.after(5))
    assert [type(result) for result in found.values()] == [ServerBusy, ServerBusy]
    assert len(exchange.requests) == 1


def test_a_response_with_missing_results_is_not_assigned_by_position(exchange: EwsServer) -> None:
    """The server omits an unknown mailbox, so that the positions of all following results change."""
    people = [f"person{number}@example.org" for number in range(6)]
    gone = people[2]
    exchange.mailboxes = {
        person: calendar(event(f"2026-05-04T0{number}:00:00Z", "2026-05-05T00:00:00Z")) for number, person in enumerate(people)
    }
    exchange.left_out = frozenset({gone})
    found = ews_backend(exchange.endpoint).look_up(people, WINDOW, Deadline.after(5))
    assert isinstance(found.pop(gone), GenerationFailed)
    for number in (0, 1, 3, 4, 5):
        result = found[f"person{number}@example.org"]
        assert isinstance(result, Schedule)
        assert result.events[0].start_time.hour == number


def test_a_response_with_additional_results_is_not_assigned(exchange: EwsServer) -> None:
    exchange.replies = [Reply(answer(calendar(), calendar()))]
    found = ews_backend(exchange.endpoint).look_up(["ben@example.org"], WINDOW, Deadline.after(5))
    assert isinstance(found["ben@example.org"], GenerationFailed)


@pytest.mark.parametrize("address", ["a" * 250 + "@example.org", "ben\x01@example.org", "be n@example.org", "ben\ud800@example.org", "\n"])
def test_an_invalid_address_does_not_affect_the_others(exchange: EwsServer, address: str) -> None:
    exchange.mailboxes["ben@example.org"] = calendar()
    found = ews_backend(exchange.endpoint).look_up([address, "ben@example.org"], WINDOW, Deadline.after(5))
    assert isinstance(found[address], MailboxNotFound)
    assert found["ben@example.org"] == Schedule()


def test_no_request_is_sent_for_invalid_addresses_only(exchange: EwsServer) -> None:
    assert isinstance(ews_backend(exchange.endpoint).look_up([""], WINDOW, Deadline.after(5))[""], MailboxNotFound)
    assert not exchange.requests


def test_addresses_are_escaped_in_xml(exchange: EwsServer) -> None:
    ews_backend(exchange.endpoint).look_up(["o'neil&<co>@example.org", "jürgen@example.org"], WINDOW, Deadline.after(5))
    assert exchange.requests[0].mailboxes == ("o'neil&<co>@example.org", "jürgen@example.org")


def test_look_ups_run_in_parallel(exchange: EwsServer) -> None:
    ews = ews_backend(exchange.endpoint)
    exchange.replies = [Reply(answer(calendar()), after_s=0.5) for _ in range(4)]
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ews.look_up(["ben@example.org"], WINDOW, Deadline.after(5)), range(4)))
    assert time.monotonic() - begun < 1.5
    assert all(result == {"ben@example.org": Schedule()} for result in found)
    assert len({asked.connection for asked in exchange.requests}) == 4


def test_each_thread_gets_its_own_response(exchange: EwsServer) -> None:
    people = [f"person{number}@example.org" for number in range(20)]
    exchange.mailboxes = {
        person: calendar(event(f"2026-05-04T{number:02}:00:00Z", "2026-05-05T00:00:00Z")) for number, person in enumerate(people)
    }
    ews = ews_backend(exchange.endpoint)
    wrong: list[tuple[str, object]] = []

    def ask(number: int) -> None:
        for _ in range(5):
            result = ews.look_up([people[number]], WINDOW, Deadline.after(10))[people[number]]
            if not (isinstance(result, Schedule) and result.events[0].start_time.hour == number):
                wrong.append((people[number], result))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_failure_quotes_neither_the_servers_text_nor_addresses(exchange: EwsServer) -> None:
    secret = "ben@example.org"
    exchange.mailboxes[secret] = error("ErrorMailboxLogonFailed", f"no logon for {secret}")
    exchange.mailboxes["cleo@example.org"] = error(f"Error for {secret}", f"no logon for {secret}")
    for result in (
        ews_backend(exchange.endpoint).look_up([secret, "cleo@example.org", "dan@example.org"], WINDOW, Deadline.after(5)).values()
    ):
        assert isinstance(result, LookupFailed)
        assert "@" not in str(result)
        assert "logon for" not in str(result)
