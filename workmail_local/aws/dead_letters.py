"""The dead-letter queues of asynchronous functions, in the local SQS."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any


def send_dead_letter(create_client: Callable[[str], Any], function: str, event: Mapping[str, Any], error: str) -> None:
    """Send an event to the queue `FUNCTION-dead-letters` (AWS Lambda Developer Guide, "Dead-letter queues").

    Args:
        create_client: returns a client of a local service, by the service's name.
    """
    with closing(create_client("sqs")) as sqs:
        queue = sqs.create_queue(QueueName=f"{function}-dead-letters")["QueueUrl"]
        attributes = {"ErrorCode": "200", "ErrorMessage": error[:1000] or "unknown"}
        sqs.send_message(
            QueueUrl=queue,
            MessageBody=json.dumps(event),
            MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
        )
