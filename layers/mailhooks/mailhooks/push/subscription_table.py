"""Records the subscriptions, in a DynamoDB table.

An item is a subscription: partition key `id`, its ID from WorkMail; `mailbox` and `name`, as configured; `state`; `settings`, a digest of
its configuration; `statusMinutes`; and in seconds since 1970 `madeAt`, `heardAt` (its last notification) and `removedAt`. `watermark`
identifies the last event that the responder has handled.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from mailhooks.aws.client import QUICK_CONFIG, call, make_client
from mailhooks.aws.conditional_writes import write_if
from mailhooks.deadline import Deadline


class State(StrEnum):
    """The state of a subscription."""

    ACTIVE = "active"

    REMOVED = "removed"
    """Replaced, or no longer configured: the next notification is answered Unsubscribe."""


class Subscription(NamedTuple):
    """A subscription that the keeper made.

    Attributes:
        status_minutes: between two heartbeats.
        settings: a digest of the configuration that it was made for.
        made_at, heard_at, removed_at: seconds since 1970; 0 for never.
        watermark: of the last event that the responder has handled; "" for none.
    """

    id: str
    mailbox: str
    name: str
    state: State
    status_minutes: int = 1
    settings: str = ""
    made_at: int = 0
    heard_at: int = 0
    removed_at: int = 0
    watermark: str = ""


class SubscriptionTable:
    """The table of subscriptions, by its name or ARN."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._client: Any = make_client("dynamodb", QUICK_CONFIG)

    def find(self, subscription_id: str, deadline: Deadline) -> Subscription | None:
        """Return a subscription by its ID; None if the keeper has not made it.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        request = {**self._key(subscription_id), "ConsistentRead": True}
        item = call("GetItem", lambda: self._client.get_item(**request), deadline).get("Item")
        return item and _read(item)

    def heard(self, subscription_id: str, at: int, deadline: Deadline, *, watermark: str = "") -> None:
        """Record a notification of a subscription. Has no effect on a subscription that was forgotten. Raises as `find`.

        Args:
            at: the time, in seconds since 1970.
            watermark: of its last event, once all its events are handled; "" for a heartbeat.
        """
        values = {"heardAt": {"N": str(at)}, **({"watermark": {"S": watermark}} if watermark else {})}
        self._update(subscription_id, values, deadline)

    def list_all(self, deadline: Deadline) -> list[Subscription]:
        """Return all subscriptions. Raises as `find`."""
        return [_read(item) for page in self._scan(deadline) for item in page]

    def save(self, subscription: Subscription, deadline: Deadline) -> None:
        """Record a new subscription. Raises as `find`."""
        item = {
            "id": {"S": subscription.id},
            "mailbox": {"S": subscription.mailbox},
            "name": {"S": subscription.name},
            "state": {"S": subscription.state},
            "statusMinutes": {"N": str(subscription.status_minutes)},
            "settings": {"S": subscription.settings},
            "madeAt": {"N": str(subscription.made_at)},
            "watermark": {"S": subscription.watermark},
        }
        call("PutItem", lambda: self._client.put_item(TableName=self._table, Item=item), deadline)

    def mark_removed(self, subscription_id: str, at: int, deadline: Deadline) -> None:
        """Let the responder answer the next notification with Unsubscribe. Raises as `find`."""
        self._update(subscription_id, {"state": {"S": State.REMOVED}, "removedAt": {"N": str(at)}}, deadline)

    def forget(self, subscription_id: str, deadline: Deadline) -> None:
        """Delete the record of a subscription. Raises as `find`."""
        call("DeleteItem", lambda: self._client.delete_item(**self._key(subscription_id)), deadline)

    def _key(self, subscription_id: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"id": {"S": subscription_id}}}

    def _scan(self, deadline: Deadline) -> Iterator[list[dict[str, Any]]]:
        request: dict[str, Any] = {"TableName": self._table, "ConsistentRead": True}
        while True:
            page = call("Scan", lambda: self._client.scan(**request), deadline)
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _update(self, subscription_id: str, values: dict[str, dict[str, str]], deadline: Deadline) -> None:
        """Set attributes of a record, unless there is none: UpdateItem would make a new one."""
        request = {
            **self._key(subscription_id),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "ConditionExpression": "attribute_exists(id)",
            # Some names are reserved words.
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()},
        }
        write_if("UpdateItem", lambda: self._client.update_item(**request), deadline)


def _read(item: dict[str, Any]) -> Subscription:
    def number(name: str) -> int:
        return int(item.get(name, {}).get("N", 0))

    def text(name: str) -> str:
        return str(item.get(name, {}).get("S", ""))

    return Subscription(
        text("id"),
        text("mailbox"),
        text("name"),
        State(text("state")),
        number("statusMinutes"),
        text("settings"),
        number("madeAt"),
        number("heardAt"),
        number("removedAt"),
        text("watermark"),
    )
