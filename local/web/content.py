"""The content of a message before and after: five views, its HTML for frames, and both sides as downloads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any, Final, Literal
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.mail.history import History, MessageTrace, RuleRun
from local.viewer.diff import LineDiff
from local.viewer.part_changes import compare_parts
from local.viewer.rendered import find_visible_parts, mark_headers, mark_texts, render_documents
from local.web.guard import MAIL_POLICY
from local.web.templating import Site
from mailhooks.mime.message import Message

MAX_FRAMES: Final = 12
MAX_TEXTS: Final = 12
MAX_ROWS: Final = 300
_MAX_NUMBER: Final = 10**15

SideName = Literal["before", "after"]


class View(StrEnum):
    """A view of the content."""

    HTML = "html"
    TEXT = "text"
    STRUCTURE = "structure"
    HEADER = "header"
    SOURCE = "source"

    @property
    def tab(self) -> str:
        """The label of the tab."""
        return {"html": "HTML", "text": "Text", "structure": "Structure", "header": "Header", "source": "Source changes"}[self]


class Sides(StrEnum):
    """The sides that a view shows."""

    BOTH = "both"
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """The options in a page's address.

    Attributes:
        run: number of the rule run.
        view: None for HTML when the message has HTML, else for text.
    """

    run: int = 1
    view: View | None = None
    sides: Sides = Sides.BOTH


def read_options(query: Mapping[str, str]) -> ViewOptions:
    """Read the options of an address; an invalid option counts as absent."""
    run, view, sides = query.get("passage", ""), query.get("view", ""), query.get("side", "")
    return ViewOptions(
        int(run) if run.isascii() and run.isdigit() and len(run) < 5 else 1,
        View(view) if view in set(View) else None,
        Sides(sides) if sides in set(Sides) else Sides.BOTH,
    )


@dataclass(frozen=True, slots=True)
class ContentView:
    """The values of the template `content.html`.

    Attributes:
        number: of the message.
        runs, run: how many rule runs the message has, and the number of the shown one.
        shown: the values of the view; see `_VIEWS`.
    """

    number: int
    runs: int
    run: int
    view: View
    sides: Sides
    changed: bool
    shown: Mapping[str, Any]

    def link(self, **other: str | int) -> str:
        """Return the address of the page with another view, side or rule run."""
        return f"/messages/{self.number}?{self._query(**other)}#content"

    def fragment(self, **other: str | int) -> str:
        """Return the address of the page's content part alone."""
        return f"/messages/{self.number}/content?{self._query(**other)}"

    def base(self, side: str) -> str:
        """Return the address below which a side's download and frames are."""
        return f"/messages/{self.number}/passages/{self.run}/{side}"

    @property
    def columns(self) -> list[str]:
        """The sides that are shown."""
        return [self.sides] if self.sides is not Sides.BOTH else ["before", "after"]

    def _query(self, **other: str | int) -> str:
        return urlencode({"passage": self.run, "view": self.view, "side": self.sides} | other)


def select_run(trace: MessageTrace, number: int) -> RuleRun | None:
    """Return one rule run, or None if the message has no rule run yet.

    Raises:
        HTTPException: 404, there is no rule run of this number.
    """
    if not trace.rule_runs:
        return None
    if not 1 <= number <= len(trace.rule_runs):
        raise HTTPException(404, f"This message has no rule run {number}.")
    return trace.rule_runs[number - 1]


def load_content(history: History, trace: MessageTrace, run_number: int, side: SideName) -> bytes:
    """Return the message before or after a rule run.

    Raises:
        HTTPException: 404, the message is no longer stored or has no such rule run.
    """
    run = select_run(trace, run_number)
    original = history.original(trace.summary.number)
    if original is None:
        raise HTTPException(404, "This message is no longer stored.")
    if side == "before" or run is None or not run.changed:
        return original
    current = history.content(run.message_id)
    return original if current is None else current


def build_view(history: History, trace: MessageTrace, options: ViewOptions) -> ContentView:
    """Compute one view. The other views are not computed: each takes time with a large message."""
    before = load_content(history, trace, options.run, "before")
    after = load_content(history, trace, options.run, "after")
    changed = before != after
    message = Message(before)
    other = Message(after) if changed else message
    view = options.view or (View.HTML if any(find_visible_parts(message, "html")) else View.TEXT)
    if view is View.SOURCE and not changed:
        view = View.HEADER
    sides = options.sides if changed else Sides.AFTER
    shown = _VIEWS[view](message, other) | {"sizes": {"before": len(before), "after": len(after)}}
    return ContentView(trace.summary.number, len(trace.rule_runs), options.run, view, sides, changed, shown)


def _both(values: tuple[Any, Any]) -> dict[str, Any]:
    return dict(zip(("before", "after"), values, strict=True))


def _count_frames(message: Message) -> int:
    return sum(1 for _ in islice(find_visible_parts(message, "html"), MAX_FRAMES))


_VIEWS: Final[Mapping[View, Callable[[Message, Message], dict[str, Any]]]] = {
    View.HTML: lambda before, after: _both((_count_frames(before), _count_frames(after))),
    View.TEXT: lambda before, after: _both(mark_texts(before, after, compare_parts(before, after)[1], MAX_TEXTS)),
    View.STRUCTURE: lambda before, after: _both(compare_parts(before, after)) | {"limit": MAX_ROWS},
    View.HEADER: lambda before, after: _both(mark_headers(before, after)),
    View.SOURCE: lambda before, after: {"lines": LineDiff(before.raw, after.raw).unified()},
}


def make_routes(site: Site) -> list[Route]:
    """Return the routes of a message's content."""
    side = "/messages/{number:int}/passages/{passage:int}/{side}"
    return [
        Route("/messages/{number:int}/content", partial(_show_fragment, site)),
        Route(side + ".eml", partial(download, site)),
        Route(side + "/html/{nth:int}", partial(_show_html, site)),
    ]


def _show_fragment(site: Site, request: Request) -> Response:
    view = build_view(site.history, load_trace(site, request), read_options(request.query_params))
    return site.render(request, "content.html", {"view": view, "View": View})


def load_trace(site: Site, request: Request) -> MessageTrace:
    """Return the trace of the message whose number is in the path.

    Raises:
        HTTPException: 404, there is no message of this number.
    """
    number = request.path_params["number"]
    trace = site.history.trace(number) if number < _MAX_NUMBER else None
    if trace is None:
        raise HTTPException(404, f"There is no message {number}.")
    return trace


def _side(request: Request) -> SideName:
    match request.path_params["side"]:
        case "before":
            return "before"
        case "after":
            return "after"
    raise HTTPException(404, "A message has a side before and a side after.")


def download(site: Site, request: Request) -> Response:
    """Return the bytes of one side. The file's name has nothing of the message: the sender chose what is in it."""
    side, run_number = _side(request), int(request.path_params.get("passage", 1))
    raw = load_content(site.history, load_trace(site, request), run_number, side)
    name = f"message-{request.path_params['number']}-{side}.eml"
    return Response(raw, media_type="message/rfc822", headers={"content-disposition": f'attachment; filename="{name}"'})


def _show_html(site: Site, request: Request) -> Response:
    """Return one HTML part. The page shows it in a frame with an empty `sandbox`; the policy here sets the same sandbox again."""
    nth = request.path_params["nth"]
    raw = load_content(site.history, load_trace(site, request), request.path_params["passage"], _side(request))
    markup = next(islice(render_documents(Message(raw)), nth - 1, None), None) if 1 <= nth <= MAX_FRAMES else None
    if markup is None:
        raise HTTPException(404, "This message has no HTML part of this number.")
    # A byte order mark overrides the charset that the markup declares.
    body = b"\xef\xbb\xbf" + markup.encode("utf-8", "replace")
    headers = {"content-security-policy": MAIL_POLICY, "referrer-policy": "no-referrer"}
    return Response(body, media_type="text/html", headers=headers)
