"""Records in a DynamoDB table, for each message, what is done: no recipient gets it twice, and none is forgotten.

Lambda delivers the event of SES at least once, and an invocation may end at any time. An item is the work of one event:

- partition key `pk`: the message's ID and a digest of its recipients;
- `event`: the event, from which the schedule makes another attempt;
- `state`: a `State`;
- `o`, the invocation that has the message now, and `until`, the end of its claim;
- `passed` and `bounced`: the recipients for whom the message was passed on or bounced, in lower case;
- `attempts`, and `give_up`, the time after which there is no further one;
- `reported`, once the evaluation is logged and counted, and its notifications are sent;
- `q` and `due`, the keys of the index `due`: when the schedule makes the next attempt. A claim is due when it ends, so that a message whose
  invocation was stopped gets another attempt;
- time to live `expires`, once the message is done. Then the item has no address.

Other items are the notes of `note_held` and the turns of `wait_for_turn`. Times are seconds since 1970.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final, NamedTuple

from mailhooks.aws.client import call, make_client
from mailhooks.aws.conditional_writes import write_if
from mailhooks.deadline import Deadline
from mailhooks.errors import Throttled
from mailhooks.ses.receipt_event import Receipt

INDEX: Final = "due"

KEEP_S: Final = 14 * 86_400
"""The item of a message that is done is kept for this time. Lambda repeats an event for hours at most."""

_OPEN: Final = "open"
"""The partition of the index: of all messages that need another attempt."""


_FREE: Final = "attribute_not_exists(pk) OR (#state <> :done AND (attribute_not_exists(o) OR #until <= :now))"
_DUE: Final = "(#state <> :done AND q = :open AND due <= :now)"


class State(StrEnum):
    """The state of a message."""

    OPEN = "open"
    """It waits for its next attempt, or an invocation has it now."""
    HELD = "held"
    """A rule holds it; the schedule asks for the decision."""
    DONE = "done"
    FAILED = "failed"
    """The function gave it up. Its event is in the queue of failures."""


class Claim(StrEnum):
    """Why an invocation may not have a message."""

    DONE = "done"
    OTHER = "other"
    """Another invocation has it now."""


@dataclass
class MessageRecord:
    """The item of a message that this invocation has claimed.

    Attributes:
        passed, bounced: recipients in lower case.
        attempts: with this one.
        give_up_at: after this time there is no further attempt.
        is_reported: whether an earlier attempt has logged and counted the evaluation, and sent the notifications.
    """

    key: str
    receipt: Receipt
    owner: str
    attempts: int
    give_up_at: float
    is_reported: bool = False
    passed: set[str] = field(default_factory=set)
    bounced: set[str] = field(default_factory=set)

    def is_settled(self, recipient: str) -> bool:
        """Return whether nothing is left to do for a recipient."""
        return recipient.lower() in self.passed | self.bounced


class OpenMessage(NamedTuple):
    """A message that needs another attempt, from a time on."""

    receipt: Receipt
    state: State
    due_at: float


class MessageTable:
    """The table of messages. Each method raises TransientError or Misconfigured (see `mailhooks.errors`).

    Args:
        table: its name or ARN.
        retry_s: seconds in which there are attempts.
        clock: seconds since 1970.
        sleep: waits for some seconds.
    """

    def __init__(
        self, table: str, retry_s: float, *, clock: Callable[[], float] = time.time, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._table = table
        self._retry_s = retry_s
        self._clock = clock
        self._sleep = sleep
        self._client: Any = make_client("dynamodb")

    def claim(self, receipt: Receipt, owner: str, seconds: float, deadline: Deadline, *, only_due: bool = False) -> MessageRecord | Claim:
        """Claim a message for an invocation, or return why that is not possible.

        Args:
            owner: the invocation's ID.
            seconds: the length of the claim: longer than the invocation can run.
            only_due: whether to leave a message alone that is not due now, or no longer open.
        """
        now = self._clock()
        key = make_key(receipt)
        until = int(now + seconds) + 1
        request = self._request(key) | {
            "UpdateExpression": (
                "SET event = if_not_exists(event, :event), give_up = if_not_exists(give_up, :give_up), "
                "attempts = if_not_exists(attempts, :none) + :one, "
                "o = :own, #until = :until, q = :open, due = :until, #state = :open"
            ),
            # A lost response: botocore sends the request again, and finds its own claim.
            "ConditionExpression": f"{_DUE if only_due else _FREE} OR o = :own",
            "ExpressionAttributeNames": {"#until": "until", "#state": "state"},
            "ExpressionAttributeValues": {
                ":event": {"S": json.dumps(receipt.to_event(), separators=(",", ":"))},
                ":give_up": {"N": str(int(now + self._retry_s))},
                ":none": {"N": "0"},
                ":one": {"N": "1"},
                ":own": {"S": owner},
                ":until": {"N": str(until)},
                ":now": {"N": str(int(now))},
                ":open": {"S": _OPEN},
                ":done": {"S": State.DONE},
            },
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        answers: list[dict[str, Any]] = []
        found = write_if("UpdateItem", lambda: answers.append(self._client.update_item(**request)["Attributes"]), deadline)
        if found is not None:
            return Claim.DONE if found.get("state", {}).get("S") == State.DONE else Claim.OTHER
        item = answers[-1]
        return MessageRecord(
            key,
            receipt,
            owner,
            int(item["attempts"]["N"]),
            float(item["give_up"]["N"]),
            "reported" in item,
            set(item.get("passed", {}).get("SS", ())),
            set(item.get("bounced", {}).get("SS", ())),
        )

    def add_passed(self, record: MessageRecord, recipients: Iterable[str], deadline: Deadline) -> None:
        """Record that the next host has accepted the message for some recipients."""
        self._add("passed", record.key, record.passed, recipients, deadline)

    def add_bounced(self, record: MessageRecord, recipients: Iterable[str], deadline: Deadline) -> None:
        """Record that the sender was informed of some recipients who do not get the message."""
        self._add("bounced", record.key, record.bounced, recipients, deadline)

    def release(self, record: MessageRecord, state: State, due_at: float, deadline: Deadline) -> None:
        """Give up a claim, and let the schedule make the next attempt at a time.

        Args:
            state: OPEN or HELD.
        """
        # The time of a hold is none of retrying: the hours, and the pauses, begin when the message is no longer held.
        more = ", give_up, attempts" if state is State.HELD else ""
        self._end(
            record,
            f"SET #state = :state, due = :due REMOVE o, #until{more}",
            {":state": {"S": state}, ":due": {"N": str(int(due_at))}},
            deadline,
        )

    def complete(self, record: MessageRecord, deadline: Deadline) -> None:
        """Record that the message needs no further work, and remove its addresses."""
        self._end(
            record,
            "SET #state = :state, expires = :expires REMOVE o, #until, q, due, event, passed, bounced, give_up, reported",
            {":state": {"S": State.DONE}, ":expires": {"N": str(int(self._clock()) + KEEP_S)}},
            deadline,
        )

    def fail(self, record: MessageRecord, deadline: Deadline) -> None:
        """Record that the message was given up. The same event makes another attempt, with new hours to retry."""
        self._end(record, "SET #state = :state REMOVE o, #until, q, due, give_up, attempts", {":state": {"S": State.FAILED}}, deadline)

    def list_open(self, deadline: Deadline) -> Iterator[OpenMessage]:
        """Yield the messages that need another attempt, the one that is due first at first. Claimed ones are due when their claim ends."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "q = :open",
            "ExpressionAttributeValues": {":open": {"S": _OPEN}},
        }
        while True:
            answer = call("Query", partial(self._client.query, **request), deadline)
            for item in answer["Items"]:
                receipt = Receipt.parse(json.loads(item["event"]["S"]))
                yield OpenMessage(receipt, State(item["state"]["S"]), float(item["due"]["N"]))
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def mark_as_reported(self, record: MessageRecord, deadline: Deadline) -> None:
        """Record that the evaluation of the message is logged and counted, and its notifications are sent."""
        request = self._request(record.key) | {
            "UpdateExpression": "SET reported = :yes",
            "ExpressionAttributeValues": {":yes": {"BOOL": True}},
        }
        call("UpdateItem", lambda: self._client.update_item(**request), deadline)
        record.is_reported = True

    def note_held(self, held_id: str, receipt: Receipt, deadline: Deadline) -> None:
        """Note the key of a held message, by the ID that the record of its hold has. The page for approvers reads it there."""
        request = self._request(_make_held_key(held_id)) | {
            "UpdateExpression": "SET message_id = :id, expires = :expires",
            "ExpressionAttributeValues": {":id": {"S": receipt.message_id}, ":expires": {"N": str(int(self._clock()) + KEEP_S)}},
        }
        call("UpdateItem", lambda: self._client.update_item(**request), deadline)

    def find_held(self, held_id: str, deadline: Deadline) -> str | None:
        """Return the message ID that `note_held` has noted; None if there is none."""
        answer = call("GetItem", lambda: self._client.get_item(**self._request(_make_held_key(held_id))), deadline)
        found: str | None = answer.get("Item", {}).get("message_id", {}).get("S")
        return found

    def wait_for_turn(self, name: str, seconds: float, deadline: Deadline) -> None:
        """Wait until no invocation has had a turn for some seconds, and record this one.

        Raises:
            Throttled: there is no turn before the deadline.
        """
        while True:
            now = self._clock()
            request = self._request(f"turn of {name}") | {
                "UpdateExpression": "SET free_at = :free_at",
                "ConditionExpression": "attribute_not_exists(free_at) OR free_at <= :now",
                "ExpressionAttributeValues": {":free_at": {"N": f"{now + seconds:.3f}"}, ":now": {"N": f"{now:.3f}"}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
            found = write_if("UpdateItem", partial(self._client.update_item, **request), deadline)
            if found is None:
                return
            pause = max(0.05, min(seconds, float(found["free_at"]["N"]) - now))
            if pause >= deadline.left():
                raise Throttled(f"{name}: other invocations have each turn until the deadline")
            self._sleep(pause)

    def _add(self, name: str, key: str, known: set[str], recipients: Iterable[str], deadline: Deadline) -> None:
        new = {each.lower() for each in recipients}
        # First in memory: if the write fails, this invocation still knows it.
        known |= new
        request = self._request(key) | {
            "UpdateExpression": f"ADD {name} :new",
            "ExpressionAttributeValues": {":new": {"SS": sorted(new)}},
        }
        call("UpdateItem", lambda: self._client.update_item(**request), deadline)

    def _end(self, record: MessageRecord, update: str, values: dict[str, Any], deadline: Deadline) -> None:
        """Write the end of a claim, unless the claim has passed and another invocation has the message."""
        request = self._request(record.key) | {
            "UpdateExpression": update,
            "ConditionExpression": "o = :own",
            "ExpressionAttributeNames": {"#until": "until", "#state": "state"},
            "ExpressionAttributeValues": {":own": {"S": record.owner}, **values},
        }
        write_if("UpdateItem", lambda: self._client.update_item(**request), deadline)

    def _request(self, key: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"pk": {"S": key}}}


def _make_held_key(held_id: str) -> str:
    return f"held {held_id}"


def make_key(receipt: Receipt) -> str:
    """Return the key of an event: one message may have several, if several rules match its recipients."""
    recipients = "\n".join(sorted(map(str.lower, receipt.recipients)))
    return f"{receipt.message_id}/{hashlib.sha256(recipients.encode('utf-8', 'replace')).hexdigest()[:16]}"
