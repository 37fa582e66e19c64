"""The pictures on other servers that a message's HTML shows: found for a list, and loaded only when the reader asks for them."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from mailhooks.mime.html import Kind, Token, tokenize
from mailhooks.policy.facts.urls import parse_url

MAX_PICTURES: Final = 300
"""Pictures of one HTML text that are listed and loaded."""

_MAX_ADDRESS: Final = 2000
_ADDRESS: Final = re.compile(r"(https?):[/\\]{2}(?:[^/\\?#@]*@)?([^/\\?#@:]+)(?::([0-9]{1,5}))?([/\\?#].*)?", re.IGNORECASE)
_HOST: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*", re.ASCII)
"""A host as the source of a content security policy has it (CSP 3, section 2.3.1). An IPv6 address is none."""

_IGNORED: Final = re.compile(r"[\t\r\n]+")
"""Characters that a browser removes from an address (WHATWG URL, section 4.4)."""

_PADDING: Final = "".join(map(chr, range(33)))
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\"'<>`]")
_LENGTH: Final = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(px|)\s*", re.ASCII | re.IGNORECASE)
_HIDING: Final = re.compile(
    r"display\s*+:\s*+none|visibility\s*+:\s*+hidden|(?:^|[;\s])(?:max-)?(?:width|height)\s*+:\s*+[01](?:px)?\s*+(?:[;!]|$)", re.IGNORECASE
)


class RemoteAddress(NamedTuple):
    """The address of a picture on another server.

    Attributes:
        url: as it stays in the HTML: without a user's name, with A-labels.
        source: the server, as the content security policy names it, such as `https://cdn.example.net`.
        host: the server's name, with its port if it is not the usual one.
    """

    url: str
    source: str
    host: str


class RemotePicture(NamedTuple):
    """A picture on another server.

    Attributes:
        is_pixel: whether a reader cannot see it, as with the pixel of a tracking service: at most one pixel wide or high, or hidden.
    """

    address: RemoteAddress
    description: str
    is_pixel: bool


def read_address(text: str) -> RemoteAddress | None:
    """Return the address of a picture on another server; None if it is not `http` or `https`, or has an odd host or is too long.

    >>> read_address("HTTPS://me:secret@B\\u00fccher.example:443/a b.png").url
    'https://xn--bcher-kva.example/a%20b.png'
    """
    found = _ADDRESS.fullmatch(_IGNORED.sub("", text[: _MAX_ADDRESS + 1]))
    if found is None or len(text) > _MAX_ADDRESS:
        return None
    scheme, port = found[1].lower(), int(found[3]) if found[3] else None
    read = parse_url(f"{scheme}://{found[2]}/")
    if read is None or not _HOST.fullmatch(read.host) or (port is not None and not 0 < port < 65536):
        return None
    usual = {"http": 80, "https": 443}[scheme]
    host = read.host if port in {None, usual} else f"{read.host}:{port}"
    rest = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", found[4] or "/")
    rest = rest if rest.startswith(("/", "\\")) else f"/{rest}"
    # A policy matches a source without a port only with the usual port of its scheme.
    return RemoteAddress(f"{scheme}://{host}{rest}", f"{scheme}://{host}", host)


def find_remote_pictures(markup: str) -> tuple[list[RemotePicture], int]:
    """Return the first pictures of `<img>` on other servers, each address once, and the number of all of them."""
    found: dict[str, RemotePicture] = {}
    for token in _list_images(markup):
        if picture := _read_picture(token):
            found.setdefault(picture.address.url, picture)
    return list(found.values())[:MAX_PICTURES], len(found)


def _list_images(markup: str) -> Iterator[Token]:
    """Yield the tags of images, also those in `noscript`: no script runs, so a browser displays them."""
    for token in tokenize(markup):
        if token.kind is Kind.START and token.name == "img":
            yield token
        elif token.kind is Kind.RAW and token.name == "noscript":
            yield from (inner for inner in tokenize(token.text) if inner.kind is Kind.START and inner.name == "img")


def write_sources(pictures: Iterable[RemotePicture]) -> str:
    """Return the servers of pictures, each once, for the `img-src` of a content security policy."""
    return " ".join(dict.fromkeys(picture.address.source for picture in pictures))


def _read_picture(token: Token) -> RemotePicture | None:
    attributes = token.attrs
    address = read_address(attributes.get("src", "").strip(_PADDING))
    if address is None:
        return None
    lengths = (_LENGTH.fullmatch(attributes.get(name, "")) for name in ("width", "height"))
    is_tiny = any(length and float(length[1]) <= 1 for length in lengths)
    is_pixel = is_tiny or "hidden" in attributes or bool(_HIDING.search(attributes.get("style", "")[:_MAX_ADDRESS]))
    return RemotePicture(address, attributes.get("alt", "")[:200].strip(), is_pixel)
