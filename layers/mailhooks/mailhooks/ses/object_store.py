"""Reads the messages that SES stores in a bucket, and tags those that need no further work.

The bucket's lifecycle rule removes tagged objects after some days. An object without the tag stays, so that a message which is held, waits
for the next host, or failed is never removed.
"""

from typing import Any, Final

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, PermanentError

TAG: Final = ("workmail-hooks", "done")
"""Key and value of the tag of a message that needs no further work."""

MAX_OCTETS: Final = 40 * 1024 * 1024
"""SES stores no larger message (SES API reference, S3Action)."""

_CLIENT_SIDE_KEYS: Final = frozenset({"x-amz-key", "x-amz-key-v2"})
"""Metadata of an object that the writer has encrypted itself (S3 encryption client)."""


class UnreadableObject(PermanentError):
    """A stored message is missing, too large, or encrypted by SES. Its text has the remedy."""


class ObjectStore:
    """The bucket of received messages.

    Args:
        bucket: its name.
        prefix: the beginning of each object's key, before the message's ID.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._s3: Any = aws.make_client("s3")

    def read(self, message_id: str, deadline: Deadline) -> bytes:
        """Return the octets of a message.

        Raises:
            UnreadableObject: a retry would not help.
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        return aws.call("GetObject", lambda: self._get(message_id), deadline, map_own=_map_missing)

    def tag_as_done(self, message_id: str, deadline: Deadline) -> None:
        """Let the lifecycle rule remove a message. Raises TransientError or Misconfigured."""
        key, value = TAG
        tags = {"TagSet": [{"Key": key, "Value": value}]}
        place = {"Bucket": self._bucket, "Key": self._prefix + message_id}
        aws.call("PutObjectTagging", lambda: self._s3.put_object_tagging(**place, Tagging=tags), deadline)

    def _get(self, message_id: str) -> bytes:
        answer = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + message_id)
        with answer["Body"] as body:
            if _CLIENT_SIDE_KEYS & {name.lower() for name in answer["Metadata"]}:
                raise UnreadableObject("SES has encrypted the message: remove the KMS key of the S3 action, and encrypt the bucket")
            if answer["ContentLength"] > MAX_OCTETS:
                raise UnreadableObject(f"the message has more than {MAX_OCTETS:,} bytes")
            content: bytes = body.read()
        return content


def _map_missing(code: str, _text: str) -> MailhooksError | None:
    if code == "NoSuchKey":
        return UnreadableObject("the message is not in the bucket: the rule's S3 action has to come first, with the prefix MAIL_PREFIX")
    return None
