"""Stores copies of messages in a bucket: the received message and its envelope, once an invocation."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline


class Archiver:
    """Writes to S3 and never overwrites an object."""

    def __init__(self) -> None:
        self._s3 = aws.make_client("s3")

    def archive(
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
    ) -> None:
        """Store `<prefix><invocation_id>/message.eml` and `.../envelope.json`, which marks a complete copy as it is written last.

        An object that is there stays: the message that a retry reads may be the changed one.

        Args:
            retain_days: days in which the copy cannot be deleted (S3 Object Lock), with `lock`.
            lock: `governance` or `compliance`.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        retention: dict[str, Any] = {}
        if retain_days and lock:
            until = datetime.now(UTC) + timedelta(days=retain_days)
            retention = {"ObjectLockMode": lock.upper(), "ObjectLockRetainUntilDate": until}
        text = json.dumps(envelope, ensure_ascii=False, indent=2).encode("utf-8", "replace")
        for name, content, kind in (("message.eml", raw, "message/rfc822"), ("envelope.json", text, "application/json")):
            request = {"Bucket": bucket, "Key": f"{prefix}{invocation_id}/{name}", "Body": content, "ContentType": kind, **retention}
            aws.call("PutObject", partial(self._put_if_absent, request), deadline)

    def _put_if_absent(self, request: dict[str, Any]) -> None:
        try:
            self._s3.put_object(**request, IfNoneMatch="*")
        except ClientError as error:
            if aws.error_code(error) != "PreconditionFailed":
                raise
