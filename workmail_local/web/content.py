"""The content of a message before and after: five views, its HTML for frames, and both sides as downloads."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailhooks.mime.displayed_text import find_text_parts, is_html
from mailhooks.mime.message import Message
from workmail_local.mail.history import MessageTrace
from workmail_local.viewer.diff import LineDiff
from workmail_local.viewer.excerpt import Excerpt, describe_cut
from workmail_local.viewer.links import LinkRow, list_links
from workmail_local.viewer.part_changes import PartRow, compare_parts
from workmail_local.viewer.rendered import mark_headers, mark_texts, render_documents
from workmail_local.web.guard import MAIL_POLICY
from workmail_local.web.templating import Site

MAX_FRAMES: Final = 12
MAX_TEXTS: Final = 12
MAX_PARTS: Final = 300
_SIDES: Final = ("before", "after")


class Frames(NamedTuple):
    """The HTML view of one side: notes for each frame on what its document leaves out, and the links of the message."""

    documents: Excerpt[tuple[str, ...]]
    links: Excerpt[LinkRow]

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.documents.notes, *self.links.notes)


def _describe_frames(message: Message) -> Frames:
    count = sum(map(is_html, find_text_parts(message)))
    shown = [document.notes for document in islice(render_documents(message), MAX_FRAMES)]
    note = describe_cut(len(shown), count, "HTML texts")
    return Frames(Excerpt(shown, (note,) if note else ()), list_links(message))


def _list_parts(before: Message, after: Message) -> Iterator[Excerpt[PartRow]]:
    return (Excerpt.first(rows, MAX_PARTS, "parts") for rows in compare_parts(before, after))


_VIEWS: Final[dict[str, tuple[str, Callable[[Message, Message], Any]]]] = {
    "html": ("HTML", lambda *messages: map(_describe_frames, messages)),
    "text": ("Text", lambda before, after: mark_texts(before, after, compare_parts(before, after)[1], MAX_TEXTS)),
    "structure": ("Structure", _list_parts),
    "header": ("Header", mark_headers),
    "source": ("Source changes", lambda before, after: (LineDiff(before.raw, after.raw).unified(),)),
}
"""The label of each view, and a function that returns an excerpt for each side. The source has one: the lines of the diff."""


def load_trace(site: Site, request: Request) -> MessageTrace:
    """Return the trace of the message whose number is in the path.

    Raises:
        HTTPException: 404, there is no message of this number.
    """
    number = request.path_params["number"]
    trace = site.history.trace(number)
    if trace is None:
        raise HTTPException(404, f"There is no message {number}.")
    return trace


def load_content(site: Site, request: Request, trace: MessageTrace) -> dict[str, Any]:
    """Return the values of the template `content.html`; an invalid option in the page's address counts as absent."""
    query = request.query_params
    number, view, side = query.get("passage", ""), query.get("view", ""), query.get("side", "")
    run_number = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 1
    raws = [_load_side(site, trace, run_number, name) for name in _SIDES]
    changed = raws[0] != raws[1]
    before = Message(raws[0])
    after = Message(raws[1]) if changed else before
    if view not in _VIEWS:
        view = "html" if any(map(is_html, find_text_parts(before))) else "text"
    elif view == "source" and not changed:
        view = "header"
    if not changed or side not in _SIDES:
        side = "both" if changed else "after"
    # Compute only one view: each is slow with a large message.
    values = _VIEWS[view][1](before, after)
    return {
        "page": f"{site.prefix}/messages/{trace.summary.number}",
        "options": {"passage": run_number, "view": view, "side": side},
        "runs": len(trace.rule_runs),
        "views": {name: label for name, (label, _) in _VIEWS.items() if changed or name != "source"},
        "columns": _SIDES if side == "both" else (side,),
        "changed": changed,
        "sizes": [len(raw) for raw in raws],
        "shown": dict(zip(_SIDES, values, strict=False)),
    }


def _load_side(site: Site, trace: MessageTrace, run_number: int, side: str) -> bytes:
    """Return the message before or after a rule run.

    Raises:
        HTTPException: 404, the message is no longer stored or has no such rule run or side.
    """
    runs = trace.rule_runs
    if runs and not 1 <= run_number <= len(runs):
        raise HTTPException(404, f"This message has no rule run {run_number}.")
    if side not in _SIDES:
        raise HTTPException(404, "A message has a side before and a side after.")
    original = site.history.original(trace.summary.number)
    if original is None:
        raise HTTPException(404, "This message is no longer stored.")
    if side == "before" or not runs or not runs[run_number - 1].changed:
        return original
    current = site.history.content(runs[run_number - 1].message_id)
    return original if current is None else current


def show_fragment(site: Site, request: Request) -> Response:
    """Show the content part of the page alone."""
    return site.render(request, "content.html", {"content": load_content(site, request, load_trace(site, request))})


def download(site: Site, request: Request) -> Response:
    """Return the bytes of one side. The file's name has nothing of the message, which the sender wrote."""
    path = request.path_params
    raw = _load_side(site, load_trace(site, request), path.get("passage", 1), path["side"])
    headers = {"content-disposition": f'attachment; filename="message-{path["number"]}-{path["side"]}.eml"'}
    return Response(raw, media_type="message/rfc822", headers=headers)


def show_html(site: Site, request: Request) -> Response:
    """Return one HTML part. The page shows it in a frame with an empty `sandbox`; the policy here sets the same sandbox again."""
    path = request.path_params
    nth = path["nth"]
    raw = _load_side(site, load_trace(site, request), path["passage"], path["side"])
    document = next(islice(render_documents(Message(raw)), nth - 1, None), None) if 1 <= nth <= MAX_FRAMES else None
    if document is None:
        raise HTTPException(404, "This message has no HTML part of this number.")
    # A byte order mark overrides the charset that the markup declares.
    body = b"\xef\xbb\xbf" + document.markup.encode("utf-8", "replace")
    headers = {"content-security-policy": MAIL_POLICY, "referrer-policy": "no-referrer"}
    return Response(body, media_type="text/html", headers=headers)
