"""The same as JSON, for programs."""

import json
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.web.content import download, found
from local.web.templating import Site
from mailhooks.contract import ContractError, check_availability_request

_MOST = 500


def routes(site: Site) -> list[Route]:
    """The operations."""
    return [
        Route("/api/messages", partial(_messages, site)),
        Route("/api/messages/{number:int}", partial(_message, site)),
        Route("/api/messages/{number:int}/{side}.eml", partial(download, site)),
        Route("/api/availability", partial(_availability, site), methods=["POST"]),
    ]


def _messages(site: Site, request: Request) -> Response:
    query = request.query_params
    try:
        before = int(query["before"]) if "before" in query else None
        limit = min(max(int(query.get("limit", "50")), 1), _MOST)
    except ValueError:
        return JSONResponse({"error": "before and limit are numbers"}, 400)
    lines = site.history.lines(before=before, limit=limit, text=query.get("q", ""))
    return _json({"count": site.history.count(), "messages": [asdict(line) for line in lines]})


def _message(site: Site, request: Request) -> Response:
    return _json(asdict(found(site, request)))


def _json(document: Any) -> Response:
    return Response(json.dumps(document).encode("ascii"), media_type="application/json")


async def _availability(site: Site, request: Request) -> Response:
    """Takes what WorkMail would send to the function, and answers what the function would answer."""
    try:
        asked = json.loads(await request.body())
        check_availability_request(asked)
    except ContractError as error:
        return JSONResponse({"error": str(error)}, 400)
    except ValueError:
        return JSONResponse({"error": "the body is not JSON"}, 400)
    answer = await run_in_threadpool(site.actions.ask_availability, asked)
    if answer.response is None:
        return _json_status({"error": answer.error, "log": answer.log}, 502, answer.milliseconds)
    return _json_status(answer.response, 200, answer.milliseconds)


def _json_status(document: Any, status: int, milliseconds: float) -> Response:
    return JSONResponse(document, status, headers={"server-timing": f"function;dur={milliseconds:.1f}"})
