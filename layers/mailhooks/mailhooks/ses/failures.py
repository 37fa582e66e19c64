"""Puts the events of messages that the function gives up into the queue of failures."""

import json
from typing import Any

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.ses.receipt_event import Receipt


class FailureQueue:
    """The queue that also gets events from Lambda (the function's dead-letter queue)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sqs: Any = aws.make_client("sqs")

    def add(self, receipt: Receipt, deadline: Deadline) -> None:
        """Put the event of a message into the queue. Raises TransientError or Misconfigured."""
        body = json.dumps(receipt.to_event())
        aws.call("SendMessage", lambda: self._sqs.send_message(QueueUrl=self._url, MessageBody=body), deadline)
