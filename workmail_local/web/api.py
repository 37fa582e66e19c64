"""The routes of the JSON API, which can do all that the pages can. `openapi.yaml` documents each of them; a test compares the two."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache, partial
from typing import Any, Final

import yaml
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from workmail_local.mail.documents import to_document
from workmail_local.web import availability, content, deletion, event_stream, message_actions, parts, waiting
from workmail_local.web.content import load_trace
from workmail_local.web.forms import PAGE, parse_direction, read_query, read_range
from workmail_local.web.json_bodies import read_addresses, read_json, read_text, reject_unknown, write_json
from workmail_local.web.rules import find_problems
from workmail_local.web.templating import FOLDER, Site

Handler = Callable[[Site, Request], Any]


def list_messages(site: Site, request: Request) -> Response:
    """Return the messages that match the query, newest first."""
    before, limit = read_range(request)
    query = read_query(request)
    summaries = site.history.summaries(before=before, limit=PAGE if limit is None else limit, query=query)
    return write_json(
        {
            "count": site.history.count(),
            "found": site.history.count(query),
            "unsearched": site.history.count_unindexed() if query.reads_texts else 0,
            "as_text": [*query.as_text],
            "messages": [to_document(summary) for summary in summaries],
        }
    )


def show_message(site: Site, request: Request) -> Response:
    """Return the trace of a message."""
    return write_json(to_document(load_trace(site, request)))


def list_rules(site: Site, _request: Request) -> Response:
    """Return the flow rules."""
    return write_json({"rules": [asdict(rule) for rule in site.actions.list_rules()]})


async def test_rules(site: Site, request: Request) -> Response:
    """Return the rule that WorkMail runs for each recipient of a message, and why. Nothing is sent."""
    document = await read_json(request, ("direction", "author", "sender", "recipients"))
    direction, author, sender = (read_text(document, name) for name in ("direction", "author", "sender"))
    recipients = read_addresses(document, "recipients")
    if problems := find_problems(author, recipients):
        raise HTTPException(400, " ".join(text for _, text in problems))
    matches = site.actions.test_rule(parse_direction(direction), author, sender, recipients)
    return write_json(
        {
            "matches": [
                {
                    "recipient": match.recipient,
                    "rule": match.rule and match.rule.name,
                    "why": match.why,
                    "results": [{"rule": result.rule.name, "matched": result.matched, "why": result.why} for result in match.results],
                }
                for match in matches
            ]
        }
    )


def show_addresses(site: Site, _request: Request) -> Response:
    """Return the addresses of the servers, and the server for released messages."""
    addresses, server = site.actions.get_addresses(), site.actions.find_release_server()
    release = server and {"server": server.name, "allowed_recipients": [*map(str, server.allowed_recipients)]}
    smtp = {"inbound": addresses.inbound, "outbound": addresses.outbound}
    environment = dict(addresses.environment)
    return write_json({"smtp": smtp, "domains": [*addresses.domains], "environment": environment, "release": release})


def list_problems(site: Site, _request: Request) -> Response:
    """Return the errors in the saved files of the configuration and of the policies, and the failure of the webhook."""
    problems = [problem._asdict() for problem in site.actions.list_file_problems()]
    return write_json({"problems": problems, "webhook": to_document(site.actions.find_webhook_failure())})


def show_openapi(site: Site, _request: Request) -> Response:
    """Return the OpenAPI document of these routes."""
    return write_json(load_openapi() | {"servers": [{"url": site.prefix or "/"}]})


@cache
def load_openapi() -> dict[str, Any]:
    """Load the OpenAPI document, which lacks the address of the server."""
    document: dict[str, Any] = yaml.safe_load((FOLDER / "openapi.yaml").read_bytes())
    return document


_ROUTES: Final[Mapping[tuple[str, str], Handler]] = {
    ("GET", "/messages"): list_messages,
    ("DELETE", "/messages"): deletion.delete_all_as_json,
    ("GET", "/wait"): waiting.wait_for_message,
    ("GET", "/messages/{number:count}"): show_message,
    ("DELETE", "/messages/{number:count}"): deletion.delete_one_as_json,
    ("GET", "/messages/{number:count}/{side}.eml"): content.download,
    ("GET", "/messages/{number:count}/parts"): parts.list_as_json,
    ("GET", "/messages/{number:count}/parts/{part}"): parts.download,
    ("GET", "/messages/{number:count}/header"): parts.show_header_as_json,
    ("GET", "/messages/{number:count}/text"): parts.show_texts_as_json,
    ("GET", "/messages/{number:count}/structure"): parts.show_structure_as_json,
    ("GET", "/messages/{number:count}/source-changes"): parts.show_source_changes_as_json,
    ("GET", "/messages/{number:count}/links"): parts.list_links_as_json,
    ("GET", "/messages/{number:count}/calendars"): parts.list_calendars_as_json,
    ("GET", "/messages/{number:count}/source"): parts.show_source_as_json,
    ("POST", "/messages"): message_actions.send_as_json,
    ("POST", "/messages/{number:count}/send-again"): message_actions.send_again_as_json,
    ("POST", "/messages/{number:count}/retry"): message_actions.retry_as_json,
    ("GET", "/messages/{number:count}/holds"): message_actions.list_holds_as_json,
    ("POST", "/messages/{number:count}/decide"): message_actions.decide_as_json,
    ("GET", "/messages/{number:count}/releases"): message_actions.list_releases_as_json,
    ("POST", "/messages/{number:count}/release"): message_actions.release_as_json,
    ("GET", "/samples"): message_actions.list_samples_as_json,
    ("GET", "/rules"): list_rules,
    ("POST", "/rules/test"): test_rules,
    ("GET", "/addresses"): show_addresses,
    ("GET", "/problems"): list_problems,
    # Calling the availability function changes nothing, but POST keeps another site's page from starting it.
    ("POST", "/availability"): availability.answer_as_json,
    ("GET", "/events"): event_stream.stream_versions,
    ("GET", "/openapi.json"): show_openapi,
}
"""The handler of each method and path; the paths are below `/api`."""


def create_routes(site: Site) -> list[Route]:
    """Return the routes of the API."""
    return [
        Route(f"/api{path}", partial(handler, site), methods=[method], middleware=[Middleware(_KnownParameters, operation=(method, path))])
        for (method, path), handler in _ROUTES.items()
    ]


class _KnownParameters:
    """Refuses a request with a parameter that its route does not have: without it, the answer would be about something else."""

    def __init__(self, app: ASGIApp, operation: tuple[str, str]) -> None:
        self._app = app
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if given := Request(scope).query_params:
            reject_unknown("parameter", given, _find_parameters(*self._operation))
        await self._app(scope, receive, send)


@cache
def _find_parameters(method: str, path: str) -> tuple[str, ...]:
    """Return the names of the query parameters that the OpenAPI document has for a route."""
    document = load_openapi()
    item = document["paths"]["/api" + re.sub(r"{(\w+):\w+}", r"{\1}", path)]
    parameters = [*item.get("parameters", ()), *item[method.lower()].get("parameters", ())]
    shared = document["components"]["parameters"]
    found = [shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in parameters]
    return tuple(each["name"] for each in found if each["in"] == "query")
