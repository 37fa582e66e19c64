"""An HTTP server with responses that a test defines."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Reply = Response | Callable[[Request], Response]


@dataclass
class Feeds:
    """Responses by path. Other paths have HTTP 404.

    Attributes:
        requests: method, path, headers and body of each received request.
        delay: seconds before each response.
    """

    responses: dict[str, Reply] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    delay: float = 0.0
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "REPORT", "POST"])])

    async def _answer(self, request: Request) -> Response:
        self.requests.append((request.method, request.url.path, dict(request.headers), await request.body()))
        await asyncio.sleep(self.delay)
        found = self.responses.get(request.url.path)
        if found is None:
            return Response("not here", 404)
        return found if isinstance(found, Response) else found(request)
