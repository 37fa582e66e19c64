"""A message as a mail program displays it: its texts, its header fields, and its HTML for a frame that runs and loads nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from mailhooks.mime.displayed_text import find_text_parts, is_html, read_field, read_text
from mailhooks.mime.message import Message, Part
from workmail_local.viewer.diff import Line, mark_lines
from workmail_local.viewer.excerpt import Excerpt, describe_cut
from workmail_local.viewer.html_excerpt import cut
from workmail_local.viewer.html_sanitizer import sanitize
from workmail_local.viewer.part_changes import PartRow
from workmail_local.viewer.pictures import MAX_CHARACTERS, PictureFinder

_MAX_TEXT: Final = 300_000
_MAX_FIELDS: Final = 200
_MAX_VALUE: Final = 4000


class Document(NamedTuple):
    """An HTML text for a frame, and what is left out of it, in words."""

    markup: str
    notes: tuple[str, ...]


def _text(message: Message, part: Part) -> str:
    """Return the text of a part."""
    return read_text(message.raw, part).replace("\0", "\ufffd")


def mark_texts(
    before: Message, after: Message, rows_after: Iterable[PartRow], limit: int
) -> tuple[Excerpt[list[Line]], Excerpt[list[Line]]]:
    """Return the plain texts of both messages, with the removed lines marked in the first and the added lines in the second.

    Args:
        rows_after: the parts of `after`. Each text is compared with its original; an added text has no original.
        limit: how many texts of each message are returned.
    """
    origins = {id(row.part): id(row.part if row.origin is None else row.origin) for row in rows_after}
    old, notes_before = _read_texts(before, limit)
    new, notes_after = (old, notes_before) if after is before else _read_texts(after, limit)
    # A text whose part is still in the message, for example in a wrapped original, is not removed.
    marked = {part: mark_lines(text, text if part in origins.values() else "")[0] for part, text in old.items()}
    texts_after = []
    for part, text in new.items():
        origin = origins[part]
        lines_before, lines_after = mark_lines(old.get(origin, ""), text)
        texts_after.append(lines_after)
        if origin in old:
            marked[origin] = lines_before
    return (
        Excerpt([lines for lines in marked.values() if lines], notes_before),
        Excerpt([lines for lines in texts_after if lines], notes_after),
    )


def _read_texts(message: Message, limit: int) -> tuple[dict[int, str], tuple[str, ...]]:
    """Return the beginnings of the first texts, by the identity of their parts, and notes on what is left out."""
    parts = [part for part in find_text_parts(message) if not is_html(part)]
    texts = {id(part): _text(message, part) for part in parts[:limit]}
    shown = {part: text[:_MAX_TEXT] for part, text in texts.items()}
    notes = (describe_cut(len(shown[part]), len(text), "characters") for part, text in texts.items())
    return shown, tuple(filter(None, (*notes, describe_cut(len(texts), len(parts), "texts"))))


def mark_headers(before: Message, after: Message) -> tuple[Excerpt[tuple[str, str, bool]], Excerpt[tuple[str, str, bool]]]:
    """Return the message's own header fields, before and after: name, decoded value, and whether the other message lacks the field."""
    (one, notes_before), (other, notes_after) = _fields(before), _fields(after)
    removed, added = Counter(one) - Counter(other), Counter(other) - Counter(one)
    return (
        Excerpt([(*field, field in removed) for field in one], notes_before),
        Excerpt([(*field, field in added) for field in other], notes_after),
    )


def _fields(message: Message) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    fields = message.header.fields
    values = [(field.name, field.value(message.raw)) for field in fields[:_MAX_FIELDS]]
    notes = [describe_cut(len(values), len(fields), "fields")]
    notes += [f"{name}: {note}" for name, value in values if (note := describe_cut(min(len(value), _MAX_VALUE), len(value), "octets"))]
    texts = [(field.name, read_field(message, field, _MAX_VALUE)) for field in fields[:_MAX_FIELDS]]
    return texts, tuple(filter(None, notes))


def render_documents(message: Message, picture_limit: int = MAX_CHARACTERS) -> Iterator[Document]:
    """Yield each HTML text of the message with its own pictures (see `PictureFinder`), sanitized by `html_sanitizer.sanitize`.

    The HTML is still untrusted: show it in a frame with an empty `sandbox` and a content security policy that loads nothing.
    """
    for part in filter(is_html, find_text_parts(message)):
        text = _text(message, part)
        pictures = PictureFinder(message, part, picture_limit)
        excerpt = cut(text)
        markup = sanitize(excerpt.markup, pictures.find)
        notes = [*excerpt.notes]
        if pictures.left_out:
            notes.append(f"{pictures.left_out:,} pictures are not shown, because all of them are too large for a page")
        yield Document(markup, tuple(notes))
