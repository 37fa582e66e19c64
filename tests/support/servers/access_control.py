"""Access control in front of local services, as a site of `hosting`: allows a call only if its role has a right for it, as IAM does.

Source: Service Authorization Reference (actions, resources and condition keys of each service); IAM User Guide, "Policy evaluation logic".
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.support.servers.api_calls import ApiCall, read_call
from workmail_local.aws.service_errors import ServiceError
from workmail_local.aws.services import LocalAws
from workmail_local.doctor.statements import Decision, PolicyRequest, as_list, decide

ACCOUNT: Final = "123456789012"

_BOTH: Final = ("kms:GenerateDataKey", "kms:Decrypt")
_KEY_ACTIONS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("s3", "PutObject"): ("kms:GenerateDataKey",),
    ("s3", "GetObject"): ("kms:Decrypt",),
    ("dynamodb", "Query"): ("kms:Decrypt",),
    ("dynamodb", "GetItem"): ("kms:Decrypt",),
    ("dynamodb", "UpdateItem"): ("kms:Decrypt",),
    ("dynamodb", "PutItem"): ("kms:Decrypt",),
    ("dynamodb", "DeleteItem"): ("kms:Decrypt",),
    ("dynamodb", "Scan"): ("kms:Decrypt",),
    ("secretsmanager", "GetSecretValue"): ("kms:Decrypt",),
    ("ssm", "GetParameter"): ("kms:Decrypt",),
    ("appconfig", "GetLatestConfiguration"): ("kms:Decrypt",),
    ("sns", "Publish"): _BOTH,
    ("sqs", "SendMessage"): _BOTH,
}
"""Rights on the key of an encrypted resource that a service uses in the name of its caller (the guides' pages on encryption at rest)."""

_RESOURCES: Final[Mapping[str, str]] = {
    "appconfig": "arn:aws:appconfig:{here}:application/{ApplicationIdentifier}/environment/{EnvironmentIdentifier}"
    "/configuration/{ConfigurationProfileIdentifier}",
    "dynamodb": "arn:aws:dynamodb:{here}:table/{TableName}",
    "s3": "arn:aws:s3:::{Bucket}/{Key}",
    "secretsmanager": "{SecretId}",
    "sns": "{TopicArn}",
    "sqs": "arn:aws:sqs:{here}:{queue}",
    "ssm": "arn:aws:ssm:{here}:parameter{Name}",
    "workmail": "arn:aws:workmail:{here}:organization/{OrganizationId}",
}
"""ARNs of the resources of calls, by their parameters. The functions name secrets by ARN."""


@dataclass(frozen=True)
class Right:
    """One action on one resource, of a statement that allows it.

    Attributes:
        condition: the statement's conditions as JSON; empty for none.
    """

    action: str
    resource: str
    condition: str = ""

    def decide(self, request: PolicyRequest) -> Decision:
        statement = {"Effect": "Allow", "Action": self.action, "Resource": self.resource}
        return decide([{"Statement": [statement | ({"Condition": json.loads(self.condition)} if self.condition else {})]}], request)


def list_rights(statements: Iterable[Mapping[str, Any]]) -> list[Right]:
    """Return the rights of statements, without pairs of an action and another service's resource, which allow nothing."""
    found = []
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        condition = json.dumps(statement["Condition"], sort_keys=True) if "Condition" in statement else ""
        for action, resource in product(as_list(statement["Action"]), as_list(statement["Resource"])):
            if resource == "*" or resource.split(":")[2] == action.partition(":")[0]:
                found.append(Right(action, resource, condition))
    return found


@dataclass
class Role:
    """A function's role, and the use of its rights.

    Attributes:
        key: ARN of the key that encrypts all resources that the function uses; empty for keys of AWS.
        used: the rights that alone allowed a call. Of two rights that both allow all calls of the other, neither is used.
        denied: the actions and resources that no right allows.
        doubtful: actions with a condition that `decide` cannot evaluate.
    """

    name: str
    rights: list[Right]
    key: str = ""
    used: set[Right] = field(default_factory=set)
    denied: list[tuple[str, str]] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)

    def allows(self, request: PolicyRequest) -> bool:
        """Return whether a right allows a request, and note the use or the refusal."""
        decisions = {right: right.decide(request) for right in self.rights}
        self.doubtful += [request.action for each in decisions.values() if each.possible != each.allowed]
        allowing = {right for right, each in decisions.items() if each.allowed}
        if len(allowing) == 1:
            self.used |= allowing
        if not allowing:
            self.denied.append((request.action, request.resource))
        return bool(allowing)


class AccessControl:
    """The ASGI application in front of the services. The access key of a call is its role's name.

    Args:
        services: all services, at one URL.
        workmail: its organization and the direction of a message are in the message's ARN.

    Attributes:
        roles: by name.
        bucket_policy, key_policy: documents by which WorkMail may read the object that a Put names; None for no check.
        unknown: requests that are no call of a role.
    """

    def __init__(self, services: ASGIApp, workmail: LocalAws) -> None:
        self._services = services
        self._workmail = workmail
        self._sessions: dict[str, str] = {}
        self.roles: dict[str, Role] = {}
        self.bucket_policy: Any = None
        self.key_policy: Any = None
        self.unknown: list[str] = []
        self.url = ""

    def app(self) -> ASGIApp:
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        try:
            call = read_call(request, body)
            role = self.roles[call.access_key]
            requests = list(self._list_requests(call, request, role))
        except (ValueError, KeyError) as error:
            self.unknown.append(f"{request.method} {request.url.path}: {error}")
            await Response(status_code=403)(scope, receive, send)
            return
        for needed in requests:
            if not role.allows(needed):
                await _deny(call, request, needed)(scope, receive, send)
                return
        if call.operation == "PutRawMessageContent" and not self._may_workmail_read(call, role):
            error = ServiceError("InvalidContentLocation", "WorkMail could not access the content")
            await error.response()(scope, receive, send)
            return
        response = await _pass_on(self._services, scope, body)
        if (call.service, call.operation) == ("appconfig", "StartConfigurationSession"):
            self._sessions[json.loads(bytes(response.body))["InitialConfigurationToken"]] = self._find_resources(call)[0]
        if call.service == "s3" and response.status_code == 404 and not _may_list(role, call):
            # API reference, GetObject: only a caller that may list a bucket learns that an object does not exist.
            response = _deny(call, request, PolicyRequest("s3:ListBucket", call.parameters["Bucket"]))
        await response(scope, receive, send)

    def _list_requests(self, call: ApiCall, request: Request, role: Role) -> Iterator[PolicyRequest]:
        """Yield the requests that IAM has to allow for a call: its action, further ones of some parameters, and those of the key."""
        context = {"lambda:sourcefunctionarn": f"arn:aws:lambda:{call.region}:{ACCOUNT}:function:{role.name}"}
        if call.operation == "AssumeImpersonationRole":
            context["workmail:impersonationroleid"] = call.parameters["ImpersonationRoleId"]
        if call.service == "ses":
            context["ses:fromaddress"] = _find_sender(call)
        if call.service == "events":
            context["events:source"] = call.parameters["Entries"][0]["Source"]
        if call.operation == "StartMailboxExportJob":
            yield PolicyRequest("iam:PassRole", call.parameters["RoleArn"], context=context)
        for resource in self._find_resources(call):
            for action in _list_actions(call, request):
                yield PolicyRequest(action, resource, context=context)
            for action in _KEY_ACTIONS.get((call.service, call.operation), ()) if role.key else ():
                via = {"kms:viaservice": f"{call.service}.{call.region}.amazonaws.com"}
                secret = {"kms:encryptioncontext:secretarn": resource} if call.service == "secretsmanager" else {}
                yield PolicyRequest(action, role.key, context=context | via | secret)

    def _may_workmail_read(self, call: ApiCall, role: Role) -> bool:
        """Return whether WorkMail, for this message, may read the object of a Put, and decrypt it."""
        reference = call.parameters["content"]["s3Reference"]
        bucket = f"arn:aws:s3:::{reference['bucket']}"
        [message] = self._find_resources(call)
        context = {"aws:sourceaccount": ACCOUNT, "aws:sourcearn": message, "aws:securetransport": "true"}
        # With a bucket key, the encryption context is the bucket's ARN.
        decryption = context | {"kms:viaservice": f"s3.{call.region}.amazonaws.com", "kms:encryptioncontext:aws:s3:arn": bucket}
        action = "s3:GetObjectVersion" if "objectVersion" in reference else "s3:GetObject"
        needed = [(self.bucket_policy, action, f"{bucket}/{reference['key']}", context)]
        needed += [(self.key_policy, "kms:Decrypt", role.key, decryption)] if role.key else []
        principal = f"workmail.{call.region}.amazonaws.com"
        return all(
            document is None or decide([document], PolicyRequest(action, resource, principal, given)).allowed
            for document, action, resource, given in needed
        )

    def _find_resources(self, call: ApiCall) -> list[str]:
        """Return the ARNs of the resources of a call."""
        given, here = call.parameters, f"{call.region}:{ACCOUNT}"
        if call.service == "workmailmessageflow":
            direction = {"INBOUND": "incoming", "OUTBOUND": "outgoing"}[self._workmail.store.get(given["messageId"]).direction]
            return [f"arn:aws:workmailmessageflow:{here}:message/{self._workmail.organization.id}/{direction}/{given['messageId']}"]
        if "IndexName" in given:
            return [f"arn:aws:dynamodb:{here}:table/{given['TableName']}/index/{given['IndexName']}"]
        if call.service == "events":
            names = [entry["EventBusName"] for entry in given["Entries"]]
            return [name if name.startswith("arn:") else f"arn:aws:events:{here}:event-bus/{name}" for name in names]
        if call.service == "ses":
            # The domain of the sender is the identity, and has a default configuration set.
            names = [f"identity/{_find_sender(call).rpartition('@')[2]}", "configuration-set/default"]
            return [f"arn:aws:ses:{here}:{name}" for name in names]
        if call.service == "states":
            return [given["executionArn"] if call.operation == "DescribeExecution" else given["stateMachineArn"]]
        if call.operation == "GetLatestConfiguration":
            return [self._sessions[given["ConfigurationToken"]]]
        queue = given.get("QueueUrl", "").rpartition("/")[2]
        parts = {"Bucket": "", "Key": "", **given, "here": here, "queue": queue, "service": call.service}
        # Without a key, the resource is the bucket.
        return [_RESOURCES.get(call.service, "arn:aws:{service}:{here}:unknown").format_map(parts).removesuffix("/")]


def _list_actions(call: ApiCall, request: Request) -> list[str]:
    """Return the actions of a call: its operation, but for the exceptions of S3 and SES."""
    if call.service == "ses" and call.operation == "SendEmail" and "Raw" in call.parameters["Content"]:
        return ["ses:SendRawEmail"]
    if call.service == "s3" and call.operation == "GetObject" and "VersionId" in call.parameters:
        return ["s3:GetObjectVersion"]
    if call.operation == "ListObjectsV2":
        return ["s3:ListBucket"]
    retention = call.service == "s3" and "x-amz-object-lock-mode" in request.headers
    return [f"{call.service}:{call.operation}", *(["s3:PutObjectRetention"] if retention else [])]


def _find_sender(call: ApiCall) -> str:
    sender: str = call.parameters["BounceSender" if call.operation == "SendBounce" else "FromEmailAddress"]
    return sender


def _may_list(role: Role, call: ApiCall) -> bool:
    request = PolicyRequest("s3:ListBucket", f"arn:aws:s3:::{call.parameters['Bucket']}")
    allowing = {right for right in role.rights if right.decide(request).allowed}
    role.used |= allowing
    return bool(allowing)


async def _pass_on(app: ASGIApp, scope: Scope, body: bytes) -> Response:
    """Return the answer of an application to a request whose body was read."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    response = Response(b"".join(each.get("body", b"") for each in messages), messages[0]["status"])
    response.raw_headers = messages[0]["headers"]
    return response


def _deny(call: ApiCall, request: Request, needed: PolicyRequest) -> Response:
    """Return the service's error for a call that IAM denies. Its text has the function and the resource, as that of AWS."""
    text = f"User: {call.access_key} is not authorized to perform: {needed.action} on resource: {needed.resource}"
    if call.service == "s3":
        return Response(f"<Error><Code>AccessDenied</Code><Message>{escape(text)}</Message></Error>", 403, media_type="application/xml")
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        code = "KMSAccessDenied" if needed.action.startswith("kms:") else "AuthorizationError"
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
        return Response(f"<ErrorResponse>{error}</ErrorResponse>", 403, media_type="text/xml")
    json_1 = re.search(r"x-amz-json-1", request.headers.get("content-type", ""))
    return ServiceError("AccessDeniedException", text, 400 if json_1 else 403).json_response("message")
