"""The Graph backend and msal, with a server that implements Entra's and Graph's endpoints over TLS."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from mailhooks.availability.backends.graph.backend import GraphBackend
from mailhooks.availability.errors import GenerationFailed, MailboxNotFound, NoAccess, ServerBusy
from mailhooks.availability.model import Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType, Week
from tests.support.backends import DAY, ask
from tests.support.servers.graph import CLIENT, SECRET, MicrosoftCloud, User, busy, graph_error

ANA, BEN, CEM = "ana@example.com", "ben@example.com", "cem@example.com"

Make = Callable[..., GraphBackend]


def events(found: dict[str, Result], mailbox: str) -> Sequence[CalendarEvent]:
    schedule = found[mailbox]
    assert isinstance(schedule, Schedule)
    return schedule.events


def test_events_are_in_utc_with_their_details(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    shown = busy("2026-05-04T09:00:00", "2026-05-04T10:30:00", subject="Budget", location="Room 1", isPrivate=False)
    microsoft.users[ANA] = User({"scheduleItems": [shown, busy("2026-05-05T09:00:00", "2026-05-05T10:00:00", "tentative")]})

    found = ask(make_graph(), ANA, BEN)

    details = Details("Budget", "Room 1", InstanceType.SINGLE_INSTANCE, is_meeting=False, is_reminder_set=False, is_private=False)
    assert events(found, ANA) == (
        CalendarEvent(DAY.replace(hour=9), DAY.replace(hour=10, minute=30), BusyType.BUSY, details),
        CalendarEvent(DAY.replace(day=5, hour=9), DAY.replace(day=5, hour=10), BusyType.TENTATIVE),
    )
    assert events(found, BEN) == ()


def test_working_hours_have_ewss_sign(make_graph: Make) -> None:
    schedule = ask(make_graph(), ANA)[ANA]
    assert isinstance(schedule, Schedule)
    assert schedule.working_hours
    zone = schedule.working_hours.timezone
    assert (zone.name, zone.bias) == ("Pacific Standard Time", 480)
    assert zone.standard_time
    assert zone.standard_time.week is Week.FIRST
    assert [(period.start_minutes, period.end_minutes) for period in schedule.working_hours.working_periods] == [(480, 1020)]


def test_the_first_look_up_takes_three_requests_and_the_next_one(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    backend = make_graph()
    ask(backend, ANA)
    assert microsoft.calls == ["GET openid-configuration", "POST token", f"POST {ANA}"]
    ask(backend, BEN)
    assert microsoft.calls[3:] == [f"POST {BEN}"]


def test_the_region_of_azure_is_not_requested(microsoft: MicrosoftCloud, make_graph: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSAL_FORCE_REGION", "westus2")
    assert isinstance(ask(make_graph(), ANA)[ANA], Schedule)
    assert microsoft.calls == ["GET openid-configuration", "POST token", f"POST {ANA}"]


def test_creating_a_backend_sends_no_request(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    make_graph()
    assert microsoft.calls == []


def test_a_request_follows_the_reference(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    ask(make_graph(), ANA, BEN, window=Window(DAY, DAY + timedelta(hours=1, microseconds=1)))
    assert microsoft.requests == [
        {
            "schedules": [ANA, BEN],
            "startTime": {"dateTime": "2026-05-04T00:00:00", "timeZone": "UTC"},
            "endTime": {"dateTime": "2026-05-04T01:00:01", "timeZone": "UTC"},
            "availabilityViewInterval": 30,
        }
    ]
    assert microsoft.forms == [
        {
            "grant_type": "client_credentials",
            "scope": f"{microsoft.url}/.default",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "client_info": "1",
        }
    ]


def test_a_window_shorter_than_a_slot_is_widened(make_graph: Make) -> None:
    assert isinstance(ask(make_graph(), ANA, window=Window(DAY, DAY + timedelta(minutes=1)))[ANA], Schedule)


def test_an_unknown_mailbox_does_not_affect_the_others(make_graph: Make) -> None:
    found = ask(make_graph(), ANA, "unknown@example.com")
    assert isinstance(found[ANA], Schedule)
    assert isinstance(found["unknown@example.com"], MailboxNotFound)


def test_a_mailbox_is_found_in_any_case(make_graph: Make) -> None:
    assert isinstance(ask(make_graph(), "Ana@Example.com", BEN)["Ana@Example.com"], Schedule)


# The user in the path


def test_the_next_user_is_tried_after_an_unknown_one(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    found = ask(make_graph(), "unknown@example.com", ANA)
    assert isinstance(found["unknown@example.com"], MailboxNotFound)
    assert isinstance(found[ANA], Schedule)
    assert microsoft.calls[2:] == ["POST unknown@example.com", f"POST {ANA}"]


def test_mailboxes_are_not_found_if_none_is_a_user(make_graph: Make) -> None:
    found = ask(make_graph(), "unknown@example.com", "noone@example.com")
    assert [type(result) for result in found.values()] == [MailboxNotFound, MailboxNotFound]


def test_an_address_that_is_not_a_user_is_found_through_another_user(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users[ANA] = User(addresses=("ana.lee@example.com",))
    backend = make_graph()
    assert isinstance(ask(backend, "ana.lee@example.com", BEN)["ana.lee@example.com"], Schedule)
    # The accepted user is tried first in the next request.
    assert isinstance(ask(backend, "ana.lee@example.com")["ana.lee@example.com"], Schedule)
    assert microsoft.calls[-2:] == ["POST ana.lee@example.com", f"POST {BEN}"]


def test_an_accepted_user_that_was_deleted_is_not_tried_again(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    backend = make_graph()
    ask(backend, BEN)
    del microsoft.users[BEN]
    ask(backend, "unknown@example.com")
    ask(backend, "unknown@example.com")
    assert microsoft.calls[3:] == ["POST unknown@example.com", f"POST {BEN}", "POST unknown@example.com"]


def test_all_requests_have_the_configured_user_in_the_path(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users["free-busy@example.com"] = User()
    microsoft.users[ANA] = User(addresses=("ana.lee@example.com",))
    backend = make_graph(user="free-busy@example.com")
    assert isinstance(ask(backend, "ana.lee@example.com")["ana.lee@example.com"], Schedule)
    assert microsoft.calls[2:] == ["POST free-busy@example.com"]


def test_a_wrong_configured_user_is_a_failure_of_the_request(make_graph: Make) -> None:
    with pytest.raises(GenerationFailed, match="the configured `user`") as raised:
        ask(make_graph(user="free-busy@example.com"), ANA)
    assert type(raised.value) is GenerationFailed


def test_a_mailbox_on_premises_is_found_through_one_in_the_cloud(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users[ANA] = User(reachable=False)
    assert isinstance(ask(make_graph(), ANA, BEN)[ANA], Schedule)


def test_the_next_user_is_tried_after_a_hidden_one(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users[ANA] = User(hidden=True)
    assert isinstance(ask(make_graph(), ANA, BEN)[BEN], Schedule)


def test_each_rejected_user_has_its_own_failure(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users = {ANA: User(hidden=True)}
    found = ask(make_graph(), ANA, "unknown@example.com")
    assert [type(result) for result in found.values()] == [NoAccess, MailboxNotFound]


def test_after_three_hidden_users_the_permission_is_missing(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    mailboxes = [f"m{number}@example.com" for number in range(9)]
    microsoft.users = dict.fromkeys(mailboxes, User(hidden=True))
    found = ask(make_graph(), *mailboxes)
    assert {type(found[mailbox]) for mailbox in mailboxes} == {NoAccess}
    assert len(microsoft.calls) == 2 + 3


def test_the_user_is_quoted_in_the_path(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    name = "ana_gmail.com#EXT#@example.com"
    microsoft.users[name] = User()
    assert isinstance(ask(make_graph(), name)[name], Schedule)


# Requests that are too large


def test_a_request_with_too_many_mailboxes_is_split_in_halves(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    mailboxes = [f"m{number}@example.com" for number in range(7)]
    microsoft.users = {name: User({"scheduleItems": [busy("2026-05-04T09:00:00", "2026-05-04T10:00:00")]}) for name in mailboxes}
    microsoft.max_mailboxes = 2
    found = ask(make_graph(maxMailboxes=100), *mailboxes)
    assert [len(events(found, mailbox)) for mailbox in mailboxes] == [1] * 7
    assert {len(request["schedules"]) for request in microsoft.requests} == {7, 4, 3, 2, 1}


def test_one_mailbox_that_counts_as_too_many_is_a_failure(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.max_mailboxes = 0
    with pytest.raises(GenerationFailed):
        ask(make_graph(), ANA)


def test_a_failure_of_one_half_does_not_affect_the_other(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.max_mailboxes = 1
    backend = make_graph()
    ask(backend, ANA)
    microsoft.graph_faults = [graph_error(400, "ErrorMailboxDataArrayTooBig"), graph_error(503, "serviceNotAvailable")]
    found = ask(backend, ANA, BEN)
    assert isinstance(found[ANA], ServerBusy)
    assert isinstance(found[BEN], Schedule)


def test_only_the_window_of_a_crowded_calendar_is_split(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    over_the_middle = busy("2026-05-07T06:00:00", "2026-05-07T18:00:00")
    microsoft.users[ANA] = User({"scheduleItems": [over_the_middle]})
    microsoft.crowded = {ANA: timedelta(days=4)}
    found = ask(make_graph(), ANA, BEN)
    assert len(events(found, ANA)) == 1
    schedule = found[ANA]
    assert isinstance(schedule, Schedule)
    assert schedule.working_hours
    assert [request["schedules"] for request in microsoft.requests] == [[ANA, BEN], [ANA], [ANA]]
    assert [request["startTime"]["dateTime"][:13] for request in microsoft.requests] == ["2026-05-04T00", "2026-05-04T00", "2026-05-07T12"]


def test_the_number_of_requests_for_a_crowded_calendar_is_limited(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.crowded = {ANA: timedelta(hours=1)}
    assert isinstance(ask(make_graph(), ANA)[ANA], GenerationFailed)
    assert len(microsoft.requests) == 4


def test_a_window_that_is_too_long_is_split(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.max_days = 42
    microsoft.users[ANA] = User({"scheduleItems": [busy("2026-06-20T09:00:00", "2026-06-20T10:00:00")]})
    found = ask(make_graph(), ANA, window=Window(DAY, DAY + timedelta(days=61)))
    assert len(events(found, ANA)) == 1


def test_the_limits_are_the_documented_ones(make_graph: Make) -> None:
    limits = make_graph().limits
    assert (limits.mailboxes, limits.span, limits.at_once) == (20, timedelta(days=61), 4)
    assert make_graph(maxMailboxes=100).limits.mailboxes == 100
