"""The pages of the messages: the list, and the trace of one message."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from workmail_local.mail.history import State
from workmail_local.mail.search_query import HELP, MAX_QUERY, SearchQuery
from workmail_local.web.content import load_content, load_trace
from workmail_local.web.forms import PAGE, read_range
from workmail_local.web.templating import Site

ACTION_FIELDS: Final = ("again_from", "again_to", "change", "release_to", "run", "known", "confirm", "decision", "hold", "reason")
"""The fields of the forms on the page of a message."""


def show_list(site: Site, request: Request, template: str = "messages.html") -> Response:
    """Show the list of messages."""
    text = request.query_params.get("q", "").strip()[:MAX_QUERY]
    query = SearchQuery.parse(text)
    # A page has a fixed length, but an odd limit is an error here, too.
    before, _ = read_range(request)
    # Read the version first: then a message that arrives while the messages are read has another one, and the page loads them again.
    status, count = site.load_status(), site.history.count()
    summaries = list(site.history.summaries(before=before, limit=PAGE + 1, query=query))
    more = len(summaries) > PAGE
    summaries = summaries[:PAGE]
    context: dict[str, Any] = {
        **status,
        "summaries": summaries,
        "count": count,
        "query": text,
        "as_text": query.as_text,
        "unindexed": site.history.count_unindexed() if query.reads_texts else 0,
        "help": HELP,
        "max_query": MAX_QUERY,
        "title": "Search" if text else f"({count:,}) Messages" if count else "Messages",
        "before": before,
        "rows_url": f"{site.prefix}/rows?" + _write_query(q=text, before=before),
        "older_url": f"{site.prefix}/?" + _write_query(q=text, before=summaries[-1].number) if more else "",
        "newest_url": f"{site.prefix}/?" + _write_query(q=text) if before else "",
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
    return show_trace_with(site, request, {})


def show_trace_with(site: Site, request: Request, fields: Mapping[str, Any], *problem: tuple[str, str], status: int = 200) -> Response:
    """Show the trace and the content of a message, with the fields of a form on this page and its problems."""
    context = _load_context(site, request)
    trace = context["trace"]
    context |= {
        "content": load_content(site, request, trace),
        "form": {**dict.fromkeys(ACTION_FIELDS, ""), **fields},
        "problems": problem,
        "release_server": site.actions.find_release_server(),
        "releases": site.actions.list_releases(trace),
    }
    return site.render(request, "trace.html", context, status)


def show_live_part(site: Site, request: Request) -> Response:
    """Show the part of the trace that the script loads again."""
    return site.render(request, "trace_live.html", _load_context(site, request))


def _load_context(site: Site, request: Request) -> dict[str, Any]:
    status = site.load_status()
    trace = load_trace(site, request)
    number = trace.summary.number
    older, newer = site.history.find_neighbours(number)
    return {
        **status,
        "trace": trace,
        "summary": trace.summary,
        "done": trace.summary.state is State.DONE,
        "holds": site.actions.list_holds(number) if trace.summary.undelivered else (),
        "newer": newer,
        "older": older,
    }
