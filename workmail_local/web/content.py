"""The content of a message before and after: its views, its HTML for frames, and both sides as downloads."""

import secrets
from collections import Counter
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
from workmail_local.viewer.html.remote_pictures import RemotePicture, write_sources
from workmail_local.viewer.links import LinkRow, list_links, list_remote_pictures
from workmail_local.viewer.part_changes import PartRow, compare_parts
from workmail_local.viewer.parts.attachments import compare_files, find_files
from workmail_local.viewer.parts.part_view import find_calendars, show_calendars, show_part
from workmail_local.viewer.rendered import mark_headers, mark_texts, render_documents
from workmail_local.viewer.source import list_source
from workmail_local.web.forms import parse_count
from workmail_local.web.guard import MAIL_POLICY
from workmail_local.web.templating import Site

MAX_FRAMES: Final = 12
MAX_TEXTS: Final = 12
MAX_PARTS: Final = 300
SIDES: Final = ("before", "after")

_PICTURES_KEY: Final = secrets.token_urlsafe(16)
"""Only our own pages know it: another site's page cannot open a message with its remote pictures, which would report that it was read."""


class Frames(NamedTuple):
    """The HTML view of one side.

    Attributes:
        documents: notes for each frame on what its document leaves out.
        hosts: the other servers that its pictures would contact, with the number of pictures.
    """

    documents: Excerpt[tuple[str, ...]]
    links: Excerpt[LinkRow]
    hosts: tuple[tuple[str, int], ...]

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.documents.notes, *self.links.notes)


class LinkCheck(NamedTuple):
    """The links of one side, and its pictures on other servers."""

    links: Excerpt[LinkRow]
    pictures: list[RemotePicture]

    @property
    def notes(self) -> tuple[str, ...]:
        return self.links.notes


def _describe_frames(message: Message) -> Frames:
    count = sum(map(is_html, find_text_parts(message)))
    shown = list(islice(render_documents(message), MAX_FRAMES))
    note = describe_cut(len(shown), count, "HTML texts")
    remote = {picture.address for document in shown for picture in document.remote}
    hosts = sorted(Counter(address.host for address in remote).items())
    return Frames(Excerpt([document.notes for document in shown], (note,) if note else ()), list_links(message), tuple(hosts))


def check_links(message: Message) -> LinkCheck:
    """Return the links and remote pictures of a message. Nothing is contacted."""
    return LinkCheck(list_links(message), list_remote_pictures(message))


def _list_parts(before: Message, after: Message) -> Iterator[Excerpt[PartRow]]:
    return (Excerpt.first(rows, MAX_PARTS, "parts") for rows in compare_parts(before, after))


_VIEWS: Final[dict[str, tuple[str, Callable[[Message, Message], Any]]]] = {
    "html": ("HTML", lambda *messages: map(_describe_frames, messages)),
    "text": ("Text", lambda before, after: mark_texts(before, after, MAX_TEXTS)),
    "calendar": ("Calendar", lambda *messages: map(show_calendars, messages)),
    "files": ("Attachments", compare_files),
    "links": ("Links", lambda *messages: map(check_links, messages)),
    "structure": ("Structure", _list_parts),
    "header": ("Header", mark_headers),
    "raw": ("Source", lambda *messages: map(list_source, messages)),
    "source": ("Source changes", lambda before, after: (LineDiff(before.raw, after.raw).unified(),)),
}
"""The label of each view, and a function that returns an excerpt for each side. The source's changes have one: the lines of the diff."""


def load_trace(site: Site, request: Request) -> MessageTrace:
    """Return the trace of the message whose number is in the path.

    Raises:
        HTTPException: 404, there is no message of this number.
    """
    number = request.path_params["number"]
    trace = site.history.trace(number)
    if trace is None:
        raise HTTPException(404, f"There is no message {number}: it was deleted, newer messages have replaced it, or it has not arrived.")
    return trace


def load_content(site: Site, request: Request, trace: MessageTrace) -> dict[str, Any]:
    """Return the values of the template `content.html`; an invalid option in the page's address counts as absent."""
    query = request.query_params
    view, side = query.get("view", ""), query.get("side", "")
    run_number = read_run_number(request)
    raws = [load_side(site, trace, run_number, name) for name in SIDES]
    changed = raws[0] != raws[1]
    before = Message(raws[0])
    after = Message(raws[1]) if changed else before
    views = _list_views(before, after, changed=changed)
    if view not in views:
        view = "raw" if view == "source" else "html" if any(map(is_html, find_text_parts(before))) else "text"
    if not changed or side not in SIDES:
        side = "both" if changed else "after"
    # Compute only one view: each is slow with a large message.
    values = dict(zip(SIDES, _VIEWS[view][1](before, after), strict=False))
    columns = SIDES if side == "both" else (side,)
    part = query.get("part", "") if view == "files" else ""
    return {
        "page": f"{site.prefix}/messages/{trace.summary.number}",
        "options": {"passage": run_number, "view": view, "side": side},
        "runs": len(trace.rule_runs),
        "views": views,
        "columns": columns,
        "changed": changed,
        "sizes": [len(raw) for raw in raws],
        "shown": values,
        "part": part,
        "parts": {name: show_part({"before": before, "after": after}[name], part) for name in columns} if part else {},
        "pictures_key": _PICTURES_KEY,
        "with_pictures": _has_key(request),
    }


def _list_views(before: Message, after: Message, *, changed: bool) -> dict[str, str]:
    """Return the labels of the views that this message has."""
    messages = (before, after) if changed else (after,)
    views = {name: label for name, (label, _) in _VIEWS.items()}
    if not any(map(find_calendars, messages)):
        del views["calendar"]
    if not changed:
        del views["source"]
    if count := max(sum(1 for _ in find_files(message)) for message in messages):
        views["files"] += f" ({count:,})"
    return views


def _has_key(request: Request) -> bool:
    """Return whether the reader has asked for the pictures on other servers, by the link of our own page."""
    return secrets.compare_digest(request.query_params.get("pictures", "").encode(), _PICTURES_KEY.encode())


def read_run_number(request: Request) -> int:
    """Return the number of the rule run: of the path, or else of the query; 1 if neither names a valid one."""
    of_path: int | None = request.path_params.get("passage")
    return parse_count(request.query_params.get("passage", ""), 1) if of_path is None else of_path


def load_side(site: Site, trace: MessageTrace, run_number: int, side: str) -> bytes:
    """Return the message before or after a rule run.

    Raises:
        HTTPException: 404, the message is no longer stored or has no such rule run or side.
    """
    runs = trace.rule_runs
    if runs and not 1 <= run_number <= len(runs):
        raise HTTPException(404, f"This message has no rule run {run_number}.")
    if side not in SIDES:
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
    raw = load_side(site, load_trace(site, request), read_run_number(request), path["side"])
    headers = {"content-disposition": f'attachment; filename="message-{path["number"]}-{path["side"]}.eml"'}
    return Response(raw, media_type="message/rfc822", headers=headers)


def show_html(site: Site, request: Request) -> Response:
    """Return one HTML part. The page shows it in a frame with an empty `sandbox`; the policy here sets the same sandbox again."""
    path = request.path_params
    nth = path["nth"]
    raw = load_side(site, load_trace(site, request), read_run_number(request), path["side"])
    with_remote = _has_key(request)
    document = next(render_documents(Message(raw), skip=nth - 1, with_remote=with_remote), None) if 1 <= nth <= MAX_FRAMES else None
    if document is None:
        raise HTTPException(404, "This message has no HTML part of this number.")
    return answer_frame(document.markup, write_sources(document.remote) if with_remote else "")


def answer_frame(markup: str, picture_sources: str = "") -> Response:
    """Return HTML of a message for a frame, with the policy that keeps it from running and loading anything.

    Args:
        picture_sources: the other servers from which it may load pictures.
    """
    policy = MAIL_POLICY.replace("img-src data:", f"img-src data: {picture_sources}") if picture_sources else MAIL_POLICY
    headers = {"content-security-policy": policy, "referrer-policy": "no-referrer"}
    if picture_sources:
        # The browser sends no cookies to the other servers, and keeps none.
        headers["cross-origin-embedder-policy"] = "credentialless"
    # A byte order mark overrides the charset that the markup declares.
    return Response(b"\xef\xbb\xbf" + markup.encode("utf-8", "replace"), media_type="text/html", headers=headers)
