"""The list of messages and the trace of one message, as pages and as JSON."""

import json
import re
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.mail.history import MessageSummary, MessageTrace, State
from local.web.content import load_content, load_trace
from local.web.templating import Site

PAGE: Final = 50
"""Messages of one page of the list."""

_NUMBER: Final = re.compile("-?[0-9]{1,15}")
_MAX_QUERY: Final = 200
_MAX_LIMIT: Final = 500

_JSON_NAMES: Final = {
    "summary": "line",
    "rule_runs": "passages",
    "results": "fates",
    "destination": "place",
    "destinations": "places",
    "has_problems": "trouble",
}
"""The JSON names of renamed attributes: programs rely on them."""


def show_list(site: Site, request: Request, template: str = "messages.html") -> Response:
    """Show the list of messages."""
    query = request.query_params.get("q", "").strip()[:_MAX_QUERY]
    before = _read_number(request.query_params.get("before"))
    # Read the version first: then a message that arrives while the messages are read has another one, and the page loads them again.
    version, count = site.history.version(), site.history.count()
    summaries = list(site.history.summaries(before=before, limit=PAGE + 1, text=query))
    more = len(summaries) > PAGE
    summaries = summaries[:PAGE]
    context: dict[str, Any] = {
        "version": version,
        "summaries": summaries,
        "count": count,
        "query": query,
        "before": before,
        "rows_url": "/rows?" + _write_query(q=query, before=before),
        "older_url": "/?" + _write_query(q=query, before=summaries[-1].number) if more else "",
        "newest_url": "/?" + _write_query(q=query) if before else "",
        "addresses": site.actions.get_addresses() if not count else None,
        "samples": list(site.actions.list_samples()) if not count else [],
    }
    return site.render(request, template, context)


def show_rows(site: Site, request: Request) -> Response:
    """Show the part of the list that the script loads again."""
    return show_list(site, request, "list.html")


def _read_number(text: str | None) -> int | None:
    return int(text) if text and text[0] != "-" and _NUMBER.fullmatch(text) else None


def _write_query(**parameters: str | int | None) -> str:
    return urlencode({name: value for name, value in parameters.items() if value})


def show_trace(site: Site, request: Request) -> Response:
    """Show the trace and the content of a message."""
    context = _load_context(site, request)
    return site.render(request, "trace.html", context | {"content": load_content(site, request, context["trace"])})


def show_live_part(site: Site, request: Request) -> Response:
    """Show the part of the trace that the script loads again."""
    return site.render(request, "trace_live.html", _load_context(site, request))


def _load_context(site: Site, request: Request) -> dict[str, Any]:
    version = site.history.version()
    trace = load_trace(site, request)
    number = trace.summary.number
    return {
        "version": version,
        "trace": trace,
        "summary": trace.summary,
        "done": trace.summary.state is State.DONE,
        "newer": number + 1 if number < site.history.count() else None,
        "older": number - 1 if number > 1 else None,
    }


def list_as_json(site: Site, request: Request) -> Response:
    """Return the list of messages as JSON."""
    query = request.query_params
    texts = query.get("before", "0"), query.get("limit", "50")
    if not all(map(_NUMBER.fullmatch, texts)):
        return JSONResponse({"error": "before and limit must be numbers of at most 15 digits"}, 400)
    before = int(texts[0]) if "before" in query else None
    limit = min(max(int(texts[1]), 1), _MAX_LIMIT)
    summaries = site.history.summaries(before=before, limit=limit, text=query.get("q", ""))
    return _write_json({"count": site.history.count(), "messages": [_to_document(summary) for summary in summaries]})


def show_trace_as_json(site: Site, request: Request) -> Response:
    """Return the trace of a message as JSON."""
    return _write_json(_to_document(load_trace(site, request)))


def _to_document(record: MessageSummary | MessageTrace) -> dict[str, Any]:
    return asdict(record, dict_factory=lambda items: {_JSON_NAMES.get(name, name): value for name, value in items})


def _write_json(document: Any) -> Response:
    """Write JSON in ASCII: a lone surrogate from a header has no UTF-8 form."""
    return Response(json.dumps(document).encode("ascii"), media_type="application/json")
