"""The event stream: server-sent events that make an open page load its data again (WHATWG HTML, section 9.2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from workmail_local.web.templating import Site

_POLL_S: Final = 0.2
_KEEP_ALIVE_S: Final = 15.0


async def stream_versions(site: Site, _request: Request) -> Response:
    """Send the version of the site each time it changes, as a server-sent event."""
    return StreamingResponse(_versions(site), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _versions(site: Site) -> AsyncIterator[str]:
    last = ""
    waited = 0.0
    yield "retry: 1000\n\n"
    while True:
        version = await run_in_threadpool(site.version)
        # Only a write shows the server that the browser has closed the connection. A page ignores a version that it shows.
        if version != last or waited > _KEEP_ALIVE_S:
            last, waited = version, 0.0
            yield f"data: {version}\n\n"
        await asyncio.sleep(_POLL_S)
        waited += _POLL_S
