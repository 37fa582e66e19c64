"""Answers a notification: each of its events is put on the bus once.

An event is claimed, put on the bus, and recorded as delivered. The answer OK means that all of its events are on the bus.
Without it WorkMail posts the notification again, with pauses that double, for StatusFrequency minutes.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from mailhooks.aws.digests import digest
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, ServiceFailed
from mailhooks.push.answer import SubscriptionStatus
from mailhooks.push.callback_token import make_key
from mailhooks.push.delivered_events import Claim
from mailhooks.push.events import Entry, build_entry
from mailhooks.push.notification import Event, InvalidNotification, Notification, parse_message
from mailhooks.push.subscription_table import State, Subscription

_RELEASE_S = 2.0
"""Time to release claims after the deadline."""

_MAX_SUBSCRIPTIONS = 3
"""Subscription IDs in one post. Exchange sends one."""


class UnknownSubscription(MailhooksError):
    """The notification is of a subscription that the keeper has not recorded, or of another callback URL's."""


class Subscriptions(Protocol):
    """See `mailhooks.push.subscription_table.SubscriptionTable`."""

    def find(self, subscription_id: str, deadline: Deadline) -> Subscription | None: ...

    def heard(self, subscription_id: str, at: int, deadline: Deadline, *, watermark: str = "") -> None: ...


class Delivered(Protocol):
    """See `mailhooks.push.delivered_events.DeliveredEvents`."""

    def claim(self, events: dict[str, Event], owner: str, deadline: Deadline) -> dict[str, Claim]: ...

    def complete(self, events: dict[str, Event], owner: str, deadline: Deadline) -> None: ...

    def release(self, keys: Iterable[str], owner: str, deadline: Deadline) -> None: ...


class Bus(Protocol):
    """See `mailhooks.push.events.EventBus`."""

    def put(self, entries: list[Entry], deadline: Deadline) -> dict[int, MailhooksError]: ...


@dataclass(slots=True)
class Outcome:
    """The result of one notification, for the answer and the log.

    Attributes:
        subscription: None before it is found; of several in one post the last.
        error: why some events are not on the bus; the notification has to be posted again.
        unrecorded: why some events on the bus are not recorded as delivered: a later post puts them there again.
    """

    status: SubscriptionStatus = SubscriptionStatus.OK
    subscription: Subscription | None = None
    delivered: int = 0
    duplicates: int = 0
    heartbeats: int = 0
    not_delivered: int = 0
    error_codes: tuple[str, ...] = ()
    error: MailhooksError | None = None
    unrecorded: MailhooksError | None = None


class Responder:
    """Puts the events of notifications on one bus.

    Args:
        bus_name: the name or ARN of the bus.
        clock: seconds since 1970.
    """

    def __init__(
        self, subscriptions: Subscriptions, delivered: Delivered, bus: Bus, bus_name: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._subscriptions = subscriptions
        self._delivered = delivered
        self._bus = bus
        self._bus_name = bus_name
        self._clock = clock

    def respond(self, key: str, content: bytes | str, owner: str, deadline: Deadline) -> Outcome:
        """Put the events of a notification on the bus.

        Args:
            key: that of the callback URL.
            content: the SOAP message.
            owner: the invocation's ID.

        Raises:
            InvalidNotification, UnknownSubscription: the post is refused. Nothing is changed.
            TransientError, Misconfigured: the events cannot be claimed. None is on the bus.
        """
        message = parse_message(content)
        found = self._find(key, message.notifications, deadline)
        outcome = Outcome(error_codes=message.error_codes)
        live: list[tuple[Subscription, Event]] = []
        for notification in message.notifications:
            subscription = outcome.subscription = found[notification.subscription_id]
            if subscription.state is State.REMOVED:
                outcome.status = SubscriptionStatus.UNSUBSCRIBE
            else:
                live += ((subscription, event) for event in notification.events)
        if live:
            outcome.status = SubscriptionStatus.OK
            self._deliver(live, owner, deadline, outcome)
            self._record(live, deadline, outcome)
        return outcome

    def _find(self, key: str, notifications: tuple[Notification, ...], deadline: Deadline) -> dict[str, Subscription]:
        ids = dict.fromkeys(notification.subscription_id for notification in notifications)
        if len(ids) > _MAX_SUBSCRIPTIONS:
            raise InvalidNotification(f"it is of more than {_MAX_SUBSCRIPTIONS} subscriptions")
        found: dict[str, Subscription] = {}
        for subscription_id in ids:
            subscription = self._subscriptions.find(subscription_id, deadline)
            if subscription is None or make_key(subscription.mailbox, subscription.name) != key:
                raise UnknownSubscription("no subscription of this URL has the notification's ID")
            found[subscription_id] = subscription
        return found

    def _deliver(self, live: list[tuple[Subscription, Event]], owner: str, deadline: Deadline, outcome: Outcome) -> None:
        """Claim the events, put those on the bus that are not there, and record them."""
        by_key = {_identify(subscription, event): (subscription, event) for subscription, event in live}
        events = {key: event for key, (_, event) in by_key.items()}
        outcome.heartbeats = sum(event.is_heartbeat for event in events.values())
        try:
            claims = self._delivered.claim(events, owner, deadline)
        except MailhooksError:
            self._release(events, owner)
            raise
        own = [key for key, claim in claims.items() if claim is Claim.OWN]
        others = sum(claim is Claim.OTHER for claim in claims.values())
        # Within one post too, an event may occur twice.
        outcome.duplicates = len(live) - len(own) - others
        if others:
            outcome.error = ServiceFailed("another invocation has some of the events, and has not put them on the bus yet")
        failed = self._put(own, by_key, deadline, outcome)
        put = [key for key in own if key not in failed]
        outcome.delivered, outcome.not_delivered = len(put), len(failed) + others
        if put:
            try:
                self._delivered.complete({key: events[key] for key in put}, owner, Deadline.after(max(deadline.left(), _RELEASE_S)))
            except MailhooksError as error:
                # They are on the bus: another post of them would put them there twice.
                outcome.unrecorded = error
        self._release(failed, owner)

    def _record(self, live: list[tuple[Subscription, Event]], deadline: Deadline, outcome: Outcome) -> None:
        """Record that the subscriptions are alive and, if all events are on the bus, the last of them: a new subscription begins there."""
        last = {subscription.id: "" for subscription, _ in live}
        if outcome.error is None:
            last |= {subscription.id: event.watermark for subscription, event in live if not event.is_heartbeat}
        try:
            for subscription_id, watermark in last.items():
                self._subscriptions.heard(subscription_id, int(self._clock()), deadline, watermark=watermark)
        except MailhooksError as error:
            outcome.error = outcome.error or error

    def _put(self, keys: list[str], by_key: dict[str, tuple[Subscription, Event]], deadline: Deadline, outcome: Outcome) -> list[str]:
        """Put events on the bus. Return the keys of those that failed."""
        if not keys:
            return []
        failures = self._bus.put([build_entry(self._bus_name, *by_key[key], key) for key in keys], deadline)
        if failures:
            outcome.error = next(iter(failures.values()))
        return [keys[index] for index in failures]

    def _release(self, keys: Iterable[str], owner: str) -> None:
        """Give up claims. Without that they end by themselves, after `mailhooks.push.delivered_events.CLAIM_S`."""
        try:
            self._delivered.release(keys, owner, Deadline.after(_RELEASE_S))
        except MailhooksError:
            return


def _identify(subscription: Subscription, event: Event) -> str:
    """Return the key of an event: a digest of its mailbox, the subscription's name, and its watermark, kind, time, and item or folder.

    Not of the subscription's ID: a subscription that replaces a lost one begins at a watermark of it, and may get some of its events again.
    """
    ids = [[name, found.id] for name, found in sorted(event.ids.items())]
    parts = [subscription.mailbox, subscription.name, event.watermark, event.kind, str(event.time), ids]
    return digest(json.dumps(parts), 24)
