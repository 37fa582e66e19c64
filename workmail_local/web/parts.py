"""The parts of a message as downloads and pictures, and the JSON of all views but the HTML."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailhooks.mime.message import Message
from workmail_local.mail.documents import to_document
from workmail_local.viewer.diff import LineDiff
from workmail_local.viewer.part_changes import compare_parts
from workmail_local.viewer.parts.attachments import describe_file, find_part, make_file_name, read_content
from workmail_local.viewer.parts.part_view import embed_picture, show_calendars
from workmail_local.viewer.rendered import mark_headers, mark_texts
from workmail_local.viewer.source import list_source
from workmail_local.web.content import MAX_PARTS, MAX_TEXTS, SIDES, answer_frame, check_links, load_side, load_trace, read_run_number
from workmail_local.web.json_bodies import write_json
from workmail_local.web.templating import Site

_DOWNLOAD_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
_MISSING: Final = "This message has no such part, or it is a multipart."


def _load_message(site: Site, request: Request) -> Message:
    """Return one side of a message: of the path, or else of the query; `after` the first rule run if neither names one."""
    side = request.path_params.get("side") or request.query_params.get("side") or "after"
    return Message(load_side(site, load_trace(site, request), read_run_number(request), side))


def download(site: Site, request: Request) -> Response:
    """Return the decoded bytes of a part. A browser only saves them, with any type that the sender gave them."""
    message, number = _load_message(site, request), request.path_params["part"]
    part = find_part(message, number)
    if part is None:
        raise HTTPException(404, _MISSING)
    headers = {
        "content-disposition": write_disposition(make_file_name(message, number, part)),
        "content-security-policy": _DOWNLOAD_POLICY,
        "x-content-type-options": "nosniff",
    }
    return Response(read_content(message.raw, part), media_type="application/octet-stream", headers=headers)


def write_disposition(name: str) -> str:
    """Return a Content-Disposition that saves a file under a name (RFC 6266, RFC 8187).

    >>> print(write_disposition("B\\u00fccher.pdf"))
    attachment; filename="B_cher.pdf"; filename*=UTF-8''B%C3%BCcher.pdf
    """
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\\\%' else "_" for char in name)
    return f'attachment; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}")


def show_picture(site: Site, request: Request) -> Response:
    """Return a picture in HTML for a frame: as an image a browser runs nothing of it, also of SVG."""
    address = embed_picture(_load_message(site, request), request.path_params["part"])
    if address is None:
        raise HTTPException(404, "This part is no picture that a browser shows, or it is too large for a page.")
    return answer_frame(f'<!DOCTYPE html><style>img {{ max-width: 100% }}</style><img src="{address}" alt="">')


def list_as_json(site: Site, request: Request) -> Response:
    """Return the parts of a message, apart from multiparts."""
    message = _load_message(site, request)
    found = [(number, part) for number, part in message.structure.numbered() if part.maintype != "multipart"]
    rows = [to_document(describe_file(message, number, part)) for number, part in found[:MAX_PARTS]]
    for row in rows:
        del row["differs"]
    return write_json({"count": len(found), "parts": rows})


def _compare(site: Site, request: Request, view: Callable[[Message, Message], Any]) -> Any:
    """Return the side of the query, `after` if it names none, of a view that compares both sides of a rule run."""
    trace, run_number, side = load_trace(site, request), read_run_number(request), request.query_params.get("side", "after")
    if side not in SIDES:
        raise HTTPException(404, "A message has a side before and a side after.")
    raws = [load_side(site, trace, run_number, name) for name in SIDES]
    before = Message(raws[0])
    after = Message(raws[1]) if raws[0] != raws[1] else before
    return view(before, after)[SIDES.index(side)]


def show_header_as_json(site: Site, request: Request) -> Response:
    """Return the decoded header fields of a message, and which of them the other side lacks."""
    shown = _compare(site, request, mark_headers)
    fields = [{"name": name, "value": value, "differs": differs} for name, value, differs in shown.items]
    return write_json({"fields": fields, "notes": [*shown.notes]})


def show_texts_as_json(site: Site, request: Request) -> Response:
    """Return the plain texts of a message, with the lines that the other side lacks."""
    shown = _compare(site, request, partial(mark_texts, limit=MAX_TEXTS))
    return write_json({"texts": [[to_document(line) for line in lines] for lines in shown.items], "notes": [*shown.notes]})


def show_structure_as_json(site: Site, request: Request) -> Response:
    """Return all parts of a message, multiparts too, with what has changed."""
    rows = _compare(site, request, compare_parts)
    shown = [
        {"number": row.number, "content_type": row.part.content_type, "mark": row.mark, "notes": [*row.notes]} for row in rows[:MAX_PARTS]
    ]
    return write_json({"count": len(rows), "parts": shown})


def show_source_changes_as_json(site: Site, request: Request) -> Response:
    """Return the changes of a message's source as the lines of a diff."""
    shown = _compare(site, request, lambda before, after: [LineDiff(before.raw, after.raw).unified()] * 2)
    return write_json({"lines": [to_document(line) for line in shown.items], "notes": [*shown.notes]})


def list_links_as_json(site: Site, request: Request) -> Response:
    """Return the links of a message and its pictures on other servers, with what may deceive a reader. Nothing is contacted."""
    found = check_links(_load_message(site, request))
    pictures: list[dict[str, Any]] = [
        {"address": each.address.url, "host": each.address.host, "description": each.description, "is_pixel": each.is_pixel}
        for each in found.pictures
    ]
    return write_json({"links": [to_document(row) for row in found.links.items], "pictures": pictures, "notes": [*found.notes]})


def list_calendars_as_json(site: Site, request: Request) -> Response:
    """Return the calendar parts of a message in words."""
    shown = show_calendars(_load_message(site, request))
    return write_json({"calendars": [to_document(each) for each in shown.items], "notes": [*shown.notes]})


def show_source_as_json(site: Site, request: Request) -> Response:
    """Return the source of a message, line by line, with long bodies cut."""
    message = _load_message(site, request)
    shown = list_source(message)
    return write_json({"size": len(message.raw), "lines": [to_document(line) for line in shown.items], "notes": [*shown.notes]})
