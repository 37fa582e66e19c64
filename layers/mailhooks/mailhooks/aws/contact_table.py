"""Records the addresses that have written to each other, in the DynamoDB table of the rate counter.

An item is a pair of addresses: partition key `pk`, the digest of the pair; sort key `sk`, 0; `i`, the digest of the invocation of the first
message; time to live `expires`; `w`, the digest of the last invocation that withdrew its record. The table has no addresses in clear text.

A message costs one conditional UpdateItem for each recipient. It succeeds for the first message of a pair, also if this is a retry, and
for no other message: so exactly one of several concurrent messages is the first. A later message extends the time to live, at most once
in a tenth of it. A withdrawn record has expired; `w` gives a retry of that message its first result.
"""

import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from mailhooks.aws.client import make_client
from mailhooks.aws.conditional_writes import write_if
from mailhooks.aws.digests import digest
from mailhooks.deadline import Deadline

_PARALLEL: Final = 16
"""Pairs of one message that are recorded in parallel. A message has at most 500."""

_REFRESHES: Final = 10
"""Updates of the time to live within its length, at most."""

_NEW: Final = "attribute_not_exists(i) OR expires <= :now OR i = :own"
"""DynamoDB removes an expired item up to some days later."""

Pair = tuple[str, str]


class DynamoContacts:
    """Implements `mailhooks.policy.facts.services.Contacts`. Safe for use from several threads.

    Args:
        table: the table's name or ARN.
        clock: seconds since 1970.
    """

    def __init__(self, table: str, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._client = make_client("dynamodb")

    def record(self, pairs: Collection[Pair], invocation_id: str, *, keep_s: int, deadline: Deadline) -> frozenset[Pair]:
        """Record the pairs of a message, and return those without an earlier message; see `Contacts.record`.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`. Some pairs may be recorded; a retry returns them as new.
        """
        own = digest(invocation_id, 12)
        return _select(lambda pair: self._record(pair, own, keep_s, deadline), pairs)

    def withdraw(self, pairs: Collection[Pair], invocation_id: str, *, deadline: Deadline) -> None:
        """Withdraw the records of pairs; see `Contacts.withdraw`. Raises as `record`."""
        own = digest(invocation_id, 12)
        _select(lambda pair: self._withdraw(pair, own, deadline), pairs)

    def _request(self, pair: Pair) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": {"pk": {"S": digest(f"contact {len(pair[0])} {pair[0]} {pair[1]}", 24)}, "sk": {"N": "0"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _withdraw(self, pair: Pair, own: str, deadline: Deadline) -> bool:
        request = self._request(pair) | {"UpdateExpression": "SET expires = :now, w = :own", "ConditionExpression": "i = :own"}
        return self._update(request, {":own": {"S": own}, ":now": {"N": str(int(self._clock()))}}, deadline) is None

    def _record(self, pair: Pair, own: str, keep_s: int, deadline: Deadline) -> bool:
        now = int(self._clock())
        request = self._request(pair)
        known = self._update(
            request | {"UpdateExpression": "SET i = :own, expires = :expires", "ConditionExpression": _NEW},
            {":own": {"S": own}, ":now": {"N": str(now)}, ":expires": {"N": str(now + keep_s)}},
            deadline,
        )
        if known is None:
            return True
        if known.get("w", {}).get("S") == own:
            return True
        if int(known["expires"]["N"]) < now + keep_s - keep_s // _REFRESHES:
            self._update(
                request | {"UpdateExpression": "SET expires = :expires", "ConditionExpression": "expires < :expires"},
                {":expires": {"N": str(now + keep_s)}},
                deadline,
            )
        return False

    def _update(self, request: dict[str, Any], values: dict[str, Any], deadline: Deadline) -> dict[str, Any] | None:
        """Update an item. Return the item as it is if it does not meet the condition, else None."""
        return write_if("UpdateItem", lambda: self._client.update_item(**request, ExpressionAttributeValues=values), deadline)


def _select(is_meant: Callable[[Pair], bool], pairs: Collection[Pair]) -> frozenset[Pair]:
    """Return the pairs for which a request is true. The requests of several pairs run in parallel."""
    if len(pairs) <= 1:
        return frozenset(filter(is_meant, pairs))
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return frozenset(pair for pair, meant in zip(pairs, pool.map(is_meant, pairs), strict=True) if meant)
