"""The deletion of one message or of all that a search finds: pages that ask first, forms, and the same as JSON."""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workmail_local.errors import NotNow, SpoolError, UnknownMessage
from workmail_local.mail.history import State
from workmail_local.web.content import load_trace
from workmail_local.web.forms import read_query, read_texts
from workmail_local.web.json_bodies import write_json
from workmail_local.web.templating import Site


def ask_for_one(site: Site, request: Request) -> Response:
    """Show the page that asks before one message is deleted."""
    summary = load_trace(site, request).summary
    return site.render(request, "delete.html", {"summary": summary, "done": int(summary.state is State.DONE)})


def ask_for_all(site: Site, request: Request) -> Response:
    """Show the page that asks before the messages of a search are deleted, or all messages without a search."""
    query = read_query(request)
    done = site.history.count(query.narrow_to_done())
    context = {"summary": None, "query": request.query_params.get("q", ""), "done": done, "unfinished": site.history.count(query) - done}
    return site.render(request, "delete.html", context)


def delete_one(site: Site, request: Request) -> Response:
    """Delete a message, and open the list."""
    _delete_one(site, request)
    return RedirectResponse(f"{site.prefix}/", 303)


async def delete_all(site: Site, request: Request) -> Response:
    """Delete the messages of the search in the form, and open the list."""
    async with request.form(max_files=0, max_fields=5) as data:
        search = read_texts(data, ("q",))["q"]
    await run_in_threadpool(_delete_all, site, search)
    return RedirectResponse(f"{site.prefix}/", 303)


def delete_one_as_json(site: Site, request: Request) -> Response:
    """Delete a message."""
    _delete_one(site, request)
    return write_json({"deleted": 1, "unfinished": 0})


def delete_all_as_json(site: Site, request: Request) -> Response:
    """Delete the messages of the search in the query, or all; return how many were deleted, and how many stay because they are not done."""
    query = read_query(request)
    deleted = _delete_all(site, request.query_params.get("q", ""))
    return write_json({"deleted": deleted, "unfinished": site.history.count(query.narrow_to_done(negated=True))})


def _delete_one(site: Site, request: Request) -> None:
    try:
        site.actions.delete(request.path_params["number"])
    except UnknownMessage as error:
        raise HTTPException(404, str(error)) from None
    except NotNow as error:
        raise HTTPException(409, str(error)) from None
    except SpoolError as error:
        raise HTTPException(503, str(error)) from None


def _delete_all(site: Site, search: str) -> int:
    try:
        return site.actions.delete(search=search)
    except SpoolError as error:
        raise HTTPException(503, str(error)) from None
