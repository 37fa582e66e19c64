"""Reads multistatus responses of CalDAV servers (RFC 4918 section 13)."""

import re
from typing import Final
from xml.etree import ElementTree

from mailhooks.availability.errors import GenerationFailed

_DAV: Final = "{DAV:}"
_DATA: Final = "{urn:ietf:params:xml:ns:caldav}calendar-data"
_SUCCESS: Final = re.compile(r"HTTP/\S+ 2\d\d\b")


def read_calendar_data(content: bytes) -> list[bytes]:
    """Return the calendar data of a response with HTTP 207.

    RFC 4791 section 7.10 requires HTTP 200 and the data alone, but some servers wrap the data.

    Raises:
        GenerationFailed: the response has no data, reports an error or is not safe XML.
    """
    # Entities, which serve attacks only, need a document type.
    if b"<!DOCTYPE" in content or b"\0" in content:
        raise GenerationFailed("the response has a document type or a null byte")
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - see above
    except ElementTree.ParseError:
        raise GenerationFailed("the response is not XML") from None
    if not all(_SUCCESS.match((status.text or "").strip()) for status in root.iter(f"{_DAV}status")):
        raise GenerationFailed("a part of the response reports an error")
    found = [(element.text or "").encode() for element in root.iter(_DATA)]
    if not found:
        raise GenerationFailed("the response with HTTP 207 has no calendar data")
    return found
