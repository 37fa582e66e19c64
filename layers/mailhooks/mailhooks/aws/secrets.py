"""Reads secrets from AWS Secrets Manager, and caches them.

Powertools has a provider of secrets, too. It imports boto3, which makes a cold start of `availability` a tenth longer.
"""

import time
from typing import Any, Final

from botocore.config import Config

from mailhooks.aws.client import CALL_ERRORS, CONFIG, make_client
from mailhooks.errors import Misconfigured

MAX_AGE_S: Final = 300
"""A changed secret is used after this time at most."""


class SecretReader:
    """Reads secrets by name or ARN."""

    def __init__(self, config: Config = CONFIG) -> None:
        self._client: Any = make_client("secretsmanager", config)
        self._cache: dict[str, tuple[float, str | None]] = {}

    def read(self, name: str, *, fresh: bool = False) -> str | None:
        """Return the string value of a secret; None if it has only a binary one.

        Args:
            fresh: whether to ignore the cache.

        Raises:
            one of `CALL_ERRORS`: the secret cannot be read.
            Misconfigured: likewise, for another reason.
        """
        # Not a monotonic clock: that of a function which SnapStart restores does not count the time of its snapshot.
        now = time.time()
        read_at, text = self._cache.get(name, (0.0, None))
        if fresh or now - read_at > MAX_AGE_S:
            text = self._fetch(name)
            self._cache[name] = now, text
        return text

    def _fetch(self, name: str) -> str | None:
        try:
            response = self._client.get_secret_value(SecretId=name)
        except CALL_ERRORS:
            raise
        except Exception:  # noqa: BLE001 - botocore's error for a response that it does not expect may quote it
            raise Misconfigured("GetSecretValue: the secret cannot be read") from None
        text: str | None = response.get("SecretString")
        if text is None and "SecretBinary" not in response:
            raise Misconfigured("GetSecretValue: the response has no secret")
        return text
