"""An EWS server on the loopback interface with the operation GetUserAvailability and errors on demand."""

import asyncio
import base64
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import lxml.etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mailhooks.availability.backends.ews.backend import EwsBackend

PATH = "/EWS/Exchange.asmx"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
_NAMES = {"s": SOAP, "m": MESSAGES, "t": TYPES}


def t(name: str, *content: str) -> str:
    """Return an element of the namespace of types."""
    return f"<t:{name}>{''.join(content)}</t:{name}>"


def m(name: str, *content: str, attributes: str = "") -> str:
    """Return an element of the namespace of messages."""
    return f"<m:{name}{attributes}>{''.join(content)}</m:{name}>"


def transition(name: str, bias: int, clock: str, order: int, month: int, day: str = "Sunday") -> str:
    """Return a StandardTime or DaylightTime."""
    return t(name, t("Bias", str(bias)), t("Time", clock), t("DayOrder", str(order)), t("Month", str(month)), t("DayOfWeek", day))


def period(days: str, start: int, end: int) -> str:
    return t("WorkingPeriod", t("DayOfWeek", days), t("StartTimeInMinutes", str(start)), t("EndTimeInMinutes", str(end)))


def working_hours(bias: int, *transitions: str, periods: str) -> str:
    return t("WorkingHours", t("TimeZone", t("Bias", str(bias)), *transitions), t("WorkingPeriodArray", periods))


OFFICE_HOURS = working_hours(
    -60,
    transition("StandardTime", 0, "03:00:00", 5, 10),
    transition("DaylightTime", -60, "02:00:00", 5, 3),
    periods=period("Monday Tuesday Wednesday Thursday Friday", 480, 1020),
)
"""Eight to five in Berlin."""


def event(start: str, end: str, busy: str = "Busy", details: str = "") -> str:
    """Return a CalendarEvent."""
    shown = t("CalendarEventDetails", details) if details else ""
    return t("CalendarEvent", t("StartTime", start), t("EndTime", end), t("BusyType", busy), shown)


def calendar(*events: str, hours: str = "", kind: str = "Detailed") -> str:
    """Return a FreeBusyResponse for a mailbox with a calendar."""
    array = t("CalendarEventArray", *events) if events else ""
    message = m("ResponseMessage", m("ResponseCode", "NoError"), attributes=' ResponseClass="Success"')
    return m("FreeBusyResponse", message, m("FreeBusyView", t("FreeBusyViewType", kind), array, hours))


def error(code: str, text: str = "ordered by a test", more: str = "") -> str:
    """Return a FreeBusyResponse with an error."""
    parts = m("MessageText", text), m("ResponseCode", code), m("DescriptiveLinkKey", "0"), more
    return m("FreeBusyResponse", m("ResponseMessage", *parts, attributes=' ResponseClass="Error"'))


def back_off(milliseconds: int) -> str:
    return t("MessageXml", f'<t:Value Name="BackOffMilliseconds">{milliseconds}</t:Value>')


def envelope(body: str) -> bytes:
    version = '<t:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" Version="V2017_07_11"/>'
    opening = f'<s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><s:Header>{version}</s:Header>'
    return f'<?xml version="1.0" encoding="utf-8"?>{opening}<s:Body>{body}</s:Body></s:Envelope>'.encode()


def answer(*responses: str) -> bytes:
    return envelope(m("GetUserAvailabilityResponse", m("FreeBusyResponseArray", *responses)))


def fault(code: str, more: str = "") -> bytes:
    """Return a SOAP fault in Exchange's form."""
    name = 'xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors"'
    detail = f"<e:ResponseCode {name}>{code}</e:ResponseCode><e:Message {name}>ordered by a test</e:Message>{more}"
    text = '<faultstring xml:lang="en-US">ordered by a test</faultstring>'
    return envelope(f"<s:Fault><faultcode>t:{code}</faultcode>{text}<detail>{detail}</detail></s:Fault>")


BASIC = {"type": "basic", "username": "svc", "password": "pw"}
NTLM = {"type": "ntlm", "username": "CORP\\svc", "password": "pa55"}


def ews_backend(url: str, auth: dict[str, str] | None = None, **config: Any) -> EwsBackend:
    """Create the backend for a server's endpoint."""
    return EwsBackend({"type": "ews", "url": url, "auth": auth or BASIC, **config})


@dataclass(frozen=True, slots=True)
class EwsRequest:
    """A received request.

    Attributes:
        zone: Bias, StandardTime/Bias, DaylightTime/Bias.
        version: RequestServerVersion.
        impersonated: the SmtpAddress of ExchangeImpersonation.
        connection: the client's port.
    """

    operation: str
    action: str
    mailboxes: tuple[str, ...]
    zone: tuple[str, ...]
    window: tuple[str, ...]
    view: str
    version: str
    impersonated: str | None
    headers: Mapping[str, str]
    connection: int
    text: str

    @classmethod
    async def read(cls, request: Request) -> Self:
        content = await request.body()
        root = lxml.etree.fromstring(content)

        def texts(path: str) -> tuple[str, ...]:
            return tuple(root.xpath(path, namespaces=_NAMES))

        zone = "s:Body/*/t:TimeZone"
        return cls(
            operation=lxml.etree.QName(root.find("s:Body", _NAMES)[0]).localname,
            action=request.headers.get("soapaction", ""),
            mailboxes=texts("s:Body/*/m:MailboxDataArray/t:MailboxData/t:Email/t:Address/text()"),
            zone=texts(f"{zone}/t:Bias/text()")
            + texts(f"{zone}/t:StandardTime/t:Bias/text()")
            + texts(f"{zone}/t:DaylightTime/t:Bias/text()"),
            window=texts("s:Body/*/t:FreeBusyViewOptions/t:TimeWindow/*/text()"),
            view="".join(texts("s:Body/*/t:FreeBusyViewOptions/t:RequestedView/text()")),
            version="".join(texts("s:Header/t:RequestServerVersion/@Version")),
            impersonated=next(iter(texts("s:Header/t:ExchangeImpersonation/t:ConnectingSID/t:SmtpAddress/text()")), None),
            headers=dict(request.headers),
            connection=request.client.port if request.client else 0,
            text=content.decode(),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A response that a test orders.

    Attributes:
        after_s: seconds before the response.
        drip_s: seconds between the bytes.
    """

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0
    drip_s: float = 0

    async def response(self) -> Response:
        await asyncio.sleep(self.after_s)
        headers = {"Content-Type": "text/xml; charset=utf-8", **self.headers}
        if not self.drip_s:
            return Response(self.content, self.status, headers)
        return StreamingResponse(self._drops(), self.status, {**headers, "Content-Length": str(len(self.content))})

    async def _drops(self) -> Any:
        for octet in self.content:
            yield bytes([octet])
            await asyncio.sleep(self.drip_s)


class SignIn(Protocol):
    """A way to sign in."""

    def check(self, asked: EwsRequest) -> Reply | None:
        """Return None if the request is allowed, otherwise the response."""


@dataclass
class Basic:
    """HTTP Basic (RFC 7617)."""

    user: str
    password: str

    def check(self, asked: EwsRequest) -> Reply | None:
        wanted = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return (
            None if asked.headers.get("authorization") == wanted else Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="ews"'})
        )


@dataclass
class Bearer:
    """Bearer tokens (RFC 6750). `tokens` are the valid ones."""

    tokens: Container[str]

    def check(self, asked: EwsRequest) -> Reply | None:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        return None if (scheme, token in self.tokens) == ("Bearer", True) else Reply(status=401, headers={"WWW-Authenticate": "Bearer"})


@dataclass
class Ntlm:
    """NTLM over HTTP (MS-NTHT), by pyspnego, with the users in the file NTLM_USER_FILE. It signs in
    connections, as IIS does.
    """

    signed_in: dict[int, str] = field(default_factory=dict)
    _contexts: dict[int, Any] = field(default_factory=dict)

    def check(self, asked: EwsRequest) -> Reply | None:
        import spnego

        port = asked.connection
        header = asked.headers.get("authorization", "")
        if port in self.signed_in and not header:
            return None
        if not header.startswith("NTLM "):
            return Reply(b"sign in", 401, {"WWW-Authenticate": "NTLM"})
        context = self._contexts.setdefault(port, spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm))
        try:
            token = context.step(base64.b64decode(header[5:]))
        except spnego.exceptions.SpnegoError:
            del self._contexts[port]
            return Reply(b"no", 401, {"WWW-Authenticate": "NTLM"})
        if context.complete:
            self.signed_in[port] = context.client_principal
            return None
        return Reply(b"go on", 401, {"WWW-Authenticate": "NTLM " + base64.b64encode(token).decode()})


@dataclass
class EwsServer:
    """An Exchange server, as a site of `hosting`.

    Attributes:
        mailboxes: the FreeBusyResponse by address in lower case. Other mailboxes have ErrorMailRecipientNotFound.
        replies: the responses to the next requests.
        sign_in: None: sign-in is not required.
        refuse: returns the code of a SOAP fault for a request, or None.
        left_out: mailboxes that responses omit.
        requests: the received requests.
    """

    mailboxes: dict[str, str] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)
    sign_in: SignIn | None = None
    refuse: Callable[[EwsRequest], str | None] = lambda asked: None
    left_out: frozenset[str] = frozenset()
    requests: list[EwsRequest] = field(default_factory=list)
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route(PATH, self._answer, methods=["POST"])])

    @property
    def endpoint(self) -> str:
        return self.url + PATH

    async def _answer(self, request: Request) -> Response:
        asked = await EwsRequest.read(request)
        self.requests.append(asked)
        return await (self._reply(asked)).response()

    def _reply(self, asked: EwsRequest) -> Reply:
        if self.sign_in and (refusal := self.sign_in.check(asked)):
            return refusal
        if self.replies:
            return self.replies.pop(0)
        if code := self.refuse(asked):
            return Reply(fault(code), 500)
        if asked.operation != "GetUserAvailabilityRequest":
            return Reply(fault("ErrorInvalidRequest"), 500)
        unknown = error("ErrorMailRecipientNotFound", "ordered by a test, for ana@example.com")
        return Reply(answer(*(self.mailboxes.get(mailbox.lower(), unknown) for mailbox in asked.mailboxes if mailbox not in self.left_out)))
