"""Reads a policy from S3, Systems Manager or AppConfig, by Powertools' parameters."""

from collections.abc import Callable
from typing import Any

import boto3
from aws_lambda_powertools.utilities.parameters import AppConfigProvider, BaseProvider, SSMProvider
from botocore.config import Config

from mailhooks.aws import client as aws

_CONFIG = aws.CONFIG.merge(Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}))
"""A policy is looked at again while mail waits: no longer than what a message can spare."""


class S3Provider(BaseProvider):
    """An object of a bucket as a parameter, which Powertools has no provider for."""

    def __init__(self, bucket: str, max_octets: int) -> None:
        self._s3: Any = boto3.client("s3", config=_CONFIG)
        super().__init__(client=self._s3)  # type: ignore[no-untyped-call]
        self._bucket = bucket
        self._max_octets = max_octets

    def _get(self, name: str, **_: Any) -> bytes:
        response = self._s3.get_object(Bucket=self._bucket, Key=name)
        # One octet more than the limit: enough for the loader to reject it, without reading a huge object that was stored by mistake.
        body: bytes = response["Body"].read(self._max_octets + 1)
        return body

    def _get_multiple(self, path: str, **_: Any) -> dict[str, str]:
        raise NotImplementedError(path)


def ssm(name: str) -> Callable[[], Any]:
    """Gets a parameter's value (at most 8 KB, an SSM limit: a small policy), each time it is called."""
    provider: Any = SSMProvider(boto3_client=boto3.client("ssm", config=_CONFIG))
    return lambda: provider.get(name, decrypt=True, force_fetch=True)


def appconfig(application: str, environment: str, profile: str) -> Callable[[], Any]:
    """Gets a configuration profile's deployed version, each time it is called."""
    client = boto3.client("appconfigdata", config=_CONFIG)
    kept: list[Any] = []

    def get() -> Any:
        # A session's token is good for one call: after one that failed another session is begun.
        provider: Any = kept.pop() if kept else AppConfigProvider(environment=environment, application=application, boto3_client=client)
        found = provider.get(profile, force_fetch=True)
        kept.append(provider)
        return found

    return get
