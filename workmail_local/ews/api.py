"""The EWS endpoint over HTTP: the operations Subscribe and Unsubscribe, for an impersonation role."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from workmail_local.aws.faults import Faults
from workmail_local.aws.service_errors import ServiceError, apply_fault
from workmail_local.ews import soap
from workmail_local.ews.poster import Poster
from workmail_local.ews.soap import EwsError, EwsFault
from workmail_local.ews.subscriptions import Subscriptions

PATH: Final = "/EWS/Exchange.asmx"

_BEARER: Final = "Bearer "
_MAX_REQUEST: Final = 256 * 1024

_BACK_OFF_MS: Final = 10_000
"""The pause that an injected ErrorServerBusy asks for."""


@dataclass(frozen=True, slots=True)
class EwsApi:
    """The operations.

    Attributes:
        subscriptions: are added and removed.
        poster: posts their notifications.
        accepts_token: whether a token of AssumeImpersonationRole is valid.
        find_mailbox: returns the mailbox of an address; None when it has none.
        faults: injected faults.
        listener: called with one line of text for each answered call.
    """

    subscriptions: Subscriptions
    poster: Poster
    accepts_token: Callable[[str], bool]
    find_mailbox: Callable[[str], str | None]
    faults: Faults
    listener: Callable[[str], None] | None = None

    def routes(self) -> list[Route]:
        """Return the routes for the ASGI application of WorkMail's APIs."""
        return [Route(PATH, self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        operation = "EWS"
        try:
            if not self._is_authorized(request):
                return self._respond(operation, PlainTextResponse("", 401, {"www-authenticate": "Bearer"}), "the token is not valid")
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_REQUEST:
                    return self._respond(operation, PlainTextResponse("", 413), "the request is too large")
            asked = soap.read_request(bytes(body))
            operation = asked.operation
            await self._apply_fault()
            content = self._handle(asked)
        except EwsFault as fault:
            return self._respond(operation, _to_xml(soap.write_fault(fault), 500), str(fault))
        except EwsError as error:
            return self._respond(operation, _to_xml(soap.write_error(operation, error)), str(error))
        return self._respond(operation, _to_xml(content), f"{len(content):,} bytes")

    def _is_authorized(self, request: Request) -> bool:
        authorization = request.headers.get("authorization", "")
        return authorization.startswith(_BEARER) and self.accepts_token(authorization.removeprefix(_BEARER))

    async def _apply_fault(self) -> None:
        try:
            await apply_fault(self.faults, "Subscribe")
        except ServiceError as error:
            raise EwsFault(error.name, error.message, _BACK_OFF_MS if error.name == "ErrorServerBusy" else 0) from None

    def _handle(self, asked: soap.Request) -> bytes:
        if asked.operation == "Unsubscribe":
            self.subscriptions.unsubscribe(soap.read_subscription_id(asked.element))
            return soap.write_unsubscribed()
        if asked.operation != "Subscribe":
            raise EwsFault("ErrorInvalidOperation", "The local WorkMail has the operations Subscribe and Unsubscribe")
        if not asked.impersonated:
            raise EwsFault("ErrorImpersonateUserDenied", "An impersonation role has no mailbox: the request needs ExchangeImpersonation")
        mailbox = self.find_mailbox(asked.impersonated)
        if mailbox is None:
            raise EwsFault("ErrorNonExistentMailbox", "The address has no mailbox")
        written = soap.write_subscribed(*self.subscriptions.subscribe(mailbox, soap.read_subscribe(asked.element)))
        self.poster.start()
        return written

    def _respond(self, operation: str, response: Response, outcome: str) -> Response:
        if self.listener:
            self.listener(f"{operation}  {response.status_code}  {outcome}")
        return response


def _to_xml(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type="text/xml")
