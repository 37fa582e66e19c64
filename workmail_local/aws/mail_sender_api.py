"""The operation SendEmail of Amazon SES over HTTP, after botocore's model `sesv2` (2019-09-27, REST-JSON)."""

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workmail_local.aws.service_errors import ServiceError, check_signature

PATH: Final = "/v2/email/outbound-emails"

_SIGNED_AS: Final = "ses"
"""The name with which boto3 signs calls of `sesv2`."""


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that a function sends by SES.

    Attributes:
        sender: the address in From.
        recipients: all of the destination, each once.
        raw: the message.
    """

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class MailSenderApi:
    """The operation.

    Attributes:
        accept: is called with each mail, in a thread of its own.
        listener: called with one line of text for each answered call.
    """

    accept: Callable[[SentMail], None]
    listener: Callable[[str], None] | None = None

    def routes(self) -> list[Route]:
        """Return the routes for the ASGI application of WorkMail's APIs."""
        return [Route(PATH, self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        try:
            check_signature(request, _SIGNED_AS)
            mail = _parse_mail(await request.body())
            await run_in_threadpool(self.accept, mail)
            response: Response = JSONResponse({"MessageId": str(uuid.uuid4())})
            outcome = f"{len(mail.raw):,} bytes to {len(mail.recipients)}"
        except ServiceError as error:
            response, outcome = error.response(), str(error)
        if self.listener:
            self.listener(f"SendEmail  {response.status_code}  {outcome}")
        return response


def _parse_mail(body: bytes) -> SentMail:
    """Return the mail of a request. Raises ServiceError."""
    try:
        request = json.loads(body)
        destination, content = request.get("Destination") or {}, request["Content"]
        recipients = [address for kind in ("ToAddresses", "CcAddresses", "BccAddresses") for address in destination.get(kind) or ()]
        sender = parseaddr(request.get("FromEmailAddress") or "")[1]
        if "Raw" not in content:
            raise ServiceError("BadRequestException", "The local WorkMail sends raw content only: no Simple and no Template")
        raw = base64.b64decode(content["Raw"]["Data"], validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ServiceError("BadRequestException", "The request is no SendEmail of Amazon SES") from None
    addresses = tuple(dict.fromkeys(parseaddr(text)[1] for text in recipients))
    if not sender or not addresses or not all(addresses):
        raise ServiceError("BadRequestException", "FromEmailAddress and Destination must name addresses")
    return SentMail(sender, addresses, raw)
