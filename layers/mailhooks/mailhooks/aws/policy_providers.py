"""Functions that fetch the text of a policy from S3, Systems Manager or AppConfig."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from mailhooks.aws.client import QUICK_CONFIG, make_client
from mailhooks.errors import SettingsError


def make_fetcher(kind: str, location: str, max_octets: int) -> Callable[[], Any]:
    """Return a function that fetches a policy.

    Args:
        kind, location: the parts of the setting POLICY before and after its colon.
        max_octets: the limit of a policy.

    Raises:
        SettingsError: the location is incomplete.
    """
    if kind == "s3":
        bucket, _, key = location.removeprefix("//").partition("/")
        if not bucket or not key:
            raise SettingsError("POLICY: write s3://bucket/key")
        return _make_s3_fetcher(bucket, key, max_octets)
    if kind == "appconfig":
        names = location.split("/")
        if len(names) != 3 or not all(names):
            raise SettingsError("POLICY: write appconfig:application/environment/profile")
        return _make_appconfig_fetcher(*names)
    # Late for the cold start, here and below: Powertools loads boto3, which a policy in S3 does not need.
    from aws_lambda_powertools.utilities.parameters import SSMProvider

    # SSM stores at most 8 KB: a small policy.
    provider: Any = SSMProvider(boto3_client=make_client("ssm", QUICK_CONFIG))
    return lambda: provider.get(location, decrypt=True, force_fetch=True)


def _make_s3_fetcher(bucket: str, key: str, max_octets: int) -> Callable[[], bytes]:
    client = make_client("s3", QUICK_CONFIG)

    def fetch() -> bytes:
        with closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
            # One octet more than the limit is enough for the loader to reject a huge object that was stored by mistake.
            content: bytes = body.read(max_octets + 1)
            return content

    return fetch


def _make_appconfig_fetcher(application: str, environment: str, profile: str) -> Callable[[], Any]:
    from aws_lambda_powertools.utilities.parameters import AppConfigProvider

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
