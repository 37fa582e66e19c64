"""Reads the content that a Put points at, as WorkMail does: from S3, with its own eyes."""

from dataclasses import dataclass
from typing import Any, Final

from mailhooks.contract.limits import BUCKET_PATTERN, KEY_PATTERN, MAX_MESSAGE_BYTES


class BadLocation(ValueError):
    """WorkMail cannot read there; the text says why."""


class TooLarge(ValueError):
    """The object is larger than a message may be; it was not read."""


_FOUND: Final[set[tuple[str, str, str]]] = set()
"""Endpoints, and their buckets by region."""


@dataclass(frozen=True, slots=True)
class S3Reference:
    """The shape `S3Reference` of the service's model."""

    bucket: str
    key: str
    version: str | None = None

    def read(self, s3: Any, region: str) -> bytes:
        """The object's bytes.

        Args:
            s3: a boto3 S3 client.
            region: the organization's; the bucket's must be the same.

        Raises:
            BadLocation: a name against the model's pattern, a bucket elsewhere, or an object (or version) that is not there.
            TooLarge: more bytes than a message may have.
        """
        # Not at the top: botocore is most of what starting costs, and `--help` should not pay it.
        from botocore.exceptions import BotoCoreError, ClientError

        self._check_names()
        try:
            self._check_region(s3, region)
            version = {"VersionId": self.version} if self.version else {}
            found = s3.get_object(Bucket=self.bucket, Key=self.key, **version)
            with found["Body"] as body:
                if found["ContentLength"] > MAX_MESSAGE_BYTES:
                    raise TooLarge(f"the object has {found['ContentLength']:,} bytes; at most {MAX_MESSAGE_BYTES:,} are taken")
                return bytes(body.read())
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise BadLocation(f"S3 answers {code} for the object{' version' if self.version else ''}") from error
        except BotoCoreError as error:
            raise BadLocation(f"S3 cannot be reached ({type(error).__name__})") from error

    def _check_names(self) -> None:
        if not BUCKET_PATTERN.fullmatch(self.bucket):
            raise BadLocation(f"the bucket's name does not match {BUCKET_PATTERN.pattern}")
        if not KEY_PATTERN.fullmatch(self.key):
            raise BadLocation(f"the key does not match {KEY_PATTERN.pattern} (neither dots nor underscores)")

    def _check_region(self, s3: Any, region: str) -> None:
        """Of a bucket that was found in the region it is known from then on: where a bucket lies never changes."""
        known = (s3.meta.endpoint_url, self.bucket, region)
        if known in _FOUND:
            return
        # S3 says None for its first region, and "EU" for buckets made before eu-west-1 had its name.
        named = s3.get_bucket_location(Bucket=self.bucket).get("LocationConstraint") or "us-east-1"
        actual = {"EU": "eu-west-1"}.get(named, named)
        if actual != region:
            raise BadLocation(f"the bucket is in {actual}, the organization in {region}")
        _FOUND.add(known)
