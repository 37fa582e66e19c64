"""The web application: all pages, their JSON and the static files behind the guard."""

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
from local.web import api, availability, compose, content, event_stream, messages, rules
from local.web.actions import Actions
from local.web.guard import Guard
from local.web.templating import FOLDER, Site

HOSTS = ("127.0.0.1", "localhost")


def create_app(history: History, actions: Actions, hosts: Sequence[str] = HOSTS) -> Starlette:
    """Create the application that serves the pages at `/` of its own port.

    Args:
        hosts: accepted names in `Host`, without ports. Other names are refused: through a name that resolves to this server, another
            site's page could read the mail (DNS rebinding).
    """
    site = Site(history, actions)
    return Starlette(
        routes=[
            *messages.make_routes(site),
            *event_stream.make_routes(site),
            *content.make_routes(site),
            *rules.make_routes(site),
            *availability.make_routes(site),
            *compose.make_routes(site),
            *api.make_routes(site),
            Route("/addresses", partial(_show_addresses, site)),
            Mount("/static", StaticFiles(directory=FOLDER / "static", packages=[("local.viewer", "static")])),
        ],
        middleware=[
            Middleware(Guard, uploads=frozenset({compose.PATH})),
            Middleware(TrustedHostMiddleware, allowed_hosts=[*hosts], www_redirect=False),
        ],
        exception_handlers={HTTPException: partial(_show_error, site)},
    )


def _show_addresses(site: Site, request: Request) -> Response:
    return site.render(request, "addresses.html", {"addresses": site.actions.get_addresses()})


def _show_error(site: Site, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": error.detail}, error.status_code)
    return site.render(request, "error.html", {"status": error.status_code, "text": error.detail}, error.status_code)
