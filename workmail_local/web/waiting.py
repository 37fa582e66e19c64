"""The wait for a message, as a request that is answered when the message is there."""

import asyncio
import time
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from workmail_local.mail.arrival import PAUSE_S, Arrival
from workmail_local.mail.documents import to_document
from workmail_local.web.forms import read_known_query, read_number
from workmail_local.web.json_bodies import write_json
from workmail_local.web.templating import Site

_USUAL_S: Final = 30
_MOST_S: Final = 300


async def wait_for_message(site: Site, request: Request) -> Response:
    """Return the newest message that matches, as soon as it is done.

    Raises:
        HTTPException: 400, a number is invalid; 408, the time is over.
    """
    timeout_s = read_number(request, "timeout") or _USUAL_S
    if timeout_s > _MOST_S:
        raise HTTPException(400, f"timeout has at most {_MOST_S} seconds: ask again for a longer wait")
    values = {name: request.query_params.get(key, "") for name, key in (("mail_from", "from"), ("to", "to"), ("subject", "subject"))}
    arrival = Arrival(site.history, read_known_query(request).narrow(**values, since=read_number(request, "since") or 0))
    deadline = time.monotonic() + timeout_s
    while (found := await run_in_threadpool(arrival.check)) is None:
        if time.monotonic() > deadline:
            raise HTTPException(408, f"{arrival.explain()}, after {timeout_s} s")
        if await request.is_disconnected():
            return Response(status_code=408)
        await asyncio.sleep(PAUSE_S)
    return write_json(to_document(found))
