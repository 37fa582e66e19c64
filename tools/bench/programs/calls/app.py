"""Make the three calls of a hook that changes a message, and nothing else: what stays of `rewrite` without its work."""

import os

from mailhooks.deadline import Deadline
from mailhooks.messageflow import MessageFlow

flow = MessageFlow(os.environ["REWRITE_BUCKET"])


def handler(event, context):
    deadline = Deadline.after(10)
    flow.put(event["messageId"], [flow.get(event["messageId"], deadline)], deadline)
    return {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
