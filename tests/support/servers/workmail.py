"""AssumeImpersonationRole over HTTP, by botocore's model `workmail` (2017-10-01, JSON 1.1)."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
ROLE = "role-1"
TARGET = "WorkMailService.AssumeImpersonationRole"
JSON = "application/x-amz-json-1.1"


@dataclass
class WorkMailApi:
    """The endpoint, as a site of `hosting`. Each request gets a new token.

    Attributes:
        lifetime_s: the tokens' `ExpiresIn`.
        error: name and HTTP status of an error for all requests.
        after_s: seconds before each response.
        tokens: the issued tokens.
        calls: operation, parameters and `Authorization` of each request.
    """

    lifetime_s: Any = 900
    error: tuple[str, int] | None = None
    after_s: float = 0
    tokens: list[str] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        parameters = json.loads(await request.body())
        operation = request.headers["x-amz-target"]
        self.calls.append((operation, parameters, request.headers.get("authorization", "")))
        await asyncio.sleep(self.after_s)
        if operation != TARGET:
            return _error("UnknownOperationException", 400)
        if self.error:
            return _error(*self.error)
        if parameters != {"OrganizationId": ORGANIZATION, "ImpersonationRoleId": ROLE}:
            return _error("ResourceNotFoundException", 400)
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return JSONResponse({"Token": self.tokens[-1], "ExpiresIn": self.lifetime_s}, media_type=JSON)


def _error(name: str, status: int) -> Response:
    return JSONResponse({"__type": name, "Message": "ordered by a test, for ana@example.com"}, status, media_type=JSON)
