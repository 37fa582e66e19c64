"""A function as its stack deploys it: with its variables, behind access control with the statements of its role."""

import importlib.util
import io
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mailhooks.settings import env
from tests.infrastructure.stack import ROOT, Stack, read_template
from tests.support.approvals import SECRET
from tests.support.holds import make_holds_table
from tests.support.servers.access_control import ACCOUNT, AccessControl, Right, Role, list_rights
from tests.support.servers.ews import EwsServer
from tests.support.servers.workmail import TARGET, WorkMailApi
from workmail_local.aws.service_errors import ServiceError, find_signed_service
from workmail_local.workmail import LocalWorkMail

REGION: Final = "us-east-1"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
POLICY: Final = """
version: 1
defaults: { mixed: all }
rules:
  - name: not for ben
    when: { recipient: ben@example.com, header: { name: Subject, regex: "^Offer" } }
    do: { bounce: "Not for ben" }
  - name: tag
    do: { subject_tag: "[X]" }
"""
"""A retry, which reads the tagged subject, needs the stored verdict."""

_NUMBERS = itertools.count()
_VOLATILE: Final = {"timestamp", "milliseconds", "waitedSeconds", "invocationId", "messageId", "service"}
"""Properties of log lines that differ between two runs."""


class Services:
    """All local services at one URL. AppConfig, SES, Step Functions and impersonation roles have servers of their own.

    SES accepts each mail. An execution of a state machine has succeeded when it is described: it approves.
    """

    def __init__(self, workmail: LocalWorkMail, impersonation: WorkMailApi) -> None:
        self._others = workmail.make_one_endpoint()
        self._impersonation = impersonation.app()
        self._executions: set[str] = set()
        self._configuration = Starlette(
            routes=[
                Route("/configurationsessions", self._open_session, methods=["POST"]),
                Route("/configuration", self._get_configuration, methods=["GET"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        app: ASGIApp = self._others
        match find_signed_service(request):
            case "appconfig":
                app = self._configuration
            case "ses":
                app = _accept_mail(request)
            case "states":
                app = self._run_state_machine(request.headers["x-amz-target"], await request.json())
        if request.headers.get("x-amz-target") == TARGET:
            app = self._impersonation
        await app(scope, receive, send)

    def _run_state_machine(self, target: str, given: dict[str, Any]) -> Response:
        if target.endswith(".StartExecution"):
            arn = f"{given['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{given['name']}"
            self._executions.add(arn)
            return JSONResponse({"executionArn": arn, "startDate": time.time()})
        arn = given["executionArn"]
        if arn not in self._executions:
            return ServiceError("ExecutionDoesNotExist", "there is no such execution").json_response("message")
        machine = arn.rpartition(":")[0].replace(":execution:", ":stateMachine:")
        times = {"startDate": time.time(), "stopDate": time.time()}
        document = {"executionArn": arn, "stateMachineArn": machine, "status": "SUCCEEDED", "output": '{"decision": "approve"}'}
        return JSONResponse(document | times)

    async def _open_session(self, _request: Request) -> Response:
        return JSONResponse({"InitialConfigurationToken": "token"}, 201)

    async def _get_configuration(self, _request: Request) -> Response:
        return Response(POLICY, headers={"Next-Poll-Configuration-Token": "token"}, media_type="application/x-yaml")


def _accept_mail(request: Request) -> Response:
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        result = "<SendBounceResult><MessageId>1</MessageId></SendBounceResult>"
        return Response(f"<SendBounceResponse>{result}</SendBounceResponse>", media_type="text/xml")
    return JSONResponse({"MessageId": "1"})


@dataclass
class Account:
    """The account of a stack, with the resources that its parameters name.

    Attributes:
        webhook: URL of a receiver of webhooks.
    """

    workmail: LocalWorkMail
    control: AccessControl
    exchange: EwsServer
    webhook: str
    archive: str = ""
    topic: str = ""
    bus: str = ""
    webhook_secret: str = ""
    availability_secret: str = ""
    approval_secret: str = ""
    holds: str = ""
    queue: str = ""

    def create_resources(self, availability: Mapping[str, Any]) -> None:
        """Create the resources. Secrets have a random part in their ARNs."""
        name = self.workmail.bucket
        self.archive = f"{name}-archive"
        with self._client("s3") as s3:
            s3.create_bucket(Bucket=self.archive, ObjectLockEnabledForBucket=True)
            s3.put_object(Bucket=self.archive, Key="policy.yaml", Body=POLICY.encode())
        with self._client("ssm") as ssm:
            ssm.put_parameter(Name=f"/{self.archive}", Value=POLICY, Type="SecureString")
        with self._client("sns") as sns:
            self.topic = sns.create_topic(Name=name)["TopicArn"]
        with self._client("events") as events:
            self.bus = events.create_event_bus(Name=name)["EventBusArn"]
        with self._client("sqs") as sqs:
            self.queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        with self._client("secretsmanager") as secrets:
            self.webhook_secret = secrets.create_secret(Name=f"{name}-w", SecretString="s")["ARN"]
            self.availability_secret = secrets.create_secret(Name=f"{name}-a", SecretString=json.dumps(availability))["ARN"]
            self.approval_secret = secrets.create_secret(Name=f"{name}-l", SecretString=SECRET)["ARN"]
        self.holds = make_holds_table(self.workmail)

    def resolve(self, document: Any) -> Any:
        """Return a document with the physical names of a stack's resources in place of those of `Stack`."""
        here = f"{REGION}:{ACCOUNT}"
        text = json.dumps(document)
        for name, value in {
            "mail-RewriteBucket.Arn": f"arn:aws:s3:::{self.workmail.bucket}",
            "mail-RewriteBucket": self.workmail.bucket,
            "mail-MailflowRates.Arn": f"arn:aws:dynamodb:{here}:table/{self.workmail.rates_table}",
            "mail-MailflowRates": self.workmail.rates_table,
            "mail-MailflowHolds.Arn": f"arn:aws:dynamodb:{here}:table/{self.holds}",
            "mail-MailflowHolds": self.holds,
            "mail-ApprovalSecret": self.approval_secret,
            "mail-ObserveDeadLetterQueue.Arn": f"arn:aws:sqs:{here}:{self.queue.rpartition('/')[2]}",
            "mail-LogGroup.Arn": f"arn:aws:logs:{here}:log-group:/aws/lambda/mail:*",
        }.items():
            text = text.replace(name, value)
        return json.loads(text)

    @contextmanager
    def _client(self, service: str) -> Iterator[Any]:
        client = self.workmail.client(service)
        yield client
        client.close()


@dataclass
class Run:
    """One deployed function, and the outcome of its invocations.

    Attributes:
        outcome: answers, classes of raised errors and log lines, in order, without the parts that differ between two runs.
        messages: the IDs of the messages in transit.
    """

    account: Account
    role: Role
    function: str
    folder: Path
    outcome: list[Any] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    _handler: Callable[[Any, Any], Any] = lambda *_: None
    _output: io.StringIO = field(default_factory=io.StringIO)
    _errors: io.StringIO = field(default_factory=io.StringIO)

    @property
    def log(self) -> str:
        """What Lambda writes to the function's log group."""
        return self._output.getvalue() + self._errors.getvalue()

    def start(self, **files: str) -> None:
        """Load the function as in a new container, with more files in its folder: `policy` is policy.yaml."""
        shutil.copytree(ROOT / "functions" / self.function, self.folder, dirs_exist_ok=True)
        for name, text in files.items():
            (self.folder / f"{name}.yaml").write_text(text)
        env.cache_clear()
        os.environ["POWERTOOLS_SERVICE_NAME"] = f"rights-{next(_NUMBERS)}"  # a logger keeps the output of its first test
        with self._logged():
            spec = importlib.util.spec_from_file_location(f"rights_{self.function}_{next(_NUMBERS)}", self.folder / "app.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            self._handler = module.handler

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Return the answer; the name of the error's class if the function raises, so that WorkMail retries."""
        with self._logged():
            try:
                answer = self._handler(event, None)
            except Exception as error:  # noqa: BLE001 - Lambda reports each
                answer = type(error).__name__
        self.outcome.append(answer)
        return answer

    @contextmanager
    def _logged(self) -> Iterator[None]:
        begin = self._output.tell()
        with redirect_stdout(self._output), redirect_stderr(self._errors):
            yield
        lines = [json.loads(line) for line in self._output.getvalue()[begin:].splitlines()]
        self.outcome += [{name: value for name, value in line.items() if name not in _VOLATILE} for line in lines if "_aws" not in line]

    def send_dead_letter(self) -> None:
        """Send an event to the dead-letter queue as Lambda does: with the function's role."""
        keys = {"aws_access_key_id": self.role.name, "aws_secret_access_key": "x"}
        sqs = boto3.client("sqs", region_name=REGION, endpoint_url=self.account.control.url, **keys)
        try:
            sqs.send_message(QueueUrl=self.account.queue, MessageBody="{}")
        except sqs.exceptions.ClientError as error:
            self.outcome.append(error.response["Error"]["Code"])
        finally:
            sqs.close()


@cache
def _make_stack(**parameters: Any) -> Stack:
    return Stack(region=REGION, **parameters)


@cache
def _make_key_stack() -> Stack:
    return Stack(read_template(ROOT / "samples/encryption-key/template.yaml"), region=REGION, StackName="mail")


def _remove_statement(document: dict[str, Any], sid: str) -> dict[str, Any]:
    return document | {"Statement": [each for each in document["Statement"] if each["Sid"] != sid]}


Drive = Callable[[Run], None]


@dataclass(frozen=True)
class Case:
    """A stack, and the work of its function.

    Attributes:
        parameters: returns the parameters of the stack, for an account.
        drive: invokes the function so that it uses each right.
    """

    function: str
    parameters: Callable[[Account], dict[str, str]]
    drive: Drive

    def make_stack(self, account: Account) -> Stack:
        return _make_stack(OrganizationId=account.workmail.organization.id, **self.parameters(account))

    def list_rights(self, account: Account, stack: Stack | None = None) -> list[Right]:
        """Return the rights of the function's role, in the stack of this case or another."""
        return list_rights(account.resolve((stack or self.make_stack(account)).statements(f"{self.function.title()}Function")))

    def run(self, account: Account, folder: Path, rights: Sequence[Right] | None = None, *, without: str = "", **settings: str) -> Run:
        """Run the function with the rights of its role, or with others.

        Args:
            without: the Sid of a statement that is removed from the policies of the bucket and the key.
            settings: further variables of the function.
        """
        stack = self.make_stack(account)
        for policy in stack.of_type("AWS::S3::BucketPolicy").values():
            account.control.bucket_policy = _remove_statement(account.resolve(policy["PolicyDocument"]), without)
        [key] = _make_key_stack().of_type("AWS::KMS::Key").values()
        account.control.key_policy = _remove_statement(key["KeyPolicy"], without)
        logical = f"{self.function.title()}Function"
        role = Role(logical, list(self.list_rights(account) if rights is None else rights), stack.parameters["KmsKeyArn"])
        account.control.roles = {role.name: role}
        variables = account.resolve(stack.variables(logical))
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO"))]:
                patch.delenv(name)
            lambda_sets = {
                "AWS_ENDPOINT_URL": account.control.url,
                "AWS_ACCESS_KEY_ID": role.name,
                "AWS_SECRET_ACCESS_KEY": "x",
                "AWS_SESSION_TOKEN": "x",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "HOME": str(folder),  # without the developer's ~/.aws
            }
            for name, value in {**variables, **settings, **lambda_sets}.items():
                patch.setenv(name, value)
            run = Run(account, role, self.function, folder / f"run-{next(_NUMBERS)}")
            run.folder.mkdir()
            patch.chdir(run.folder)
            try:
                self.drive(run)
            finally:
                env.cache_clear()
        return run
