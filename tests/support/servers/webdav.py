"""A CalDAV server on the loopback interface, with responses that a test defines."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Reply = Response | Callable[[Request], Response]

CALENDAR = "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"
HOME = "<D:resourcetype><D:collection/></D:resourcetype>"


@dataclass
class WebDav:
    """Responses by method and path. Others have HTTP 404.

    Attributes:
        requests: method, path, headers and body of each received request.
        delay: seconds before each response.
    """

    responses: dict[tuple[str, str], Reply] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    delay: float = 0.0
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "REPORT", "PROPFIND"])])

    def add_calendar(self, path: str, *objects: bytes, properties: str = "") -> None:
        """Add a calendar with objects as calendar data."""
        self.responses["PROPFIND", path] = multistatus(resource(path, CALENDAR + properties))
        found = (resource(f"{path}/{number}.ics", data(content)) for number, content in enumerate(objects))
        self.responses["REPORT", path] = multistatus(*found)

    @property
    def methods(self) -> list[str]:
        return [method for method, *_ in self.requests]

    async def _answer(self, request: Request) -> Response:
        self.requests.append((request.method, request.url.path, dict(request.headers), await request.body()))
        await asyncio.sleep(self.delay)
        found = self.responses.get((request.method, request.url.path))
        if found is None:
            return Response("not here", 404)
        return found if isinstance(found, Response) else found(request)


def multistatus(*resources: str, encoding: str = "utf-8") -> Response:
    """Return a response with HTTP 207. The resources are XML with the prefixes D, C and S."""
    names = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"'
    text = f'<?xml version="1.0" encoding="{encoding}"?><D:multistatus {names}>{"".join(resources)}</D:multistatus>'
    return Response(text.encode(encoding), 207, media_type="application/xml")


def resource(href: str, properties: str, status: int = 200) -> str:
    """Return a response element whose properties have a status."""
    found = f"<D:propstat><D:prop>{properties}</D:prop><D:status>HTTP/1.1 {status} X</D:status></D:propstat>"
    return f"<D:response><D:href>{href}</D:href>{found}</D:response>"


def failed(href: str, status: int) -> str:
    """Return a response element without properties."""
    return f"<D:response><D:href>{href}</D:href><D:status>HTTP/1.1 {status} X</D:status></D:response>"


def data(content: bytes) -> str:
    """Return the property calendar-data."""
    return f"<C:calendar-data>{escape(content.decode())}</C:calendar-data>"
