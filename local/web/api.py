"""The pages as JSON, for programs."""

import json
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.mail.history import MessageSummary, MessageTrace
from local.web.content import download, load_trace
from local.web.templating import Site
from mailhooks.contract import ContractError, check_availability_request

_MAX_LIMIT = 500

_JSON_NAMES = {
    "summary": "line",
    "rule_runs": "passages",
    "results": "fates",
    "destination": "place",
    "destinations": "places",
    "has_problems": "trouble",
}
"""The JSON names of renamed attributes: programs rely on them."""


def make_routes(site: Site) -> list[Route]:
    """Return the routes of the JSON operations."""
    return [
        Route("/api/messages", partial(_list_messages, site)),
        Route("/api/messages/{number:int}", partial(_show_trace, site)),
        Route("/api/messages/{number:int}/{side}.eml", partial(download, site)),
        Route("/api/availability", partial(_ask_availability, site), methods=["POST"]),
    ]


def _list_messages(site: Site, request: Request) -> Response:
    query = request.query_params
    try:
        before = int(query["before"]) if "before" in query else None
        limit = min(max(int(query.get("limit", "50")), 1), _MAX_LIMIT)
    except ValueError:
        return JSONResponse({"error": "before and limit must be numbers"}, 400)
    summaries = site.history.summaries(before=before, limit=limit, text=query.get("q", ""))
    return _ascii_json({"count": site.history.count(), "messages": [_document(summary) for summary in summaries]})


def _show_trace(site: Site, request: Request) -> Response:
    return _ascii_json(_document(load_trace(site, request)))


def _document(record: MessageSummary | MessageTrace) -> dict[str, Any]:
    return asdict(record, dict_factory=lambda items: {_JSON_NAMES.get(name, name): value for name, value in items})


def _ascii_json(document: Any) -> Response:
    """Write JSON in ASCII: a lone surrogate from a header has no UTF-8 form."""
    return Response(json.dumps(document).encode("ascii"), media_type="application/json")


async def _ask_availability(site: Site, request: Request) -> Response:
    """Call the availability function with the request in the body, and return its response."""
    try:
        question = json.loads(await request.body())
        check_availability_request(question)
    except ContractError as error:
        return JSONResponse({"error": str(error)}, 400)
    except ValueError:
        return JSONResponse({"error": "the body is not JSON"}, 400)
    answer = await run_in_threadpool(site.actions.ask_availability, question)
    headers = {"server-timing": f"function;dur={answer.milliseconds:.1f}"}
    if answer.response is None:
        return JSONResponse({"error": answer.error, "log": answer.log}, 502, headers)
    return JSONResponse(answer.response, headers=headers)
