"""The deletion of one message or of all that a search finds: pages that ask first, forms, and the same as JSON."""

import re
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workmail_local.mail.history import State
from workmail_local.mail.search_query import ALL, SearchQuery
from workmail_local.web.content import load_trace
from workmail_local.web.forms import read_search, read_texts
from workmail_local.web.json_bodies import write_json
from workmail_local.web.statuses import raise_as_status
from workmail_local.web.templating import Site

_NUMBER: Final = re.compile("[0-9]{1,15}")


def ask_for_one(site: Site, request: Request) -> Response:
    """Show the page that asks before one message is deleted."""
    summary = load_trace(site, request).summary
    return site.render(request, "delete.html", {"summary": summary, "done": int(summary.state is State.DONE)})


def ask_for_all(site: Site, request: Request) -> Response:
    """Show the page that asks before the messages of a search are deleted, or all messages without a search."""
    newest = next((each.number for each in site.history.summaries(limit=1)), 0)
    query = _parse(_read_search(request)).narrow_until(newest)
    done = site.history.count(query.narrow_to_done())
    context = {"summary": None, "query": request.query_params.get("q", ""), "done": done, "until": newest}
    context["unfinished"] = site.history.count(query) - done
    return site.render(request, "delete.html", context)


def delete_one(site: Site, request: Request) -> Response:
    """Delete a message, and open the list."""
    _delete_one(site, request)
    return RedirectResponse(f"{site.prefix}/", 303)


async def delete_all(site: Site, request: Request) -> Response:
    """Delete the messages of the search in the form, and open the list."""
    async with request.form(max_files=0, max_fields=5) as data:
        names = [name for name, _ in data.multi_items() if name != "until"]
        # A form without its field must not delete all messages.
        if names not in (["q"], ["all"]):
            raise HTTPException(400, "the form has neither a search nor the field for all messages")
        search = None if names == ["all"] else read_texts(data, ("q",))["q"]
        # A message that has arrived since the page asked was not shown, and stays.
        until = read_texts(data, ("until",))["until"]
        if until and not _NUMBER.fullmatch(until):
            raise HTTPException(400, "until must be the number of a message")
    await run_in_threadpool(_delete_all, site, search, int(until) if until else None)
    return RedirectResponse(f"{site.prefix}/", 303)


def delete_one_as_json(site: Site, request: Request) -> Response:
    """Delete a message."""
    _delete_one(site, request)
    return write_json({"deleted": 1, "unfinished": 0})


def delete_all_as_json(site: Site, request: Request) -> Response:
    """Delete the messages of the search in the query, or all; return how many were deleted, and how many stay because they are not done."""
    search = _read_search(request)
    if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
        raise HTTPException(400, "nothing is deleted, because the request has a body: give the search as q in the URL")
    query = _parse(search)
    deleted = _delete_all(site, search)
    return write_json({"deleted": deleted, "unfinished": site.history.count(query.narrow_to_done(negated=True))})


def _delete_one(site: Site, request: Request) -> None:
    with raise_as_status():
        site.actions.delete(request.path_params["number"])


def _read_search(request: Request) -> str | None:
    """Return the search in `q`; None without a query. Raises HTTPException: 400, there is another parameter, or `q` is too long."""
    names = [name for name, _ in request.query_params.multi_items()]
    if names not in ([], ["q"]):
        raise HTTPException(400, "nothing is deleted, because the query has other parameters than one q")
    return read_search(request) if names else None


def _parse(search: str | None) -> SearchQuery:
    with raise_as_status():
        return ALL if search is None else SearchQuery.parse_clear(search)


def _delete_all(site: Site, search: str | None, until: int | None = None) -> int:
    with raise_as_status():
        return site.actions.delete(search=search, until=until)
