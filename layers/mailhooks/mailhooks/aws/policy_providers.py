"""Functions that fetch the text of a policy from S3, Systems Manager or AppConfig."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from aws_lambda_powertools.utilities.parameters import AppConfigProvider, SSMProvider

from mailhooks.aws.client import QUICK_CONFIG, make_client


def make_s3_fetcher(bucket: str, key: str, max_octets: int) -> Callable[[], bytes]:
    """Return a function that reads an object.

    It reads one octet more than the limit: enough for the loader to reject it, without all of a huge object stored by mistake.
    """
    client = make_client("s3", QUICK_CONFIG)

    def fetch() -> bytes:
        with closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
            content: bytes = body.read(max_octets + 1)
            return content

    return fetch


def make_ssm_fetcher(name: str) -> Callable[[], Any]:
    """Return a function that reads a parameter. SSM stores at most 8 KB: a small policy."""
    provider: Any = SSMProvider(boto3_client=make_client("ssm", QUICK_CONFIG))
    return lambda: provider.get(name, decrypt=True, force_fetch=True)


def make_appconfig_fetcher(application: str, environment: str, profile: str) -> Callable[[], Any]:
    """Return a function that reads the deployed version of a configuration profile."""
    client = make_client("appconfigdata", QUICK_CONFIG)
    providers: list[Any] = []

    def fetch() -> Any:
        # The token of a session is good for one call: after a call that failed, start another session.
        provider: Any = (
            providers.pop() if providers else AppConfigProvider(environment=environment, application=application, boto3_client=client)
        )
        found = provider.get(profile, force_fetch=True)
        providers.append(provider)
        return found

    return fetch
