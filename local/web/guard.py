"""The guard of the pages: security headers, a check of the requesting site, and limits for request bodies.

The sender of a message is not trusted: a content security policy on every response keeps the message from running or loading anything.
Pages of other sites in the same browser can send requests too: the guard rejects those that change something. They cannot read a response
by a name that resolves to this server (DNS rebinding): `create_app` accepts only known hosts.
"""

from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailhooks.contract.limits import MAX_MESSAGE_BYTES

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY: Final = (
    "sandbox; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
"""The policy for a message's HTML: only its own styles, fonts and images."""

MAX_UPLOAD: Final = MAX_MESSAGE_BYTES + 1024 * 1024
"""Bytes of a form with a message."""

MAX_BODY: Final = 1024 * 1024
"""Bytes of any other request."""

_MAX_DISCARDED: Final = 4 * MAX_UPLOAD
_HEADERS: Final = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    # With `no-referrer` a browser would send `Origin: null` with our own forms, like a form of another site.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-dns-prefetch-control": "off",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}


class Guard:
    """Middleware: adds the security headers, rejects requests of other sites that change something, and limits bodies.

    Args:
        uploads: the paths that accept a message.
    """

    def __init__(self, app: ASGIApp, uploads: frozenset[str]) -> None:
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        limit = MAX_UPLOAD if scope["path"] in self._uploads else MAX_BODY
        if scope["method"] not in {"GET", "HEAD", "OPTIONS"} and not _is_same_origin(headers, scope["scheme"]):
            await PlainTextResponse("Rejected: the request comes from another site.\n", 403)(scope, receive, send_guarded)
        elif int(headers.get("content-length", "0")) > limit:
            # Read the rest of the body: a browser that is still sending does not read the response.
            with suppress(HTTPException, ClientDisconnect):
                async for _ in Request(scope, _limit_body(receive, _MAX_DISCARDED)).stream():
                    pass
            await PlainTextResponse(f"{_explain_limit(limit)}\n", 413)(scope, receive, send_guarded)
        else:
            await self._app(scope, _limit_body(receive, limit), send_guarded)


def _is_same_origin(headers: Headers, scheme: str) -> bool:
    """Return whether a request comes from one of our pages or from a program that is not a browser.

    A browser sends Sec-Fetch-Site (Fetch Metadata). An older one sends Origin (RFC 6454) with every POST.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    # A browser writes no path and no default port in an origin.
    return origin is None or origin == f"{scheme}://{headers.get('host', '')}"


def _explain_limit(limit: int) -> str:
    return f"The request is too large: {limit:,} bytes are allowed."


def _limit_body(receive: Receive, limit: int) -> Receive:
    left = limit

    async def receive_counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, _explain_limit(limit))
        return message

    return receive_counted
