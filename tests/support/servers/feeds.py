"""An HTTP server whose answers a test writes down; it remembers what was asked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Answer = Response | Callable[[Request], Response]


@dataclass
class Feeds:
    """By path, what is answered; anything else is 404.

    Attributes:
        asked: method, path, headers and body of each request.
        delay: seconds before each answer.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    delay: float = 0.0
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "REPORT", "POST"])])

    async def _answer(self, request: Request) -> Response:
        self.asked.append((request.method, request.url.path, dict(request.headers), await request.body()))
        await asyncio.sleep(self.delay)
        found = self.answers.get(request.url.path)
        if found is None:
            return Response("not here", 404)
        return found if isinstance(found, Response) else found(request)
