"""Google on the loopback interface: the token endpoint and the Calendar API's freeBusy, as documented."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ACCOUNT = "free-busy@project-1.iam.gserviceaccount.com"
SCOPES = {
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar.events.freebusy",
    "https://www.googleapis.com/auth/calendar.freebusy",
}
"""The scopes that "Freebusy: query" accepts."""

MAX_CALENDARS = 50
MAX_DAYS = 90

KEY = rsa.generate_private_key(65537, 2048)

Fault = tuple[int, Any, dict[str, str]]
"""Status, body (text, or any other value as JSON) and headers."""


def api_error(status: int, reason: str, domain: str = "global", headers: dict[str, str] | None = None) -> Fault:
    text = "Names secret@example.com"
    errors = [{"domain": domain, "reason": reason, "message": text}]
    return status, {"error": {"errors": errors, "code": status, "message": text}}, headers or {}


def token_error(status: int, error: str, headers: dict[str, str] | None = None) -> Fault:
    return status, {"error": error, "error_description": f"Names {ACCOUNT}"}, headers or {}


@dataclass
class GoogleCloud:
    """Attributes:
    calendars: busy periods, or the reason of an error, by ID in lower case.
    subjects: users for whom the account may act.
    token_faults, api_faults: responses to the next requests.
    max_calendars: with more, every calendar has the error tooManyCalendarsRequested.
    max_days: the longest window.
    """

    calendars: dict[str, list[tuple[str, str]] | str] = field(default_factory=dict)
    subjects: set[str] = field(default_factory=set)
    token_faults: list[Fault] = field(default_factory=list)
    api_faults: list[Fault] = field(default_factory=list)
    delay: float = 0.0
    token_delay: float = 0.0
    max_calendars: int = MAX_CALENDARS
    max_days: int = MAX_DAYS
    expires_in: int = 3599
    key: rsa.RSAPrivateKey = KEY
    calls: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    issued: int = 0
    url: str = ""

    def service_account(self, **changes: Any) -> dict[str, Any]:
        """Return the content of a key file."""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "type": "service_account",
            "project_id": "project-1",
            "private_key_id": "0123456789abcdef0123456789abcdef01234567",
            "private_key": pem,
            "client_email": ACCOUNT,
            "client_id": "103456789012345678901",
            "token_uri": f"{self.url}/token",
            "universe_domain": "googleapis.com",
            **changes,
        }

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/token", self._token, methods=["POST"]),
                Route("/calendar/v3/freeBusy", self._free_busy, methods=["POST"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        self.calls.append("POST token")
        await asyncio.sleep(self.token_delay)
        form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        if self.token_faults:
            return _response(self.token_faults.pop(0))
        if form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return _response(token_error(400, "unsupported_grant_type"))
        try:
            claims = jwt.decode(
                form["assertion"],
                self.key.public_key(),
                algorithms=["RS256"],
                audience="https://oauth2.googleapis.com/token",
                options={"require": ["exp", "iat", "iss", "scope"]},
            )
        except jwt.InvalidTokenError:
            return _response(token_error(400, "invalid_grant"))
        self.claims.append(claims)
        if claims["iss"] != ACCOUNT or claims["exp"] - claims["iat"] > 3600:
            return _response(token_error(400, "invalid_grant"))
        if "sub" in claims and claims["sub"] not in self.subjects:
            return _response(token_error(401, "unauthorized_client"))
        self.issued += 1
        token = f"ya29.{self.issued}"
        self.tokens.add(token)
        return JSONResponse({"access_token": token, "expires_in": self.expires_in, "token_type": "Bearer"})

    async def _free_busy(self, request: Request) -> Response:
        self.calls.append("POST freeBusy")
        await asyncio.sleep(self.delay)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _response(api_error(401, "authError"))
        if self.api_faults:
            return _response(self.api_faults.pop(0))
        if not {*self.claims[-1]["scope"].split()} & SCOPES:
            return _response(api_error(403, "insufficientPermissions"))
        document = json.loads(await request.body())
        self.requests.append(document)
        start, end = (datetime.fromisoformat(document[name]) for name in ("timeMin", "timeMax"))
        assert start.tzinfo
        assert end.tzinfo
        if end <= start:
            return _response(api_error(400, "timeRangeEmpty", "calendar"))
        if end - start > timedelta(days=self.max_days):
            return _response(api_error(400, "timeRangeTooLong", "calendar"))
        if document["calendarExpansionMax"] > MAX_CALENDARS:
            return _response(api_error(400, "invalid"))
        asked = [item["id"].lower() for item in document["items"]]
        crowded = len(asked) > self.max_calendars
        calendars = {name: _failed("tooManyCalendarsRequested") if crowded else self._calendar(name) for name in asked}
        return JSONResponse(
            {"kind": "calendar#freeBusy", "timeMin": document["timeMin"], "timeMax": document["timeMax"], "calendars": calendars}
        )

    def _calendar(self, name: str) -> Mapping[str, Any]:
        found = self.calendars.get(name, "notFound")
        if isinstance(found, str):
            return _failed(found)
        return {"busy": [{"start": start, "end": end} for start, end in found]}


def _failed(reason: str) -> Mapping[str, Any]:
    return {"errors": [{"domain": "global", "reason": reason}], "busy": []}


def _response(fault: Fault) -> Response:
    status, body, headers = fault
    if isinstance(body, str):
        return Response(body, status, headers, "text/html")
    return JSONResponse(body, status, headers)
