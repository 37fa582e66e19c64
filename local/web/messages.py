"""The list of messages, one message's story, and the stream that says when to look again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from local.mail.history import MessageTrace, State
from local.web.content import View, choice, found, viewer
from local.web.templating import Site

PAGE: Final = 50
_POLL_S: Final = 0.2
_ALIVE_S: Final = 15.0
_MAX_QUERY: Final = 200


def routes(site: Site) -> list[Route]:
    """The pages."""
    return [
        Route("/", partial(_list, site, "messages.html")),
        Route("/rows", partial(_list, site, "rows.html")),
        Route("/events", _Events(site).stream),
        Route("/messages/{number:int}", partial(_story, site)),
        Route("/messages/{number:int}/live", partial(_live, site)),
    ]


def _list(site: Site, template: str, request: Request) -> Response:
    query = request.query_params.get("q", "").strip()[:_MAX_QUERY]
    before = _number(request.query_params.get("before"))
    # Read before the lines: what comes in between is then asked for once more.
    version, count = site.history.version(), site.history.count()
    lines = list(site.history.lines(before=before, limit=PAGE + 1, text=query))
    more = len(lines) > PAGE
    lines = lines[:PAGE]
    context: dict[str, Any] = {
        "lines": lines,
        "count": count,
        "query": query,
        "before": before,
        "rows_url": "/rows?" + _query(q=query, before=before),
        "older_url": "/?" + _query(q=query, before=lines[-1].number) if more else "",
        "newest_url": "/?" + _query(q=query) if before else "",
        "addresses": site.actions.addresses() if not count else None,
        "samples": list(site.actions.samples()) if not count else [],
    }
    answer = site.page(request, template, context)
    answer.headers["x-version"] = str(version)
    return answer


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _query(**given: str | int | None) -> str:
    return urlencode({name: value for name, value in given.items() if value})


def _story(site: Site, request: Request) -> Response:
    story = found(site, request)
    asked = choice(request.query_params)
    view = viewer(site.history, story, asked)
    return site.page(request, "story.html", {**_told(site, story), "view": view, "View": View})


def _live(site: Site, request: Request) -> Response:
    story = found(site, request)
    return site.page(request, "story_live.html", _told(site, story))


def _told(site: Site, story: MessageTrace) -> dict[str, Any]:
    number = story.line.number
    return {
        "story": story,
        "line": story.line,
        "done": story.line.state is State.DONE,
        "newer": number + 1 if number < site.history.count() else None,
        "older": number - 1 if number > 1 else None,
    }


@dataclass(frozen=True, slots=True)
class _Events:
    """Server-sent events (WHATWG HTML, section 9.2): the history's version, whenever it is another one. The page then looks again."""

    site: Site

    async def stream(self, _request: Request) -> Response:
        return StreamingResponse(self._versions(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def _versions(self) -> AsyncIterator[str]:
        last: int | None = None
        waited = 0.0
        yield "retry: 1000\n\n"
        while True:
            version = self.site.history.version()
            if version != last:
                last, waited = version, 0.0
                yield f"data: {version}\n\n"
            elif waited > _ALIVE_S:
                # By a write the server learns that a browser is gone.
                waited = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(_POLL_S)
            waited += _POLL_S
