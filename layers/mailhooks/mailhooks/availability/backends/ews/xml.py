"""Parses XML of servers safely, and repairs invalid characters.

Entities and document types are rejected, and libxml2's limits apply.
Elements are found by their local names, because servers other than Exchange confuse EWS's two namespaces.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import lxml.etree  # type: ignore[import-untyped]

Element = Any
"""lxml's element. lxml has no type annotations."""

_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""XML 1.0 section 2.2, Char."""

_REFERENCE: Final = re.compile(r"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,10}));")


class InvalidXml(ValueError):
    """The content is not XML, or has a document type."""


def parse(content: bytes) -> Element:
    """Parse a document and return its root element.

    Raises:
        InvalidXml: the document is not well-formed, also because it is incomplete, or has a document type.
    """
    content = content.lstrip()
    try:
        root = _parse_strictly(content)
    except lxml.etree.XMLSyntaxError:
        try:
            root = _parse_strictly(_repair(content), encoding="utf-8")
        except lxml.etree.XMLSyntaxError as error:
            # Not chained: the error's text quotes the document.
            raise InvalidXml(f"it is not XML (libxml2's error {error.code})") from None
    # SOAP 1.1 section 3: "A SOAP message MUST NOT contain a Document Type Declaration."
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidXml("it has a document type")
    return root


def _parse_strictly(content: bytes, encoding: str | None = None) -> Element:
    # A new parser each time, because a shared one serves one thread at a time. Not recover=True, as in exchangelib, which would turn an
    # incomplete document into one with fewer events.
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


def _repair(content: bytes) -> bytes:
    """Replace characters that XML 1.0 does not allow.

    QUIRK: Exchange writes control characters of a subject unchanged or as `&#x3;`; XML 1.0 section 2.2 allows neither.
    """
    return _REFERENCE.sub(_repair_reference, _NOT_XML.sub("\ufffd", content.decode("utf-8", "replace"))).encode()


def _repair_reference(match: re.Match[str]) -> str:
    number = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if number <= 0x10FFFF and not _NOT_XML.match(chr(number)) else "\ufffd"


def children_by_name(element: Element) -> dict[str, Element]:
    """Return the children by local name; of several with one name the last."""
    return {local_name(child): child for child in element}


def children(element: Element | None, name: str) -> Iterator[Element]:
    """Return the children with a local name; none if there is no element."""
    return (child for child in (() if element is None else element) if local_name(child) == name)


def descendants(element: Element, name: str) -> Iterator[Element]:
    """Return the elements with a local name at any depth, including the element itself."""
    return (found for found in element.iter() if local_name(found) == name)


def local_name(element: Element) -> str:
    """Return the local name; "" for an entity reference."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def text(element: Element | None) -> str:
    """Return an element's text without surrounding white space; "" if there is no element."""
    return "" if element is None else (element.text or "").strip()
