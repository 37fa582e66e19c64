"""The web application: all pages, their JSON and the static files behind the guard."""

from collections.abc import Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from workmail_local.mail.history import History
from workmail_local.web import api, availability, content, deletion, event_stream, message_actions, messages, parts, rules, send
from workmail_local.web.actions import Actions
from workmail_local.web.guard import Guard
from workmail_local.web.json_bodies import write_json
from workmail_local.web.templating import FOLDER, Site

_SIDE = "/messages/{number:count}/passages/{passage:count}/{side}"


class _CountConvertor(IntegerConvertor):
    """A number in a path; any longer one is an unknown path, so that its size needs no check."""

    regex = "[0-9]{1,15}"


register_url_convertor("count", _CountConvertor())


def create_app(history: History, actions: Actions, names: Sequence[str] = (), prefix: str = "") -> Starlette:
    """Create the application that serves the pages at `/` of its own port.

    Args:
        names: further names of this server; see `Guard`. An IP address and `localhost` are always accepted. Other names are refused:
            through a name that resolves to this server, another site's page could read the mail (DNS rebinding).
        prefix: of all paths in the pages, such as `/mail`, for a proxy; "" for none.
    """
    site = Site(history, actions, prefix)
    handlers = {
        "/": messages.show_list,
        "/rows": messages.show_rows,
        "/messages/{number:count}": messages.show_trace,
        "/messages/{number:count}/live": messages.show_live_part,
        "/messages/{number:count}/content": content.show_fragment,
        f"{_SIDE}.eml": content.download,
        f"{_SIDE}/html/{{nth:count}}": content.show_html,
        f"{_SIDE}/parts/{{part}}": parts.download,
        f"{_SIDE}/parts/{{part}}/picture": parts.show_picture,
        "/events": event_stream.stream_versions,
        "/problems": _show_problems,
        "/rules": rules.show_rules,
        "/availability": availability.show_form,
        "/send": send.show_form,
        "/addresses": _show_addresses,
        "/delete": deletion.ask_for_all,
        "/messages/{number:count}/delete": deletion.ask_for_one,
    }
    forms = {
        "/delete": deletion.delete_all,
        "/messages/{number:count}/delete": deletion.delete_one,
        "/availability": availability.submit,
        "/send": send.submit,
        "/messages/{number:count}/send-again": message_actions.send_again,
        "/messages/{number:count}/retry": message_actions.retry,
        "/messages/{number:count}/decide": message_actions.decide,
        "/messages/{number:count}/release": message_actions.release,
    }
    return Starlette(
        routes=[
            *(Route(path, partial(handler, site)) for path, handler in handlers.items()),
            *(Route(path, partial(handler, site), methods=["POST"]) for path, handler in forms.items()),
            *api.create_routes(site),
            Mount("/static", StaticFiles(directory=FOLDER / "static", packages=[("workmail_local.viewer", "static")])),
        ],
        middleware=[
            Middleware(Guard, uploads=frozenset({"/send", "/api/messages"}), names=names, prefix=prefix),
        ],
        exception_handlers={HTTPException: partial(_show_error, site)},
    )


def _show_addresses(site: Site, request: Request) -> Response:
    return site.render(request, "addresses.html", {"addresses": site.actions.get_addresses()})


def _show_problems(site: Site, request: Request) -> Response:
    """Show the part of every page that the script loads again."""
    return site.render(request, "problems.html")


def _show_error(site: Site, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if site.find_path(request).startswith("/api/"):
        return write_json({"error": error.detail}, error.status_code)
    return site.render(request, "error.html", {"status": error.status_code, "text": error.detail}, error.status_code)
