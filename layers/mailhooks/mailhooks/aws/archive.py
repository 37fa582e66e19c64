"""Keeps copies of messages in a bucket: the message as it came, and its envelope, once an invocation."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline


class Archiver:
    """Writes to S3 and never over what is there."""

    def __init__(self) -> None:
        self._s3: Any = boto3.client("s3", config=aws.CONFIG)

    def keep(
        self,
        bucket: str,
        prefix: str,
        invocation_id: str,
        raw: bytes,
        envelope: dict[str, Any],
        *,
        retain_days: int | None = None,
        lock: str | None = None,
        deadline: Deadline,
    ) -> bool:
        """Keeps `<prefix><invocation_id>/message.eml` and `.../envelope.json`; the envelope last, so that where it is the copy is whole.

        A try that finds an object there leaves it: the message that a later try sees may be the changed one.

        Args:
            retain_days: for how many days nobody may delete it (S3 Object Lock), with `lock`.
            lock: `governance` or `compliance`.

        Returns:
            Whether anything was written.

        Raises:
            PassingTrouble, Misconfigured: see `mailhooks.errors`.
        """
        retention: dict[str, Any] = {}
        if retain_days and lock:
            until = datetime.now(UTC) + timedelta(days=retain_days)
            retention = {"ObjectLockMode": lock.upper(), "ObjectLockRetainUntilDate": until}
        text = json.dumps(envelope, ensure_ascii=False, indent=2).encode("utf-8", "replace")
        written = False
        for name, content, kind in (("message.eml", raw, "message/rfc822"), ("envelope.json", text, "application/json")):
            request = {"Bucket": bucket, "Key": f"{prefix}{invocation_id}/{name}", "Body": content, "ContentType": kind, **retention}
            written = self._put(request, deadline) or written
        return written

    def _put(self, request: dict[str, Any], deadline: Deadline) -> bool:
        def put() -> bool:
            try:
                self._s3.put_object(**request, IfNoneMatch="*")
            except ClientError as error:
                if aws.code_of(error) == "PreconditionFailed":
                    return False
                raise
            return True

        return aws.call("PutObject", put, deadline)
