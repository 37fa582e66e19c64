"""Records held messages and the decisions on them, in one DynamoDB table.

An item is the hold of one message by one rule: partition key `pk`, the token of the invocation; sort key `sk`, a digest of direction and
rule; time to live `expires`. It has the envelope of the message, and nothing of its content.

A state changes once: from pending to the decision of an approver, or to `timed-out`, by conditional writes. So of two decisions at the same
time, the table has one, and each caller gets that one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from botocore.exceptions import ClientError

from mailhooks.aws.client import call, error_code, make_client
from mailhooks.aws.digests import digest
from mailhooks.deadline import Deadline
from mailhooks.report_names import HoldState

KEPT_S: Final = 14 * 24 * 60 * 60
"""A record is kept for this time after the decision, to show who decided and when."""

AT_TIMEOUT: Final = {
    "deliver": "is delivered without an approval",
    "bounce": "is returned to its sender",
    "drop": "is deleted, and its sender gets no message",
}
"""What happens to a message without a decision in time, by the rule's `on_timeout`."""


class HoldKey(NamedTuple):
    """The key of a hold: letters, digits, hyphens and underscores.

    Attributes:
        invocation: `mailhooks.hooks.earlier_decision.token` of the event.
        rule: see `of`.
    """

    invocation: str
    rule: str

    @classmethod
    def of(cls, invocation: str, direction: str, rule: str) -> Self:
        """Return the key of the hold of a message by a rule."""
        return cls(invocation, digest(f"{direction} {rule}", 12))


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRecord:
    """The hold of a message by a rule. Times are seconds since 1970.

    Attributes:
        approvers: the addresses that get a link each, in the order of the rule, and last the kind of the notification's target, if the rule
            has one: `sns`, `eventbridge` or `webhook`. A link names its approver by the position here.
        direction: `INBOUND` or `OUTBOUND`.
        recipients: those of the event; a truncated event omits some.
        held: the recipients whom the rule holds, in lower case, `""` for those that a truncated event omits; None for all.
        timeout_at: when `on_timeout` decides.
        on_timeout: a key of `AT_TIMEOUT`.
        reason: that of a rejection.
        decided_by: an approver, or the kind of the notification's target.
        notified_at: when an approver was notified; None if that is not known.
        missed: the positions of the approvers who could not be notified for a transient error.
    """

    key: HoldKey
    rule: str
    message_id: str
    direction: str
    mail_from: str
    recipients: tuple[str, ...]
    held: tuple[str, ...] | None = None
    approvers: tuple[str, ...] = ()
    created_at: int
    timeout_at: int
    on_timeout: str
    state: HoldState = HoldState.PENDING
    reason: str = ""
    decided_by: str = ""
    decided_at: int | None = None
    notified_at: int | None = None
    missed: tuple[int, ...] = ()

    @property
    def to_ask(self) -> tuple[int, ...]:
        """The positions of the approvers who are to be notified."""
        return tuple(range(len(self.approvers))) if self.notified_at is None else self.missed


class HoldTable:
    """Reads and writes the records. Each method raises TransientError or Misconfigured (see `mailhooks.errors`).

    Args:
        table: the table's name or ARN.
        client: a client of DynamoDB; None for one of the environment.
    """

    def __init__(self, table: str, client: Any = None) -> None:
        self._table = table
        self._client = client or make_client("dynamodb")

    def list_of_invocation(self, invocation: str, deadline: Deadline) -> list[HoldRecord]:
        """Return the records of an invocation, by one strongly consistent read; by one for each MB if they are larger."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": invocation}},
            "ConsistentRead": True,
        }
        records: list[HoldRecord] = []
        while True:
            answer = call("Query", lambda: self._client.query(**request), deadline)
            records += map(_to_record, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return records
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def read(self, key: HoldKey, deadline: Deadline) -> HoldRecord | None:
        """Return a record; None if there is none."""
        answer = call("GetItem", lambda: self._client.get_item(TableName=self._table, Key=_to_key(key), ConsistentRead=True), deadline)
        return _to_record(answer["Item"]) if "Item" in answer else None

    def create(self, record: HoldRecord, deadline: Deadline) -> HoldRecord | None:
        """Add a record. Return the one that the table has already, unchanged; None if it was added."""
        values = _to_values(record)
        names = {f"#{name}": name for name in values}
        created, item = self._update(
            record.key,
            "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "attribute_not_exists(pk)",
            {f":{name}": value for name, value in values.items()},
            deadline,
            ExpressionAttributeNames=names,
        )
        return None if created else _to_record(item)

    def mark_notified(self, key: HoldKey, missed: Sequence[int], now: int, deadline: Deadline) -> None:
        """Record that an approver was notified, and which ones are to be notified by the next attempt."""
        values = {":now": {"N": str(now)}, ":missed": {"L": [{"N": str(position)} for position in missed]}}
        self._update(key, "SET notifiedAt = :now, missed = :missed", "attribute_exists(pk)", values, deadline)

    def decide(
        self, key: HoldKey, state: HoldState, *, reason: str = "", decided_by: str, now: int, deadline: Deadline
    ) -> HoldRecord | None:
        """Record a decision, unless there is one. Return the record with the decision that counts; None if there is no record.

        After a lost response, boto3 sends the request again and gets its own decision as the earlier one: compare `decided_by` and
        `decided_at` before a message that another approver was first.

        Args:
            state: any but PENDING.
            reason: of a rejection.
            decided_by: an approver, or the kind of the notification's target.
        """
        _, item = self._update(
            key,
            "SET #state = :state, reason = :reason, decidedBy = :by, decidedAt = :now, expires = :expires",
            "#state = :pending",
            {
                ":state": {"S": state},
                ":pending": {"S": HoldState.PENDING},
                ":reason": {"S": reason},
                ":by": {"S": decided_by},
                ":now": {"N": str(now)},
                ":expires": {"N": str(now + KEPT_S)},
            },
            deadline,
            ExpressionAttributeNames={"#state": "state"},
        )
        return _to_record(item) if item else None

    def _update(
        self, key: HoldKey, expression: str, condition: str, values: dict[str, Any], deadline: Deadline, **more: Any
    ) -> tuple[bool, dict[str, Any]]:
        """Update an item if it meets a condition. Return whether it did, and the item as it is then; `{}` if there is none."""

        def update_item() -> tuple[bool, dict[str, Any]]:
            try:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_to_key(key),
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **more,
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return False, error.response.get("Item", {})
            return True, answer["Attributes"]

        return call("UpdateItem", update_item, deadline)


def _to_key(key: HoldKey) -> dict[str, Any]:
    return {"pk": {"S": key.invocation}, "sk": {"S": key.rule}}


def _to_values(record: HoldRecord) -> dict[str, Any]:
    """Return the attributes of a new item, without its key."""
    values: dict[str, Any] = {
        "rule": {"S": record.rule},
        "state": {"S": record.state},
        "messageId": {"S": record.message_id},
        "direction": {"S": record.direction},
        "mailFrom": {"S": record.mail_from},
        "recipients": _to_list(record.recipients),
        "approvers": _to_list(record.approvers),
        "createdAt": {"N": str(record.created_at)},
        "timeoutAt": {"N": str(record.timeout_at)},
        "onTimeout": {"S": record.on_timeout},
        "expires": {"N": str(record.timeout_at + KEPT_S)},
    }
    if record.decided_at is not None:
        values["decidedAt"] = {"N": str(record.decided_at)}
    if record.held is not None:
        values["held"] = _to_list(record.held)
    return values


def _to_list(texts: tuple[str, ...]) -> dict[str, Any]:
    return {"L": [{"S": text} for text in texts]}


def _to_record(item: dict[str, Any]) -> HoldRecord:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(entry["S"] for entry in item[name]["L"])

    def time(name: str) -> int | None:
        return int(item[name]["N"]) if name in item else None

    return HoldRecord(
        key=HoldKey(item["pk"]["S"], item["sk"]["S"]),
        rule=item["rule"]["S"],
        message_id=item["messageId"]["S"],
        direction=item["direction"]["S"],
        mail_from=item["mailFrom"]["S"],
        recipients=texts("recipients"),
        held=texts("held") if "held" in item else None,
        approvers=texts("approvers"),
        created_at=int(item["createdAt"]["N"]),
        timeout_at=int(item["timeoutAt"]["N"]),
        on_timeout=item["onTimeout"]["S"],
        state=HoldState(item["state"]["S"]),
        reason=item["reason"]["S"] if "reason" in item else "",
        decided_by=item["decidedBy"]["S"] if "decidedBy" in item else "",
        decided_at=time("decidedAt"),
        notified_at=time("notifiedAt"),
        missed=tuple(int(entry["N"]) for entry in item["missed"]["L"]) if "missed" in item else (),
    )
