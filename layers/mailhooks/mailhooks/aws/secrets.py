"""Reads secrets from AWS Secrets Manager, by the parameters utility of Powertools, which caches them."""

from typing import Any, Final

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config

from mailhooks.aws.client import CALL_ERRORS, CONFIG, make_client
from mailhooks.errors import Misconfigured

MAX_AGE_S: Final = 300
"""A changed secret is used after this time at most."""


class SecretReader:
    """Reads secrets by name or ARN."""

    def __init__(self, config: Config = CONFIG) -> None:
        self._provider: Any = SecretsProvider(boto3_client=make_client("secretsmanager", config))

    def read(self, name: str, *, fresh: bool = False) -> str | None:
        """Return the string value of a secret; None if it has only a binary one.

        Args:
            fresh: whether to ignore the cache.

        Raises:
            one of `CALL_ERRORS`: the secret cannot be read.
            Misconfigured: likewise, for another reason.
        """
        try:
            text = self._provider.get(name, max_age=MAX_AGE_S, force_fetch=fresh)
        except GetParameterError as error:
            # Powertools wraps the error of botocore and quotes the service's text.
            if isinstance(error.__context__, CALL_ERRORS):
                raise error.__context__ from None
            raise Misconfigured("GetSecretValue: the secret cannot be read") from None
        return text if isinstance(text, str) else None
