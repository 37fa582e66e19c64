"""The pages of the messages: the list, and the trace of one message."""

from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from workmail_local.mail.history import State
from workmail_local.web.content import load_content, load_trace
from workmail_local.web.forms import PAGE, read_range
from workmail_local.web.templating import Site

_MAX_QUERY: Final = 200


def show_list(site: Site, request: Request, template: str = "messages.html") -> Response:
    """Show the list of messages."""
    query = request.query_params.get("q", "").strip()[:_MAX_QUERY]
    # A page has a fixed length, but an odd limit is an error here, too.
    before, _ = read_range(request)
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
