"""Writes an item of a DynamoDB table if the item meets a condition."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from mailhooks.aws.client import call, error_code
from mailhooks.deadline import Deadline


def write_if(operation: str, write: Callable[[], object], deadline: Deadline) -> dict[str, Any] | None:
    """Make a call that writes one item on a condition.

    Args:
        operation: its name, such as UpdateItem.
        write: makes the call, with `ReturnValuesOnConditionCheckFailure` ALL_OLD if the caller needs the item.

    Returns:
        None if the item is written; else the item that does not meet the condition, `{}` if it is not there or not requested.

    Raises:
        TransientError, Misconfigured: see `mailhooks.errors`.
    """

    def write_item() -> dict[str, Any] | None:
        try:
            write()
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            found: dict[str, Any] = error.response.get("Item", {})
            return found
        return None

    return call(operation, write_item, deadline)
