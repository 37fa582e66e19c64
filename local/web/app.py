"""The pages as one application."""

from collections.abc import Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from local.mail.history import History
from local.web import api, availability, compose, content, messages, rules
from local.web.actions import Actions
from local.web.guard import Guard
from local.web.templating import FOLDER, Site

HOSTS = ("127.0.0.1", "localhost")


def web(history: History, actions: Actions, hosts: Sequence[str] = HOSTS) -> Starlette:
    """The pages and their JSON, to be served at `/` of a port of their own.

    Args:
        hosts: the names, without ports, by which it may be asked for. Any other `Host` is refused: by a name that leads here, a page of
            another site could read the mail (DNS rebinding).
    """
    site = Site(history, actions)
    return Starlette(
        routes=[
            *messages.routes(site),
            *content.routes(site),
            *rules.routes(site),
            *availability.routes(site),
            *compose.routes(site),
            *api.routes(site),
            Route("/addresses", partial(_addresses, site)),
            Mount("/static", StaticFiles(directory=FOLDER / "static", packages=[("local.viewer", "static")])),
        ],
        middleware=[
            Middleware(Guard, uploads=frozenset({compose.PATH})),
            Middleware(TrustedHostMiddleware, allowed_hosts=[*hosts], www_redirect=False),
        ],
        exception_handlers={HTTPException: partial(_problem, site)},
    )


def _addresses(site: Site, request: Request) -> Response:
    return site.page(request, "addresses.html", {"addresses": site.actions.addresses()})


def _problem(site: Site, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": error.detail}, error.status_code)
    return site.page(request, "problem.html", {"status": error.status_code, "text": error.detail}, error.status_code)
