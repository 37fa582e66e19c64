"""A gate in front of the local servers: it lets calls of AWS through, or puts a fault at some of them."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.support.serving import Quiet, serving
from workmail_local.workmail import LocalWorkMail

_SERVICE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
_BY_METHOD = {"GET": "GetRawMessageContent", "POST": "PutRawMessageContent"}
_NOT_FORWARDED = frozenset({"connection", "content-length", "expect", "host", "transfer-encoding"})


@dataclass(frozen=True)
class Call:
    """One request to a service.

    Attributes:
        service: its name in the signature; `webhook` without a signature.
        operation: its name in the API; of S3 the method and the kind of object, such as `PUT rewritten`.
    """

    service: str
    operation: str


Answer = tuple[int, str]
"""Status and error code of a response."""


@dataclass(frozen=True)
class Fault:
    """A fault at a call.

    Attributes:
        answer: returns the error for a call; None if there is no response at all.
        waits: whether the connection stays open, without a response, until the test ends.
        forwarded: whether the server receives the call, and only its response is missing.
    """

    answer: Callable[[Call], Answer] | None = None
    waits: bool = False
    forwarded: bool = False


DOWN = Fault()
"""The server closes each connection."""


@dataclass
class Gate:
    """Attributes:
    url: of the gate, for all services.
    find_fault: returns the fault for a call; None to let it through.
    calls: all calls, in their order.
    """

    workmail: LocalWorkMail
    url: str = ""
    find_fault: Callable[[Call], Fault | None] = lambda _call: None
    calls: list[Call] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the local WorkMail, with this gate as the endpoint of each service."""
        variables = self.workmail.environment
        return {name: self.url if name.startswith("AWS_ENDPOINT_URL") else value for name, value in variables.items()}

    def upstream(self, service: str) -> str:
        name = "WORKMAILMESSAGEFLOW" if service.startswith("workmail") else "S3"
        return urlsplit(self.workmail.environment[f"AWS_ENDPOINT_URL_{name}"]).netloc


@contextmanager
def open_gate(workmail: LocalWorkMail) -> Iterator[Gate]:
    """Run a gate on the loopback interface."""
    gate = Gate(workmail)

    class Pass(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.body()
            call = name_call(self.command, self.path, dict(self.headers), body)
            gate.calls.append(call)
            fault = gate.find_fault(call)
            response = None
            if fault is None or fault.forwarded:
                response = self.forward(call, body)
            if fault is None and response is not None:
                self.answer(*response[:2], **response[2])
                return
            if fault is not None and fault.answer is not None:
                self.answer(*_write_error(call, *fault.answer(call)))
                return
            if fault is not None and fault.waits:
                gate.ended.wait(60)
            self.close_connection = True

        do_PUT = do_POST = do_GET  # noqa: N815 - the names of the base class

        def forward(self, call: Call, body: bytes) -> tuple[int, bytes, dict[str, str]]:
            connection = HTTPConnection(gate.upstream(call.service), timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
            try:
                connection.request(self.command, self.path, body, headers)
                response = connection.getresponse()
                kept = {name: value for name, value in response.getheaders() if name.lower() not in {*_NOT_FORWARDED, "date", "server"}}
                return response.status, response.read(), kept
            finally:
                connection.close()

    with serving(Pass) as gate.url:
        try:
            yield gate
        finally:
            gate.ended.set()


def name_call(method: str, path: str, headers: dict[str, str], body: bytes) -> Call:
    """Return the service and the operation of a request."""
    lower = {name.lower(): value for name, value in headers.items()}
    signed = _SERVICE.search(lower.get("authorization", ""))
    service = signed[1] if signed else "webhook"
    if target := lower.get("x-amz-target"):
        return Call(service, target.rpartition(".")[2])
    if service == "s3":
        parts = urlsplit(path).path.split("/")
        return Call(service, f"{method} {'rewritten' if 'rewritten' in parts else 'decided' if 'decided' in parts else 'archive'}")
    if service == "workmailmessageflow":
        return Call(service, _BY_METHOD[method])
    action = _ACTION.search(body)
    return Call(service, action[1].decode() if action else method)


def _write_error(call: Call, status: int, code: str) -> tuple[int, bytes]:
    """Return the response for an error, in the format of the service."""
    text = "Signature expired: 20261129T080000Z is now earlier than 20261129T085500Z" if status == 403 else "ordered by a test"
    if call.service in {"s3", "sns"}:
        error = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
        return status, (error if call.service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>").encode()
    document: dict[str, Any] = {"__type": code, "message": text}
    return status, json.dumps(document).encode()


def throttle(call: Call) -> Answer:
    """Return the error with which a service throttles."""
    return {
        "s3": (503, "SlowDown"),
        "dynamodb": (400, "ProvisionedThroughputExceededException"),
        "sns": (400, "KMSThrottling"),
        "workmailmessageflow": (429, "TooManyRequestsException"),
    }.get(call.service, (400, "ThrottlingException"))


def refuse_time(call: Call) -> Answer:
    """Return the error with which a service refuses a signature whose time is wrong."""
    return {
        "s3": (403, "RequestTimeTooSkewed"),
        "sns": (403, "SignatureDoesNotMatch"),
    }.get(call.service, (403, "InvalidSignatureException"))
