"""The Graph backend with real msal against a server that speaks Entra's and Graph's wire formats, over TLS."""

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

ANA, BEN, CEM = "ana@contoso.com", "ben@contoso.com", "cem@contoso.com"

Make = Callable[..., GraphBackend]


def events(found: dict[str, Result], mailbox: str) -> Sequence[CalendarEvent]:
    schedule = found[mailbox]
    assert isinstance(schedule, Schedule)
    return schedule.events


def test_free_busy_times_come_in_utc_with_what_the_owner_shows(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    shown = busy("2026-05-04T09:00:00", "2026-05-04T10:30:00", subject="Budget", location="Room 1", isPrivate=False)
    microsoft.users[ANA] = User({"scheduleItems": [shown, busy("2026-05-05T09:00:00", "2026-05-05T10:00:00", "tentative")]})

    found = ask(make_graph(), ANA, BEN)

    details = Details("Budget", "Room 1", InstanceType.SINGLE_INSTANCE, is_meeting=False, is_reminder_set=False, is_private=False)
    assert events(found, ANA) == (
        CalendarEvent(DAY.replace(hour=9), DAY.replace(hour=10, minute=30), BusyType.BUSY, details),
        CalendarEvent(DAY.replace(day=5, hour=9), DAY.replace(day=5, hour=10), BusyType.TENTATIVE),
    )
    assert events(found, BEN) == ()


def test_working_hours_come_with_their_zone_in_the_sign_of_ews(make_graph: Make) -> None:
    schedule = ask(make_graph(), ANA)[ANA]
    assert isinstance(schedule, Schedule)
    assert schedule.working_hours
    zone = schedule.working_hours.timezone
    assert (zone.name, zone.bias) == ("Pacific Standard Time", 480)
    assert zone.standard_time
    assert zone.standard_time.week is Week.FIRST
    assert [(period.start_minutes, period.end_minutes) for period in schedule.working_hours.working_periods] == [(480, 1020)]


def test_the_first_look_up_costs_three_calls_and_the_next_one(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    backend = make_graph()
    ask(backend, ANA)
    assert microsoft.calls == ["GET openid-configuration", "POST token", f"POST {ANA}"]
    ask(backend, BEN)
    assert microsoft.calls[3:] == [f"POST {BEN}"]


def test_no_region_of_azure_is_looked_for(microsoft: MicrosoftCloud, make_graph: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSAL_FORCE_REGION", "westus2")
    assert isinstance(ask(make_graph(), ANA)[ANA], Schedule)
    assert microsoft.calls == ["GET openid-configuration", "POST token", f"POST {ANA}"]


def test_making_a_backend_connects_to_nothing(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    make_graph()
    assert microsoft.calls == []


def test_a_request_is_what_the_reference_says(microsoft: MicrosoftCloud, make_graph: Make) -> None:
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


def test_a_window_shorter_than_a_slot_is_asked_for_as_one_slot(make_graph: Make) -> None:
    assert isinstance(ask(make_graph(), ANA, window=Window(DAY, DAY + timedelta(minutes=1)))[ANA], Schedule)


def test_a_mailbox_that_microsoft_does_not_know_is_not_found_and_the_others_are(make_graph: Make) -> None:
    found = ask(make_graph(), ANA, "nobody@contoso.com")
    assert isinstance(found[ANA], Schedule)
    assert isinstance(found["nobody@contoso.com"], MailboxNotFound)


def test_a_mailbox_is_found_in_whatever_case_it_is_asked_for(make_graph: Make) -> None:
    assert isinstance(ask(make_graph(), "Ana@Contoso.com", BEN)["Ana@Contoso.com"], Schedule)


# Whose calendar is asked: the name in the path.


def test_an_unknown_user_in_the_path_makes_room_for_the_next(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    found = ask(make_graph(), "nobody@contoso.com", ANA)
    assert isinstance(found["nobody@contoso.com"], MailboxNotFound)
    assert isinstance(found[ANA], Schedule)
    assert microsoft.calls[2:] == ["POST nobody@contoso.com", f"POST {ANA}"]


def test_nobody_is_found_where_no_address_is_a_user(make_graph: Make) -> None:
    found = ask(make_graph(), "nobody@contoso.com", "noone@contoso.com")
    assert [type(result) for result in found.values()] == [MailboxNotFound, MailboxNotFound]


def test_an_address_that_is_no_sign_in_name_is_found_through_somebody_else(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users[ANA] = User(addresses=("ana.lee@contoso.com",))
    backend = make_graph()
    assert isinstance(ask(backend, "ana.lee@contoso.com", BEN)["ana.lee@contoso.com"], Schedule)
    # From then on through the one that has worked.
    assert isinstance(ask(backend, "ana.lee@contoso.com")["ana.lee@contoso.com"], Schedule)
    assert microsoft.calls[-2:] == ["POST ana.lee@contoso.com", f"POST {BEN}"]


def test_a_user_that_has_worked_and_is_gone_is_forgotten(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    backend = make_graph()
    ask(backend, BEN)
    del microsoft.users[BEN]
    ask(backend, "nobody@contoso.com")
    ask(backend, "nobody@contoso.com")
    assert microsoft.calls[3:] == ["POST nobody@contoso.com", f"POST {BEN}", "POST nobody@contoso.com"]


def test_with_a_user_in_the_configuration_all_calls_are_made_to_theirs(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users["free-busy@contoso.com"] = User()
    microsoft.users[ANA] = User(addresses=("ana.lee@contoso.com",))
    backend = make_graph(user="free-busy@contoso.com")
    assert isinstance(ask(backend, "ana.lee@contoso.com")["ana.lee@contoso.com"], Schedule)
    assert microsoft.calls[2:] == ["POST free-busy@contoso.com"]


def test_a_wrong_user_in_the_configuration_does_not_make_everybody_unknown(make_graph: Make) -> None:
    with pytest.raises(GenerationFailed, match="the configured `user`") as raised:
        ask(make_graph(user="free-busy@contoso.com"), ANA)
    assert type(raised.value) is GenerationFailed


def test_a_mailbox_on_premises_is_found_through_one_in_the_cloud(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users[ANA] = User(reachable=False)
    assert isinstance(ask(make_graph(), ANA, BEN)[ANA], Schedule)


def test_a_user_that_an_access_policy_hides_makes_room_for_the_next(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users[ANA] = User(hidden=True)
    assert isinstance(ask(make_graph(), ANA, BEN)[BEN], Schedule)


def test_where_no_user_can_be_addressed_each_has_a_reason_of_their_own(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users = {ANA: User(hidden=True)}
    found = ask(make_graph(), ANA, "nobody@contoso.com")
    assert [type(result) for result in found.values()] == [NoAccess, MailboxNotFound]


def test_after_three_refused_users_the_permission_is_taken_to_be_missing(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    mailboxes = [f"m{number}@contoso.com" for number in range(9)]
    microsoft.users = dict.fromkeys(mailboxes, User(hidden=True))
    found = ask(make_graph(), *mailboxes)
    assert {type(found[mailbox]) for mailbox in mailboxes} == {NoAccess}
    assert len(microsoft.calls) == 2 + 3


def test_a_name_with_signs_of_its_own_in_an_address_stays_one_name(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    name = "ana_gmail.com#EXT#@contoso.com"
    microsoft.users[name] = User()
    assert isinstance(ask(make_graph(), name)[name], Schedule)


# What is too much for one call.


def test_too_many_mailboxes_are_asked_for_in_halves(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    mailboxes = [f"m{number}@contoso.com" for number in range(7)]
    microsoft.users = {name: User({"scheduleItems": [busy("2026-05-04T09:00:00", "2026-05-04T10:00:00")]}) for name in mailboxes}
    microsoft.max_mailboxes = 2
    found = ask(make_graph(maxMailboxes=100), *mailboxes)
    assert [len(events(found, mailbox)) for mailbox in mailboxes] == [1] * 7
    assert {len(request["schedules"]) for request in microsoft.requests} == {7, 4, 3, 2, 1}


def test_one_mailbox_that_is_too_many_fails(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.max_mailboxes = 0
    with pytest.raises(GenerationFailed):
        ask(make_graph(), ANA)


def test_a_half_that_fails_leaves_the_other_as_it_is(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.max_mailboxes = 1
    backend = make_graph()
    ask(backend, ANA)
    microsoft.graph_faults = [graph_error(400, "ErrorMailboxDataArrayTooBig"), graph_error(503, "serviceNotAvailable")]
    found = ask(backend, ANA, BEN)
    assert isinstance(found[ANA], ServerBusy)
    assert isinstance(found[BEN], Schedule)


def test_a_crowded_calendar_is_asked_for_in_shorter_windows_and_the_others_once(microsoft: MicrosoftCloud, make_graph: Make) -> None:
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


def test_a_calendar_that_is_crowded_day_by_day_fails_without_trying_every_day(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.crowded = {ANA: timedelta(hours=1)}
    assert isinstance(ask(make_graph(), ANA)[ANA], GenerationFailed)
    assert len(microsoft.requests) == 4


def test_a_window_that_is_too_long_is_asked_for_in_halves(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.max_days = 42
    microsoft.users[ANA] = User({"scheduleItems": [busy("2026-06-20T09:00:00", "2026-06-20T10:00:00")]})
    found = ask(make_graph(), ANA, window=Window(DAY, DAY + timedelta(days=61)))
    assert len(events(found, ANA)) == 1


def test_the_limits_are_those_that_microsoft_promises(make_graph: Make) -> None:
    limits = make_graph().limits
    assert (limits.mailboxes, limits.span, limits.at_once) == (20, timedelta(days=61), 4)
    assert make_graph(maxMailboxes=100).limits.mailboxes == 100
