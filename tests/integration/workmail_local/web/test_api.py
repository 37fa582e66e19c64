"""The JSON API: its OpenAPI document is valid, complete and true. Each row of `REQUESTS` makes one documented response."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.routing import Route

from mailhooks.address_patterns import Pattern
from mailhooks.contract import ActionType
from mailhooks.report_names import HoldState
from tests.integration.workmail_local.web.fakes import REFUSED, answered
from tests.integration.workmail_local.web.pages import ALTERNATIVE, CHANGED, PLAIN, Site
from tests.support.invitations import INVITATION
from tests.support.messages import mail, multipart, part, text
from workmail_local.config.release import Encryption, ReleaseServer
from workmail_local.mail.history import Destination, RecipientResult, State
from workmail_local.mail.verdict import Origin
from workmail_local.queue.holds import Hold
from workmail_local.queue.webhook import WebhookFailure
from workmail_local.web.api import create_routes
from workmail_local.web.templating import Site as PageSite

ME = "me@example.org"
SERVER = ReleaseServer("smtp.example.org", 587, Encryption.STARTTLS, (Pattern.parse("example.org"),))
QUESTION = {
    "requester": {"email": "ana@example.com", "userName": "ana", "organization": "m-" + "0" * 32},
    "mailboxes": ["ana@example.com"],
    "window": {"startDate": "2026-05-05T00:00:00.000Z", "endDate": "2026-05-06T00:00:00.000Z"},
}

_MARKUP = b'<a href="https://example.net/">example.com</a><img src="https://example.net/1.gif" width="1">'

REQUESTS: list[tuple[str, str, str, Any, int]] = [
    # Method, documented path, path and query, JSON body, status.
    ("GET", "/api/messages", "/api/messages?q=&limit=2", None, 200),
    ("GET", "/api/messages", "/api/messages?before=x", None, 400),
    *(("GET", "/api/messages/{number}", f"/api/messages/{number}", None, 200) for number in (1, 2, 3)),
    ("GET", "/api/messages/{number}", "/api/messages/99", None, 404),
    ("DELETE", "/api/messages", "/api/messages?q=clara", None, 200),
    ("DELETE", "/api/messages", f"/api/messages?q={'x' * 501}", None, 400),
    ("DELETE", "/api/messages", "/api/messages?q=full", None, 503),
    ("DELETE", "/api/messages/{number}", "/api/messages/1", None, 200),
    ("DELETE", "/api/messages/{number}", "/api/messages/99", None, 404),
    ("DELETE", "/api/messages/{number}", "/api/messages/3", None, 409),
    ("DELETE", "/api/messages/{number}", "/api/messages/1#full", None, 503),
    ("GET", "/api/wait", "/api/wait?q=both&since=1", None, 200),
    ("GET", "/api/wait", "/api/wait?timeout=301", None, 400),
    ("GET", "/api/wait", "/api/wait?q=nothing&timeout=1", None, 408),
    ("GET", "/api/messages/{number}/{side}.eml", "/api/messages/2/after.eml", None, 200),
    ("GET", "/api/messages/{number}/{side}.eml", "/api/messages/2/other.eml", None, 404),
    ("GET", "/api/messages/{number}/{side}.eml", "/api/messages/2/after.eml?passage=2", None, 404),
    *(
        ("GET", f"/api/messages/{{number}}/{name}", f"/api/messages/{number}/{name}", None, status)
        for name in ("parts", "links", "calendars", "source", "header", "text", "structure", "source-changes")
        for number, status in ((1, 200), (2, 200), (4, 200), (99, 404))
    ),
    ("GET", "/api/messages/{number}/parts", "/api/messages/2/parts?side=before&passage=1", None, 200),
    ("GET", "/api/messages/{number}/parts/{part}", "/api/messages/4/parts/2", None, 200),
    ("GET", "/api/messages/{number}/parts/{part}", "/api/messages/4/parts/3", None, 404),
    ("POST", "/api/messages", "/api/messages", {"mail_from": "nora@example.net", "recipients": ["ana@example.com"], "text": "Hi"}, 201),
    ("POST", "/api/messages", "/api/messages", {"mail_from": "", "recipients": ["ana@example.com"]}, 400),
    ("POST", "/api/messages/{number}/send-again", "/api/messages/1/send-again", None, 201),
    ("POST", "/api/messages/{number}/send-again", "/api/messages/1/send-again", {"recipients": [1]}, 400),
    ("POST", "/api/messages/{number}/send-again", "/api/messages/99/send-again", {}, 404),
    ("POST", "/api/messages/{number}/retry", "/api/messages/3/retry#waiting", None, 200),
    ("POST", "/api/messages/{number}/retry", "/api/messages/1/retry", None, 409),
    ("POST", "/api/messages/{number}/retry", "/api/messages/99/retry", None, 404),
    ("GET", "/api/messages/{number}/holds", "/api/messages/3/holds#held", None, 200),
    ("GET", "/api/messages/{number}/holds", "/api/messages/99/holds", None, 404),
    ("POST", "/api/messages/{number}/decide", "/api/messages/3/decide#held", {"decision": "reject", "hold": "Offers", "reason": "no"}, 200),
    ("POST", "/api/messages/{number}/decide", "/api/messages/3/decide#held", {"decision": "perhaps"}, 400),
    ("POST", "/api/messages/{number}/decide", "/api/messages/1/decide", {"decision": "approve"}, 409),
    ("POST", "/api/messages/{number}/decide", "/api/messages/99/decide", {"decision": "approve"}, 404),
    ("GET", "/api/messages/{number}/releases", "/api/messages/1/releases#released", None, 200),
    ("GET", "/api/messages/{number}/releases", "/api/messages/99/releases", None, 404),
    ("POST", "/api/messages/{number}/release", "/api/messages/1/release#server", {"recipients": [ME, REFUSED]}, 200),
    ("POST", "/api/messages/{number}/release", "/api/messages/1/release#server", {"recipients": ["nora@example.net"]}, 400),
    ("POST", "/api/messages/{number}/release", "/api/messages/99/release#server", {"recipients": [ME]}, 404),
    ("POST", "/api/messages/{number}/release", "/api/messages/1/release", {"recipients": [ME]}, 409),
    ("POST", "/api/messages/{number}/release", "/api/messages/1/release#server", {"recipients": [REFUSED]}, 502),
    ("GET", "/api/samples", "/api/samples", None, 200),
    ("GET", "/api/rules", "/api/rules", None, 200),
    ("POST", "/api/rules/test", "/api/rules/test", {"author": "shop@mail.example.net", "recipients": ["ana@example.com"]}, 200),
    ("POST", "/api/rules/test", "/api/rules/test", {"author": "", "recipients": ["ana@example.com"]}, 400),
    ("GET", "/api/addresses", "/api/addresses", None, 200),
    ("GET", "/api/addresses", "/api/addresses#server", None, 200),
    ("GET", "/api/problems", "/api/problems", None, 200),
    ("GET", "/api/problems", "/api/problems#webhook", None, 200),
    ("GET", "/api/events", "/api/events", None, 200),
    ("POST", "/api/availability", "/api/availability", QUESTION, 200),
    ("POST", "/api/availability", "/api/availability", {}, 400),
    ("POST", "/api/availability", "/api/availability#fail", QUESTION, 502),
    ("GET", "/api/openapi.json", "/api/openapi.json", None, 200),
]


@pytest.fixture
def filled(site: Site) -> Site:
    """A site with four messages: unchanged, changed, one with a failed attempt that is tried again, and an invitation."""
    bounced = RecipientResult("ben@example.com", ActionType.BOUNCE, Origin.FALLBACK, Destination.BOUNCED, "Please call us")
    site.history.add(PLAIN, notes=("a note",), problems=("a problem",))
    site.history.add(ALTERNATIVE, CHANGED, results=(bounced,))
    run = site.history.rule_run(PLAIN, state=State.RETRYING, due=1.5, results=())
    site.history.add_trace(
        PLAIN,
        (
            run._replace(
                attempts=(run.attempts[0]._replace(problem="no answer", response=""),),
            ),
        ),
    )
    site.history.add(mail(multipart("mixed", text(_MARKUP, "html"), part("text/calendar", "a.ics", INVITATION))))
    return site


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.get("/api/openapi.json").json()
    return found


def list_responses(document: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield from ((method.upper(), path, int(status)) for status in operation["responses"])


def find_schema(document: dict[str, Any], method: str, path: str, status: int) -> tuple[str, dict[str, Any]]:
    """The content type of a documented response, and its schema with references into the document."""
    response = document["paths"][path][method.lower()]["responses"][str(status)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    [(kind, content)] = response["content"].items()
    return kind, content.get("schema", {})


def check_schema(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    name = "urn:document"
    registry: Registry[Any] = Registry().with_resource(name, Resource(document, DRAFT202012))
    absolute = _resolve_from(name, schema)
    Draft202012Validator(absolute, registry=registry).validate(value)


def _resolve_from(name: str, schema: Any) -> Any:
    """Let the references of a schema lead into the document."""
    if isinstance(schema, list):
        return [_resolve_from(name, each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: name + value if key == "$ref" else _resolve_from(name, value) for key, value in schema.items()}


def send(site: Site, method: str, path: str, body: Any) -> requests.Response:
    site.actions.waiting = 2 if path.endswith("#waiting") else 0
    site.actions.files["offer"] = PLAIN
    if path.endswith(("#server", "#released")):
        site.actions.server = SERVER
    if path.endswith("#held"):
        site.actions.held = (Hold("Offers", HoldState.PENDING, ("boss@example.com",), 1.5, 9.5),)
    if path.endswith("#released"):
        site.actions.release(1, [ME, REFUSED], 1, 0)
    site.actions.answer = answered(None, 1.0, "log", "it failed") if path.endswith("#fail") else answered({"mailboxes": []}, 31.0)
    site.actions.refusal = "the spool cannot be written: the disk is full" if path.endswith(("#full", "?q=full")) else ""
    site.actions.webhook_failure = WebhookFailure(1, 1.5, "it answers 500") if path.endswith("#webhook") else None
    return site.session.request(method, site.url + path, json=body, timeout=30, stream=path == "/api/events")


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    ids = [item[method]["operationId"] for item in document["paths"].values() for method in item if method != "parameters"]
    assert len(ids) == len({*ids})


def test_routes_and_document_are_the_same(site: Site, document: dict[str, Any]) -> None:
    def list_methods(route: Route) -> set[str]:
        return {*(route.methods or ())} - {"HEAD"}

    routes = create_routes(PageSite(site.history, site.actions))
    of_routes = {(method, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)) for route in routes for method in list_methods(route)}
    assert of_routes == {(method, path) for method, path, _ in list_responses(document)}


@pytest.mark.parametrize("method, path, address, body, status", REQUESTS)
def test_a_response_is_as_documented(
    filled: Site, document: dict[str, Any], method: str, path: str, address: str, body: Any, status: int
) -> None:
    response = send(filled, method, address, body)
    assert response.status_code == status
    kind, schema = find_schema(document, method, path, status)
    assert response.headers["content-type"].partition(";")[0] == kind
    if kind == "application/json":
        check_schema(document, schema, response.json())


def test_every_documented_response_is_checked(document: dict[str, Any]) -> None:
    assert {(method, path, status) for method, path, _, _, status in REQUESTS} == {*list_responses(document)}


def test_every_documented_object_is_strict(document: dict[str, Any]) -> None:
    """So that a field that is missing in the document, or in a response, fails a test above."""
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name
            assert [*schema["properties"]] == schema["required"], name


@pytest.mark.parametrize(
    "method, path, body, problem",
    [
        ("GET", "/api/wait?sbject=x", None, "unknown parameter 'sbject'; did you mean subject?"),
        (
            "GET",
            "/api/wait?q=is:bouncd",
            None,
            "the search has an operator with an unknown value: is:bouncd; write a text with a colon in quotes",
        ),
        ("GET", "/api/rules?x=1", None, "unknown parameter 'x'"),
        ("POST", "/api/messages/1/send-again", {"to": ["ben@example.com"]}, "unknown field 'to'"),
        ("POST", "/api/messages", {"mailfrom": "x"}, "unknown field 'mailfrom'; did you mean mail_from?"),
        ("POST", "/api/messages/1/release", {"recipient": []}, "unknown field 'recipient'; did you mean recipients?"),
        ("POST", "/api/rules/test", {"autor": ""}, "unknown field 'autor'; did you mean author?"),
    ],
)
def test_an_unknown_name_is_an_error(filled: Site, method: str, path: str, body: Any, problem: str) -> None:
    before = len(filled.history.summaries())
    response = send(filled, method, path, body)
    assert (response.status_code, response.json()) == (400, {"error": problem})
    assert len(filled.history.summaries()) == before


def test_the_views_show_what_a_rule_run_has_changed(filled: Site) -> None:
    number = filled.history.add(PLAIN, PLAIN.replace(b"Subject: ", b"Subject: [X] ") + b"More\r\n")

    def get(path: str) -> Any:
        return filled.get(f"/api/messages/{number}/{path}").json()

    [lines] = get("text")["texts"]
    assert [line["text"] for line in lines if line["kind"] == "added"] == ["More"]
    assert [field["name"] for field in get("header?side=before")["fields"] if field["differs"]] == ["Subject"]
    assert [part["mark"] for part in get("structure")["parts"]] == ["changed"]
    changes = get("source-changes")["lines"]
    assert [line["text"] for line in changes if line["kind"] == "added"] == ["+Subject: [X] Hello", "+More"]


def test_the_list_counts_what_a_search_finds_and_names_what_it_reads_as_text(filled: Site) -> None:
    listed = filled.get("/api/messages?q=clara is:bouncd").json()
    assert (listed["count"], listed["found"], listed["as_text"]) == (4, 0, ["is:bouncd"])


def test_other_sites_change_nothing_and_errors_are_json(filled: Site) -> None:
    for headers in ({"origin": "https://example.net"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        answer = filled.session.post(f"{filled.url}/api/rules/test", json={}, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()) == (403, {"error": "Rejected: the request comes from another site."})
    large = filled.session.post(f"{filled.url}/api/rules/test", data=b" " * 2_000_000, timeout=30)
    assert (large.status_code, [*large.json()]) == (413, ["error"])
    for method, path, status in (("PUT", "/api/messages", 405), ("GET", "/api/none", 404)):
        answer = send(filled, method, path, None)
        assert (answer.status_code, [*answer.json()]) == (status, ["error"])


def test_paths_start_at_the_prefix_of_a_proxy(site: Site, document: dict[str, Any]) -> None:
    assert document["servers"] == [{"url": "/"}]
