"""An empty account of moto for this process, apart from those of the local servers that tests share."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from moto import mock_aws

from mailhooks.aws.session import open_session

_NUMBERS = itertools.count(700_000_000_000)


@contextmanager
def use_moto_account(region: str) -> Iterator[None]:
    """Lead the calls of boto3, and of the library, in this process to a new account.

    `with mock_aws()` would delete the things of all accounts, also the buckets of a local WorkMail that the tests of a process share.
    """
    mock = mock_aws(config={"lambda": {"use_docker": False}})
    mock.start(reset=False)
    try:
        role = f"arn:aws:iam::{next(_NUMBERS)}:role/tests"
        # Not by the default session, which would keep the first credentials.
        keys = boto3.Session(region_name=region).client("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
            patch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
            patch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
            patch.setenv("AWS_DEFAULT_REGION", region)
            open_session.cache_clear()  # it has the credentials of an earlier test
            yield
    finally:
        open_session.cache_clear()
        mock.stop(remove_data=False)
