"""The errors in the answers of AWS's APIs, also injected ones, the answers' request IDs, and the check of a call's signature."""

import asyncio
import re
import uuid
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workmail_local.aws.faults import Faults, Operation

_AUTHORIZATION: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/\s]+/\d{8}/[^/\s]+/(?P<service>[^/\s]+)/aws4_request,.*Signature=\S+")
JSON: Final = "application/x-amz-json-1.1"


class ServiceError(Exception):
    """An error in the service's answer: name, text and HTTP status, which is 400 if the model gives none."""

    def __init__(self, name: str, message: str, status: int = 400) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.status = status

    def response(self) -> Response:
        """Return the answer in the protocol REST-JSON."""
        return JSONResponse({"message": self.message}, self.status, {"x-amzn-ErrorType": self.name})

    def json_response(self, text: str = "Message") -> Response:
        """Return the answer in the protocol JSON 1.1; `text` is the service's name for the text of an error."""
        return JSONResponse({"__type": self.name, text: self.message}, self.status, {"x-amzn-ErrorType": self.name}, JSON)


@dataclass(frozen=True, slots=True)
class RequestIds:
    """Middleware: gives each answer an `x-amzn-RequestId`, by which AWS finds a call."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-amzn-RequestId"] = str(uuid.uuid4())
            await send(message)

        await self.app(scope, receive, send_with_id)


def find_signed_service(request: Request) -> str:
    """Return the service for which a call is signed; "" for a call without SigV4."""
    signed = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    return signed["service"] if signed else ""


def check_signature(request: Request, service: str) -> None:
    """Raise AWS's `ServiceError` for a call without SigV4 or with a signature for another service."""
    if not request.headers.get("authorization", ""):
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    signed = find_signed_service(request)
    if not signed:
        raise ServiceError("IncompleteSignatureException", "Authorization is not an AWS4-HMAC-SHA256 signature", 403)
    if signed != service:
        raise ServiceError("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.", 403)


async def apply_fault(faults: Faults, operation: Operation) -> ServiceError | None:
    """Apply the injected fault for this call: wait, and raise a `ServiceError`, or return it for after the work."""
    fault = faults.next(operation)
    if fault is None:
        return None
    await asyncio.sleep(fault.delay_s)
    if fault.error is None:
        return None
    error = ServiceError(fault.error, fault.message, fault.status)
    if fault.after:
        return error
    raise error
