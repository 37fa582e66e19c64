"""The S3 reference of a Put, and how WorkMail reads the content from it."""

from dataclasses import dataclass
from typing import Any, Final

from mailhooks.contract.limits import BUCKET_PATTERN, KEY_PATTERN, MAX_MESSAGE_BYTES


class InvalidLocation(ValueError):
    """WorkMail cannot read the object, for the reason in the text."""


class TooLarge(ValueError):
    """The object is larger than a message may be, and was not read."""


_CHECKED: Final[set[tuple[str, str, str]]] = set()
"""(endpoint, bucket, region) of buckets whose region was checked."""


@dataclass(frozen=True, slots=True)
class S3Reference:
    """The shape `S3Reference` of the service's model."""

    bucket: str
    key: str
    version: str | None = None

    def read(self, s3: Any, region: str) -> bytes:
        """Return the object's bytes.

        Args:
            s3: a boto3 S3 client.
            region: of the organization; the bucket must be in it.

        Raises:
            InvalidLocation: a name does not match the model's pattern, the bucket is in another region, or there is no such object or
                version.
            TooLarge: the object has more bytes than a message may have.
        """
        # Imported late: botocore needs most of the time of a start, which `--help` must not wait for.
        from botocore.exceptions import BotoCoreError, ClientError

        self._check_names()
        try:
            self._check_region(s3, region)
            version = {"VersionId": self.version} if self.version else {}
            response = s3.get_object(Bucket=self.bucket, Key=self.key, **version)
            with response["Body"] as body:
                if response["ContentLength"] > MAX_MESSAGE_BYTES:
                    raise TooLarge(f"the object has {response['ContentLength']:,} bytes; at most {MAX_MESSAGE_BYTES:,} are accepted")
                return bytes(body.read())
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise InvalidLocation(f"S3 answers {code} for the object{' version' if self.version else ''}") from error
        except BotoCoreError as error:
            raise InvalidLocation(f"S3 cannot be reached ({type(error).__name__})") from error

    def _check_names(self) -> None:
        if not BUCKET_PATTERN.fullmatch(self.bucket):
            raise InvalidLocation(f"the bucket's name does not match {BUCKET_PATTERN.pattern}")
        if not KEY_PATTERN.fullmatch(self.key):
            raise InvalidLocation(f"the key does not match {KEY_PATTERN.pattern} (neither dots nor underscores)")

    def _check_region(self, s3: Any, region: str) -> None:
        """Check the bucket's region once: a bucket never moves."""
        known = (s3.meta.endpoint_url, self.bucket, region)
        if known in _CHECKED:
            return
        # S3 returns None for us-east-1, and "EU" for buckets that are older than the name eu-west-1.
        named = s3.get_bucket_location(Bucket=self.bucket).get("LocationConstraint") or "us-east-1"
        actual = {"EU": "eu-west-1"}.get(named, named)
        if actual != region:
            raise InvalidLocation(f"the bucket is in {actual}, the organization in {region}")
        _CHECKED.add(known)
