"""XML from a server, read with care: no entities, no document types, bounded by libxml2's own limits; and repaired where servers slip.

Elements are told by their local names: servers other than Exchange mix up the two namespaces.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import lxml.etree  # type: ignore[import-untyped]

Element = Any
"""lxml's element, which has no types."""

_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""XML 1.0 section 2.2, Char."""

_REFERENCE: Final = re.compile(r"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,10}));")


class InvalidXml(ValueError):
    """No XML, or XML that a server should not send."""


def parse(content: bytes) -> Element:
    """The root element.

    Raises:
        NotReadable: the document is not well formed (one that was cut off is not), or has a document type.
    """
    content = content.lstrip()
    try:
        root = _parsed(content)
    except lxml.etree.XMLSyntaxError:
        try:
            root = _parsed(_repaired(content), encoding="utf-8")
        except lxml.etree.XMLSyntaxError as error:
            # Not chained: its text quotes the document.
            raise InvalidXml(f"no XML (libxml2's error {error.code})") from None
    # SOAP 1.1 section 3: "A SOAP message MUST NOT contain a Document Type Declaration."
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidXml("XML with a document type")
    return root


def _parsed(content: bytes, encoding: str | None = None) -> Element:
    # A parser each time: one that is shared lets one thread parse at a time. Not recover=True, as exchangelib has it: it makes of a
    # document that was cut off one with fewer events.
    parser = lxml.etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    return lxml.etree.fromstring(content, parser)


def _repaired(content: bytes) -> bytes:
    """Without the characters that XML 1.0 does not have.

    QUIRK Exchange puts control characters of a subject into its XML as they are or as `&#x3;`: XML 1.0 section 2.2 has neither.
    """
    return _REFERENCE.sub(_reference, _NOT_XML.sub("\ufffd", content.decode("utf-8", "replace"))).encode()


def _reference(match: re.Match[str]) -> str:
    number = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if number <= 0x10FFFF and not _NOT_XML.match(chr(number)) else "\ufffd"


def children_by_name(element: Element) -> dict[str, Element]:
    """The children by local name; of several with one name the last."""
    return {local_name(child): child for child in element}


def children(element: Element | None, name: str) -> Iterator[Element]:
    """The children of that local name, none of no element."""
    return (child for child in (() if element is None else element) if local_name(child) == name)


def descendants(element: Element, name: str) -> Iterator[Element]:
    return (found for found in element.iter() if local_name(found) == name)


def local_name(element: Element) -> str:
    """ "" of what is no element but an entity's reference."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def text(element: Element | None) -> str:
    """What stands in an element, without the space around it; "" of no element."""
    return "" if element is None else (element.text or "").strip()
