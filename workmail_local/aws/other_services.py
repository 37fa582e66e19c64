"""Answers calls of AWS services that the local WorkMail does not emulate, so that no call reaches AWS with the text of a mail."""

import re
from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from workmail_local.aws.service_errors import ServiceError, find_signed_service

PATH: Final = "/other-services"
"""The path of the answer on the server of WorkMail's APIs."""

CODE: Final = "ServiceNotEmulated"

_REST_XML: Final = frozenset({"cloudfront", "route53", "s3"})
"""The services, as calls are signed for them, that answer a call without a body type in XML."""

_SERVICE_IDS: Final = {"bedrock": "BEDROCK_RUNTIME", "logs": "CLOUDWATCH_LOGS", "monitoring": "CLOUDWATCH", "states": "SFN"}
"""The service IDs of services that sign their calls with another name."""

_UNSAFE: Final = re.compile(r"[^\w.:/-]", re.ASCII)
_MAX_NAME: Final = 100


class OtherServices:
    """The ASGI application behind `AWS_ENDPOINT_URL`: each call gets an error that names the service, in the protocol of the call.

    Its status is 400, so that no AWS SDK repeats the call.

    Args:
        listener: called with one line of text for each call.
    """

    def __init__(self, listener: Callable[[str], None] | None = None) -> None:
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            # A client that is still sending does not read the answer.
            async for _ in request.stream():
                pass
        except ClientDisconnect:
            return
        service, call = _describe(request)
        if self._listener:
            self._listener(f"{service}  {call}  400  {CODE}: nothing was sent to AWS")
        await _answer(request, service, _explain(service, call))(scope, receive, send)


def _describe(request: Request) -> tuple[str, str]:
    """Return the service and the call, as far as the request names them."""
    target = request.headers.get("x-amz-target", "")
    # Not the whole path, which may contain an address.
    path = "/".join(request.url.path.removeprefix(PATH).split("/")[:2])
    service = find_signed_service(request) or target.partition(".")[0] or "an AWS service"
    call = target.rpartition(".")[2] or f"{request.method} {path or '/'}"
    return _clean(service), _clean(call)


def _clean(text: str) -> str:
    """Return the text without characters that a header, a log line or XML cannot contain."""
    return _UNSAFE.sub(" ", text)[:_MAX_NAME]


def _explain(service: str, call: str) -> str:
    return (
        f"The local WorkMail does not emulate {service} ({call}), and sent nothing to AWS. Give the function the URL of an "
        "emulator, such as moto_server or your own fake: in workmail.toml, [functions.NAME], "
        f'environment = {{ {_variable(service)} = "http://127.0.0.1:5000" }} (its end is the service_id of boto3, in capitals). '
        'See docs/local.md, "Other AWS services".'
    )


def _variable(service: str) -> str:
    """Return the variable for the service's URL; boto3 names it after the service ID."""
    identity = _SERVICE_IDS.get(service) or re.sub(r"\W", "_", service).upper()
    return f"AWS_ENDPOINT_URL_{'SERVICE_ID' if ' ' in service else identity}"


def _answer(request: Request, service: str, message: str) -> Response:
    """Return the error in the protocol of the call, which its headers name."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        body = b"\xa2" + b"".join(map(_encode_text, ("__type", CODE, "message", message)))
        return Response(body, 400, {"smithy-protocol": "rpc-v2-cbor"}, "application/cbor")
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("application/x-www-form-urlencoded") or (service in _REST_XML and "json" not in content_type):
        error = f"<Error><Code>{CODE}</Code><Message>{escape(message)}</Message></Error>"
        # The protocol of EC2 has one element more than those of the other services.
        error = f"<Response><Errors>{error}</Errors></Response>" if service == "ec2" else f"<ErrorResponse>{error}</ErrorResponse>"
        return Response(error, 400, media_type="text/xml")
    return ServiceError(CODE, message).json_response("message")


def _encode_text(text: str) -> bytes:
    """Encode a text string of less than 64 KB in CBOR (RFC 8949 section 3.1, major type 3)."""
    octets = text.encode()
    return b"\x79" + len(octets).to_bytes(2, "big") + octets
