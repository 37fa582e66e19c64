"""The list of messages and the trace of one message, as pages and as JSON."""

import json
import re
from typing import Any, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from workmail_local.mail.documents import to_document
from workmail_local.mail.history import State
from workmail_local.web.content import load_content, load_trace
from workmail_local.web.templating import Site

PAGE: Final = 50
"""Messages of one page of the list."""

_NUMBER: Final = re.compile("0*[1-9][0-9]*", re.ASCII)
_MAX_DIGITS: Final = 15
_MAX_QUERY: Final = 200
_MAX_LIMIT: Final = 500


def show_list(site: Site, request: Request, template: str = "messages.html") -> Response:
    """Show the list of messages."""
    query = request.query_params.get("q", "").strip()[:_MAX_QUERY]
    # A page has a fixed length, but an odd limit is an error here, too.
    before, _ = _read_range(request)
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
        "rows_url": f"{site.prefix}/rows?" + _write_query(q=query, before=before),
        "older_url": f"{site.prefix}/?" + _write_query(q=query, before=summaries[-1].number) if more else "",
        "newest_url": f"{site.prefix}/?" + _write_query(q=query) if before else "",
        "addresses": site.actions.get_addresses() if not count else None,
        "samples": list(site.actions.list_samples()) if not count else [],
    }
    return site.render(request, template, context)


def show_rows(site: Site, request: Request) -> Response:
    """Show the part of the list that the script loads again."""
    return show_list(site, request, "list.html")


def _read_range(request: Request) -> tuple[int | None, int | None]:
    """Return `before` and `limit` of the query; see `_read_number`."""
    limit = _read_number(request, "limit")
    return _read_number(request, "before"), limit and min(limit, _MAX_LIMIT)


def _read_number(request: Request, name: str) -> int | None:
    """Return a number of the query; None when it is missing or empty.

    Raises:
        HTTPException: 400, it is not a whole number from 1, or has more digits than any message's.
    """
    text = request.query_params.get(name, "")
    if text and not (len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text)):
        raise HTTPException(400, f"{name} must be a whole number from 1, of at most {_MAX_DIGITS} digits")
    return int(text) if text else None


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
    nearest = [summary.number for summary in site.history.summaries(before=number + 2, limit=3)]
    return {
        "version": version,
        "trace": trace,
        "summary": trace.summary,
        "done": trace.summary.state is State.DONE,
        "newer": number + 1 if number + 1 in nearest else None,
        "older": next((each for each in nearest if each < number), None),
    }


def list_as_json(site: Site, request: Request) -> Response:
    """Return the list of messages as JSON."""
    query = request.query_params
    before, limit = _read_range(request)
    summaries = site.history.summaries(before=before, limit=PAGE if limit is None else limit, text=query.get("q", ""))
    return _write_json({"count": site.history.count(), "messages": [to_document(summary) for summary in summaries]})


def show_trace_as_json(site: Site, request: Request) -> Response:
    """Return the trace of a message as JSON."""
    return _write_json(to_document(load_trace(site, request)))


def _write_json(document: Any) -> Response:
    """Write JSON in ASCII: a lone surrogate from a header has no UTF-8 form."""
    return Response(json.dumps(document).encode("ascii"), media_type="application/json")
