"""Reads the configuration's text from AWS Secrets Manager or from a file."""

from pathlib import Path
from typing import Protocol

from mailhooks.errors import Misconfigured, SettingsError


class Source(Protocol):
    """The place where the configuration is stored."""

    def read(self, *, fresh: bool) -> str:
        """Return the configuration's text.

        Args:
            fresh: whether to ignore a cached text.

        Raises:
            SettingsError: the text cannot be read.
        """


class SecretSource:
    """A secret of AWS Secrets Manager, read by name or ARN."""

    def __init__(self, name: str) -> None:
        # Imported late, here and in `read`: botocore is slow to load, and a FileSource does not need it.
        from mailhooks.aws.client import QUICK_CONFIG
        from mailhooks.aws.secrets import SecretReader

        self._name = name
        self._secrets = SecretReader(QUICK_CONFIG)

    def read(self, *, fresh: bool) -> str:
        from mailhooks.aws.client import CALL_ERRORS, describe_connection_error

        try:
            text = self._secrets.read(self._name, fresh=fresh)
        except (*CALL_ERRORS, Misconfigured) as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "") or describe_connection_error(error)
            raise SettingsError(f"the secret cannot be read ({code}): check its name and the function's role") from None
        if text is None:
            raise SettingsError("the secret has no text: store the configuration as its string value")
        return text


class FileSource:
    """A file, for local use or for a configuration without credentials."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, *, fresh: bool) -> str:  # noqa: ARG002 - a file is not cached
        try:
            return self._path.read_text("utf-8-sig")
        except OSError as error:
            why = error.strerror.lower() if error.strerror else type(error).__name__
            raise SettingsError(f"{self._path.name}: the configuration cannot be read: {why}") from None
        except ValueError:
            raise SettingsError(f"{self._path.name}: the configuration cannot be read: it is not text in UTF-8") from None
