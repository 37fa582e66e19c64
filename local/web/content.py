"""The message before and after, in one of five views, made when somebody looks at it; its HTML in frames; both to download."""

from collections.abc import Mapping
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
from local.viewer.comparison import Comparison
from local.viewer.rendered import render_documents, visible_parts
from local.web.guard import MAIL_POLICY
from local.web.templating import Site
from mailhooks.mime.message import Message

MAX_FRAMES: Final = 12
MAX_TEXTS: Final = 12
MAX_ROWS: Final = 300
_MAX_NUMBER: Final = 10**15

SideName = Literal["before", "after"]


class View(StrEnum):
    """What of a message is shown."""

    HTML = "html"
    TEXT = "text"
    STRUCTURE = "structure"
    HEADER = "header"
    SOURCE = "source"

    @property
    def tab(self) -> str:
        """As a tab."""
        return {"html": "HTML", "text": "Text", "structure": "Structure", "header": "Header", "source": "Source changes"}[self]


class Sides(StrEnum):
    """Which side is shown."""

    BOTH = "both"
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to see; `view` None for what the message has."""

    passage: int = 1
    view: View | None = None
    sides: Sides = Sides.BOTH


def choice(query: Mapping[str, str]) -> Choice:
    """From an address; what is not understood counts as not said."""
    passage, view, sides = query.get("passage", ""), query.get("view", ""), query.get("side", "")
    return Choice(
        int(passage) if passage.isascii() and passage.isdigit() and len(passage) < 5 else 1,
        View(view) if view in set(View) else None,
        Sides(sides) if sides in set(Sides) else Sides.BOTH,
    )


@dataclass(frozen=True, slots=True)
class Viewer:
    """What the template shows."""

    number: int
    passages: int
    passage: int
    view: View
    sides: Sides
    changed: bool
    shown: Mapping[str, Any]

    def link(self, **other: str | int) -> str:
        """The address of the story with another view, side or passage."""
        return f"/messages/{self.number}?{self._query(**other)}#content"

    def fragment(self, **other: str | int) -> str:
        """The address of that part of the page alone."""
        return f"/messages/{self.number}/content?{self._query(**other)}"

    def base(self, side: str) -> str:
        """Of what there is of a side."""
        return f"/messages/{self.number}/passages/{self.passage}/{side}"

    @property
    def columns(self) -> list[str]:
        """The sides that are shown."""
        return [self.sides] if self.sides is not Sides.BOTH else ["before", "after"]

    def _query(self, **other: str | int) -> str:
        return urlencode({"passage": self.passage, "view": self.view, "side": self.sides} | other)


def passage_of(story: MessageTrace, number: int) -> RuleRun | None:
    """One passage; None for a message that has none yet.

    Raises:
        HTTPException: 404, when there is no such passage.
    """
    if not story.passages:
        return None
    if not 1 <= number <= len(story.passages):
        raise HTTPException(404, f"This message has no passage {number}.")
    return story.passages[number - 1]


def content(history: History, story: MessageTrace, passage: int, side: SideName) -> bytes:
    """The message's bytes.

    Raises:
        HTTPException: 404, when it is gone or has no such passage.
    """
    found = passage_of(story, passage)
    original = history.original(story.line.number)
    if original is None:
        raise HTTPException(404, "This message is no longer there.")
    if side == "before" or found is None or not found.changed:
        return original
    now = history.content(found.message_id)
    return original if now is None else now


def viewer(history: History, story: MessageTrace, asked: Choice) -> Viewer:
    """Makes what is to be shown, and nothing else: each view costs time with a large message."""
    before = content(history, story, asked.passage, "before")
    after = content(history, story, asked.passage, "after")
    compared = Comparison.of(before, after)
    view = asked.view or (View.HTML if any(visible_parts(compared.before, "html")) else View.TEXT)
    if view is View.SOURCE and not compared.changed:
        view = View.HEADER
    sides = asked.sides if compared.changed else Sides.AFTER
    shown = _SHOWN[view](compared) | {"sizes": {"before": len(before), "after": len(after)}}
    return Viewer(story.line.number, len(story.passages), asked.passage, view, sides, compared.changed, shown)


def _html(compared: Comparison) -> dict[str, Any]:
    def frames(message: Message) -> int:
        return sum(1 for _ in islice(visible_parts(message, "html"), MAX_FRAMES))

    return {"before": frames(compared.before), "after": frames(compared.after)}


def _text(compared: Comparison) -> dict[str, Any]:
    before, after = compared.texts(MAX_TEXTS)
    return {"before": before, "after": after}


def _structure(compared: Comparison) -> dict[str, Any]:
    before, after = compared.rows()
    return {"before": before, "after": after, "most": MAX_ROWS}


def _header(compared: Comparison) -> dict[str, Any]:
    before, after = compared.headers()
    return {"before": before, "after": after}


def _source(compared: Comparison) -> dict[str, Any]:
    return {"lines": compared.diff()}


_SHOWN: Final = {View.HTML: _html, View.TEXT: _text, View.STRUCTURE: _structure, View.HEADER: _header, View.SOURCE: _source}


def routes(site: Site) -> list[Route]:
    """What belongs to one message's content."""
    side = "/messages/{number:int}/passages/{passage:int}/{side}"
    return [
        Route("/messages/{number:int}/content", partial(_fragment, site)),
        Route(side + ".eml", partial(download, site)),
        Route(side + "/html/{nth:int}", partial(_frame, site)),
    ]


def _fragment(site: Site, request: Request) -> Response:
    story = found(site, request)
    return site.page(request, "content.html", {"view": viewer(site.history, story, choice(request.query_params)), "View": View})


def found(site: Site, request: Request) -> MessageTrace:
    """The story that a path asks for.

    Raises:
        HTTPException: 404, when there is no such message.
    """
    number = request.path_params["number"]
    story = site.history.story(number) if number < _MAX_NUMBER else None
    if story is None:
        raise HTTPException(404, f"There is no message {number}.")
    return story


def _side(request: Request) -> SideName:
    match request.path_params["side"]:
        case "before":
            return "before"
        case "after":
            return "after"
    raise HTTPException(404, "A message has a side before and a side after.")


def download(site: Site, request: Request) -> Response:
    """The bytes, under a name of ours: what a message calls itself is a stranger's choice."""
    side, passage = _side(request), int(request.path_params.get("passage", 1))
    raw = content(site.history, found(site, request), passage, side)
    name = f"message-{request.path_params['number']}-{side}.eml"
    return Response(raw, media_type="message/rfc822", headers={"content-disposition": f'attachment; filename="{name}"'})


def _frame(site: Site, request: Request) -> Response:
    """One HTML of the message. The page puts it into a frame with an empty `sandbox`; the policy says the same once more."""
    nth = request.path_params["nth"]
    raw = content(site.history, found(site, request), request.path_params["passage"], _side(request))
    markup = next(islice(render_documents(Comparison.of(raw, raw).before), nth - 1, None), None) if 1 <= nth <= MAX_FRAMES else None
    if markup is None:
        raise HTTPException(404, "There is no such HTML.")
    # A byte order mark outranks what the markup says of its charset.
    body = b"\xef\xbb\xbf" + markup.encode("utf-8", "replace")
    headers = {"content-security-policy": MAIL_POLICY, "referrer-policy": "no-referrer"}
    return Response(body, media_type="text/html", headers=headers)
