"""The keeper with the EWS of the local WorkMail and moto's DynamoDB, over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailhooks.availability.backends.workmail import connect
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, ServiceFailed
from mailhooks.push.config import WantedSubscription
from mailhooks.push.ews_subscriber import Busy, EwsSubscriber, SubscriptionRefused
from mailhooks.push.keeper import Keeper, Result
from mailhooks.push.subscription_table import State, Subscription, SubscriptionTable
from tests.support.push_tables import subscriptions_table
from workmail_local.ews.subscriptions import SubscriptionState
from workmail_local.workmail import LocalWorkMail

ANA, BEN, CEM = (f"{name}@example.com" for name in ("ana", "ben", "cem"))
ROLE = "role-1"
CONFIGURATION = """
organization = { domains = ["example.com"] }
users = [{ address = "ana@example.com" }, { address = "ben@example.com" }, { address = "cem@example.com" }]
"""
MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"
MINUTE = 60


def wanted(mailbox: str = ANA, name: str = "arrivals", **settings: Any) -> WantedSubscription:
    return WantedSubscription(
        **{"folders": ("inbox",), "events": ("NewMail",), "status_minutes": 60, **settings}, mailbox=mailbox, name=name
    )


@dataclass
class Kept:
    """The keeper of a test.

    Attributes:
        now: the keeper's time, in seconds since 1970.
        pauses: its waits, which need no time.
    """

    wm: LocalWorkMail
    table: SubscriptionTable
    role: str = ROLE
    now: int = 1_800_000_000
    pauses: list[float] = field(default_factory=list)
    url: str = "http://127.0.0.1:1"

    def keep(self, *subscriptions: WantedSubscription, seconds: float = 60, table: Any = None) -> Result:
        """Run a keeper with these subscriptions in its configuration."""
        connection = connect(self.wm.organization.id, self.role, region="us-east-1", url=self.wm.ews_url)
        keeper = Keeper(
            table or self.table,
            EwsSubscriber(connection),
            lambda mailbox, name: f"{self.url}/{mailbox}/{name}",
            clock=lambda: self.now,
            wait=self.pauses.append,
        )
        return keeper.run(subscriptions, Deadline.after(seconds))

    def recorded(self) -> list[Subscription]:
        return sorted(self.table.list_all(Deadline.after(20)), key=lambda each: (each.mailbox, each.name, each.made_at))

    def at_workmail(self, mailbox: str) -> list[SubscriptionState]:
        return [each for each in self.wm.ews.subscriptions.list_states() if each.mailbox == mailbox]


@pytest.fixture
def kept(wm: LocalWorkMail) -> Iterator[Kept]:
    wm.reset(CONFIGURATION)
    _ = wm.mail_server
    wm.organization.impersonation_roles.add(ROLE)
    with subscriptions_table(wm) as name:
        yield Kept(wm, SubscriptionTable(name))


def test_each_configured_subscription_is_made_and_recorded(kept: Kept) -> None:
    result = kept.keep(
        wanted(),
        wanted(name="all", folders=(), events=("Created", "Deleted"), status_minutes=5),
        wanted(BEN, folders=("inbox", "junkemail")),
    )
    assert (result.made, result.live, result.failures) == (3, 3, [])
    everything, arrivals = sorted(kept.at_workmail(ANA), key=lambda each: each.request.url)
    assert (everything.request.url, arrivals.request.url) == (f"{kept.url}/{ANA}/all", f"{kept.url}/{ANA}/arrivals")
    assert (everything.request.folders, everything.request.events, everything.request.status_minutes) == (
        *(None, frozenset({"Created", "Deleted"}), 5),
    )
    assert kept.at_workmail(BEN)[0].request.folders == frozenset({"inbox", "junkemail"})
    assert [(each.id, each.mailbox, each.name, each.state, each.made_at) for each in kept.recorded()[:2]] == [
        (everything.subscription_id, ANA, "all", State.ACTIVE, kept.now),
        (arrivals.subscription_id, ANA, "arrivals", State.ACTIVE, kept.now),
    ]


def test_the_next_run_changes_nothing_and_does_not_sign_in(kept: Kept) -> None:
    kept.keep(wanted(), wanted(BEN))
    before, calls = kept.recorded(), len(kept.wm.organization.calls)
    kept.now += 119 * MINUTE
    result = kept.keep(wanted(), wanted(BEN))
    assert (result.kept, result.made, result.renewed, result.removed) == (2, 0, 0, 0)
    assert (kept.recorded(), len(kept.wm.organization.calls)) == (before, calls)


def test_a_subscription_without_a_heartbeat_for_two_intervals_is_renewed_at_its_last_event(kept: Kept) -> None:
    kept.keep(wanted())
    [first] = kept.recorded()
    kept.wm.send(MESSAGE)
    kept.table.heard(first.id, kept.now + 60 * MINUTE, Deadline.after(20), watermark="AQAAAAAAAAA=")
    kept.wm.send(MESSAGE)
    kept.now += 180 * MINUTE
    assert kept.keep(wanted()).kept == 1
    kept.now += 1
    result = kept.keep(wanted())
    assert (result.renewed, result.made, result.live) == (1, 0, 1)
    [second] = kept.recorded()
    assert (second.id != first.id, second.watermark) == (True, "AQAAAAAAAAA=")
    [renewed] = [each for each in kept.at_workmail(ANA) if each.subscription_id == second.id]
    assert renewed.waiting == 1


def test_an_expired_watermark_is_left_out(kept: Kept) -> None:
    kept.keep(wanted())
    [first] = kept.recorded()
    kept.table.heard(first.id, kept.now, Deadline.after(20), watermark="////////////////")
    kept.now += 121 * MINUTE
    assert kept.keep(wanted()).renewed == 1
    assert kept.recorded()[0].id != first.id


def test_a_subscription_that_is_no_longer_configured_is_removed_and_later_forgotten(kept: Kept) -> None:
    kept.keep(wanted(), wanted(BEN))
    result = kept.keep(wanted(BEN))
    assert (result.removed, result.kept) == (1, 1)
    assert [(each.mailbox, each.state) for each in kept.recorded()] == [(ANA, State.REMOVED), (BEN, State.ACTIVE)]
    kept.now += 120 * MINUTE
    kept.keep(wanted(BEN))
    assert [each.mailbox for each in kept.recorded()] == [ANA, BEN]
    kept.now += 1
    kept.keep()
    assert [each.mailbox for each in kept.recorded()] == [BEN]


@pytest.mark.parametrize("change", [{"events": ("Created",)}, {"folders": ()}, {"status_minutes": 61}])
def test_a_changed_subscription_is_replaced(change: dict[str, Any], kept: Kept) -> None:
    kept.keep(wanted())
    [first] = kept.recorded()
    kept.now += MINUTE
    result = kept.keep(wanted(**change))
    assert (result.made, result.removed, result.live) == (1, 1, 1)
    old, new = kept.recorded()
    assert (old.id, old.state, new.state, new.watermark) == (first.id, State.REMOVED, State.ACTIVE, first.watermark)


def test_another_url_of_the_function_replaces_all_subscriptions(kept: Kept) -> None:
    kept.keep(wanted())
    kept.url = "http://127.0.0.1:2"
    assert kept.keep(wanted()).made == 1


def test_a_changed_one_of_three_subscriptions_waits_until_workmail_has_ended_the_old_one(kept: Kept) -> None:
    others = [wanted(name="two", status_minutes=1440), wanted(name="three", status_minutes=1440)]
    kept.keep(wanted(), *others)
    changed = wanted(events=("Created",))
    for _ in range(2):
        result = kept.keep(changed, *others)
        assert (result.waiting, result.made, result.failures) == (1, 0, [])
    old = next(each for each in kept.recorded() if each.state is State.REMOVED)
    kept.wm.send(MESSAGE)
    kept.table.heard(old.id, kept.now, Deadline.after(20), watermark="AQAAAAAAAAA=")
    # The responder answers the next notification with Unsubscribe.
    kept.wm.ews.subscriptions.unsubscribe(old.id)
    kept.now += 121 * MINUTE
    result = kept.keep(changed, *others)
    assert (result.waiting, result.made, result.kept, len(kept.at_workmail(ANA))) == (0, 1, 2, 3)
    # It begins at the last event of the old one, which is forgotten once it is replaced.
    assert [each.watermark for each in kept.recorded() if each.made_at == kept.now] == ["AQAAAAAAAAA="]
    kept.keep(changed, *others)
    assert old.id not in {each.id for each in kept.recorded()}


def test_subscriptions_that_are_not_recorded_count_to_the_three_and_do_not_affect_other_mailboxes(kept: Kept) -> None:
    kept.keep(*(wanted(name=name) for name in ("one", "two", "three")))
    for each in kept.recorded():
        kept.table.forget(each.id, Deadline.after(20))
    result = kept.keep(wanted(name="four"), wanted(BEN))
    [(failed, error)] = result.failures
    assert (failed.mailbox, type(error), result.made) == (ANA, SubscriptionRefused, 1)
    assert str(error) == "Subscribe: the server responded with ErrorExceededSubscriptionCount"


def test_an_unknown_mailbox_does_not_affect_the_others(kept: Kept) -> None:
    result = kept.keep(wanted(), wanted("unknown@example.com"), wanted(BEN))
    assert (result.made, [(failed.mailbox, str(error)) for failed, error in result.failures]) == (
        *(2, [("unknown@example.com", "Subscribe: the server responded with ErrorNonExistentMailbox")]),
    )


def test_a_busy_server_gets_the_pause_that_it_asks_for(kept: Kept) -> None:
    kept.wm.faults.add("Subscribe", error="ErrorServerBusy")
    result = kept.keep(wanted(), wanted(BEN))
    assert ([type(error) for _, error in result.failures], kept.pauses, result.made) == ([Busy], [10.0], 1)
    assert kept.keep(wanted(), wanted(BEN)).made == 1


def test_a_pause_longer_than_the_time_left_ends_the_run_and_the_next_one_continues(kept: Kept) -> None:
    kept.wm.faults.add("Subscribe", error="ErrorServerBusy")
    result = kept.keep(wanted(), wanted(BEN), wanted(CEM), seconds=12)
    assert (len(result.failures), result.left, result.made, kept.pauses) == (1, 2, 0, [])
    assert kept.keep(wanted(), wanted(BEN), wanted(CEM)).made == 3


def test_without_time_nothing_is_made(kept: Kept) -> None:
    result = kept.keep(wanted(), wanted(BEN), seconds=4)
    assert (result.left, result.made, kept.recorded()) == (2, 0, [])


def test_a_role_that_cannot_be_assumed_is_one_error(kept: Kept) -> None:
    kept.keep(wanted())
    kept.role = "role-2"
    with pytest.raises(Misconfigured, match=r"^AssumeImpersonationRole: ResourceNotFoundException"):
        kept.keep(wanted(), wanted(BEN), wanted(CEM))
    assert len(kept.recorded()) == 1


class Failing:
    """A table whose writes of one kind fail, as if the run was stopped there."""

    def __init__(self, table: SubscriptionTable, operation: str) -> None:
        self._table = table
        self._operation = operation

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            raise ServiceFailed(f"{name}: ordered by a test")
        return getattr(self._table, name)


def test_a_stop_between_the_request_and_the_record_leaves_a_subscription_that_is_not_known(kept: Kept) -> None:
    result = kept.keep(wanted(), table=Failing(kept.table, "save"))
    assert (result.made, len(result.failures), kept.recorded(), len(kept.at_workmail(ANA))) == (0, 1, [], 1)
    assert kept.keep(wanted()).made == 1
    assert (len(kept.recorded()), len(kept.at_workmail(ANA))) == (1, 2)


def test_a_stop_between_the_record_and_the_removal_of_the_old_one_is_mended(kept: Kept) -> None:
    kept.keep(wanted())
    kept.now += MINUTE
    changed = wanted(events=("Created",))
    kept.keep(changed, table=Failing(kept.table, "mark_removed"))
    assert [each.state for each in kept.recorded()] == [State.ACTIVE, State.ACTIVE]
    result = kept.keep(changed)
    assert (result.kept, result.removed, [each.state for each in kept.recorded()]) == (1, 1, [State.REMOVED, State.ACTIVE])
