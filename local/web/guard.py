"""What keeps the pages apart from the mail that they show and from the other sites that are open in the same browser.

Mail is a stranger's: nothing of it runs or loads anything, by a content security policy on every answer. A page of another site can send
requests here, too: none of them changes anything, and by no trick with names (DNS rebinding) is an answer read (`hosts` in `web`).
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailhooks.contract.limits import MAX_MESSAGE_BYTES

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY: Final = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
"""Of a message's HTML: its own styles and its own images, and nothing else."""

MAX_UPLOAD: Final = MAX_MESSAGE_BYTES + 1024 * 1024
"""Octets of a form with a message, and of what is around it."""

MAX_BODY: Final = 1024 * 1024
"""Octets of any other request."""

_MOST_DISCARDED: Final = 4 * MAX_UPLOAD
_HEADERS: Final = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with it a browser writes `Origin: null` into our own forms, too, which could not be told from a stranger's.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-dns-prefetch-control": "off",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}


class Guard:
    """Puts the headers on every answer; lets nothing be changed from elsewhere; bounds what is sent.

    Args:
        uploads: the paths that take a message.
    """

    def __init__(self, app: ASGIApp, uploads: frozenset[str]) -> None:
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        most = MAX_UPLOAD if scope["path"] in self._uploads else MAX_BODY
        if scope["method"] not in {"GET", "HEAD", "OPTIONS"} and not is_our_own(headers, scope["scheme"]):
            await PlainTextResponse("Another site may not send this.\n", 403)(scope, receive, guarded)
        elif _length(headers) > most:
            await _discard(receive)
            await PlainTextResponse(f"That is too large: {most:,} bytes at most.\n", 413)(scope, receive, guarded)
        else:
            await self._app(scope, _bounded(receive, most), guarded)


def is_our_own(headers: Headers, scheme: str) -> bool:
    """Whether a request comes from a page of ours, or from a program that is no browser.

    Browsers say where it comes from: in Sec-Fetch-Site (Fetch Metadata), and those that do not in Origin (RFC 6454), for a POST always.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or (urlsplit(origin).scheme, urlsplit(origin).netloc) == (scheme, headers.get("host", ""))


def _length(headers: Headers) -> int:
    given = headers.get("content-length", "0")
    return int(given) if given.isascii() and given.isdigit() else 0


async def _discard(receive: Receive) -> None:
    """A browser that is still sending would not read the answer."""
    left = _MOST_DISCARDED
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


def _bounded(receive: Receive, most: int) -> Receive:
    left = most

    async def counting() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"That is too large: {most:,} bytes at most.")
        return message

    return counting
