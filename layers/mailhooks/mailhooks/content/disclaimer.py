"""Puts a disclaimer, signature or banner into the text of a message, once, as splices.

Knows neither WorkMail nor AWS; `mailhooks.hooks.functions.disclaimer` makes a hook of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from mailhooks.content import placement
from mailhooks.content.change import Change, OnUnmodifiable
from mailhooks.content.placement import TOKEN, Position
from mailhooks.content.template import Template, keep_alphanumeric
from mailhooks.mime import html_text
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.errors import CannotEdit, Reason
from mailhooks.mime.message import Message
from mailhooks.mime.text import wrapping
from mailhooks.mime.text.body import Blocked, Obstacle, find_continuations, find_displayed
from mailhooks.mime.text.closing_delimiters import close_multiparts
from mailhooks.mime.text.part import TextPart, convert_to_html
from mailhooks.mime.text.wrapping import Image

__all__ = ["STAMP", "TOKEN", "Disclaimer", "OnNoText", "Position", "add_disclaimer", "explain"]

STAMP: Final = "X-Mailhooks-Disclaimer"
"""The field that says which disclaimers a message has: a second run, such as a retry's, finds its own and adds nothing."""


class OnNoText(StrEnum):
    """What becomes of a message that shows no text."""

    PASS = "pass"  # noqa: S105
    ADD_PART = "add-part"


@dataclass(frozen=True)
class Disclaimer:
    """What to say and where.

    Attributes:
        text: template for plain text; derived from `html` when empty.
        html: template for HTML; derived from `text` when empty.
        position: see `Position`.
        once_per_thread: leave a message alone that quotes one with this disclaimer.
        on_unmodifiable: for `wrap`; `bounce` is the hook's.
        on_no_text: see `OnNoText`.
        images: those that `html` shows by `cid:`.
    """

    text: str = ""
    html: str = ""
    position: Position = Position.APPEND
    once_per_thread: bool = False
    on_unmodifiable: OnUnmodifiable = OnUnmodifiable.PASS
    on_no_text: OnNoText = OnNoText.PASS
    images: tuple[Image, ...] = ()

    @cached_property
    def stamp(self) -> str:
        """Names this disclaimer by its templates and position: hexadecimal digits."""
        return hashlib.sha256("\0".join((self.text, self.html, self.position)).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @cached_property
    def templates(self) -> tuple[Template, Template]:
        """Of plain text and of HTML."""
        text = self.text or html_text.convert_to_plain_text(self.html)
        return Template(text.replace("\r\n", "\n")), Template((self.html or convert_to_html(self.text)).replace("\r\n", "\n"), is_html=True)

    @cached_property
    def _wordings(self) -> tuple[Template, Template]:
        """As plain text: ours, and as mail programs make it of the HTML."""
        return self.templates[0], Template(html_text.convert_to_plain_text(self.html, only_words=True))

    def change(self, message: Message, values: Mapping[str, str] | None = None) -> Change:
        """The change that puts the disclaimer into the message; an empty one when it has it already.

        Args:
            values: of the templates' variables, names in lower case.

        Raises:
            Blocked: nothing may be changed, and `on_unmodifiable` or `on_no_text` does not say otherwise.
        """
        said = self._said(message, values or {})
        if said is None:
            return Change([])
        try:
            forms = [[part, *find_continuations(message, part)] for part in find_displayed(message)]
            if self.once_per_thread and self._is_in([part for form in forms for part in form], values or {}):
                return Change([])
            parts = [placement.select_part(form, self.position) for form in forms]
            change = self._with_images(message, parts, self._edits(parts, *said))
        except Blocked as blocked:
            change = self._around(message, blocked, *said)
        return self._stamped(message, change)

    def wrap(self, message: Message, values: Mapping[str, str] | None = None) -> Change:
        """As `change`, for a message whose own text shall stay as it is: it goes as it is into a new one that has the disclaimer.

        Raises:
            Blocked: its header is broken.
        """
        if not message.header.complete:
            raise Blocked(Obstacle.AMBIGUOUS)
        said = self._said(message, values or {})
        return Change([]) if said is None else self._stamped(message, self._enclosed(message, *said))

    def _said(self, message: Message, values: Mapping[str, str]) -> tuple[str, str] | None:
        """What is to be added, as plain text and as HTML; None where nothing is, or has been already."""
        header = message.header
        if not header.fields:
            raise Blocked(Obstacle.AMBIGUOUS)
        if any(field.value(message.raw) == self.stamp.encode() for field in header.named(STAMP.lower())):
            return None
        text, markup = (template.render(values) for template in self.templates)
        return (text, markup) if text.strip() or markup.strip() else None

    def _stamped(self, message: Message, change: Change) -> Change:
        header = message.header
        # First, as a body that begins right behind the header has its edits at the same place.
        stamp = header.appended(f"{STAMP}: {self.stamp}".encode() + header.newline)
        return change._replace(edits=[stamp, *change.edits])

    def _is_in(self, parts: Sequence[TextPart], values: Mapping[str, str]) -> bool:
        """Whether a shown text has this one somewhere, quoted or not, be it with a colleague's values: by the class of its element, or by
        its letters and digits.
        """
        if any(part.is_html and f"mailhooks-{self.stamp}" in part.view() for part in parts):
            return True
        texts = [html_text.extract_visible_text(part.decode(part.view())) if part.is_html else part.decode(part.view()) for part in parts]
        return any(wording.occurs_in(said, values) for said in map(keep_alphanumeric, texts) for wording in self._wordings)

    def _edits(self, parts: Sequence[TextPart], text: str, markup: str) -> list[Edit]:
        """A disclaimer that is an image alone has no words for plain text."""
        wanted = [part for part in parts if (markup if part.is_html else text).strip()]
        if not wanted:
            raise Blocked(Obstacle.NO_WORDS)
        return [edit for part in wanted for edit in self._in_part(part, text, markup)]

    def _in_part(self, part: TextPart, text: str, markup: str) -> list[Edit]:
        try:
            return placement.insert(part, self._marked(markup) if part.is_html else text, self.position)
        except CannotEdit as error:
            raise Blocked(Obstacle.NO_PLACE if error.reason is Reason.NO_PLACE else Obstacle.UNREADABLE) from None

    def _marked(self, markup: str) -> str:
        """In an element whose class names the disclaimer: most clients keep it when they quote."""
        return f'<div class="mailhooks-disclaimer mailhooks-{self.stamp}">{markup}</div>'

    def _with_images(self, message: Message, parts: Sequence[TextPart], edits: list[Edit]) -> Change:
        """The edits with the images beside the HTML that shows them, once a message."""
        # Of several forms in HTML readers are shown the last (RFC 2046 section 5.1.4).
        shown = next((part.part for part in reversed(parts) if part.is_html), None)
        images = self._shown_images()
        if shown is None or not images:
            return Change(edits)
        return Change(*wrapping.add_images(message, shown, edits, images))

    def _around(self, message: Message, blocked: Blocked, text: str, markup: str) -> Change:
        """A part of our own instead of a change of theirs, where the settings say so; else the obstacle stands. A report stays what
        programs expect.
        """
        no_text = blocked.obstacle is Obstacle.NO_TEXT
        asked_for = self.on_no_text is OnNoText.ADD_PART if no_text else self.on_unmodifiable is OnUnmodifiable.WRAP
        if not asked_for or not message.header.complete or blocked.obstacle in {Obstacle.REPORT, Obstacle.NO_WORDS}:
            raise blocked
        return self._enclosed(message, text, markup, beside=no_text)

    def _enclosed(self, message: Message, text: str, markup: str, *, beside: bool = False) -> Change:
        """A new message with the disclaimer and, behind it, this one: as a message, or (`beside`) its body as a part."""
        raw, root = message.raw, message.structure.root
        boundaries = [wrapping.make_boundary(raw, purpose) for purpose in ("cover", "images")]
        images = self._shown_images()
        cover = wrapping.write_text_part(text, self._marked(markup), root.header.newline, boundaries, images)
        # The cover's alternative with its two forms, and what images take; then the new root.
        added = 4 + (len(images) + 1 if images else 0)
        boundary = wrapping.make_boundary(raw, "enclosed")
        if beside:
            # Of what was cut short, the delimiters come before our own.
            return Change([*close_multiparts(message, []), *wrapping.wrap_body(message, cover, boundary)], added, wraps=True)
        # The parts of the enclosed message are no longer this one's; it is one part itself.
        added += 1 - sum(not part.embedded for part in root.walk())
        return Change(wrapping.wrap_message(message, cover, boundary), added, wraps=True)

    def _shown_images(self) -> list[Image]:
        return [image for image in self.images if f"cid:{image.content_id}" in self.html]


def add_disclaimer(raw: bytes, *, text: str, html: str, position: str = "append") -> bytes:
    """The message with a disclaimer in every displayed form of its text.

    Args:
        raw: the message as it is.
        text: for plain text; derived from `html` when empty.
        html: for HTML; derived from `text` when empty.
        position: `append`, `prepend` or `after-reply`.

    Returns:
        A new message, or `raw` itself when nothing may be changed (`explain` says why) or the disclaimer is there already.

    Raises:
        ValueError: no such position.
    """
    try:
        return splice(raw, Disclaimer(text=text, html=html, position=Position(position)).change(Message(raw)).edits)
    except Blocked:
        return raw


def explain(raw: bytes, *, text: str = "x", html: str = "", position: str = "append") -> str:
    """Why `add_disclaimer` would not change a message with these arguments; `""` when it would."""
    try:
        Disclaimer(text=text, html=html, position=Position(position)).change(Message(raw))
    except Blocked as blocked:
        return str(blocked.obstacle)
    return ""
