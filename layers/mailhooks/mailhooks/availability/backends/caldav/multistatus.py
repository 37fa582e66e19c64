"""Reads multistatus responses (RFC 4918 section 13), with limits on depth and size."""

import re
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from mailhooks.availability.errors import GenerationFailed

_DAV: Final = "DAV:"
_CALDAV: Final = "urn:ietf:params:xml:ns:caldav"
_CALENDARSERVER: Final = "http://calendarserver.org/ns/"

RESOURCE_TYPE: Final = f"{_DAV} resourcetype"
SYNC_TOKEN: Final = f"{_DAV} sync-token"
TAG: Final = f"{_CALENDARSERVER} getctag"
HOME: Final = f"{_CALDAV} calendar-home-set"
ADDRESSES: Final = f"{_CALDAV} calendar-user-address-set"
COMPONENTS: Final = f"{_CALDAV} supported-calendar-component-set"
TRANSPARENCY: Final = f"{_CALDAV} schedule-calendar-transp"
TIME_ZONE: Final = f"{_CALDAV} calendar-timezone"
DATA: Final = f"{_CALDAV} calendar-data"
_PROPERTIES: Final = frozenset({RESOURCE_TYPE, SYNC_TOKEN, TAG, HOME, ADDRESSES, COMPONENTS, TRANSPARENCY, TIME_ZONE, DATA})

CALENDAR: Final = f"{_CALDAV} calendar"
OPAQUE: Final = f"{_CALDAV} opaque"
TRANSPARENT: Final = f"{_CALDAV} transparent"
SUBSCRIBED: Final = f"{_CALENDARSERVER} subscribed"
SHARED: Final = f"{_CALENDARSERVER} shared"

_MULTISTATUS: Final = f"{_DAV} multistatus"
_RESPONSE: Final = f"{_DAV} response"
_PROPSTAT: Final = f"{_DAV} propstat"
_STATUS: Final = f"{_DAV} status"
_HREF: Final = f"{_DAV} href"

_MAX_RESOURCES: Final = 100_000
_MAX_ELEMENTS: Final = 1000
"""Elements in one property, such as the addresses of a user."""
_MAX_DEPTH: Final = 50
_MAX_NAME: Final = 1000
"""Characters of an element's name with its namespace, which is copied for each element."""

_LONG_TAG: Final = re.compile(rb"<[^!<>][^<>]{65536}")
"""A start tag with thousands of attributes. The time of expat for one attribute grows with their number."""

_STATUS_LINE: Final = re.compile(r"HTTP/\S+\s+(\d{3})\b", re.ASCII)
_NOT_XML: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));"
)
"""Characters that XML does not allow, and references to them."""


@dataclass(slots=True)
class Property:
    """A property.

    Attributes:
        text: without the text of inner elements.
        elements: the names of the inner elements, as namespace, space and name.
        names: the values of the inner elements' attribute `name`.
        hrefs: the texts of inner `DAV:href` elements.
    """

    text: str = ""
    elements: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Resource:
    """One response element of a multistatus response.

    Attributes:
        status: the HTTP status of the whole resource; 200 if its properties have their own.
        properties: those with a 2xx status.
        failed: the HTTP status of the other properties; 0 if it cannot be read.
    """

    href: str = ""
    status: int = 200
    properties: dict[str, Property] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def elements(self, name: str) -> list[str]:
        """Return the names of a property's inner elements; none if there is no such property."""
        found = self.properties.get(name)
        return found.elements if found else []

    def text(self, name: str) -> str:
        """Return a property's text without white space around it, which servers indent XML with; "" if there is no such property."""
        found = self.properties.get(name)
        return found.text.strip() if found else ""

    def hrefs(self, name: str) -> list[str]:
        found = self.properties.get(name)
        return found.hrefs if found else []


def read_multistatus(content: bytes) -> list[Resource]:
    """Return the resources of a multistatus response.

    QUIRK: Cyrus and sabre/dav send control characters of events as they are, and Cyrus sends Latin-1 in UTF-8. These characters are
    removed or replaced if the response is not XML with them.

    Raises:
        GenerationFailed: it is not a multistatus response, is not safe XML, or exceeds a limit.
    """
    if _LONG_TAG.search(content):
        raise GenerationFailed("the response has an element with too many attributes")
    try:
        return _Reader().read(content)
    except expat.ExpatError:
        repaired = _NOT_XML.sub("", content.decode("utf-8", "replace")).encode()
    except (LookupError, ValueError):
        raise GenerationFailed("the response has an unknown encoding") from None
    try:
        return _Reader().read(repaired)
    except (expat.ExpatError, LookupError, ValueError):
        raise GenerationFailed("the response is not XML") from None


class _Reader:
    """Builds resources while expat parses, so that a response needs no tree in memory."""

    def __init__(self) -> None:
        self._resources: list[Resource] = []
        self._depth = 0
        self._resource: Resource | None = None
        self._pending: dict[str, Property] = {}
        self._status = 0
        self._property: Property | None = None
        self._property_depth = 0
        self._pieces: list[str] = []

    def read(self, content: bytes) -> list[Resource]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._reject_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._pieces_append
        parser.Parse(content, True)
        return self._resources

    def _pieces_append(self, text: str) -> None:
        self._pieces.append(text)

    def _reject_document_type(self, *_: object) -> None:
        raise GenerationFailed("the response has a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._pieces.clear()
        if self._depth == 1 and name != _MULTISTATUS:
            raise GenerationFailed("the response is not a multistatus response")
        if self._depth > _MAX_DEPTH or len(name) > _MAX_NAME:
            raise GenerationFailed("the response has elements that are too deep or have too long names")
        if self._depth == 2 and name == _RESPONSE:
            if len(self._resources) == _MAX_RESOURCES:
                raise GenerationFailed(f"the response has more than {_MAX_RESOURCES:,} resources")
            self._resource = Resource()
            self._resources.append(self._resource)
            self._pending = {}
        elif self._property:
            if len(self._property.elements) == _MAX_ELEMENTS:
                raise GenerationFailed("a property of the response has too many elements")
            self._property.elements.append(name)
            if "name" in attributes:
                self._property.names.append(attributes["name"])
        elif name == _PROPSTAT:
            self._pending = {}
            self._status = 0
        elif self._resource and name in _PROPERTIES:
            self._property = self._pending.setdefault(name, Property())
            self._property_depth = self._depth

    def _end(self, name: str) -> None:
        text = "".join(self._pieces)
        self._pieces.clear()
        if self._property:
            if name == _HREF:
                self._property.hrefs.append(text.strip())
            if self._depth == self._property_depth:
                if self._property.text and text:
                    raise GenerationFailed("a resource of the response has a property twice")
                self._property.text = text
                self._property = None
        elif self._resource:
            self._end_in_resource(self._resource, name, text)
        self._depth -= 1

    def _end_in_resource(self, resource: Resource, name: str, text: str) -> None:
        if name == _HREF and self._depth == 3:
            resource.href = resource.href or text.strip()
        elif name == _STATUS:
            match = _STATUS_LINE.match(text.strip())
            status = int(match[1]) if match else 0
            if self._depth == 3:
                resource.status = status
            else:
                self._status = status
        elif name == _PROPSTAT:
            if 200 <= self._status < 300:
                resource.properties |= self._pending
            else:
                resource.failed |= dict.fromkeys(self._pending, self._status)
            self._pending = {}
        elif self._depth == 2:
            # QUIRK: some servers wrap busy times in a response without DAV:propstat.
            resource.properties |= self._pending
            self._resource = None
