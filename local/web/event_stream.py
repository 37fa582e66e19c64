"""Server-sent events (WHATWG HTML, section 9.2) that tell an open page when to load its data again."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from local.web.templating import Site

_POLL_S: Final = 0.2
_KEEP_ALIVE_S: Final = 15.0


def make_routes(site: Site) -> list[Route]:
    """Return the route of the stream."""
    return [Route("/events", partial(_stream, site))]


async def _stream(site: Site, _request: Request) -> Response:
    return StreamingResponse(_versions(site), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _versions(site: Site) -> AsyncIterator[str]:
    """Yield the version of the history each time it changes."""
    last: int | None = None
    waited = 0.0
    yield "retry: 1000\n\n"
    while True:
        version = site.history.version()
        if version != last:
            last, waited = version, 0.0
            yield f"data: {version}\n\n"
        elif waited > _KEEP_ALIVE_S:
            # Only a write shows the server that the browser has closed the connection.
            waited = 0.0
            yield ": keep-alive\n\n"
        await asyncio.sleep(_POLL_S)
        waited += _POLL_S
