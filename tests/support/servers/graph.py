"""Microsoft's cloud on the loopback interface: Entra's token endpoint and Graph's getSchedule, as documented.

It needs TLS, because msal accepts no other authority.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SECRET = "the~secret/of+the app"
TOO_MANY = 100
"""The service's real limit, which is higher than the documented one (microsoft-graph-docs issue 7047)."""


def busy(start: str, end: str, status: str = "busy", **more: Any) -> dict[str, Any]:
    """Return a scheduleItem in UTC."""
    moments = {name: {"dateTime": f"{text}.0000000", "timeZone": "UTC"} for name, text in (("start", start), ("end", end))}
    return {"status": status, **moments, **more}


PACIFIC = {
    "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
    "startTime": "08:00:00.0000000",
    "endTime": "17:00:00.0000000",
    "timeZone": {"name": "Pacific Standard Time"},
}


@dataclass
class User:
    """A user of the tenant.

    Attributes:
        schedule: the user's scheduleInformation.
        addresses: addresses in addition to the user principal name.
        reachable: whether the mailbox is in the cloud. One on premises is found through other users only.
        hidden: whether an application access policy excludes the app.
    """

    schedule: Mapping[str, Any] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    reachable: bool = True
    hidden: bool = False


Fault = tuple[int, Any, dict[str, str]]
"""Status, body (text, or any other value as JSON) and headers."""


def graph_error(status: int, code: str, *, message: str = "Names secret@example.com", headers: dict[str, str] | None = None) -> Fault:
    return (
        status,
        {"error": {"code": code, "message": message, "innerError": {"request-id": "81c1a558", "date": "2026-05-04"}}},
        headers or {},
    )


def entra_error(status: int, error: str, number: int, headers: dict[str, str] | None = None) -> Fault:
    text = f"AADSTS{number}: Application '{CLIENT}' of the tenant 'Contoso' is refused.\r\nTrace ID: 4457d068"
    return status, {"error": error, "error_description": text, "error_codes": [number], "trace_id": "4457d068"}, headers or {}


@dataclass
class MicrosoftCloud:
    """Attributes:
    users: by user principal name.
    certificate: the app's certificate.
    token_faults, graph_faults: responses to the next requests.
    delay: seconds for each getSchedule.
    crowded: the longest window with at most 1000 entries, by address.
    calls: method and path of each request.
    requests: the bodies of getSchedule.
    """

    users: dict[str, User] = field(default_factory=dict)
    certificate: x509.Certificate | None = None
    token_faults: list[Fault] = field(default_factory=list)
    graph_faults: list[Fault] = field(default_factory=list)
    delay: float = 0.0
    max_mailboxes: int = TOO_MANY
    max_days: int = 62
    crowded: dict[str, timedelta] = field(default_factory=dict)
    expires_in: int = 3599
    calls: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    issued: int = 0
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
                Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
                Route("/v1.0/users/{user}/calendar/getSchedule", self._get_schedule, methods=["POST"]),
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        self.calls.append("GET openid-configuration")
        if request.path_params["tenant"] != TENANT:
            return _response(entra_error(400, "invalid_tenant", 90002))
        root = f"{self.url}/{TENANT}"
        return JSONResponse(
            {
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            }
        )

    async def _token(self, request: Request) -> Response:
        self.calls.append("POST token")
        form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        self.forms.append(form)
        if self.token_faults:
            return _response(self.token_faults.pop(0))
        if form["grant_type"] != "client_credentials" or form["scope"] != f"{self.url}/.default":
            return _response(entra_error(400, "invalid_scope", 70011))
        if form["client_id"] != CLIENT:
            return _response(entra_error(400, "unauthorized_client", 700016))
        if "client_assertion" in form:
            if not self._proven(form):
                return _response(entra_error(401, "invalid_client", 700027))
        elif form["client_secret"] != SECRET:
            return _response(entra_error(401, "invalid_client", 7000215))
        self.issued += 1
        token = f"token-{self.issued}"
        self.tokens.add(token)
        return JSONResponse({"token_type": "Bearer", "expires_in": self.expires_in, "ext_expires_in": 3599, "access_token": token})

    def _proven(self, form: Mapping[str, str]) -> bool:
        """Verify a client assertion (RFC 7523 section 3) and its certificate (RFC 7515 sections 4.1.7 and 4.1.8)."""
        assert self.certificate is not None
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        header = jwt.get_unverified_header(form["client_assertion"])
        try:
            claims = jwt.decode(
                form["client_assertion"],
                self.certificate.public_key(),
                algorithms=["PS256", "RS256"],
                audience=f"{self.url}/{TENANT}/oauth2/v2.0/token",
                options={"require": ["exp", "iat", "jti", "sub", "iss"]},
            )
        except jwt.InvalidTokenError:
            return False
        named = header.get("x5t#S256") or header.get("x5t")
        known = {_base64url(self.certificate.fingerprint(algorithm)) for algorithm in (hashes.SHA256(), hashes.SHA1())}
        self.assertions.append({**header, **claims})
        return claims["iss"] == claims["sub"] == CLIENT and str(named).rstrip("=") in known

    async def _get_schedule(self, request: Request) -> Response:
        await asyncio.sleep(self.delay)
        user = request.path_params["user"]
        self.calls.append(f"POST {user}")
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _response(graph_error(401, "InvalidAuthenticationToken"))
        if self.graph_faults:
            return _response(self.graph_faults.pop(0))
        found = self.users.get(user)
        if found is None:
            return _response(graph_error(404, "ErrorInvalidUser", message=f"The requested user '{user}' is invalid."))
        if found.hidden:
            return _response(graph_error(403, "ErrorAccessDenied", message="Access to OData is disabled."))
        if not found.reachable:
            return _response(graph_error(404, "MailboxNotEnabledForRESTAPI"))
        document = json.loads(await request.body())
        self.requests.append(document)
        assert request.headers["prefer"] == 'outlook.timezone="UTC"'
        if not isinstance(interval := document["availabilityViewInterval"], int):
            return _response((500, "", {}))
        start, end = (_utc(document[name]) for name in ("startTime", "endTime"))
        if not 5 <= interval <= 1440 or end - start < timedelta(minutes=interval):
            return _response(graph_error(400, "ErrorInvalidTimeInterval"))
        if end - start > timedelta(days=self.max_days):
            return _response(graph_error(400, "ErrorTimeIntervalTooBig"))
        if len(document["schedules"]) > self.max_mailboxes:
            return _response(graph_error(400, "ErrorMailboxDataArrayTooBig"))
        value = [self._schedule(address, end - start, timedelta(minutes=interval)) for address in document["schedules"]]
        return JSONResponse({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#...", "value": value})

    def _schedule(self, address: str, span: timedelta, interval: timedelta) -> dict[str, Any]:
        for name, user in self.users.items():
            if address.lower() in {known.lower() for known in (name, *user.addresses)}:
                if span > self.crowded.get(name, span):
                    text = "The result set contains too many calendar entries. The allowed size = 1000; the actual size = 1012."
                    return {"scheduleId": address, "error": {"message": text, "responseCode": "5006"}}
                view = "0" * -(-span // interval)
                return {"scheduleId": address, "availabilityView": view, "scheduleItems": [], "workingHours": PACIFIC, **user.schedule}
        text = f"Unable to resolve e-mail address {address} to an Active Directory object."
        return {"scheduleId": address, "error": {"message": text, "responseCode": "5009"}}


def _response(fault: Fault) -> Response:
    status, body, headers = fault
    if isinstance(body, str):
        return Response(body, status, headers, "text/html")
    return JSONResponse(body, status, headers)


def _utc(value: Mapping[str, str]) -> datetime:
    """Parse a dateTimeTimeZone of a request, which has no offset."""
    assert value["timeZone"] == "UTC"
    moment = datetime.fromisoformat(value["dateTime"])
    assert moment.tzinfo is None
    return moment


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
