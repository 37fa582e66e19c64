"""One healthy deployment for the tests of a module, and the command's report as rows."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.loaders
import pytest

from tests.support.deployed_account import Deployment
from tests.support.servers.aws_account import AwsAccount
from tests.support.servers.hosting import ServerPool
from workmail_local.cli.main import main

EXPECTED = {("Account", "endpoints", "warning"), ("Account", "end of service", "warning")}
"""Rows that every report here has: the calls go to a local server, and WorkMail ends soon."""

_RESTORED = ("workmail", "stack", "resources", "lambda_settings", "deployments", "topics", "refused", "errors", "changes", "slow")


@dataclass(frozen=True)
class Report:
    """The report of one run.

    Attributes:
        code: the exit status.
        rows: the findings as the command prints them in JSON.
    """

    code: int
    rows: list[dict[str, Any]] = field(default_factory=list)

    def list_problems(self) -> set[tuple[str, str, str]]:
        """Return topic, name and status of the rows that are not ok."""
        return {(each["topic"], each["name"], each["status"]) for each in self.rows if each["status"] != "ok"} - EXPECTED

    def find(self, topic: str, name: str, status: str) -> dict[str, Any]:
        """Return the first row with these values."""
        return next(each for each in self.rows if (each["topic"], each["name"], each["status"]) == (topic, name, status))


Run = Callable[..., Report]


@pytest.fixture(scope="session")
def _models() -> Iterator[None]:
    """Read the models of the services once, not again for each run: they are most of its time."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.loaders, "create_loader", lambda *_: loader)
        yield


@pytest.fixture(scope="session")
def pool() -> Iterator[ServerPool]:
    with ServerPool() as running:
        yield running


@pytest.fixture(scope="module")
def _shared(pool: ServerPool, _models: None) -> Iterator[Deployment]:
    with pool.host(AwsAccount()) as aws:
        deployed = Deployment(aws).deploy()
        aws.calls.clear()
        yield deployed
        aws.close()


@pytest.fixture
def deployment(_shared: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """The healthy deployment; what a test breaks is mended after it."""
    aws = _shared.aws
    use_account(aws, monkeypatch)
    before = {name: copy.deepcopy(getattr(aws, name)) for name in _RESTORED if name != "changes"}
    before["changes"] = list(aws.changes)
    yield _shared
    for name, value in before.items():
        setattr(aws, name, value)
    _shared.restore_bucket()
    _shared.restore_alarms()
    aws.calls.clear()


def use_account(aws: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make boto3 call the account, by the same variables that lead a user's boto3 elsewhere."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command, and return its report."""

    def run_doctor(*arguments: str) -> Report:
        code = main(["doctor", "--json", *arguments])
        printed = capsys.readouterr().out
        return Report(code, json.loads(printed)["findings"] if printed else [])

    return run_doctor
