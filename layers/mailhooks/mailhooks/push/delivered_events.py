"""Records which events are on the bus, in a DynamoDB table, so that each is put there once.

An item is an event: partition key `pk`, its digest; `o`, the invocation that claims it; `until`, the end of the claim, in seconds since
1970; `done`, once it is on the bus; time to live `expires`. WorkMail posts an event again until it gets the answer OK, maybe while another
invocation has it: a claim is for one of them. A claim that is neither completed nor released is from an invocation that was stopped, and
ends.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Any, Final, TypeVar

from mailhooks.aws.client import QUICK_CONFIG, make_client
from mailhooks.aws.conditional_writes import write_if
from mailhooks.deadline import Deadline
from mailhooks.push.notification import Event

R = TypeVar("R")

CLAIM_S: Final = 15
"""Longer than the time-out of the function, so that no claim ends while its invocation runs."""

KEEP_S: Final = 7 * 86_400
"""WorkMail posts an event again for StatusFrequency minutes at most, which is a day."""

KEEP_HEARTBEAT_S: Final = 30
"""Heartbeats are at least a minute apart, and two of an idle mailbox may have one watermark."""

_PARALLEL: Final = 16

_CLAIM: Final = "SET o = :own, #until = :until, expires = :expires REMOVE done"
_FREE: Final = "attribute_not_exists(pk) OR expires <= :now OR (attribute_not_exists(done) AND (o = :own OR #until <= :now))"
"""DynamoDB removes an expired item up to some days later. `o = :own`: botocore sends a request again if the response is lost."""


class Claim(StrEnum):
    """The result of a claim."""

    OWN = "own"
    DELIVERED = "delivered"
    OTHER = "other"
    """Another invocation has the event now."""


class DeliveredEvents:
    """The table of events, by its name or ARN. Safe for use from several threads.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, table: str, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._client: Any = make_client("dynamodb", QUICK_CONFIG)

    def claim(self, events: dict[str, Event], owner: str, deadline: Deadline) -> dict[str, Claim]:
        """Claim events for an invocation.

        Args:
            events: by key.
            owner: the invocation's ID.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`. Some events may be claimed: release them.
        """
        return self._for_each(events, lambda key: self._claim(key, owner, deadline))

    def complete(self, events: dict[str, Event], owner: str, deadline: Deadline) -> None:
        """Record that claimed events are on the bus. Raises as `claim`."""
        self._for_each(events, lambda key: self._complete(key, events[key], owner, deadline))

    def release(self, keys: Iterable[str], owner: str, deadline: Deadline) -> None:
        """Give up the claims of events that are not on the bus. Raises as `claim`."""
        self._for_each(keys, lambda key: self._release(key, owner, deadline))

    def _claim(self, key: str, owner: str, deadline: Deadline) -> Claim:
        now = int(self._clock())
        request = self._request(key) | {
            "UpdateExpression": _CLAIM,
            "ConditionExpression": _FREE,
            "ExpressionAttributeNames": {"#until": "until"},
            "ExpressionAttributeValues": {
                ":own": {"S": owner},
                ":now": {"N": str(now)},
                ":until": {"N": str(now + CLAIM_S)},
                ":expires": {"N": str(now + KEEP_S)},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        found = write_if("UpdateItem", lambda: self._client.update_item(**request), deadline)
        if found is None:
            return Claim.OWN
        return Claim.DELIVERED if "done" in found else Claim.OTHER

    def _complete(self, key: str, event: Event, owner: str, deadline: Deadline) -> None:
        expires = int(self._clock()) + (KEEP_HEARTBEAT_S if event.is_heartbeat else KEEP_S)
        request = self._request(key) | {
            "UpdateExpression": "SET done = :done, expires = :expires",
            "ConditionExpression": "o = :own",
            "ExpressionAttributeValues": {":own": {"S": owner}, ":done": {"BOOL": True}, ":expires": {"N": str(expires)}},
        }
        write_if("UpdateItem", lambda: self._client.update_item(**request), deadline)

    def _release(self, key: str, owner: str, deadline: Deadline) -> None:
        request = self._request(key) | {
            "ConditionExpression": "o = :own AND attribute_not_exists(done)",
            "ExpressionAttributeValues": {":own": {"S": owner}},
        }
        write_if("DeleteItem", lambda: self._client.delete_item(**request), deadline)

    def _request(self, key: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"pk": {"S": key}}}

    @staticmethod
    def _for_each(keys: Iterable[str], work: Callable[[str], R]) -> dict[str, R]:
        """Return the result of a request for each key. Several requests run in parallel."""
        keys = list(keys)
        if len(keys) <= 1:
            return {key: work(key) for key in keys}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return dict(zip(keys, pool.map(work, keys), strict=True))
