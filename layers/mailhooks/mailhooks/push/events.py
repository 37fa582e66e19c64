"""Puts the events of a mailbox on an EventBridge bus."""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from mailhooks.aws.client import QUICK_CONFIG, call, error_for_code, make_client
from mailhooks.contract.timestamps import format_time
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, NoTimeLeft, ServiceFailed, TransientError
from mailhooks.push.notification import Event
from mailhooks.push.subscription_table import Subscription

SOURCE: Final = "workmail-hooks"
"""The source of the events on the bus, as of a policy's notifications."""

_MAX_ENTRIES: Final = 10
_MAX_OCTETS: Final = 240 * 1024
"""Of a request. PutEvents accepts 10 entries and 256 KB (EventBridge quotas); this leaves room for the properties that are not counted."""

_FIRST_PAUSE_S: Final = 0.05
_MIN_LEFT_S: Final = 0.3
"""With less time before the deadline, a failed entry is not sent again."""

Entry = dict[str, Any]


def build_entry(bus: str, subscription: Subscription, event: Event, key: str) -> Entry:
    """Return the entry of PutEvents for an event.

    Args:
        bus: the name or ARN of the bus.
        subscription: that of the event.
        event: of any kind. EventBridge gets also a kind that this project does not know, under its name.
        key: identifies the event: a consumer that gets it twice can ignore the second.
    """
    detail: dict[str, Any] = {
        "mailbox": subscription.mailbox,
        "subscription": subscription.name,
        "event": event.kind,
        "watermark": event.watermark,
        "idempotencyKey": key,
    }
    for name, found in event.ids.items():
        shown = {"id": found.id, "changeKey": found.change_key} if found.change_key else {"id": found.id}
        detail[name[0].lower() + name[1:]] = shown
    if event.unread is not None:
        detail["unreadCount"] = event.unread
    entry: Entry = {"EventBusName": bus, "Source": SOURCE, "DetailType": f"WorkMail {event.kind}"}
    if event.time is not None:
        detail["timestamp"] = format_time(event.time)
        entry["Time"] = event.time
    return entry | {"Detail": json.dumps(detail, ensure_ascii=False)}


def _size(entry: Entry) -> int:
    """Return the octets that EventBridge counts (EventBridge user guide, "Calculating PutEvents event entry size")."""
    return sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail")) + 14


def split_batches(entries: Sequence[Entry]) -> Iterator[list[int]]:
    """Yield the positions of entries in batches that PutEvents accepts."""
    batch: list[int] = []
    octets = 0
    for index, entry in enumerate(entries):
        size = _size(entry)
        if batch and (len(batch) == _MAX_ENTRIES or octets + size > _MAX_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(index)
        octets += size
    if batch:
        yield batch


class EventBus:
    """Sends entries to EventBridge.

    Args:
        sleep: waits before a retry.
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client: Any = make_client("events", QUICK_CONFIG)
        self._sleep = sleep

    def put(self, entries: Sequence[Entry], deadline: Deadline) -> dict[int, MailhooksError]:
        """Put entries on their bus. Entries that fail for a passing reason are sent again until the deadline.

        Returns:
            The error of each entry that is not on the bus, by its position.
        """
        failed: dict[int, MailhooksError] = {}
        waiting = list(range(len(entries)))
        pause = _FIRST_PAUSE_S
        while True:
            failed = {index: error for index, error in failed.items() if index not in waiting} | self._put_once(entries, waiting, deadline)
            again = [index for index, error in failed.items() if isinstance(error, TransientError) and not isinstance(error, NoTimeLeft)]
            if not again or deadline.left() < pause + _MIN_LEFT_S:
                return failed
            self._sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter
            pause *= 2
            waiting = again

    def _put_once(self, entries: Sequence[Entry], positions: Sequence[int], deadline: Deadline) -> dict[int, MailhooksError]:
        failed: dict[int, MailhooksError] = {}
        for batch in split_batches([entries[index] for index in positions]):
            chosen = [positions[index] for index in batch]
            try:
                results = self._put_batch([entries[index] for index in chosen], deadline)
            except MailhooksError as error:
                failed |= dict.fromkeys(chosen, error)
            else:
                failed |= {index: error for index, error in zip(chosen, results, strict=True) if error is not None}
        return failed

    def _put_batch(self, entries: list[Entry], deadline: Deadline) -> list[MailhooksError | None]:
        answer = call("PutEvents", lambda: self._client.put_events(Entries=entries), deadline)
        results = answer.get("Entries", [])
        if len(results) != len(entries):
            raise ServiceFailed("PutEvents: the response is incomplete")
        return [error_for_code("PutEvents", str(each["ErrorCode"])) if each.get("ErrorCode") else None for each in results]
