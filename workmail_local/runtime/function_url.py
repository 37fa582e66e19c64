"""A function at a local HTTP address, as behind a Lambda function URL with the authentication type NONE.

Source: Lambda Developer Guide, "Invoking Lambda function URLs" (payload format 2.0).
"""

import base64
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from mail_gateway.errors import CommandError
from workmail_local.errors import LocalError
from workmail_local.runtime.invocation import Invoker
from workmail_local.servers import HttpServer

LIMIT: Final = 6 * 1024 * 1024
"""Bytes of an event at most ("Lambda quotas", synchronous invocation)."""

_MOST_READ: Final = 4 * LIMIT
"""Bytes of a request that are read at most. A client that is still sending does not read the answer 413."""

_TEXT: Final = re.compile(r"text/.*|application/(?:json|javascript|xml|.*\+json|.*\+xml)")
"""The media types of bodies that are passed as text. All others are encoded, among them the forms of a page."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OF_THE_CONNECTION: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade", "trailer"})
"""Response headers that Lambda sets itself."""

_WITHOUT_BODY: Final = frozenset({204, 304})


class InvalidResponse(LocalError):
    """A function returned a response that Lambda cannot send."""


class FunctionUrl:
    """The ASGI application that calls a function with each request and answers with its response.

    Like Lambda, it answers 502 when the function fails or its response is invalid, and 413 to a request that is too large.

    Args:
        find: returns the function's invoker and its timeout in seconds. Called for each request, because the configuration may change.
        report: is called with a sentence about each answer 502.
    """

    def __init__(self, find: Callable[[], tuple[Invoker, float]], report: Callable[[str], None] = lambda _: None) -> None:
        self._find = find
        self._report = report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await _read_body(request)
        except ClientDisconnect:
            return
        event = None if body is None else build_event(request, body)
        if event is None or len(json.dumps(event)) > LIMIT:
            text = f"Request must be smaller than {LIMIT} bytes for the InvokeFunction operation"
            response: Response = JSONResponse({"Message": text}, 413)
        else:
            response = await run_in_threadpool(self._call, event)
        await response(scope, receive, send)

    def _call(self, event: Mapping[str, Any]) -> Response:
        try:
            invoker, timeout_s = self._find()
            invocation = invoker.invoke(event, event["requestContext"]["requestId"], timeout_s)
            if invocation.error is not None:
                raise InvalidResponse(invocation.error)
            return build_response(invocation.response)
        except CommandError as error:
            self._report(f"the function URL answers 502: {error}")
            return PlainTextResponse("Internal Server Error", 502)


@contextmanager
def serve_function(url: FunctionUrl, port: int = 0) -> Iterator[str]:
    """Serve a function at a port of 127.0.0.1. Provide its URL, without a slash at the end.

    Raises:
        PortError: the port is in use.
    """
    server = HttpServer(url, port, name="function-url")
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


async def _read_body(request: Request) -> bytes | None:
    """Read the body of a request; None when it is larger than an event may be."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= LIMIT:
            chunks.append(chunk)
        elif size > _MOST_READ:
            break
    return b"".join(chunks) if size <= LIMIT else None


def build_event(request: Request, body: bytes) -> dict[str, Any]:
    """Return the event for a request. Keys for absent values, such as `cookies`, are left out."""
    scope, headers = request.scope, request.headers
    host, client = headers.get("host", ""), request.client
    source = client.host if client else ""
    # In a part of another application, the path starts at that part.
    path = scope["raw_path"].decode("ascii", "replace").removeprefix(scope.get("root_path", "")) or "/"
    query = scope["query_string"].decode("ascii", "replace")
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            **_join(((name, value) for name, value in headers.items() if name != "cookie"), ","),
            "x-forwarded-for": source,
            "x-forwarded-port": str(scope["server"][1]),
            "x-forwarded-proto": scope["scheme"],
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": {
                "method": request.method,
                "path": path,
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": source,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = _join(parse_qsl(query, keep_blank_values=True), ",")
    if cookies := [cookie for value in headers.getlist("cookie") for cookie in value.split("; ")]:
        event["cookies"] = cookies
    if body:
        text = _decode(body, headers)
        event["body"] = base64.b64encode(body).decode() if text is None else text
        event["isBase64Encoded"] = text is None
    return event


def _join(pairs: Any, separator: str) -> dict[str, str]:
    """Return the pairs as a mapping; the values of a repeated name are joined."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    return joined


def _decode(body: bytes, headers: Headers) -> str | None:
    """Return a body that Lambda passes as text; None for any other."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if "content-encoding" in headers or not _TEXT.fullmatch(media_type):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def build_response(value: Any) -> Response:
    """Return the HTTP response for the value that a function returned. A value without `statusCode` is the body, as JSON.

    Raises:
        InvalidResponse: the value has a `statusCode`, but not the form of a response.
    """
    if not isinstance(value, dict) or "statusCode" not in value:
        return Response(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), media_type="application/json")
    status = value["statusCode"]
    if type(status) is not int or not 200 <= status <= 599:
        raise InvalidResponse("expected statusCode from 200 to 599, found another")
    body = _read_response_body(value)
    response = Response(b"" if status in _WITHOUT_BODY else body, status)
    headers = {"content-type": "application/json", **_read_headers(value)}
    for name, text in headers.items():
        response.headers[name] = text
    for cookie in _read_cookies(value):
        response.headers.append("set-cookie", cookie)
    return response


def _read_response_body(value: Mapping[str, Any]) -> bytes:
    body, encoded = value.get("body"), value.get("isBase64Encoded", False)
    if not isinstance(body, str | None) or not isinstance(encoded, bool):
        raise InvalidResponse("expected a string as body, and true or false as isBase64Encoded, found another type")
    try:
        return base64.b64decode(body or "", validate=True) if encoded else (body or "").encode()
    except ValueError:
        raise InvalidResponse("expected base64 or text without lone surrogates as body, found another") from None


def _read_headers(value: Mapping[str, Any]) -> dict[str, str]:
    headers = value.get("headers") or {}
    if not isinstance(headers, dict):
        raise InvalidResponse("expected an object as headers, found another type")
    found = {}
    for name, text in headers.items():
        # JSON numbers and booleans in the form of JSON.
        text = text if isinstance(text, str) else json.dumps(text) if isinstance(text, int | float) else None
        if not _HEADER_NAME.fullmatch(name) or text is None or not _HEADER_VALUE.fullmatch(text):
            raise InvalidResponse("expected headers with names and values of HTTP, found another")
        if name.lower() not in _OF_THE_CONNECTION:
            found[name.lower()] = text.strip(" \t")
    return found


def _read_cookies(value: Mapping[str, Any]) -> list[str]:
    cookies = value.get("cookies") or []
    if not isinstance(cookies, list) or not all(isinstance(each, str) and _HEADER_VALUE.fullmatch(each) for each in cookies):
        raise InvalidResponse("expected a list of texts as cookies, found another")
    return cookies
