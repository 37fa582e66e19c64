"""Records the subscriptions, in a DynamoDB table.

An item is a subscription: partition key `id`, its ID from WorkMail; `mailbox` and `name`, as configured; `state`; `heardAt`, the time of
its last notification, in seconds since 1970.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from mailhooks.aws.client import QUICK_CONFIG, call, make_client
from mailhooks.deadline import Deadline


class State(StrEnum):
    """The state of a subscription."""

    ACTIVE = "active"

    REMOVED = "removed"
    """No longer configured: the next notification is answered Unsubscribe."""


class Subscription(NamedTuple):
    """A subscription that the keeper made."""

    id: str
    mailbox: str
    name: str
    state: State


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
        request = {"TableName": self._table, "Key": {"id": {"S": subscription_id}}, "ConsistentRead": True}
        item = call("GetItem", lambda: self._client.get_item(**request), deadline).get("Item")
        return item and Subscription(subscription_id, item["mailbox"]["S"], item["name"]["S"], State(item["state"]["S"]))

    def heard(self, subscription_id: str, at: int, deadline: Deadline) -> None:
        """Record the time of a subscription's notification, in seconds since 1970. Raises as `find`."""
        request = {
            "TableName": self._table,
            "Key": {"id": {"S": subscription_id}},
            "UpdateExpression": "SET heardAt = :at",
            "ExpressionAttributeValues": {":at": {"N": str(at)}},
        }
        call("UpdateItem", lambda: self._client.update_item(**request), deadline)
