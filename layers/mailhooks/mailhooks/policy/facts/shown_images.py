"""The images that a message's HTML displays, such as the logo of a signature (RFC 2392, RFC 2557)."""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote, urljoin

from mailhooks.content import attachment_parts
from mailhooks.mime import displayed_text
from mailhooks.mime.html import Kind, Token, tokenize
from mailhooks.mime.message import Message, Part
from mailhooks.policy.facts.attachment_facts import AttachmentFacts

_MAX_HTML_PARTS: Final = 10
_MAX_OCTETS: Final = 4 * 1024 * 1024
"""Octets of an HTML part that are read. An image that only the rest displays counts as an attachment."""

_SOURCES: Final = frozenset({"src", "background", "poster", "data", "xlink:href"})
"""Attributes with the address of an image. `href` is a link, which a mail program does not display."""

_LINE_ENDS: Final = re.compile(r"[\t\r\n]+")

_URL: Final = re.compile(r"""url\(\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'()]*))\s*+\)""", re.IGNORECASE)


def find_shown_images(message: Message, attachments: Iterable[AttachmentFacts]) -> frozenset[AttachmentFacts]:
    """Return the attachments that the HTML of a message displays as images.

    A file of another kind is an attachment also if HTML refers to it, and so is an image that programs may read as another kind.
    """
    identities = {attachment: frozenset(_list_identities(message, attachment.part)) for attachment in attachments}
    if not any(identities.values()):
        return frozenset()
    shown = frozenset(_list_references(message))
    return frozenset(each for each, own in identities.items() if not shown.isdisjoint(own) and each.is_plain_image)


def _list_identities(message: Message, part: Part) -> Iterator[str]:
    """Yield the addresses by which HTML refers to a part, in the forms of `_spellings`."""
    for value in part.values(message.raw, "content-id"):
        identity = value.decode("utf-8", "replace").partition("<")
        yield from _spellings(f"cid:{(identity[2] or identity[0]).partition('>')[0].strip()}")
    base = _find_location(message, message.structure.root)
    if location := _find_location(message, part):
        yield from _spellings(_join(base, location))


def _list_references(message: Message) -> Iterator[str]:
    """Yield the addresses of the images that HTML displays, in the forms of `_spellings`."""
    count = 0
    base = _find_location(message, message.structure.root)
    for part, _, _, displayed in attachment_parts.walk_leaves(message.raw, message.structure.root):
        if displayed and part.subtype == "html" and count < _MAX_HTML_PARTS:
            count += 1
            html = displayed_text.read_text(message.raw, part, _MAX_OCTETS)
            own = _find_location(message, part)
            for token in tokenize(html):
                for address in _list_addresses(token):
                    yield from _spellings(_join(_join(base, own), address))


def _list_addresses(token: Token) -> Iterator[str]:
    if token.kind is Kind.START and "=" in token.text:
        for name, value in token.attrs.items():
            if name in _SOURCES:
                yield value
            elif name == "style":
                yield from _list_urls(value)
    elif token.kind is Kind.RAW and token.name == "style":
        yield from _list_urls(token.text)


def _list_urls(style: str) -> Iterator[str]:
    return (url[1] or url[2] or url[3] or "" for url in _URL.finditer(style))


def _find_location(message: Message, part: Part) -> str:
    """Return the Content-Location of a part without the white space of a folded address (RFC 2557 section 4.4.2)."""
    value = next(part.values(message.raw, "content-location"), b"")
    return "".join(value.decode("utf-8", "replace").split()).strip('"')


def _join(base: str, address: str) -> str:
    if not base or not address:
        return address or base
    try:
        return urljoin(base, address)
    except ValueError:  # such as an IPv6 address without its bracket
        return address


def _spellings(address: str) -> Iterator[str]:
    """Yield an address as it is and percent-decoded, in lower case, without line ends (WHATWG, "URL Standard", section 4.4).

    QUIRK: programs also write a Content-ID percent-encoded.
    """
    text = _LINE_ENDS.sub("", address).strip().casefold()
    if text and text != "cid:":
        yield from {text, unquote(text)}
