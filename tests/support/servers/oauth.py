"""A token server on the loopback interface."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.servers.ews import Bearer


@dataclass
class TokenServer:
    """A token endpoint (RFC 6749 section 4.4). Each request gets a new token, which the EWS server then accepts."""

    bearer: Bearer
    secret: str = "s3cret"
    expires_in: object = 3600
    after_s: float = 0
    reply: Response | None = None
    requests: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/token", self._answer, methods=["POST"])])

    def auth(self, secret: str = "s3cret", **more: str) -> dict[str, str]:
        """Return a backend's `auth`."""
        return {"type": "oauth", "tokenUrl": f"{self.url}/token", "clientId": "client", "clientSecret": secret, **more}

    async def _answer(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        self.requests.append(form)
        await asyncio.sleep(self.after_s)
        if self.reply:
            return self.reply
        if form["client_secret"] != [self.secret]:
            return JSONResponse({"error": "invalid_client", "error_description": "no such secret: " + form["client_secret"][0]}, 401)
        token = f"token-{len(self.requests)}"
        self.bearer.tokens.add(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in})
