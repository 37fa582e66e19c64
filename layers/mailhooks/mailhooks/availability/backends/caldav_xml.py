"""Multistatus answers of CalDAV servers (RFC 4918 section 13)."""

import re
from typing import Final
from xml.etree import ElementTree

from mailhooks.availability.errors import GenerationFailed

_DAV: Final = "{DAV:}"
_DATA: Final = "{urn:ietf:params:xml:ns:caldav}calendar-data"
_SUCCESS: Final = re.compile(r"HTTP/\S+ 2\d\d\b")


def read_calendar_data(content: bytes) -> list[bytes]:
    """The calendar data of an answer with HTTP 207. RFC 4791 section 7.10 has a server answer a free-busy-query with HTTP 200 and nothing
    around the data; this is for those that wrap it.

    Raises:
        GenerationFailed: there is none, a part of the answer is no success, or it is no XML that a server should send.
    """
    # Entities are for attacks only, and need a document type.
    if b"<!DOCTYPE" in content or b"\0" in content:
        raise GenerationFailed("the server answers with XML that nobody should send")
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - see above
    except ElementTree.ParseError:
        raise GenerationFailed("the server's answer is no XML") from None
    if not all(_SUCCESS.match((status.text or "").strip()) for status in root.iter(f"{_DAV}status")):
        raise GenerationFailed("a part of the server's answer is no success")
    found = [(element.text or "").encode() for element in root.iter(_DATA)]
    if not found:
        raise GenerationFailed("the server answers with HTTP 207 and no calendar data")
    return found
