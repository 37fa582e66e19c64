"""Counts messages in a sliding window, exactly and once each, in one table of DynamoDB.

The table: partition key `pk` (string), sort key `sk` (number), time to live on `expires`. An item is a *bucket*: what was counted under one
key in one stretch of time as long as the window, so that a window reaches over two buckets at most. It holds

- `n`: how many messages came in the bucket,
- `b`: the bucket's number again, as a filter may not name a key,
- for each message one attribute, named by a digest of its invocation's id: when it came and the how-manieth of the bucket it was.

A message costs one strongly consistent Query, which sees the buckets of the window and any earlier one that knows the invocation, and then
one UpdateItem: the counter goes up and the message takes its number in the same breath, so that no two messages take one number however
many functions run. A retry costs no write at all.

The key is kept as a digest, for its length and so that no table holds addresses in the clear; who has the table can still try some out.
"""

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

from mailhooks.aws.client import CONFIG, call, code_of
from mailhooks.deadline import Deadline

RETRIED_FOR_S: Final = 4 * 60 * 60
"""How long after the first try a retry is known as one: the longest timeout that a synchronous rule can have (240 minutes)."""

_AT_LEAST: Final = 200
"""Entries that a bucket keeps in any case: some 6 KB. What is beyond goes only when the limit, too, allows it."""

_REMOVED_AT_ONCE: Final = 50
"""Entries, which bounds the expression; each write adds but one, so that removing never falls behind."""

_NUMBERS: Final = 10**7
"""More messages than come in one bucket: an entry's value is the milliseconds times this, plus the message's number."""

_ENTRY: Final = "i"
"""What the names of entries begin with, and no other name."""

_UPDATE: Final = "SET #own = if_not_exists(n, :zero) + :entry, n = if_not_exists(n, :zero) + :one, b = :bucket, expires = :expires"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A counted message: when, in milliseconds, and the how-manieth of its bucket."""

    at_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A bucket as read. Without an item behind it: an empty one."""

    number: int
    entries: Mapping[str, _Entry]

    @classmethod
    def of(cls, number: int, item: Mapping[str, Any]) -> "_Bucket":
        found = {
            name: _Entry(*divmod(int(value["N"]), _NUMBERS)) for name, value in item.items() if name.startswith(_ENTRY) and "N" in value
        }
        return cls(number, found)

    def since(self, moment_ms: int) -> int:
        return sum(entry.at_ms > moment_ms for entry in self.entries.values())

    def superfluous(self, most: int) -> list[str]:
        """Entries that no answer needs: the oldest of those beyond the limit, when there are too many in all.

        The first `most` are what was told to be within the limit, and a retry must be told the same. The last `most` are what the next
        bucket needs: when all of them are in a window, its count is over the limit, and when not, nothing older is in it.
        """
        if len(self.entries) < max(2 * most, _AT_LEAST):
            return []
        names = sorted(self.entries, key=lambda name: self.entries[name].number)
        middle = [name for name in names[:-most] if self.entries[name].number > most]
        return middle[: min(len(names) + 1 - max(2 * most, _AT_LEAST), _REMOVED_AT_ONCE)]


class DynamoRates:
    """Implements `policy.services.Rates`. Safe for use from several threads.

    What it cannot do: know again a message that was far over the limit (beyond both the first and the last limit + 1 of a bucket with at
    least 200), when it is tried again: it is counted anew. And clocks that differ between functions shift the window by as much.

    Args:
        table: the table's name or ARN.
        clock: seconds since 1970.
    """

    def __init__(self, table: str, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._client: Any = boto3.client("dynamodb", config=CONFIG)

    def hit(self, key: str, invocation_id: str, *, window_s: int, limit: int, deadline: Deadline) -> int:
        """See `Rates.hit`. A window of another length is another count, even under the same key.

        Args:
            limit: at most some 3,000, as a bucket has to fit into an item of 400 KB.

        Raises:
            PassingTrouble, Misconfigured: see `mailhooks.errors`.
        """
        now_ms = int(self._clock() * 1000)
        current = now_ms // (window_s * 1000)
        pk = _digest(f"{window_s} {key}", 24)
        own = _ENTRY + _digest(invocation_id, 8)
        known = self._read(pk, own, current, window_s, deadline)
        at = next((number for number, bucket in known.items() if own in bucket.entries), None)
        if at is None:
            at = current
            superfluous = known[at].superfluous(limit + 1) if at in known else []
            entry = self._count(pk, at, own, now_ms, window_s, superfluous, deadline)
        else:
            entry = known[at].entries[own]
            if at < current:
                # A retry in a later bucket: the one before its own was of no interest to the first reading.
                known = self._read(pk, own, at, window_s, deadline)
        before = known.get(at - 1)
        return entry.number + (before.since(entry.at_ms - window_s * 1000) if before else 0)

    def _read(self, pk: str, own: str, current: int, window_s: int, deadline: Deadline) -> dict[int, _Bucket]:
        """The buckets of the window that ends in `current`, and an earlier one that knows the invocation.

        Strongly consistent: when a bucket begins, what was counted a moment ago stands in the one before. Newest first and one page of 1 MB
        only, so that a flood of hours cannot make one message slow.
        """
        earliest = min(current - 1, current - -(-RETRIED_FOR_S // window_s))
        answer = call(
            "Query",
            lambda: self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :earliest AND :current",
                FilterExpression="b >= :before OR attribute_exists(#own)",
                ExpressionAttributeNames={"#own": own},
                ExpressionAttributeValues={
                    ":pk": {"S": pk},
                    ":earliest": {"N": str(earliest)},
                    ":current": {"N": str(current)},
                    ":before": {"N": str(current - 1)},
                },
                ConsistentRead=True,
                ScanIndexForward=False,
            ),
            deadline,
        )
        return {(number := int(item["sk"]["N"])): _Bucket.of(number, item) for item in answer["Items"]}

    def _count(self, pk: str, bucket: int, own: str, now_ms: int, window_s: int, superfluous: list[str], deadline: Deadline) -> _Entry:
        """Gives the message its number: the one write."""
        # Late enough that the bucket before the one of a message still stands when that message is tried again for the last time.
        expires = (bucket + 2) * window_s + max(window_s, RETRIED_FOR_S)
        removed = {f"#r{index}": name for index, name in enumerate(superfluous)}
        request = {
            "TableName": self._table,
            "Key": {"pk": {"S": pk}, "sk": {"N": str(bucket)}},
            "UpdateExpression": _UPDATE + (f" REMOVE {', '.join(removed)}" if removed else ""),
            "ConditionExpression": "attribute_not_exists(#own)",
            "ExpressionAttributeNames": {"#own": own, **removed},
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
            try:
                written: dict[str, Any] = self._client.update_item(**request)["Attributes"]
            except ClientError as error:
                # The same invocation came in between: another try of it, or botocore's own after an answer that was lost.
                if code_of(error) == "ConditionalCheckFailedException" and own in error.response.get("Item", {}):
                    counted: dict[str, Any] = error.response["Item"]
                    return counted
                raise
            return written

        return _Bucket.of(bucket, call("UpdateItem", update_item, deadline)).entries[own]


def _digest(text: str, octets: int) -> str:
    """Of 8 octets: among the messages of one key nobody meets two that are the same."""
    return urlsafe_b64encode(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=octets).digest()).rstrip(b"=").decode()
