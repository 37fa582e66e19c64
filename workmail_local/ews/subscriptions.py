"""The push subscriptions of all mailboxes, in memory: their events, and when each notification is due.

Source: the guide, "Working with notifications". A notification that is not acknowledged is sent again, with pauses that double, for
StatusFrequency minutes; then the subscription ends.
"""

import base64
import hashlib
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from workmail_local.console.style import format_count
from workmail_local.ews.soap import Event, EwsError, PushRequest, Status, write_notification

MAX_SUBSCRIPTIONS: Final = 3
"""Of a mailbox."""

_MAX_EVENTS: Final = 20
"""Events of one notification."""

_FIRST_PAUSE_S: Final = 1.0
_MAX_WATERMARK: Final = 2**64


class Post(NamedTuple):
    """A notification that is due: the ID of its subscription, the URL, the document, and the kinds of its events."""

    subscription_id: str
    url: str
    body: bytes
    kinds: tuple[str, ...]


class SubscriptionState(NamedTuple):
    """A subscription, to be shown.

    Attributes:
        waiting: number of events that are not acknowledged.
        failing: whether the last notification was not acknowledged.
    """

    subscription_id: str
    mailbox: str
    request: PushRequest
    waiting: int
    failing: bool


@dataclass(frozen=True, slots=True)
class _Recorded:
    number: int
    folder: str
    name: str
    event: Event


@dataclass(slots=True)
class _Subscription:
    subscription_id: str
    mailbox: str
    request: PushRequest
    position: int
    due: float
    waiting: deque[_Recorded] = field(default_factory=deque)
    sent: int = 0
    """Events of the notification under way."""
    under_way: bool = False
    failing_since: float | None = None
    failures: int = 0

    def wants(self, recorded: _Recorded) -> bool:
        folders = self.request.folders
        return recorded.event.kind in self.request.events and (folders is None or recorded.folder in folders)

    @property
    def status_s(self) -> float:
        return self.request.status_minutes * 60.0


class Subscriptions:
    """The subscriptions. Safe to use from any thread.

    Args:
        speed: divides the time until a notification is due.
        report: is called with a sentence when a subscription ends.
        clock: seconds.
        keep: events of a mailbox that are kept, so that a subscription can begin at an earlier watermark.
    """

    def __init__(
        self,
        speed: float = 1.0,
        report: Callable[[str], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        keep: int = 1_000,
    ) -> None:
        self._clock = clock
        self._speed = speed
        self._report = report
        self._keep = keep
        self._changed = threading.Condition()
        self._closed = False
        self._number = 0
        self._subscriptions: dict[str, _Subscription] = {}
        self._events: dict[str, deque[_Recorded]] = defaultdict(deque)
        self._forgotten: dict[str, int] = {}

    def subscribe(self, mailbox: str, request: PushRequest) -> tuple[str, str]:
        """Add a subscription; return its ID and its watermark. Its first heartbeat follows after StatusFrequency minutes.

        Raises:
            EwsError: the mailbox has three subscriptions, or the watermark is unknown or too old.
        """
        with self._changed:
            if sum(each.mailbox == mailbox for each in self._subscriptions.values()) >= MAX_SUBSCRIPTIONS:
                raise EwsError("ErrorExceededSubscriptionCount", f"The mailbox has {MAX_SUBSCRIPTIONS} subscriptions, which is the maximum")
            position = self._find_position(mailbox, request.watermark)
            now = self._now()
            new = _Subscription(uuid.uuid4().hex, mailbox, request, position, now + request.status_minutes * 60.0)
            new.waiting.extend(each for each in self._events[mailbox] if each.number > position and new.wants(each))
            if new.waiting:
                new.due = now
            self._subscriptions[new.subscription_id] = new
            self._changed.notify_all()
            return new.subscription_id, _to_watermark(position)

    def _find_position(self, mailbox: str, watermark: str) -> int:
        if not watermark:
            return self._number
        try:
            number = int.from_bytes(base64.b64decode(watermark, validate=True), "little")
        except ValueError:
            number = _MAX_WATERMARK
        if not self._forgotten.get(mailbox, 0) <= number <= self._number:
            raise EwsError("ErrorInvalidWatermark", "The watermark is unknown or too old")
        return number

    def unsubscribe(self, subscription_id: str) -> None:
        """Remove a subscription. Raises EwsError: there is no such subscription."""
        with self._changed:
            if self._subscriptions.pop(subscription_id, None) is None:
                raise EwsError("ErrorSubscriptionNotFound", "There is no such subscription")

    def record_arrival(self, mailbox: str, folder: str, name: str) -> None:
        """Record that a message has arrived in a folder: the events NewMail and Created.

        Args:
            folder: its distinguished ID.
            name: of the file, which identifies the message.
        """
        self._record(mailbox, folder, name, ("NewMail", "Created"))

    def record_removals(self, is_removed: Callable[[str], bool]) -> None:
        """Record the event Deleted for the messages that have arrived here and are removed.

        Args:
            is_removed: whether the message of this file name is removed.
        """
        with self._changed:
            arrived = [
                (mailbox, each.folder, each.name)
                for mailbox, events in self._events.items()
                for each in events
                if each.event.kind == "Created" and is_removed(each.name)
            ]
        for message in arrived:
            self._record(*message, ("Deleted",))

    def _record(self, mailbox: str, folder: str, name: str, kinds: Collection[str]) -> None:
        written = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        item_id, folder_id = _make_id(mailbox, folder, name), _make_id(mailbox, folder)
        with self._changed:
            for kind in kinds:
                self._number += 1
                recorded = _Recorded(self._number, folder, name, Event(kind, _to_watermark(self._number), written, item_id, folder_id))
                self._keep_event(mailbox, recorded)
                for each in self._subscriptions.values():
                    if each.mailbox == mailbox and each.wants(recorded):
                        each.waiting.append(recorded)
                        # While notifications fail, the next one has to wait for its pause.
                        each.due = each.due if each.failures else min(each.due, self._now())
            self._changed.notify_all()

    def _keep_event(self, mailbox: str, recorded: _Recorded) -> None:
        events = self._events[mailbox]
        events.append(recorded)
        if len(events) > self._keep:
            self._forgotten[mailbox] = events.popleft().number

    def wait_for_post(self) -> Post | None:
        """Wait until a notification is due, and return it; None when the subscriptions are closed. `finish` has to follow."""
        with self._changed:
            while not self._closed:
                if post := self.start_post():
                    return post
                due = min((each.due for each in self._subscriptions.values() if not each.under_way), default=None)
                self._changed.wait(None if due is None else max(0.0, due - self._now()) / self._speed)
            return None

    def start_post(self) -> Post | None:
        """Return a notification that is due, the oldest first; None when none is. `finish` has to follow."""
        with self._changed:
            now = self._now()
            due = [each for each in self._subscriptions.values() if not each.under_way and each.due <= now]
            if not due:
                return None
            first = min(due, key=lambda each: each.due)
            first.under_way = True
            first.sent = min(len(first.waiting), _MAX_EVENTS)
            events = [each.event for each in list(first.waiting)[: first.sent]]
            more = len(first.waiting) > first.sent
            body = write_notification(first.subscription_id, _to_watermark(first.position), events, more=more)
            kinds = tuple(event.kind for event in events) or ("Status",)
            return Post(first.subscription_id, first.request.url, body, kinds)

    def finish(self, subscription_id: str, status: Status) -> None:
        """Record a responder's answer to a notification: end the subscription, or schedule its next notification."""
        ended = ""
        with self._changed:
            subscription = self._subscriptions.get(subscription_id)
            if subscription is None:
                return
            subscription.under_way = False
            if status is Status.OK:
                self._acknowledge(subscription)
            elif status is Status.UNSUBSCRIBE:
                ended = "its responder answers Unsubscribe"
            elif not self._schedule_again(subscription):
                ended = f"no OK for {format_count(subscription.request.status_minutes, 'minute')}"
            if ended:
                del self._subscriptions[subscription_id]
            self._changed.notify_all()
        if ended:
            self._report(f"a push subscription of {subscription.mailbox} has ended: {ended}")

    def _acknowledge(self, subscription: _Subscription) -> None:
        for _ in range(subscription.sent):
            subscription.position = subscription.waiting.popleft().number
        subscription.failing_since, subscription.failures = None, 0
        subscription.due = self._now() + (0.0 if subscription.waiting else subscription.status_s)

    def _schedule_again(self, subscription: _Subscription) -> bool:
        """Schedule a notification again, at the latest after StatusFrequency minutes. Return False when they have passed."""
        now = self._now()
        if subscription.failing_since is None:
            subscription.failing_since = now
        last = subscription.failing_since + subscription.status_s
        subscription.due = min(now + _FIRST_PAUSE_S * 2**subscription.failures, last)
        subscription.failures += 1
        return now < last

    def list_states(self) -> list[SubscriptionState]:
        """Return all subscriptions, by mailbox."""
        with self._changed:
            found = [
                SubscriptionState(each.subscription_id, each.mailbox, each.request, len(each.waiting), bool(each.failures))
                for each in self._subscriptions.values()
            ]
        return sorted(found, key=lambda each: each.mailbox)

    def _now(self) -> float:
        """Return the seconds of WorkMail's time."""
        return self._clock() * self._speed

    def reset(self, speed: float) -> None:
        """Remove all subscriptions and events."""
        with self._changed:
            self._speed = speed
            self._number = 0
            self._subscriptions.clear()
            self._events.clear()
            self._forgotten.clear()

    def close(self) -> None:
        """End all waits: `wait_for_post` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _to_watermark(number: int) -> str:
    """Return a watermark in the form of the guide's examples: Base64 of eight octets, the lowest first."""
    return base64.b64encode(number.to_bytes(8, "little")).decode()


def _make_id(*parts: str) -> str:
    return base64.b64encode(hashlib.sha256("\0".join(parts).encode()).digest()[:24]).decode()
