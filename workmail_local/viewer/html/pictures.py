"""The pictures inside a message, by the addresses that its HTML has for them."""

import base64
import re
from collections.abc import Iterator
from typing import Final

from mailhooks.mime import part_content
from mailhooks.mime.message import Message, Part
from mailhooks.mime.part_addresses import PartAddresses

MAX_CHARACTERS: Final = 20_000_000
"""Characters of the `data:` addresses in the HTML of one frame."""

_SIGNATURES: Final = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"\xff\xd8\xff"), "jpeg"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp"),
    (re.compile(rb"BM....\0\0\0\0", re.DOTALL), "bmp"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "avif"),
    (re.compile(rb"\x00\x00\x01\x00[^\x00]\x00"), "x-icon"),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^<]{0,200}(?:<!--[^<]{0,500})?(?:<!DOCTYPE[^<]{0,300})?)?<svg[\s>]"), "svg+xml"),
)
_BEGINNING: Final = 1500
"""Octets by which a type is recognized."""

_OVERHEAD: Final = 100
"""Characters that each picture costs at least, so that their number is bounded."""

_MOST_ALIKE: Final = 50
"""Parts with one address that are compared."""

_UNKNOWN: Final = frozenset(("application/octet-stream", "application/x-octet-stream", "binary/octet-stream", "application/binary"))
"""Types under which any content is sent."""

_SHOWN: Final = frozenset((*(subtype for _, subtype in _SIGNATURES), "jpg", "pjpeg", "apng", "vnd.microsoft.icon"))
_SUBTYPE: Final = re.compile(r"[^a-z0-9.+-]")

_Place = tuple[str, ...]


class PictureFinder:
    """Finds pictures for one HTML part, as `data:` addresses: the only form that a page without a server can show.

    Args:
        limit: characters of all `data:` addresses that are returned.

    Attributes:
        left_out: how many pictures were found and not returned, because the frame would have too many characters.
    """

    def __init__(self, message: Message, part: Part, limit: int = MAX_CHARACTERS) -> None:
        self._raw = message.raw
        self._left = limit
        self._sizes: dict[Part, int] = {}
        self.left_out = 0
        self._part = part
        self._addresses = PartAddresses(message)
        self._by_address: dict[str, list[tuple[_Place, Part]]] = {}
        self._place: _Place = ()
        for number, each in message.structure.numbered():
            place = tuple(number.split(".")) if number else ()
            if each is part:
                self._place = place
            if each.maintype == "image" or each.content_type in _UNKNOWN:
                for address in self._addresses.list_own(each):
                    self._by_address.setdefault(address, []).append((place, each))

    def find(self, address: str) -> str:
        """Return the `data:` address of a picture; "" when the message has none of this address."""
        for part in self._find_parts(address):
            # Known before it is decoded, and counted once, so that many references to a large picture cost little.
            if (size := self._sizes.get(part)) is None:
                size = self._sizes[part] = part_content.size(self._raw, part) * 4 // 3 + _OVERHEAD
            if subtype := _find_subtype(self._raw, part):
                if size > self._left:
                    self.left_out += 1
                    return ""
                self._left -= size
                content = part_content.read_leniently(self._raw, part)
                return f"data:image/{subtype};base64,{base64.b64encode(content).decode('ascii')}"
        return ""

    def has(self, address: str) -> bool:
        """Return whether the message has a picture of this address."""
        return any(_find_subtype(self._raw, part) for part in self._find_parts(address))

    def _find_parts(self, address: str) -> Iterator[Part]:
        for each in self._addresses.resolve(self._part, address):
            if found := self._by_address.get(each):
                yield max(found[:_MOST_ALIKE], key=self._count_common)[1]

    def _count_common(self, found: tuple[_Place, Part]) -> int:
        """Return how near a part is: several messages inside of this one may use the same address."""
        return next((at for at, (one, other) in enumerate(zip(found[0], self._place, strict=False)) if one != other), len(self._place))


def find_picture_type(raw: bytes, part: Part) -> str:
    """Return the type of a picture that a browser can show, such as `image/png`; "" for another file."""
    subtype = _find_subtype(raw, part) if part.maintype == "image" or part.content_type in _UNKNOWN else ""
    return f"image/{subtype}" if subtype in _SHOWN else ""


def _find_subtype(raw: bytes, part: Part) -> str:
    """Return the subtype of a picture; "" for another file."""
    if part.maintype == "image":
        return _SUBTYPE.sub("", part.subtype)
    beginning = part_content.prefix(raw, part, _BEGINNING)
    return next((subtype for signature, subtype in _SIGNATURES if signature.match(beginning)), "")
