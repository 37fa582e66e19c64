"""The list of messages and the trace of one message."""

from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.mail.history import State
from local.web.content import View, build_view, load_trace, read_options
from local.web.templating import Site

PAGE: Final = 50
"""Messages of one page of the list."""

_MAX_QUERY: Final = 200


def make_routes(site: Site) -> list[Route]:
    """Return the routes of both pages. `/rows` and `/live` are the parts that the script loads again."""
    return [
        Route("/", partial(_show_list, site, "messages.html")),
        Route("/rows", partial(_show_list, site, "rows.html")),
        Route("/messages/{number:int}", partial(_show_trace, site)),
        Route("/messages/{number:int}/live", partial(_show_live_part, site)),
    ]


def _show_list(site: Site, template: str, request: Request) -> Response:
    query = request.query_params.get("q", "").strip()[:_MAX_QUERY]
    before = _number(request.query_params.get("before"))
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
        "rows_url": "/rows?" + _query(q=query, before=before),
        "older_url": "/?" + _query(q=query, before=summaries[-1].number) if more else "",
        "newest_url": "/?" + _query(q=query) if before else "",
        "addresses": site.actions.get_addresses() if not count else None,
        "samples": list(site.actions.list_samples()) if not count else [],
    }
    return site.render(request, template, context)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _query(**parameters: str | int | None) -> str:
    return urlencode({name: value for name, value in parameters.items() if value})


def _show_trace(site: Site, request: Request) -> Response:
    context = _context(site, request)
    view = build_view(site.history, context["trace"], read_options(request.query_params))
    return site.render(request, "trace.html", context | {"view": view, "View": View})


def _show_live_part(site: Site, request: Request) -> Response:
    return site.render(request, "trace_live.html", _context(site, request))


def _context(site: Site, request: Request) -> dict[str, Any]:
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
