"""Adds a disclaimer, signature or banner to the text of a message, once, by edits.

Independent of WorkMail and AWS. The hook is in `mailhooks.hooks.functions.disclaimer`.
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
from mailhooks.mime.edits import CannotEdit, Edit, Reason, splice
from mailhooks.mime.message import Message
from mailhooks.mime.text import wrapping
from mailhooks.mime.text.body import Blocked, Obstacle, find_displayed, find_pieces
from mailhooks.mime.text.part import TextPart, convert_to_html
from mailhooks.mime.text.wrapping import Image, close_multiparts

__all__ = ["STAMP", "TOKEN", "Disclaimer", "OnNoText", "OnUnknownCharset", "Position", "add_disclaimer", "explain"]

STAMP: Final = "X-Mailhooks-Disclaimer"
"""The field that names the disclaimers of a message: with the stamp, a retry adds nothing."""

_OBSTACLES: Final = {Reason.NO_PLACE: Obstacle.NO_PLACE, Reason.HEADER: Obstacle.AMBIGUOUS}


class OnNoText(StrEnum):
    """What happens to a message without displayed text."""

    PASS = "pass"  # noqa: S105 - no password
    ADD_PART = "add-part"


class OnUnknownCharset(StrEnum):
    """What happens to plain text in an unknown or undeclared charset if the disclaimer has other characters than ASCII."""

    TRANSLITERATE = "transliterate"
    """The disclaimer is written in ASCII. If it has letters that cannot be, the message is not changed."""
    OMIT_LINES = "omit-lines"
    """The same, without the lines that have such letters."""
    NONE = "none"
    """The message is not changed."""


@dataclass(frozen=True)
class Disclaimer:
    """A disclaimer and its options.

    Attributes:
        text: template for plain text; derived from `html` if empty.
        html: template for HTML; derived from `text` if empty.
        once_per_thread: whether to skip a message that quotes this disclaimer.
        on_unmodifiable: only `wrap` has an effect here; the hook bounces.
        images: images for the `cid:` references of `html`.
    """

    text: str = ""
    html: str = ""
    position: Position = Position.APPEND
    once_per_thread: bool = False
    on_unmodifiable: OnUnmodifiable = OnUnmodifiable.PASS
    on_no_text: OnNoText = OnNoText.PASS
    on_unknown_charset: OnUnknownCharset = OnUnknownCharset.TRANSLITERATE
    images: tuple[Image, ...] = ()

    @cached_property
    def stamp(self) -> str:
        """The name of this disclaimer, from its templates and position: hexadecimal digits."""
        return hashlib.sha256("\0".join((self.text, self.html, self.position)).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @cached_property
    def templates(self) -> tuple[Template, Template]:
        """The templates for plain text and for HTML."""
        text = self.text or html_text.convert_to_plain_text(self.html)
        return Template(text.replace("\r\n", "\n")), Template((self.html or convert_to_html(self.text)).replace("\r\n", "\n"), is_html=True)

    @cached_property
    def _wordings(self) -> tuple[Template, Template]:
        """The plain text, and the HTML as plain text as mail programs convert it."""
        return self.templates[0], Template(html_text.convert_to_plain_text(self.html, only_words=True))

    def change(self, message: Message, values: Mapping[str, str] | None = None) -> Change:
        """Return the change that adds the disclaimer; an empty one if the message has it already.

        The values are of the templates' variables, with names in lower case.

        Raises:
            Blocked: the text must not be changed, and `on_unmodifiable` and `on_no_text` do not add a part instead.
        """
        rendered = self._render(message, values or {})
        if rendered is None:
            return Change([])
        try:
            forms = [find_pieces(message, part) for part in find_displayed(message)]
            if self.once_per_thread and self._occurs_in([part for form in forms for part in form], values or {}):
                return Change([])
            parts = [placement.select_part(form, self.position) for form in forms]
            change = self._add_images(message, parts, self._insert(parts, *rendered))
        except Blocked as blocked:
            change = self._add_part(message, blocked, *rendered)
        return self._add_stamp(message, change)

    def wrap(self, message: Message, values: Mapping[str, str] | None = None) -> Change:
        """Return the change that wraps the message, as it is, into a new one with the disclaimer; an empty one as in `change`.

        Raises:
            Blocked: the header of the message is broken.
        """
        if not message.header.complete:
            raise Blocked(Obstacle.AMBIGUOUS)
        rendered = self._render(message, values or {})
        return Change([]) if rendered is None else self._add_stamp(message, self._wrap(message, *rendered))

    def _render(self, message: Message, values: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the disclaimer as plain text and as HTML; None if it is empty or the message has its stamp."""
        header = message.header
        if not header.fields:
            raise Blocked(Obstacle.AMBIGUOUS)
        if any(field.value(message.raw) == self.stamp.encode() for field in header.named(STAMP.lower())):
            return None
        text, markup = (template.render(values) if template.variables else template.source for template in self.templates)
        return (text, markup) if text.strip() or markup.strip() else None

    def _add_stamp(self, message: Message, change: Change) -> Change:
        header = message.header
        # The stamp comes first: an edit of a body directly after the header may have the same offset.
        stamp = header.appended(f"{STAMP}: {self.stamp}".encode() + header.newline)
        return change._replace(edits=[stamp, *change.edits])

    def _occurs_in(self, parts: Sequence[TextPart], values: Mapping[str, str]) -> bool:
        """Return whether a displayed text contains this disclaimer, quoted or not, perhaps with the values of a colleague.

        It is recognized by the class of its element, or by its letters and digits.
        """
        if any(part.is_html and f"mailhooks-{self.stamp}" in part.view() for part in parts):
            return True
        texts = [html_text.extract_visible_text(part.decode(part.view())) if part.is_html else part.decode(part.view()) for part in parts]
        return any(wording.occurs_in(text, values) for text in map(keep_alphanumeric, texts) for wording in self._wordings)

    def _insert(self, parts: Sequence[TextPart], text: str, markup: str) -> list[Edit]:
        # A disclaimer that is only an image has no words for plain text.
        wanted = [part for part in parts if (markup if part.is_html else text).strip()]
        if not wanted:
            raise Blocked(Obstacle.NO_WORDS)
        return [edit for part in wanted for edit in self._insert_into_part(part, text, markup)]

    def _insert_into_part(self, part: TextPart, text: str, markup: str) -> list[Edit]:
        if self.position is Position.PREPEND and not part.same_start:
            raise Blocked(Obstacle.AMBIGUOUS)
        try:
            return placement.insert(part, markup if part.is_html else text, self.position, self._class)
        except CannotEdit as error:
            reason = error.reason
        if reason in {Reason.CHARSET, Reason.HEADER} and not part.is_html and (written := self._transliterate(text)):
            return self._insert_into_part(part, written, markup)
        raise Blocked(_OBSTACLES.get(reason, Obstacle.UNREADABLE))

    def _transliterate(self, text: str) -> str:
        """Return a text in ASCII; `""` if there is none, it is there already, or `on_unknown_charset` forbids it."""
        if text.isascii() or self.on_unknown_charset is OnUnknownCharset.NONE:
            return ""
        # Late for the cold start: few messages have an unknown charset.
        from mailhooks.mime.transliteration import transliterate

        return transliterate(text, omit_lines=self.on_unknown_charset is OnUnknownCharset.OMIT_LINES)

    @property
    def _class(self) -> str:
        """The classes of the element around the HTML. They name the disclaimer."""
        return f"mailhooks-disclaimer mailhooks-{self.stamp}"

    def _add_images(self, message: Message, parts: Sequence[TextPart], edits: list[Edit]) -> Change:
        # Mail programs display the last HTML form of an alternative (RFC 2046 section 5.1.4).
        displayed = next((part.part for part in reversed(parts) if part.is_html), None)
        images = self._used_images()
        if displayed is None or not images:
            return Change(edits)
        if message.structure.ambiguous:
            # Images change the structure, which programs read differently.
            raise Blocked(Obstacle.AMBIGUOUS)
        return Change(*wrapping.add_images(message, displayed, edits, images))

    def _add_part(self, message: Message, blocked: Blocked, text: str, markup: str) -> Change:
        """Return the change that adds the disclaimer as its own part, if an option asks for it. A report is never changed.

        Raises:
            Blocked: the same obstacle, if no part is added.
        """
        no_text = blocked.obstacle is Obstacle.NO_TEXT
        asked_for = self.on_no_text is OnNoText.ADD_PART if no_text else self.on_unmodifiable is OnUnmodifiable.WRAP
        if not asked_for or not message.header.complete or blocked.obstacle in {Obstacle.REPORT, Obstacle.NO_WORDS}:
            raise blocked
        return self._wrap(message, text, markup, only_body=no_text)

    def _wrap(self, message: Message, text: str, markup: str, *, only_body: bool = False) -> Change:
        """Return the change to a new message: the disclaimer, then the original as a message, or `only_body` as a part."""
        raw, root = message.raw, message.structure.root
        boundaries = [wrapping.make_boundary(raw, purpose) for purpose in ("cover", "images")]
        images = self._used_images()
        cover = wrapping.write_text_part(text, placement.write_block(markup, self._class), root.header.newline, boundaries, images)
        # The new root, the alternative of the disclaimer with its two forms, and the images with their multipart.
        added = 4 + (len(images) + 1 if images else 0)
        boundary = wrapping.make_boundary(raw, "enclosed")
        if only_body:
            # Missing delimiters of the original come before our own.
            return Change([*close_multiparts(message, []), *wrapping.wrap_body(message, cover, boundary)], added, wraps=True)
        # The parts of the wrapped message no longer count. It is one part itself.
        added += 1 - sum(not part.embedded for part in root.walk())
        return Change(wrapping.wrap_message(message, cover, boundary), added, wraps=True)

    def _used_images(self) -> list[Image]:
        return [image for image in self.images if f"cid:{image.content_id}" in self.html]


def add_disclaimer(raw: bytes, *, text: str, html: str, position: str = "append") -> bytes:
    """Add a disclaimer to every displayed form of a message's text.

    Args:
        raw: the message.
        text: template for plain text; derived from `html` if empty.
        html: template for HTML; derived from `text` if empty.
        position: `append`, `prepend` or `after-reply`.

    Returns:
        The changed message. `raw` itself if it has the disclaimer already, or must not be changed (see `explain`).

    Raises:
        ValueError: the position is unknown.
    """
    try:
        return splice(raw, Disclaimer(text=text, html=html, position=Position(position)).change(Message(raw)).edits)
    except Blocked:
        return raw


def explain(raw: bytes, *, text: str = "x", html: str = "", position: str = "append") -> str:
    """Return why `add_disclaimer` does not change a message with these arguments; `""` if it does."""
    try:
        Disclaimer(text=text, html=html, position=Position(position)).change(Message(raw))
    except Blocked as blocked:
        return str(blocked.obstacle)
    return ""
