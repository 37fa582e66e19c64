"""A deployed stack of export/template.yaml, by the user's own credentials."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, SSOError, TokenRetrievalError

from mailhooks.aws.export_bucket import ExportBucket
from mailhooks.aws.export_jobs import ExportJobs
from mailhooks.errors import MailhooksError
from mailhooks.mailbox_export.manifest_store import ManifestStore
from mailhooks.mailbox_export.verification import DamagedExport
from workmail_local.errors import NotConnected

_CONFIG: Final = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=16)
_OUTPUTS: Final = ("BucketName", "OrganizationId", "StateMachineArn")
_HINTS: Final = {
    "AccessDenied": "your credentials lack this right: docs/export.md lists those of the command",
    "AccessDeniedException": "your credentials lack this right: docs/export.md lists those of the command",
    "ExpiredToken": "sign in again",
    "ExpiredTokenException": "sign in again",
    "StateMachineDoesNotExist": "deploy the stack again",
}


class ExportStack:
    """A stack, and the services that it uses.

    Args:
        region: None for that of the environment or the profile.

    Raises:
        NotConnected: there is no such stack, region or credentials; the text has advice.
    """

    def __init__(self, name: str, region: str | None) -> None:
        with explain_errors("the profile"):
            self._session = boto3.Session(region_name=region)
        if not self._session.region_name:
            raise NotConnected("no region is configured: add --region, or set AWS_DEFAULT_REGION")
        self.name = name
        found = self._read_outputs()
        if missing := [each for each in _OUTPUTS if each not in found]:
            raise NotConnected(f"the stack {name} has no output {missing[0]}: it is not a stack of export/template.yaml (--stack)")
        self.bucket_name, self.organization, self.state_machine = (found[each] for each in _OUTPUTS)

    @cached_property
    def bucket(self) -> ExportBucket:
        return ExportBucket(self.bucket_name, self._client("s3"))

    @cached_property
    def store(self) -> ManifestStore:
        return ManifestStore(self.bucket, self.organization, lambda: datetime.now(UTC))

    @cached_property
    def jobs(self) -> ExportJobs:
        return ExportJobs(self.organization, client=self._client("workmail"))

    def find_running(self) -> str:
        """Return the name of an execution that runs; "" for none."""
        with explain_errors("ListExecutions"):
            answer = self._client("stepfunctions").list_executions(stateMachineArn=self.state_machine, statusFilter="RUNNING", maxResults=1)
        return str(next((each["name"] for each in answer["executions"]), ""))

    def start(self, document: Mapping[str, Any]) -> str:
        """Start an execution and return its name."""
        with explain_errors("StartExecution"):
            answer = self._client("stepfunctions").start_execution(stateMachineArn=self.state_machine, input=json.dumps(document))
        return str(answer["executionArn"]).rpartition(":")[2]

    def _read_outputs(self) -> dict[str, str]:
        with explain_errors("DescribeStacks"):
            try:
                [stack] = self._client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "ValidationError":
                    raise
                region = self._session.region_name
                raise NotConnected(f"there is no stack {self.name} in {region} (--stack, --region): docs/export.md deploys it") from None
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}

    def _client(self, service: str) -> Any:
        return self._session.client(service, config=_CONFIG)


@contextmanager
def explain_errors(operation: str) -> Iterator[None]:
    """Raise NotConnected, with advice, for an error of boto3 or of the library, except a damaged file."""
    try:
        yield
    except DamagedExport:
        raise
    except ClientError as error:
        details = error.response.get("Error", {})
        code = details.get("Code", "")
        hint = f" ({_HINTS[code]})" if code in _HINTS else ""
        raise NotConnected(f"{operation}: {code}: {details.get('Message', '')}{hint}") from None
    except (NoCredentialsError, TokenRetrievalError, SSOError) as error:
        raise NotConnected(f"{operation}: {error} (sign in, or set AWS_PROFILE)") from None
    except (BotoCoreError, MailhooksError) as error:
        raise NotConnected(f"{operation}: {error}") from None
