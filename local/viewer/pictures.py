"""The pictures inside a message, by the addresses that its HTML has for them."""

import base64
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urljoin

from mailhooks.mime import part_content
from mailhooks.mime.message import Message, Part

MAX_CHARACTERS: Final = 20_000_000
"""Characters of the `data:` addresses in the HTML of one frame."""

_WITHOUT_BASE: Final = "http://thismessage.invalid/"
"""The base of relative addresses in a message that names none (RFC 2557 section 5: `thismessage:/`, which `urljoin` does not know)."""

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
"""Parts with one identity that are compared."""

_UNKNOWN: Final = frozenset(("application/octet-stream", "application/x-octet-stream", "binary/octet-stream", "application/binary"))
"""Types under which any content is sent."""

_SUBTYPE: Final = re.compile(r"[^a-z0-9.+-]")
_SPACE: Final = re.compile(r"\s+")
_IN_BRACKETS: Final = re.compile(r"<([^<>]*)>")

_Place = tuple[str, ...]
_Pictures = dict[str, list[tuple[_Place, Part]]]


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
        self.left_out = 0
        self._by_identity: _Pictures = {}
        self._by_location: _Pictures = {}
        self._place: _Place = ()
        bases: dict[_Place, str] = {}
        for number, each in message.structure.numbered():
            place = tuple(number.split(".")) if number else ()
            base = bases.get(place[:-1], "") if place else ""
            location = _SPACE.sub("", _read_field(message, each, "content-location"))
            bases[place] = _join(base, location) if location else base
            if each is part:
                self._place, self._base = place, bases[place] or _WITHOUT_BASE
            if each.maintype != "image" and each.content_type not in _UNKNOWN:
                continue
            for key in _read_identities(_read_field(message, each, "content-id")):
                self._by_identity.setdefault(key, []).append((place, each))
            if location:
                self._by_location.setdefault(_join(base, location), []).append((place, each))

    def find(self, address: str) -> str:
        """Return the `data:` address of a picture; "" when the message has none of this address.

        `cid:` is that of RFC 2392, any other address that of Content-Location (RFC 2557).
        """
        for part in self._find_parts(_SPACE.sub("", address)):
            # Asked before it is decoded, so that many references to a large picture cost little.
            size = part_content.size(self._raw, part) * 4 // 3 + _OVERHEAD
            if subtype := _find_subtype(self._raw, part):
                if size > self._left:
                    self.left_out += 1
                    return ""
                self._left -= size
                content = part_content.read_leniently(self._raw, part)
                return f"data:image/{subtype};base64,{base64.b64encode(content).decode('ascii')}"
        return ""

    def _find_parts(self, address: str) -> Iterator[Part]:
        if address[:4].lower() == "cid:":
            # QUIRK: the RFC's own example is percent-decoded and its erratum (454) is not, so both readings count.
            keys = (unquote(address[4:]).strip("<>"), address[4:].strip("<>"))
            candidates = [self._by_identity.get(_SPACE.sub("", key)) for key in keys]
        else:
            candidates = [self._by_location.get(_join(self._base, address))] if self._by_location else []
        for found in candidates:
            if found:
                yield max(found[:_MOST_ALIKE], key=self._count_common)[1]

    def _count_common(self, found: tuple[_Place, Part]) -> int:
        """Return how near a part is: several messages inside of this one may use the same identity."""
        return next((at for at, (one, other) in enumerate(zip(found[0], self._place, strict=False)) if one != other), len(self._place))


def _join(base: str, address: str) -> str:
    """Resolve a relative address (RFC 3986 section 5.2); an address that is not valid stays as it is."""
    try:
        return urljoin(base or _WITHOUT_BASE, address)
    except ValueError:
        return address


def _read_field(message: Message, part: Part, name: str) -> str:
    field = next(part.header.named(name), None)
    return "" if field is None else field.value(message.raw).decode("utf-8", "replace").strip()


def _read_identities(value: str) -> Iterator[str]:
    found = _IN_BRACKETS.search(value)
    identity = _SPACE.sub("", found[1] if found else value.strip("<>"))
    if identity:
        yield identity
        if "%" in identity and (decoded := unquote(identity)) != identity:
            yield decoded


def _find_subtype(raw: bytes, part: Part) -> str:
    """Return the subtype of a picture; "" for another file."""
    if part.maintype == "image":
        return _SUBTYPE.sub("", part.subtype)
    beginning = part_content.prefix(raw, part, _BEGINNING)
    return next((subtype for signature, subtype in _SIGNATURES if signature.match(beginning)), "")
