"""What the sample event in events/ses needs: the bucket with the message, the table and the queue of the stack `ses` (events/env.json)."""

import json
from contextlib import closing
from pathlib import Path
from typing import Final

from workmail_local.aws.services import LocalAws

BUCKET: Final = "received-mail"
PREFIX: Final = "incoming/"
MESSAGES_TABLE: Final = "received-messages"
FAILURES_QUEUE: Final = "failed-mail"


def publish(wm: LocalAws, folder: Path) -> None:
    """Create the resources, and store the messages in a folder as SES does. They are removed with the local WorkMail.

    Args:
        folder: events as NAME.json, each with its message as NAME.eml.
    """
    wm.make_bucket(BUCKET)
    wm.make_received_table(MESSAGES_TABLE)
    with closing(wm.client("sqs")) as sqs:
        sqs.create_queue(QueueName=FAILURES_QUEUE)
    with closing(wm.client("s3")) as s3:
        for message in sorted(folder.glob("*.eml")):
            event = json.loads(message.with_suffix(".json").read_text("utf-8"))
            key = PREFIX + event["Records"][0]["ses"]["mail"]["messageId"]
            s3.put_object(Bucket=BUCKET, Key=key, Body=message.read_bytes())
