"""A queue that gets all events which this project puts on a bus of moto's EventBridge."""

import json
import uuid
from typing import Any

from workmail_local.workmail import LocalWorkMail


class EventQueue:
    """The queue of one bus. Close it after use."""

    def __init__(self, wm: LocalWorkMail, bus: str) -> None:
        self._bus, self._name = bus, f"push-{uuid.uuid4().hex[:12]}"
        self._events, self._sqs = wm.client("events"), wm.client("sqs")
        self._queue = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self._events.put_rule(Name=self._name, EventBusName=bus, EventPattern=json.dumps({"source": ["workmail-hooks"]}))
        self._events.put_targets(Rule=self._name, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
        self._received: list[dict[str, Any]] = []

    def receive_all(self) -> list[dict[str, Any]]:
        """Return all events so far, in the order in which they were received."""
        while messages := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            self._received += (json.loads(message["Body"]) for message in messages)
            entries = [{"Id": str(index), "ReceiptHandle": each["ReceiptHandle"]} for index, each in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries)
        return self._received

    def close(self) -> None:
        """Remove the queue and its rule."""
        self._events.remove_targets(Rule=self._name, EventBusName=self._bus, Ids=["1"])
        self._events.delete_rule(Name=self._name, EventBusName=self._bus)
        self._sqs.delete_queue(QueueUrl=self._queue)
        self._events.close()
        self._sqs.close()
