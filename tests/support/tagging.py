"""A function as in the AWS documentation, which adds a tag before the subject."""


def tagging_source(tag: str) -> str:
    """Return the source of its app.py. The handler is `app.handler`."""
    return f"""
import boto3, os
flow, s3, bucket = boto3.client("workmailmessageflow"), boto3.client("s3"), os.environ["REWRITE_BUCKET"]

def handler(event, context):
    message, key = event["messageId"], event["invocationId"]
    raw = flow.get_raw_message_content(messageId=message)["messageContent"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=raw.replace(b"Subject: ", b"Subject: {tag} ", 1))
    flow.put_raw_message_content(messageId=message, content={{"s3Reference": {{"bucket": bucket, "key": key}}}})
    return {{"actions": [{{"action": {{"type": "DEFAULT"}}, "allRecipients": True}}]}}
"""
