"""The configuration's text, from Secrets Manager by Powertools' parameters, or from a file."""

from pathlib import Path
from typing import Final, Protocol

from mailhooks.errors import SettingsError

MAX_AGE_S: Final = 300
"""A changed secret is seen after so long at most; one with new credentials as soon as the old ones are refused."""


class Source(Protocol):
    """Where the configuration is."""

    def read(self, *, fresh: bool) -> str:
        """Its text.

        Args:
            fresh: not what is remembered.

        Raises:
            SettingsError: it cannot be read.
        """


class SecretSource:
    """A secret of AWS Secrets Manager, read by name or ARN."""

    def __init__(self, name: str) -> None:
        import boto3
        from aws_lambda_powertools.utilities.parameters import SecretsProvider
        from botocore.config import Config

        self._name = name
        config = Config(
            connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}, user_agent="workmail-hooks"
        )
        self._secrets = SecretsProvider(boto3_client=boto3.client("secretsmanager", config=config))

    def read(self, *, fresh: bool) -> str:
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

        try:
            text = self._secrets.get(self._name, max_age=MAX_AGE_S, force_fetch=fresh)
        except GetParameterError as error:
            cause = error.__cause__ or error.__context__
            code = getattr(cause, "response", {}).get("Error", {}).get("Code", "") or type(cause or error).__name__
            raise SettingsError(
                f"AVAILABILITY_SECRET: the secret cannot be read ({code}): check its name and the function's role"
            ) from None
        if not isinstance(text, str):
            raise SettingsError("AVAILABILITY_SECRET: the secret has no text: store the configuration as its string value")
        return text


class FileSource:
    """A file: for a laptop, and for a configuration without secrets that is deployed with the function."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, *, fresh: bool) -> str:  # noqa: ARG002 - a file is always read
        try:
            return self._path.read_text("utf-8-sig")
        except (OSError, ValueError) as error:
            raise SettingsError(f"{self._path.name}: the configuration cannot be read ({type(error).__name__})") from None
