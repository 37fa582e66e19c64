"""The images that a message's HTML displays, such as the logo of a signature (RFC 2392, RFC 2557)."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from mailhooks.content import attachment_parts
from mailhooks.mime import displayed_text
from mailhooks.mime.html import Kind, Token, tokenize, unescape
from mailhooks.mime.message import Message
from mailhooks.mime.part_addresses import PartAddresses
from mailhooks.policy.facts.attachment_facts import AttachmentFacts

_MAX_HTML_PARTS: Final = 10
_MAX_OCTETS: Final = 4 * 1024 * 1024
"""Octets of an HTML part that are read. An image that only the rest displays counts as an attachment."""

_SOURCES: Final = frozenset({"src", "background", "poster", "data", "xlink:href"})
"""Attributes with the address of an image. `href` is a link, which a mail program does not display."""

_IN_COMMENT: Final = re.compile(r"""\ssrc\s*+=\s*+["']?(cid:[^"'\s>]++)""", re.IGNORECASE)
_MAX_CANDIDATES: Final = 20
"""Images of one `srcset` that are read. A program displays one."""

_URL: Final = re.compile(r"""url\(\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'()]*))\s*+\)""", re.IGNORECASE)


def find_shown_images(message: Message, attachments: Iterable[AttachmentFacts]) -> frozenset[AttachmentFacts]:
    """Return the attachments that the HTML of a message displays as images.

    A file of another kind is an attachment also if HTML refers to it, and so is an image that programs may read as another kind.
    """
    addresses = PartAddresses(message)
    own = {attachment: addresses.list_own(attachment.part) for attachment in attachments}
    if not any(own.values()):
        return frozenset()
    shown = frozenset(_list_references(message, addresses))
    return frozenset(attachment for attachment, each in own.items() if not shown.isdisjoint(each) and attachment.is_plain_image)


def _list_references(message: Message, addresses: PartAddresses) -> Iterator[str]:
    """Yield the addresses of the images that HTML displays, in the spellings of `PartAddresses`."""
    leaves = attachment_parts.walk_leaves(message.raw, message.structure.root)
    for part in islice((part for part, _, _, displayed in leaves if displayed and part.subtype == "html"), _MAX_HTML_PARTS):
        for token in tokenize(displayed_text.read_text(message.raw, part, _MAX_OCTETS)):
            for address in _list_addresses(token):
                yield from addresses.resolve(part, address)


def _list_addresses(token: Token) -> Iterator[str]:
    if token.kind is Kind.START and "=" in token.text:
        for name, value in token.attrs.items():
            if name in _SOURCES:
                yield value
            elif name == "srcset":
                yield from (candidate.strip().partition(" ")[0] for candidate in value.split(",", _MAX_CANDIDATES))
            elif name == "style":
                yield from _list_urls(value)
    elif token.kind is Kind.RAW and token.name == "style":
        yield from _list_urls(token.text)
    elif token.kind is Kind.COMMENT and token.text.startswith("<!--[if"):
        # Outlook reads it as HTML, and draws the images of VML.
        yield from (unescape(found[1]) for found in _IN_COMMENT.finditer(token.text))


def _list_urls(style: str) -> Iterator[str]:
    return (url[1] or url[2] or url[3] or "" for url in _URL.finditer(style))
