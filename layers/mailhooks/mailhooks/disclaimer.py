"""Puts a disclaimer, signature or banner into the text of a message, once, as splices.

Knows neither WorkMail nor AWS; `mailhooks.disclaimer_hook` makes a hook of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

from .mime import enclose, html, quoting
from .mime.body import Blocked, Obstacle, displayed
from .mime.edit import Edit, splice
from .mime.enclose import Image
from .mime.errors import CannotEdit, Reason
from .mime.scan import Structure, scan
from .mime.text import TextPart, as_html, flowed
from .template import Template, text_of

STAMP: Final = "X-Mailhooks-Disclaimer"
"""The field that says which disclaimers a message has: a second run, such as a retry's, finds its own and adds nothing."""

TOKEN: Final = "_DISCLAIMER_"  # noqa: S105 - not that kind of token
"""Where a sender writes this, the disclaimer goes, whatever its position."""

_THREAD_SAMPLE: Final = 120
"""Letters and digits of a disclaimer that are looked for in what is quoted."""

_LEAST_SAMPLE: Final = 20


class Position(StrEnum):
    """Where the text goes."""

    APPEND = "append"
    PREPEND = "prepend"
    AFTER_REPLY = "after-reply"
    """Under the newest reply and above what it quotes; at the end where nothing is quoted."""


class OnUnmodifiable(StrEnum):
    """What becomes of a message whose text is not to be changed."""

    PASS = "pass"  # noqa: S105
    WRAP = "wrap"
    BOUNCE = "bounce"


class OnNoText(StrEnum):
    """What becomes of a message that shows no text."""

    PASS = "pass"  # noqa: S105
    ADD_PART = "add-part"


class Change(NamedTuple):
    """Edits of a message, and how many parts it has more afterwards."""

    edits: list[Edit]
    added_parts: int = 0


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
        text = self.text or text_of(self.html)
        return Template(text.replace("\r\n", "\n")), Template((self.html or as_html(self.text)).replace("\r\n", "\n"), is_html=True)

    def change(self, raw: bytes, values: Mapping[str, str] | None = None) -> Change:
        """The change that puts the disclaimer into the message; an empty one when it has it already.

        Args:
            raw: the message.
            values: of the templates' variables, names in lower case.

        Raises:
            Blocked: nothing may be changed, and `on_unmodifiable` or `on_no_text` does not say otherwise.
        """
        structure = scan(raw)
        header = structure.root.header
        if not header.fields:
            raise Blocked(Obstacle.AMBIGUOUS)
        if any(field.value(raw) == self.stamp.encode() for field in header.named(STAMP.lower())):
            return Change([])
        text, markup = (template.render(values or {}) for template in self.templates)
        if not text.strip():
            return Change([])
        try:
            parts = displayed(raw, structure)
            if self.once_per_thread and _has(parts, text, f"mailhooks-{self.stamp}"):
                return Change([])
            change = self._with_images(raw, structure, parts, [edit for part in parts for edit in self._in_part(part, text, markup)])
        except Blocked as blocked:
            change = self._around(raw, structure, blocked, text, markup)
        # First, as a body that begins right behind the header has its edits at the same place.
        stamp = header.appended(f"{STAMP}: {self.stamp}".encode() + header.newline)
        return Change([stamp, *change.edits], change.added_parts)

    def _in_part(self, part: TextPart, text: str, markup: str) -> list[Edit]:
        try:
            return _into_html(part, self._marked(markup), self.position) if part.is_html else _into_text(part, text, self.position)
        except CannotEdit as error:
            raise Blocked(Obstacle.NO_PLACE if error.reason is Reason.NO_PLACE else Obstacle.UNREADABLE) from None

    def _marked(self, markup: str) -> str:
        """In an element whose class names the disclaimer: most clients keep it when they quote."""
        return f'<div class="mailhooks-disclaimer mailhooks-{self.stamp}">{markup}</div>'

    def _with_images(self, raw: bytes, structure: Structure, parts: Sequence[TextPart], edits: list[Edit]) -> Change:
        """The edits with the images beside the HTML that shows them, once a message."""
        shown = next((part.part for part in parts if part.is_html), None)
        images = self._shown_images()
        if shown is None or not images:
            return Change(edits)
        around = next((part for part in structure.root.walk() if part.children and part.children[0] is shown), None)
        if around is not None and around.content_type == "multipart/related":
            # A reply brings the images of what it quotes along.
            there = {value for child in around.children for value in child.values(raw, "content-id")}
            images = [image for image in images if f"<{image.content_id}>".encode() not in there]
            boundary = around.boundary
            last = around.children[-1].end
            parts_of_images = b"".join(enclose.image_parts(images, boundary, around.header.newline))
            return Change([*edits, Edit(last, last, parts_of_images)], len(images))
        of_part = [edit for edit in edits if shown.start <= edit.start and edit.end <= shown.end]
        others = [edit for edit in edits if not (shown.start <= edit.start and edit.end <= shown.end)]
        related = enclose.with_images(raw, shown, of_part, images, enclose.boundary_for(raw, "images"))
        return Change([*others, *related], len(images) + 1)

    def _around(self, raw: bytes, structure: Structure, blocked: Blocked, text: str, markup: str) -> Change:
        """A part of our own instead of a change of theirs, where the settings say so; else the obstacle stands. A report stays what
        programs expect.
        """
        root = structure.root
        no_text = blocked.obstacle is Obstacle.NO_TEXT
        asked_for = self.on_no_text is OnNoText.ADD_PART if no_text else self.on_unmodifiable is OnUnmodifiable.WRAP
        if not asked_for or not root.header.complete or blocked.obstacle is Obstacle.REPORT:
            raise blocked
        boundaries = [enclose.boundary_for(raw, purpose) for purpose in ("cover", "images")]
        images = self._shown_images()
        cover = enclose.text_part(text, self._marked(markup), root.header.newline, boundaries, images)
        # The cover's alternative with its two forms, and what images take; then the new root.
        added = 4 + (len(images) + 1 if images else 0)
        boundary = enclose.boundary_for(raw, "enclosed")
        if no_text:
            return Change(enclose.beside(raw, root, cover, boundary), added)
        # The parts of the enclosed message are no longer this one's; it is one part itself.
        return Change(enclose.in_a_message(raw, root, cover, boundary), added + 1 - sum(not part.embedded for part in root.walk()))

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
        return splice(raw, Disclaimer(text=text, html=html, position=Position(position)).change(raw).edits)
    except Blocked:
        return raw


def explain(raw: bytes, *, text: str = "x", html: str = "", position: str = "append") -> str:
    """Why `add_disclaimer` would not change a message with these arguments; `""` when it would."""
    try:
        Disclaimer(text=text, html=html, position=Position(position)).change(raw)
    except Blocked as blocked:
        return str(blocked.obstacle)
    return ""


def _into_text(part: TextPart, text: str, position: Position) -> list[Edit]:
    text = (flowed(text) if part.is_flowed else text).strip("\n")
    octets = part.octets
    token = octets.find(TOKEN.encode())
    # A token in what is quoted is somebody else's.
    if token >= 0 and ((quote := quoting.text_quote(part.lines())) is None or token < part.line_start(quote)):
        return part.replaced(token, token + len(TOKEN), text)
    if position is Position.PREPEND:
        return part.inserted(part.start, text + "\n\n" if octets[part.start :].strip() else text)
    at = len(octets)
    if position is Position.AFTER_REPLY and (quote := quoting.text_quote(part.lines())) is not None:
        at = part.line_start(quote)
    before = octets[:at]
    blank = "\n" * (2 - _newlines_before(before)) if before[part.start :].strip() else ""
    if at < len(octets):
        return part.inserted(at, f"{blank}{text}\n\n")
    return part.inserted(at, f"{blank}{text}\n" if octets.endswith(b"\n") else f"{blank}{text}")


def _newlines_before(octets: bytes) -> int:
    """Line ends at the end: 0, 1, or 2 for more."""
    tail = octets[-4:].replace(b"\r\n", b"\n")
    return min(len(tail) - len(tail.rstrip(b"\n")), 2)


def _into_html(part: TextPart, markup: str, position: Position) -> list[Edit]:
    view = part.view()
    token = html.find_token(view, TOKEN)
    if token and ((quote := quoting.html_quote(view, part.readable)) is None or token[0] < quote):
        return part.replaced(*token, markup)
    at: int | None = None
    if position is Position.PREPEND:
        at = html.prepend_at(view)
    elif position is Position.AFTER_REPLY:
        at = quoting.html_quote(view, part.readable)
    at = html.append_at(view) if at is None else at
    if at < 0:
        raise CannotEdit(Reason.NO_PLACE)
    return part.inserted(max(at, part.start), f"\n{markup}\n")


def _has(parts: Sequence[TextPart], text: str, marker: str) -> bool:
    """Whether a shown text has this one somewhere, quoted or not: by the class of its element, or by its letters and digits alone, as
    quoting adds marks and line ends. Few letters are found anywhere and say nothing.
    """
    if any(part.is_html and marker in part.view() for part in parts):
        return True
    sample = _letters(text)[:_THREAD_SAMPLE]
    return len(sample) >= _LEAST_SAMPLE and any(
        sample in _letters(html.visible_text(part.readable(part.view())) if part.is_html else "\n".join(part.lines())) for part in parts
    )


def _letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
