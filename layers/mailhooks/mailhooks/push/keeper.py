"""Keeps the subscriptions as configured: makes, renews and removes them.

WorkMail ends a subscription whose notifications get no OK for StatusFrequency minutes, and announces that nowhere: the keeper sees that the
heartbeats stop. A push subscription cannot be removed by a request either (EWS reference, "Unsubscribe operation"): it is recorded as
removed, the responder answers its next notification with Unsubscribe, and later the keeper forgets it.

A run that is stopped loses nothing. It may leave a subscription that WorkMail has made and that is not recorded: its notifications get 404,
WorkMail ends it after StatusFrequency minutes, and until then it is one of the mailbox's three.
"""

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mailhooks.aws.digests import digest
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError
from mailhooks.push.config import MAX_SUBSCRIPTIONS, WantedSubscription
from mailhooks.push.ews_subscriber import Busy, NewSubscription
from mailhooks.push.subscription_table import State, Subscription

_MISSED_HEARTBEATS: Final = 2
"""Intervals without a notification after which a subscription counts as ended."""

_MIN_LEFT_S: Final = 5.0
"""With less time left, no subscription is made: its ID could not be recorded."""


class Table(Protocol):
    """See `mailhooks.push.subscription_table.SubscriptionTable`."""

    def list_all(self, deadline: Deadline) -> list[Subscription]: ...

    def save(self, subscription: Subscription, deadline: Deadline) -> None: ...

    def mark_removed(self, subscription_id: str, at: int, deadline: Deadline) -> None: ...

    def forget(self, subscription_id: str, deadline: Deadline) -> None: ...


class Subscriber(Protocol):
    """See `mailhooks.push.ews_subscriber.EwsSubscriber`."""

    def sign_in(self, deadline: Deadline) -> None: ...

    def subscribe(self, wanted: WantedSubscription, url: str, watermark: str, deadline: Deadline) -> NewSubscription: ...


@dataclass(slots=True)
class Result:
    """The result of one run.

    Attributes:
        kept: subscriptions that are as configured already.
        made: new ones, for new entries of the configuration and for changed ones.
        renewed: new ones in place of those that WorkMail has ended. Events in between may be lost.
        removed: recorded as removed.
        waiting: not made yet, because the mailbox has three until WorkMail has ended a removed one.
        left: not made for lack of time. The next run continues with them, as all others are done.
        failures: subscriptions that cannot be made, and why.
    """

    kept: int = 0
    made: int = 0
    renewed: int = 0
    removed: int = 0
    waiting: int = 0
    left: int = 0
    failures: list[tuple[WantedSubscription, MailhooksError]] = field(default_factory=list)

    @property
    def live(self) -> int:
        """The number of subscriptions that notify now, as far as known."""
        return self.kept + self.made + self.renewed


_Records = dict[str, list[Subscription]]
"""The recorded subscriptions of each mailbox, the oldest first."""


class Keeper:
    """Keeps the subscriptions of one configuration.

    Args:
        make_url: returns the callback URL for a mailbox and the name of a subscription.
        clock: seconds since 1970.
        wait: waits before the next request when WorkMail is busy.
    """

    def __init__(
        self,
        table: Table,
        subscriber: Subscriber,
        make_url: Callable[[str, str], str],
        *,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._subscriber = subscriber
        self._make_url = make_url
        self._clock = clock
        self._wait = wait

    def run(self, wanted: Sequence[WantedSubscription], deadline: Deadline) -> Result:
        """Bring the subscriptions of all mailboxes to the wanted state. An error of one mailbox does not affect the others.

        Raises:
            MailhooksError: the records cannot be read or written, or the impersonation role cannot be assumed. Nothing is made then.
        """
        result = Result()
        by_key = {(each.mailbox, each.name): each for each in wanted}
        records = self._clean_up(by_key.keys(), result, deadline)
        due = [each for each in by_key.values() if not self._is_kept(each, records[each.mailbox])]
        result.kept = len(by_key) - len(due)
        if due:
            self._subscriber.sign_in(deadline)
        # In another order each time, so that mailboxes whose requests need much time do not use up that of the same others again.
        random.shuffle(due)
        self._make_all(due, records, result, deadline)
        return result

    def _may_live(self, record: Subscription) -> bool:
        """Return whether WorkMail may still have a subscription: it was heard, made or removed within two intervals of heartbeats."""
        last = max(record.made_at, record.heard_at, record.removed_at)
        return self._clock() - last <= _MISSED_HEARTBEATS * record.status_minutes * 60

    def _clean_up(self, wanted: Collection[tuple[str, str]], result: Result, deadline: Deadline) -> _Records:
        """Forget removed subscriptions that WorkMail has ended, and remove those that are not wanted. Return the others.

        A run that was stopped may have left two active subscriptions in place of one: the older one is removed. An ended one stays until
        another one is in its place, because that one begins at its watermark.
        """
        records: _Records = defaultdict(list)
        newer = set()
        for record in sorted(self._table.list_all(deadline), key=lambda each: each.made_at, reverse=True):
            key = record.mailbox, record.name
            is_replaced = key in newer or key not in wanted
            if record.state is State.REMOVED and is_replaced and not self._may_live(record):
                self._table.forget(record.id, deadline)
                continue
            if record.state is State.ACTIVE:
                if is_replaced:
                    record = self._remove(record, result, deadline)
                newer.add(key)
            records[record.mailbox].insert(0, record)
        return records

    def _remove(self, record: Subscription, result: Result, deadline: Deadline) -> Subscription:
        now = int(self._clock())
        self._table.mark_removed(record.id, now, deadline)
        result.removed += 1
        return record._replace(state=State.REMOVED, removed_at=now)

    def _is_kept(self, wanted: WantedSubscription, records: Sequence[Subscription]) -> bool:
        current = _find_current(wanted, records)
        return current is not None and current.settings == self._describe(wanted) and self._may_live(current)

    def _make_all(self, due: list[WantedSubscription], records: _Records, result: Result, deadline: Deadline) -> None:
        while due:
            if deadline.left() < _MIN_LEFT_S:
                break
            wanted = due.pop()
            try:
                self._make(wanted, records[wanted.mailbox], result, deadline)
            except Busy as busy:
                result.failures.append((wanted, busy))
                if busy.pause_s > deadline.left() - _MIN_LEFT_S:
                    break
                self._wait(busy.pause_s)
            except MailhooksError as error:
                result.failures.append((wanted, error))
        result.left = len(due)

    def _make(self, wanted: WantedSubscription, records: list[Subscription], result: Result, deadline: Deadline) -> None:
        """Make a subscription in place of the current one, which WorkMail has ended or whose configuration has changed."""
        current = _find_current(wanted, records)
        is_lost = current is not None and not self._may_live(current)
        if sum(map(self._may_live, records)) >= MAX_SUBSCRIPTIONS:
            if current and not is_lost:
                self._remove(current, result, deadline)
            result.waiting += 1
            return
        # Of the newest record that has one: events since then are not lost.
        watermark = next((each.watermark for each in reversed(records) if each.name == wanted.name and each.watermark), "")
        new = self._subscriber.subscribe(wanted, self._make_url(wanted.mailbox, wanted.name), watermark, deadline)
        record = Subscription(
            id=new.id,
            mailbox=wanted.mailbox,
            name=wanted.name,
            state=State.ACTIVE,
            status_minutes=wanted.status_minutes,
            settings=self._describe(wanted),
            made_at=int(self._clock()),
            watermark=new.watermark,
        )
        self._table.save(record, deadline)
        records.append(record)
        if is_lost:
            result.renewed += 1
        else:
            result.made += 1
        if current and is_lost:
            self._table.forget(current.id, deadline)
        elif current:
            self._remove(current, result, deadline)

    def _describe(self, wanted: WantedSubscription) -> str:
        """Return a digest of all that a subscription has from its configuration, the callback URL included."""
        url = self._make_url(wanted.mailbox, wanted.name)
        return digest(json.dumps([sorted(wanted.folders), sorted(wanted.events), wanted.status_minutes, url]), 12)


def _find_current(wanted: WantedSubscription, records: Sequence[Subscription]) -> Subscription | None:
    """Return the active subscription with the wanted name; None if there is none."""
    return next((each for each in records if each.name == wanted.name and each.state is State.ACTIVE), None)
