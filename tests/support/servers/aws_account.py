"""An AWS account over HTTP: moto's services, and the operations that moto lacks, by botocore's models."""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import boto3
import botocore.session
from botocore.validate import ParamValidator
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workmail_local.aws.moto_server import MotoApp
from workmail_local.aws.service_errors import JSON, find_signed_service

_NUMBERS = itertools.count(100_000_000_001)
_SESSION = botocore.session.get_session()
_BOTO3 = boto3.Session(botocore_session=_SESSION)
_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

Change = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class AwsAccount:
    """An empty account, as a site of `hosting`: each has a number of its own, so that none sees another's things.

    Attributes:
        workmail: answers of WorkMail's operations. An operation without an answer is an error `ResourceNotFoundException`.
        stack: name, status, parameters and outputs of the only stack; empty for none.
        resources: the stack's resources, as (type, logical name, physical name).
        lambda_settings: the answer of Lambda's GetAccountSettings.
        deployments: the answer of AppConfig's ListDeployments.
        topics: attributes of SNS topics; moto counts no subscriptions.
        refused: actions that the simulation of IAM refuses.
        errors: by service and a part of the operation or path, the HTTP status and error code of its answer.
        changes: service, a part of the operation or path, and a change of moto's JSON answer.
        slow: services that answer never, in the time of a test.
        calls: service and operation or path of each call.
        region: of `do`.
    """

    workmail: dict[str, dict[str, Any]] = field(default_factory=dict)
    stack: dict[str, Any] = field(default_factory=dict)
    resources: list[tuple[str, str, str]] = field(default_factory=list)
    lambda_settings: dict[str, Any] = field(default_factory=dict)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    errors: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    changes: list[tuple[str, str, Change]] = field(default_factory=list)
    slow: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    region: str = "us-east-1"
    number: str = field(default_factory=lambda: str(next(_NUMBERS)))
    topics: dict[str, dict[str, str]] = field(default_factory=dict)
    url: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)

    def app(self) -> ASGIApp:
        return _Front(self, MotoApp())

    def do(self, operation: str, **parameters: Any) -> Any:
        """Call one operation, such as `lambda.create_alias`."""
        service, _, name = operation.partition(".")
        if service not in self._clients:
            self._clients[service] = _BOTO3.client(service, region_name=self.region, endpoint_url=self.url, **_KEYS)
        return getattr(self._clients[service], name)(**parameters)

    def close(self) -> None:
        """Close the connections of `do`."""
        for client in self._clients.values():
            client.close()

    def find_error(self, service: str, operation: str) -> tuple[int, str] | None:
        """Return HTTP status and code of the error that a test ordered for a call."""
        return next((error for (of, part), error in self.errors.items() if of in {service, "*"} and part in operation), None)

    def list_changes(self, service: str, operation: str) -> list[Change]:
        """Return the changes that a test ordered for the answer of a call."""
        return [change for of, part, change in self.changes if of == service and part in operation]


class _Front:
    """Answers what moto lacks and what a test orders, and hands everything else to moto."""

    def __init__(self, account: AwsAccount, moto: ASGIApp) -> None:
        self._account = account
        self._moto = moto

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        service = find_signed_service(request)
        operation = _find_operation(request, body)
        account = self._account
        account.calls.append((service, operation))
        if service in account.slow:
            await asyncio.sleep(3600)
        if error := account.find_error(service, operation):
            await _make_error(service, operation, *error)(scope, receive, send)
        elif own := self._answer(service, operation, body):
            await own(scope, receive, send)
        else:
            # moto separates accounts by this header.
            headers = [*scope["headers"], (b"x-moto-account-id", account.number.encode())]
            changes = account.list_changes(service, operation)
            await _call_moto(self._moto, scope | {"headers": headers}, body, send, changes)

    def _answer(self, service: str, operation: str, body: bytes) -> Response | None:
        account = self._account
        if service == "workmail":
            return self._answer_for_workmail(operation)
        if service == "lambda" and "account-settings" in operation:
            return _make_json(account.lambda_settings)
        if service == "appconfig" and operation.endswith("/deployments"):
            return _make_json({"Items": account.deployments})
        if service == "cloudformation":
            # moto's CloudFormation needs packages that nothing else here does.
            if not account.stack or _parse_form(body)["StackName"] != account.stack["StackName"]:
                return _make_error(service, operation, 400, "ValidationError")
            lists = {
                "DescribeStacks": ("Stacks", [account.stack]),
                "ListStackResources": ("StackResourceSummaries", list(map(_describe_resource, account.resources))),
            }
            return _make_xml(operation, *lists[operation])
        if operation == "GetTopicAttributes":
            topic = account.topics.get(_parse_form(body)["TopicArn"])
            if topic is None:
                return _make_error(service, operation, 404, "NotFound")
            return _make_xml(operation, "Attributes", [{"key": key, "value": value} for key, value in topic.items()], row="entry")
        if operation == "SimulatePrincipalPolicy":
            actions = [value for name, value in _parse_form(body).items() if name.startswith("ActionNames.")]
            results = [
                {"EvalActionName": each, "EvalDecision": "implicitDeny" if each in account.refused else "allowed"} for each in actions
            ]
            return _make_xml(operation, "EvaluationResults", results)
        return None

    def _answer_for_workmail(self, operation: str) -> Response:
        answer = self._account.workmail.get(operation)
        if answer is None:
            return _make_error("workmail", operation, 400, "ResourceNotFoundException")
        shape = _SESSION.get_service_model("workmail").operation_model(operation).output_shape
        report = ParamValidator().validate(answer, shape)
        assert not report.has_errors(), report.generate_report()
        return _make_json(answer)


def _find_operation(request: Request, body: bytes) -> str:
    """Return the name of an operation; for the protocols of REST, method and path with the query."""
    if target := request.headers.get("x-amz-target"):
        return target.partition(".")[2]
    path = request.url.path
    if "/operation/" in path:
        return path.rpartition("/")[2]
    if action := _parse_form(body).get("Action"):
        return action
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.method} {path}{query}"


def _parse_form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("latin-1")))


def _make_json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document, default=str), status, media_type=JSON)


def _make_xml(operation: str, member: str, entries: list[dict[str, Any]], row: str = "member") -> Response:
    rows = "".join(f"<{row}>{_write_xml(each)}</{row}>" for each in entries)
    result = f"<{operation}Result><{member}>{rows}</{member}></{operation}Result>"
    return Response(f"<{operation}Response>{result}</{operation}Response>", media_type="text/xml")


def _write_xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_write_xml(each)}</{key}>" for key, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_write_xml(each)}</member>" for each in value)
    return escape(str(value))


def _describe_resource(resource: tuple[str, str, str]) -> dict[str, str]:
    kind, logical, physical = resource
    found = {"ResourceType": kind, "LogicalResourceId": logical, "PhysicalResourceId": physical}
    return found | {"ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": "2026-11-01T00:00:00Z"}


def _make_error(service: str, operation: str, status: int, code: str) -> Response:
    text = "ordered by a test, for ana@example.com"
    if service == "s3":
        return Response(f"<Error><Code>{code}</Code><Message>{text}</Message></Error>", status, media_type="application/xml")
    if service in {"iam", "sts", "cloudformation", "sns"}:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
        return Response(f"<ErrorResponse>{error}</ErrorResponse>", status, media_type="text/xml")
    headers = {"x-amzn-ErrorType": code, "x-amzn-query-error": f"{code};Sender"}
    return Response(json.dumps({"__type": code, "Message": text, "message": text}), status, headers, JSON)


async def _call_moto(moto: ASGIApp, scope: Scope, body: bytes, send: Send, changes: list[Change]) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    if not changes:
        await moto(scope, receive, send)
        return
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await moto(scope, receive, keep)
    content = b"".join(message.get("body", b"") for message in messages)
    document = json.loads(content)
    for change in changes:
        document = change(document)
    await _make_json(document, messages[0]["status"])(scope, receive, send)
