"""The guard of the pages: security headers, a check of the requesting site, and limits for request bodies.

The sender of a message is not trusted: a content security policy on every response keeps the message from running or loading anything.
Pages of other sites in the same browser can send requests too: the guard rejects those that change something. They cannot read a response
by a name that resolves to this server (DNS rebinding): only an IP address, `localhost` and the names of the configuration are accepted.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from workmail_local.web.json_bodies import write_json

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

_ORIGIN: Final = re.compile(r"https?://([^/?#]*)")
_PORT: Final = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]*)")
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
        names: the names of this server, each `name` or `name:port`; with any port in `Host`, and with this or the usual one in an origin.
        prefix: of the paths behind a proxy, such as `/mail`; "" for none. A proxy may remove it: paths without it are accepted too.
    """

    def __init__(self, app: ASGIApp, uploads: frozenset[str], names: Iterable[str] = (), prefix: str = "") -> None:
        self._app = app
        self._uploads = uploads
        self._origins = frozenset(name.lower() for name in names)
        self._names = frozenset(("localhost", *(_split_port(name)[0] for name in self._origins)))
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if "location" in headers:  # without the host, which is another one behind a proxy
                    headers["location"] = _ORIGIN.sub("", headers["location"])
            await send(message)

        headers = Headers(scope=scope)
        path = _remove_prefix(scope["path"], self._prefix)
        scope = {**scope, "root_path": self._prefix, "path": self._prefix + path}
        limit = MAX_UPLOAD if path in self._uploads else MAX_BODY
        if not self._is_known(headers.get("host", "")):
            text = "Rejected: unknown host. Open the page by an IP address, or start serve with --allow-host NAME."
            await _refuse(path, text, 400)(scope, receive, send_guarded)
        elif scope["method"] not in {"GET", "HEAD", "OPTIONS"} and not self._is_same_origin(headers):
            await _refuse(path, "Rejected: the request comes from another site.", 403)(scope, receive, send_guarded)
        elif int(headers.get("content-length", "0")) > limit:
            # Read the rest of the body: a browser that is still sending does not read the response.
            with suppress(HTTPException, ClientDisconnect):
                async for _ in Request(scope, _limit_body(receive, _MAX_DISCARDED)).stream():
                    pass
            await _refuse(path, _explain_limit(limit), 413)(scope, receive, send_guarded)
        else:
            await self._app(scope, _limit_body(receive, limit), send_guarded)

    def _is_known(self, host: str) -> bool:
        """Return whether a request names this server. No other site's page can be opened by an IP address of this server."""
        name = _split_port(host.lower())[0]
        return name in self._names or _is_ip_address(name)

    def _is_same_origin(self, headers: Headers) -> bool:
        """Return whether a request comes from one of our pages or from a program that is not a browser.

        A browser sends Sec-Fetch-Site (Fetch Metadata), but only over HTTPS or to this machine. Otherwise it sends Origin (RFC 6454) with
        every POST. The scheme does not count, because a proxy may use another one; the `X-Forwarded-` fields of a proxy do not
        count either, because any client can write them.
        """
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        origin = headers.get("origin")
        found = _ORIGIN.fullmatch(origin or "")
        # A browser writes no path and no default port in an origin.
        return origin is None or (found is not None and found[1].lower() in {headers.get("host", "").lower(), *self._origins})


def _split_port(host: str) -> tuple[str, str]:
    """Split a host from its port.

    >>> _split_port("localhost:80"), _split_port("[::1]:80"), _split_port("::1")
    (('localhost', '80'), ('[::1]', '80'), ('::1', ''))
    """
    found = _PORT.fullmatch(host)
    return (found[1], found[2]) if found else (host, "")


def _is_ip_address(name: str) -> bool:
    """Return whether a host is written as an IP address: IPv4 as four numbers, IPv6 in brackets."""
    is_v6 = name.startswith("[") and name.endswith("]")
    try:
        return ip_address(name[1:-1] if is_v6 else name).version == (6 if is_v6 else 4)
    except ValueError:
        return False


def _remove_prefix(path: str, prefix: str) -> str:
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :] or "/"
    return path


def _refuse(path: str, text: str, status: int) -> Response:
    """Return the response that refuses a request: JSON for the API, text for a page."""
    return write_json({"error": text}, status) if path.startswith("/api/") else PlainTextResponse(f"{text}\n", status)


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
