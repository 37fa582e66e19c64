"""The EWS backend against a server that speaks EWS: what goes over the wire, and what is made of the answer."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailhooks.availability.backends.ews.backend import EwsBackend
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess, ServerBusy
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, DayOfWeek, Details, InstanceType, WorkingPeriod
from mailhooks.contract.schema import check
from mailhooks.deadline import Deadline
from tests.support.servers.ews import OFFICE_HOURS, EwsServer, Reply, answer, calendar, error, event, t

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))


@pytest.fixture
def server() -> Iterator[EwsServer]:
    with EwsServer() as running:
        yield running


def backend(server: EwsServer, **config: Any) -> EwsBackend:
    return EwsBackend.from_config(
        {"type": "ews", "url": server.url, "auth": {"type": "basic", "username": "svc", "password": "pw"}, **config}
    )


def schedule(server: EwsServer, response: str, **config: Any) -> Schedule:
    server.mailboxes["ben@example.org"] = response
    found = backend(server, **config).look_up(["ben@example.org"], WINDOW, Deadline.after(5))["ben@example.org"]
    assert isinstance(found, Schedule), found
    return found


def test_a_look_up_is_one_request_in_utc_for_all_that_the_account_may_see(server: EwsServer) -> None:
    backend(server).look_up(["ben@example.org", "cleo@example.org"], WINDOW, Deadline.after(5))
    (asked,) = server.asked
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


def test_a_second_look_up_uses_the_same_connection(server: EwsServer) -> None:
    ews = backend(server)
    for _ in range(3):
        ews.look_up(["ben@example.org"], WINDOW, Deadline.after(5))
    assert len(server.asked) == 3
    assert len({asked.connection for asked in server.asked}) == 1


def test_parts_of_seconds_widen_the_window(server: EwsServer) -> None:
    window = Window(DAY + timedelta(milliseconds=1), DAY + timedelta(hours=1, milliseconds=1))
    backend(server).look_up(["ben@example.org"], window, Deadline.after(5))
    assert server.asked[0].window == ("2026-05-04T00:00:00Z", "2026-05-04T01:00:01Z")


def test_making_a_backend_connects_to_nothing() -> None:
    for auth in (
        {"type": "ntlm", "username": "CORP\\svc", "password": "pw"},
        {"type": "oauth", "tokenUrl": "https://127.0.0.1:1/token", "clientId": "c", "clientSecret": "s"},
    ):
        ews = EwsBackend.from_config({"type": "ews", "url": "https://127.0.0.1:1/EWS/Exchange.asmx", "auth": auth})
        assert (ews.limits.mailboxes, ews.limits.span, ews.limits.at_once) == (100, timedelta(days=42), 4)


def test_what_the_schema_takes_makes_a_backend() -> None:
    oauth = {"type": "oauth", "tokenUrl": "https://login.example.org/token", "clientId": "c", "clientSecret": "s", "scope": "x/.default"}
    config = {"type": "ews", "url": "https://mail.example.org", "workingElsewhere": "BUSY", "auth": oauth}
    check("availability-config", {"backends": {"hq": config}, "routes": [{"mailboxes": ["example.org"], "backend": "hq"}]})
    assert isinstance(EwsBackend.from_config(config), EwsBackend)


def test_an_event_comes_with_all_that_the_server_tells(server: EwsServer) -> None:
    told = [
        t("ID", "0000"),
        t("Subject", "Budget &amp; plans"),
        t("Location", "Room 1"),
        t("IsMeeting", "true"),
        t("IsRecurring", "true"),
        t("IsException", "false"),
        t("IsReminderSet", "true"),
        t("IsPrivate", "false"),
    ]
    found = schedule(server, calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", details="".join(told)), hours=OFFICE_HOURS))
    details = Details("Budget & plans", "Room 1", InstanceType.RECURRING_INSTANCE, is_meeting=True, is_reminder_set=True, is_private=False)
    assert found.events == (CalendarEvent(DAY + timedelta(hours=9), DAY + timedelta(hours=10), BusyType.BUSY, details),)
    assert found.working_hours is not None
    assert found.working_hours.timezone.bias == -60
    days = DayOfWeek.MON, DayOfWeek.TUE, DayOfWeek.WED, DayOfWeek.THU, DayOfWeek.FRI
    assert found.working_hours.working_periods == (WorkingPeriod(480, 1020, days),)


def test_an_empty_calendar_is_one_without_events(server: EwsServer) -> None:
    assert schedule(server, calendar(kind="FreeBusy")) == Schedule()


def test_events_are_neither_sorted_nor_cut(server: EwsServer) -> None:
    late, early = event("2026-05-06T09:00:00Z", "2026-05-06T10:00:00Z"), event("2026-05-01T09:00:00Z", "2026-05-04T01:00:00Z")
    assert [found.start_time.day for found in schedule(server, calendar(late, early)).events] == [6, 1]


def test_working_elsewhere_is_as_configured(server: EwsServer) -> None:
    response = calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", "WorkingElsewhere"))
    assert schedule(server, response).events[0].busy_type is BusyType.FREE
    assert schedule(server, response, workingElsewhere="BUSY").events[0].busy_type is BusyType.BUSY


def test_each_mailbox_has_its_own_answer(server: EwsServer) -> None:
    server.mailboxes = {
        "ben@example.org": calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z")),
        "cleo@example.org": error("ErrorNoFreeBusyAccess"),
        "dan@example.org": calendar(),
    }
    found = backend(server).look_up(
        ["Ben@example.org", "cleo@example.org", "eve@example.org", "dan@example.org"], WINDOW, Deadline.after(5)
    )
    kinds = [type(result) for result in found.values()]
    assert list(found) == ["Ben@example.org", "cleo@example.org", "eve@example.org", "dan@example.org"]
    assert kinds == [Schedule, NoAccess, MailboxNotFound, Schedule]
    assert len(server.asked) == 1


def test_one_address_that_spoils_the_request_is_singled_out(server: EwsServer) -> None:
    people = [f"person{number}@example.org" for number in range(100)]
    server.mailboxes = {person: calendar() for person in people}
    server.refuse = lambda asked: "ErrorInvalidSmtpAddress" if people[37] in asked.mailboxes else None
    found = backend(server).look_up(people, WINDOW, Deadline.after(10))
    assert isinstance(found[people[37]], MailboxNotFound)
    assert [person for person in people if not isinstance(found[person], Schedule)] == [people[37]]
    assert len(server.asked) <= 15


def test_a_server_with_a_smaller_limit_is_asked_for_fewer(server: EwsServer) -> None:
    people = [f"person{number}@example.org" for number in range(100)]
    server.mailboxes = {person: calendar() for person in people}
    server.refuse = lambda asked: "ErrorMailboxDataArrayTooBig" if len(asked.mailboxes) > 30 else None
    found = backend(server).look_up(people, WINDOW, Deadline.after(10))
    assert all(found[person] == Schedule() for person in people)
    assert len(server.asked) == 7


def test_a_server_that_refuses_everything_is_not_asked_without_end(server: EwsServer) -> None:
    people = [f"person{number}@example.org" for number in range(100)]
    server.refuse = lambda asked: "ErrorSchemaValidation"
    found = backend(server).look_up(people, WINDOW, Deadline.after(10))
    assert all(isinstance(found[person], GenerationFailed) for person in people)
    assert len(server.asked) <= 32


def test_a_busy_server_is_not_asked_again_in_halves(server: EwsServer) -> None:
    server.refuse = lambda asked: "ErrorServerBusy"
    found = backend(server).look_up(["ben@example.org", "cleo@example.org"], WINDOW, Deadline.after(5))
    assert [type(result) for result in found.values()] == [ServerBusy, ServerBusy]
    assert len(server.asked) == 1


def test_answers_for_too_few_never_go_to_the_wrong_mailbox(server: EwsServer) -> None:
    """A server that leaves out whom it does not know: the rest would move up by one."""
    people = [f"person{number}@example.org" for number in range(6)]
    gone = people[2]
    server.mailboxes = {
        person: calendar(event(f"2026-05-04T0{number}:00:00Z", "2026-05-05T00:00:00Z")) for number, person in enumerate(people)
    }
    server.left_out = frozenset({gone})
    found = backend(server).look_up(people, WINDOW, Deadline.after(5))
    assert isinstance(found.pop(gone), GenerationFailed)
    for number in (0, 1, 3, 4, 5):
        result = found[f"person{number}@example.org"]
        assert isinstance(result, Schedule)
        assert result.events[0].start_time.hour == number


def test_answers_for_too_many_are_nobodys(server: EwsServer) -> None:
    server.replies = [Reply(answer(calendar(), calendar()))]
    found = backend(server).look_up(["ben@example.org"], WINDOW, Deadline.after(5))
    assert isinstance(found["ben@example.org"], GenerationFailed)


@pytest.mark.parametrize("address", ["a" * 250 + "@example.org", "ben\x01@example.org", "be n@example.org", "ben\ud800@example.org", "\n"])
def test_what_cannot_be_asked_for_does_not_spoil_the_rest(server: EwsServer, address: str) -> None:
    server.mailboxes["ben@example.org"] = calendar()
    found = backend(server).look_up([address, "ben@example.org"], WINDOW, Deadline.after(5))
    assert isinstance(found[address], MailboxNotFound)
    assert found["ben@example.org"] == Schedule()


def test_where_nothing_can_be_asked_for_nobody_is_asked(server: EwsServer) -> None:
    assert isinstance(backend(server).look_up([""], WINDOW, Deadline.after(5))[""], MailboxNotFound)
    assert not server.asked


def test_an_address_with_marks_of_xml_is_asked_for_as_it_is(server: EwsServer) -> None:
    backend(server).look_up(["o'neil&<co>@example.org", "jürgen@example.org"], WINDOW, Deadline.after(5))
    assert server.asked[0].mailboxes == ("o'neil&<co>@example.org", "jürgen@example.org")


def test_look_ups_go_on_side_by_side(server: EwsServer) -> None:
    ews = backend(server)
    server.replies = [Reply(answer(calendar()), after_s=0.5) for _ in range(4)]
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ews.look_up(["ben@example.org"], WINDOW, Deadline.after(5)), range(4)))
    assert time.monotonic() - begun < 1.5
    assert all(result == {"ben@example.org": Schedule()} for result in found)
    assert len({asked.connection for asked in server.asked}) == 4


def test_many_threads_get_each_its_own_answer(server: EwsServer) -> None:
    people = [f"person{number}@example.org" for number in range(20)]
    server.mailboxes = {
        person: calendar(event(f"2026-05-04T{number:02}:00:00Z", "2026-05-05T00:00:00Z")) for number, person in enumerate(people)
    }
    ews = backend(server)
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


def test_a_failure_says_nothing_of_the_server_s_text_or_of_addresses(server: EwsServer) -> None:
    secret = "ben@example.org"
    server.mailboxes[secret] = error("ErrorMailboxLogonFailed", f"no logon for {secret}")
    server.mailboxes["cleo@example.org"] = error(f"Error for {secret}", f"no logon for {secret}")
    for result in backend(server).look_up([secret, "cleo@example.org", "dan@example.org"], WINDOW, Deadline.after(5)).values():
        assert isinstance(result, LookupFailed)
        assert "@" not in str(result)
        assert "logon for" not in str(result)
