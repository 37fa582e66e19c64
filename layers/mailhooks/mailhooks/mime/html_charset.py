"""The charset that HTML declares itself, by the prescan of the HTML standard (13.2.3.2)."""

import re
from collections.abc import Iterator
from typing import Final

from mailhooks.patterns import compile_late

_MARKUP: Final = compile_late(rb"<(?:(!--)|(meta)(?=[\t\n\f\r /])|(/?[a-z][^\t\n\f\r >]*+)|([!/?]))", re.IGNORECASE)
_ATTRIBUTE: Final = compile_late(
    rb"[\t\n\f\r /]*+([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    rb"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*+)\"?+|'([^']*+)'?+|([^\t\n\f\r >]*+)))?+"
)
_CONTENT: Final = compile_late(
    rb"charset[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*)\"|'([^']*)'|([^\t\n\f\r ;\"'][^\t\n\f\r ;]*))", re.IGNORECASE
)
_XML: Final = compile_late(rb"\s*<\?xml\b[^>]*?\bencoding\s*=\s*(?:\"([^\">]+)\"|'([^'>]+)')")


def find_labels(beginning: bytes) -> Iterator[str]:
    """Yield the labels of charsets in `<meta>` elements, and then the one of an XML declaration, in lower case. Comments are skipped."""
    for label in _find_in_meta(beginning):
        yield label.decode("latin-1").strip().lower()
    if xml := _XML.match(beginning):
        yield (xml[1] or xml[2]).decode("latin-1").strip().lower()


def _find_in_meta(octets: bytes) -> Iterator[bytes]:
    at = 0
    while found := _MARKUP.search(octets, at):
        at = found.end()
        if found[1]:
            # `<!-->` is a whole comment.
            at = octets.find(b"-->", found.start() + 2) + 3
            if at < 3:
                return
        elif found[4]:
            at = octets.find(b">", at) + 1
            if not at:
                return
        else:
            attributes: dict[bytes, bytes] = {}
            while attribute := _ATTRIBUTE.match(octets, at):
                at = attribute.end()
                attributes.setdefault(attribute[1].lower(), attribute[2] or attribute[3] or attribute[4] or b"")
            if found[2]:
                yield from _read_meta(attributes)


def _read_meta(attributes: dict[bytes, bytes]) -> Iterator[bytes]:
    if label := attributes.get(b"charset", b""):
        yield label
    elif attributes.get(b"http-equiv", b"").lower() == b"content-type" and (inside := _CONTENT.search(attributes.get(b"content", b""))):
        yield inside[1] or inside[2] or inside[3] or b""
