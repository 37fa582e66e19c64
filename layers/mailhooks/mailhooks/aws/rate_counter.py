"""Counts messages in a sliding window, exactly and once each, in one DynamoDB table.

The table: partition key `pk` (string), sort key `sk` (number), time to live on `expires`. An item is a *bucket*: the messages of one key in
one span of time as long as the window, so that a window overlaps two buckets at most. It has

- `n`: the number of messages in the bucket,
- `b`: the number of the bucket again, as a filter may not name a key,
- an *entry* for each message, named by a digest of its invocation's ID: its time and its sequence number in the bucket.

A message costs one strongly consistent Query, which returns the buckets of the window and another one with this invocation, and one
UpdateItem. That increments the counter and stores the sequence number in one step, so that no two messages get the same number, however
many functions run. A retry writes nothing.

The key is stored as a digest: keys may be long, and the table has no addresses in clear text. A reader of the table can still test an
address.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from mailhooks.aws.client import call, error_code, make_client
from mailhooks.aws.digests import digest
from mailhooks.deadline import Deadline

RETRIED_FOR_S: Final = 4 * 60 * 60
"""The time in which a retry is recognised: the longest rule timeout of a synchronous rule (240 minutes)."""

_CLOCKS_DIFFER_S: Final = 15 * 60
"""The difference of two clocks up to which a retry finds an entry in the future. Beyond it, AWS refuses the signature of one of them."""

_MIN_ENTRIES: Final = 200
"""Entries that a bucket keeps in any case: about 6 KB. More are removed only if the limit allows it."""

_MAX_REMOVED: Final = 50
"""Entries that one write removes, to limit the expression. Each write adds one, so that removing keeps up."""

_NUMBERS: Final = 10**7
"""More than the messages of one bucket. The value of an entry is its milliseconds times this, plus its sequence number."""

_ENTRY: Final = "i"
"""The first letter of the names of entries, and of no other attribute."""

_UPDATE: Final = "SET #own = if_not_exists(n, :zero) + :entry, n = if_not_exists(n, :zero) + :one, b = :bucket, expires = :expires"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A counted message: its time in milliseconds and its sequence number in the bucket."""

    at_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A bucket as it was read; an empty one if the table has no such item."""

    entries: Mapping[str, _Entry]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "_Bucket":
        entries = ((name, value["N"]) for name, value in item.items() if name.startswith(_ENTRY) and "N" in value)
        return cls({name: _Entry(*divmod(int(number), _NUMBERS)) for name, number in entries})

    def since(self, moment_ms: int) -> int:
        return sum(entry.at_ms > moment_ms for entry in self.entries.values())

    def removable_entries(self, kept: int) -> list[str]:
        """Return the names of entries that no count needs: if there are too many, the oldest beyond the first and the last `kept`.

        The first `kept` were counted within the limit, and their retries must return the same number. The last `kept` decide in the next
        bucket: if a window has all of them, its count is over the limit; if not, it has no older entry.
        """
        if len(self.entries) < max(2 * kept, _MIN_ENTRIES):
            return []
        names = sorted(self.entries, key=lambda name: self.entries[name].number)
        middle = [name for name in names[:-kept] if self.entries[name].number > kept]
        return middle[: min(len(names) + 1 - max(2 * kept, _MIN_ENTRIES), _MAX_REMOVED)]


class DynamoRates:
    """Implements `mailhooks.policy.facts.services.Rates`. Safe for use from several threads.

    A retry is counted twice if the entry of its first attempt was removed: a bucket with 200 or more entries keeps only the first and the
    last limit + 1 of them. If the clocks of two functions differ, the window shifts by the difference; a retry is recognised up to
    `_CLOCKS_DIFFER_S`.

    Args:
        table: the table's name or ARN.
        clock: seconds since 1970.
    """

    def __init__(self, table: str, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._client = make_client("dynamodb")

    def increment(self, key: str, invocation_id: str, *, window_s: int, limit: int, deadline: Deadline) -> int:
        """Count a message; see `Rates.increment`. Windows of different lengths have different counts under the same key.

        Args:
            limit: at most about 3,000, as a bucket must fit into an item of 400 KB.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        now_ms = int(self._clock() * 1000)
        current = now_ms // (window_s * 1000)
        pk = digest(f"{window_s} {key}", 24)
        own = _ENTRY + digest(invocation_id, 8)
        known = self._read(pk, own, current, window_s, deadline)
        at = next((number for number, bucket in known.items() if own in bucket.entries), None)
        if at is None:
            at = current
            removed = known[at].removable_entries(limit + 1) if at in known else []
            entry = self._add_entry(pk, at, own, now_ms, window_s, removed, deadline)
        else:
            entry = known[at].entries[own]
            if at != current:
                # A retry in another bucket: the first read did not return the bucket before its own.
                known = self._read(pk, own, at, window_s, deadline)
        before = known.get(at - 1)
        return entry.number + (before.since(entry.at_ms - window_s * 1000) if before else 0)

    def _read(self, pk: str, own: str, current: int, window_s: int, deadline: Deadline) -> dict[int, _Bucket]:
        """Return the buckets of a window that ends in `current`, and another one that has the invocation.

        The read is strongly consistent: at the start of a bucket, the last messages are in the one before. It returns at most one page
        (1 MB), newest first, so that hours of flood do not slow down one message.
        """
        earliest = min(current - 1, current - -(-RETRIED_FOR_S // window_s))
        latest = current + -(-_CLOCKS_DIFFER_S // window_s)
        answer = call(
            "Query",
            lambda: self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :earliest AND :latest",
                FilterExpression="b BETWEEN :before AND :current OR attribute_exists(#own)",
                ExpressionAttributeNames={"#own": own},
                ExpressionAttributeValues={
                    ":pk": {"S": pk},
                    ":earliest": {"N": str(earliest)},
                    ":current": {"N": str(current)},
                    ":latest": {"N": str(latest)},
                    ":before": {"N": str(current - 1)},
                },
                ConsistentRead=True,
                ScanIndexForward=False,
            ),
            deadline,
        )
        return {int(item["sk"]["N"]): _Bucket.of(item) for item in answer["Items"]}

    def _add_entry(self, pk: str, bucket: int, own: str, now_ms: int, window_s: int, removed: list[str], deadline: Deadline) -> _Entry:
        """Add the message to a bucket and return its entry."""
        # The last retry of a message still needs the bucket before the message's own.
        expires = (bucket + 2) * window_s + max(window_s, RETRIED_FOR_S)
        removed_names = {f"#r{index}": name for index, name in enumerate(removed)}
        request = {
            "TableName": self._table,
            "Key": {"pk": {"S": pk}, "sk": {"N": str(bucket)}},
            "UpdateExpression": _UPDATE + (f" REMOVE {', '.join(removed_names)}" if removed_names else ""),
            "ConditionExpression": "attribute_not_exists(#own)",
            "ExpressionAttributeNames": {"#own": own, **removed_names},
            "ExpressionAttributeValues": {
                ":zero": {"N": "0"},
                ":one": {"N": "1"},
                ":entry": {"N": str(now_ms * _NUMBERS + 1)},
                ":bucket": {"N": str(bucket)},
                ":expires": {"N": str(expires)},
            },
            "ReturnValues": "UPDATED_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

        def update_item() -> dict[str, Any]:
            attributes: dict[str, Any]
            try:
                attributes = self._client.update_item(**request)["Attributes"]
            except ClientError as error:
                # The same invocation was counted in between: by another attempt, or by a retry of botocore after a lost response.
                attributes = error.response.get("Item", {})
                if error_code(error) != "ConditionalCheckFailedException" or own not in attributes:
                    raise
            return attributes

        return _Bucket.of(call("UpdateItem", update_item, deadline)).entries[own]
