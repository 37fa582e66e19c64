"""A function behind a local function URL, called by HTTP clients."""

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.support import functions
from workmail_local.errors import UnknownFunction
from workmail_local.runtime.function_url import LIMIT, FunctionUrl, serve_function
from workmail_local.runtime.sandbox import Pool
from workmail_local.servers import HttpServer

SOURCE = """
import json

def handler(event, context):
    if event["rawPath"] == "/fails":
        raise KeyError("odd")
    return json.loads(event["body"]) if event["rawPath"] == "/returns" else {"event": event, "request": context.aws_request_id}
"""


class Running(NamedTuple):
    """A served function."""

    host: str
    port: int
    url: FunctionUrl
    reports: list[str]


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["event"]
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    reports: list[str] = []
    with Pool(functions.app(tmp_path_factory.mktemp("function"), SOURCE), {"AWS_REGION": "us-east-1"}) as pool:
        url = FunctionUrl(lambda: (pool, 10.0), reports.append)
        with serve_function(url) as address:
            parts = urlsplit(address)
            yield Running(str(parts.hostname), parts.port or 0, url, reports)


def call(running: Running, path: str, body: bytes | None = None, *headers: tuple[str, str], method: str = "POST") -> Answer:
    """Send a request with exactly these headers, repeated ones too."""
    with closing(http.client.HTTPConnection(running.host, running.port, timeout=20)) as connection:
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def test_a_request_is_an_event_of_payload_format_2(running: Running) -> None:
    cookies = (("Cookie", "one=1; two=2"), ("Cookie", "three=3"))
    repeated = (("X-Own", "a"), ("x-own", "b"))
    answer = call(running, "/my/p%C3%A4th?b=2&a=1&b=%26&empty=", b"<a/>", ("Content-Type", "text/xml; charset=utf-8"), *cookies, *repeated)
    event = answer.event
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/my/p%C3%A4th")
    assert (event["rawQueryString"], event["queryStringParameters"]) == ("b=2&a=1&b=%26&empty=", {"b": "2,&", "a": "1", "empty": ""})
    assert event["cookies"] == ["one=1", "two=2", "three=3"]
    assert (event["headers"]["x-own"], event["headers"]["host"]) == ("a,b", f"{running.host}:{running.port}")
    assert "cookie" not in event["headers"]
    http_part = event["requestContext"]["http"]
    assert (http_part["method"], http_part["path"], http_part["protocol"], http_part["sourceIp"]) == (
        *("POST", "/my/p%C3%A4th", "HTTP/1.1", "127.0.0.1"),
    )
    assert (event["body"], event["isBase64Encoded"]) == ("<a/>", False)
    assert event["requestContext"]["requestId"] == json.loads(answer.body)["request"]


def test_absent_parts_of_a_request_have_no_key(running: Running) -> None:
    event = call(running, "/", method="GET").event
    assert not {"queryStringParameters", "cookies", "body"} & event.keys()
    assert (event["rawQueryString"], event["isBase64Encoded"]) == ("", False)


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "application/soap+xml", "application/vnd.example+json; charset=utf-8", "TEXT/HTML", "application/xml"],
)
def test_a_body_of_text_is_passed_as_text(media_type: str, running: Running) -> None:
    event = call(running, "/", "ä".encode(), ("Content-Type", media_type)).event
    assert (event["body"], event["isBase64Encoded"]) == ("ä", False)


@pytest.mark.parametrize(
    "headers, body",
    [
        ([("Content-Type", "application/x-www-form-urlencoded")], b"a=b"),
        ([("Content-Type", "image/png")], b"\x89PNG"),
        ([], b"no media type"),
        ([("Content-Type", "text/plain"), ("Content-Encoding", "gzip")], b"\x1f\x8b"),
        ([("Content-Type", "text/plain; charset=iso-8859-1")], "ä".encode("latin-1")),
    ],
)
def test_any_other_body_is_base64(headers: list[tuple[str, str]], body: bytes, running: Running) -> None:
    event = call(running, "/", body, *headers).event
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (body, True)


@pytest.mark.parametrize("returned", ["Hello", {"message": "Grüße"}, [1], None, 7, {"body": "without a status"}])
def test_a_value_without_a_status_is_the_body_as_json(returned: Any, running: Running) -> None:
    answer = call(running, "/returns", json.dumps(returned).encode(), ("Content-Type", "application/json"))
    assert (answer.status, answer.headers["content-type"], json.loads(answer.body)) == (200, "application/json", returned)


def returning(running: Running, method: str = "POST", **response: Any) -> Answer:
    return call(running, "/returns", json.dumps(response).encode(), ("Content-Type", "application/json"), method=method)


def test_a_response_has_the_status_headers_cookies_and_body_of_the_function(running: Running) -> None:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "X-Count": 3,
        "X-Flag": True,
        "Content-Length": "99",
        "Transfer-Encoding": "chunked",
    }
    answer = returning(running, statusCode=410, headers=headers, cookies=["a=1; HttpOnly", "b=2"], body="<p>gone ä</p>")
    assert (answer.status, answer.body.decode()) == (410, "<p>gone ä</p>")
    assert (answer.headers["content-type"], answer.headers["x-count"], answer.headers["x-flag"]) == (
        "text/html; charset=utf-8",
        "3",
        "true",
    )
    assert answer.headers.get_all("set-cookie") == ["a=1; HttpOnly", "b=2"]
    assert (answer.headers["content-length"], answer.headers["transfer-encoding"]) == ("14", None)


def test_a_response_may_be_binary_empty_or_for_a_head_request(running: Running) -> None:
    assert returning(running, statusCode=200, body=base64.b64encode(b"\x00\xff").decode(), isBase64Encoded=True).body == b"\x00\xff"
    assert returning(running, statusCode=204, body="ignored").body == b""
    head = returning(running, "HEAD", statusCode=200, body="four")
    assert (head.body, head.headers["content-length"]) == (b"", "4")


@pytest.mark.parametrize(
    "response",
    [
        {"statusCode": "200"},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": "dict"}},
        {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
        {"statusCode": 200, "isBase64Encoded": "true"},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": None}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"location": "/\r\nset-cookie: forged=1"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a=1\r\nx: y"]},
    ],
)
def test_an_invalid_response_is_502_and_reported(response: dict[str, Any], running: Running) -> None:
    running.reports.clear()
    answer = returning(running, **response)
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    assert [report.startswith("the function URL answers 502: expected ") for report in running.reports] == [True]


def test_a_failure_of_the_function_is_502_without_its_text(running: Running) -> None:
    running.reports.clear()
    answer = call(running, "/fails")
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    assert running.reports == ["the function URL answers 502: KeyError: 'odd'"]


def test_a_function_that_does_not_exist_any_more_is_502() -> None:
    def find() -> Any:
        raise UnknownFunction("the configuration has no function 'push'")

    reports: list[str] = []
    with serve_function(FunctionUrl(find, reports.append)) as address:
        parts = urlsplit(address)
        answer = call(Running(str(parts.hostname), parts.port or 0, FunctionUrl(find), reports), "/")
    assert (answer.status, len(reports)) == (502, 1)


@pytest.mark.parametrize("size, media_type", [(LIMIT + 1, "text/plain"), (LIMIT - 10, "text/plain"), (LIMIT * 3 // 4 + 1, "image/png")])
def test_a_request_larger_than_an_event_is_413_and_does_not_reach_the_function(size: int, media_type: str, running: Running) -> None:
    answer = call(running, "/fails", b"a" * size, ("Content-Type", media_type))
    assert (answer.status, json.loads(answer.body)) == (
        *(413, {"Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"}),
    )


def test_the_path_starts_at_the_part_of_another_application(running: Running) -> None:
    server = HttpServer(Starlette(routes=[Mount("/approve", running.url)]), 0)
    server.start()
    try:
        event = call(running._replace(port=server.port), "/approve/a%20b?token=x").event
    finally:
        server.stop()
    assert (event["rawPath"], event["requestContext"]["http"]["path"], event["rawQueryString"]) == ("/a%20b", "/a%20b", "token=x")
