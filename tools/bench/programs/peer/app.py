"""The peer of `rewrite`: the same change by boto3 and `email.message`, in the way of AWS's examples. It handles plain text only."""

import email
import logging
import os
import uuid
from email import policy

import boto3

flow = boto3.client("workmailmessageflow")
s3 = boto3.client("s3")
logger = logging.getLogger()
logger.setLevel(logging.INFO)


def handler(event, context):
    logger.info("message %s", event["messageId"])
    message_id, bucket = event["messageId"], os.environ["REWRITE_BUCKET"]
    raw = flow.get_raw_message_content(messageId=message_id)["messageContent"].read()
    message = email.message_from_bytes(raw, policy=policy.SMTP.clone(refold_source="none"))
    text = message.get_content() + "\n\n" + os.environ["DISCLAIMER_TEXT"]
    message.set_content(text, charset=message.get_content_charset(), cte=message["Content-Transfer-Encoding"].lower())
    message.replace_header("Subject", f"{os.environ['SUBJECT_TAG']} {event['subject']}")
    key = str(uuid.uuid4())
    s3.put_object(Bucket=bucket, Key=key, Body=message.as_bytes())
    flow.put_raw_message_content(messageId=message_id, content={"s3Reference": {"bucket": bucket, "key": key}})
    return {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
