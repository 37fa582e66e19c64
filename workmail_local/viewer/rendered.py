"""A message as a mail program displays it: its texts, its header fields, and its HTML for a frame that runs and loads nothing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from mailhooks.mime.displayed_text import find_text_parts, is_html, read_field, read_text
from mailhooks.mime.message import Message, Part
from workmail_local.viewer.diff import Line, mark_lines
from workmail_local.viewer.excerpt import Excerpt, describe_cut
from workmail_local.viewer.html.excerpt import cut
from workmail_local.viewer.html.pictures import MAX_CHARACTERS, PictureFinder
from workmail_local.viewer.html.remote_pictures import MAX_PICTURES, RemotePicture, find_remote_pictures
from workmail_local.viewer.html.sanitizer import sanitize

_MAX_TEXT: Final = 300_000
_MAX_COMPARED: Final = 10_000
"""Characters of a text by which its other version is found."""

_MAX_FIELDS: Final = 200
_MAX_VALUE: Final = 4000


class Document(NamedTuple):
    """An HTML text for a frame.

    Attributes:
        notes: what is left out of it, in words.
        remote: its pictures on other servers. `markup` has their addresses only when they were asked for.
    """

    markup: str
    notes: tuple[str, ...]
    remote: tuple[RemotePicture, ...] = ()


def read_shown_text(message: Message, part: Part) -> str:
    """Return the text of a part, with a sign in place of each NUL, which a page cannot contain."""
    return read_text(message.raw, part).replace("\0", "\ufffd")


def mark_texts(before: Message, after: Message, limit: int) -> tuple[Excerpt[list[Line]], Excerpt[list[Line]]]:
    """Return the plain texts of both messages, with the removed lines marked in the first and the added lines in the second.

    Each text is compared with the one of the other message that has most lines in common with it: a program may have written the whole
    message again, in another order and encoding.

    Args:
        limit: how many texts of each message are returned.
    """
    old, notes_before = _read_texts(before, limit)
    new, notes_after = (old, notes_before) if after is before else _read_texts(after, limit)
    pairs = _pair_texts(old, new)
    marked_after = [mark_lines(old[pairs[nth]] if nth in pairs else "", text)[1] for nth, text in enumerate(new)]
    origins = {origin: nth for nth, origin in pairs.items()}
    # A text that is still in the message, in a wrapped original, is not removed.
    wrapped = _read_wrapped_texts(after, limit) if len(origins) < len(old) else frozenset()
    marked_before = [
        mark_lines(text, new[origins[nth]] if nth in origins else text if text.rstrip() in wrapped else "")[0]
        for nth, text in enumerate(old)
    ]
    return (Excerpt(list(filter(None, marked_before)), notes_before), Excerpt(list(filter(None, marked_after)), notes_after))


def _pair_texts(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """Return the place of the old text for that of each new one: equal texts first, then those with most lines in common."""
    one, other = [_count_lines(text) for text in old], [_count_lines(text) for text in new]
    scores = [
        (a != b, -(a & b).total(), abs(before - after), after, before)
        for after, b in enumerate(other)
        for before, a in enumerate(one)
        if a == b or not a.keys().isdisjoint(b)
    ]
    pairs: dict[int, int] = {}
    for _, _, _, after, before in sorted(scores):
        if after not in pairs and before not in pairs.values():
            pairs[after] = before
    return pairs


def _count_lines(text: str) -> Counter[str]:
    """Count the first lines of a text; an empty one has nothing in common with another."""
    lines = (line.strip() for line in text[:_MAX_COMPARED].splitlines())
    return Counter(line for line in lines if line)


def _read_wrapped_texts(message: Message, limit: int) -> frozenset[str]:
    """Return the plain texts of the messages inside of a message."""
    parts = (part for part in message.structure.root.walk() if part.embedded and part.maintype == "text" and not is_html(part))
    return frozenset(read_shown_text(message, part)[:_MAX_TEXT].rstrip() for part in islice(parts, limit))


def _read_texts(message: Message, limit: int) -> tuple[list[str], tuple[str, ...]]:
    """Return the beginnings of the first texts, and notes on what is left out."""
    parts = [part for part in find_text_parts(message) if not is_html(part)]
    texts = [read_shown_text(message, part) for part in parts[:limit]]
    notes = (describe_cut(min(len(text), _MAX_TEXT), len(text), "characters") for text in texts)
    return [text[:_MAX_TEXT] for text in texts], tuple(filter(None, (*notes, describe_cut(len(texts), len(parts), "texts"))))


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


def render_documents(
    message: Message, picture_limit: int = MAX_CHARACTERS, *, skip: int = 0, with_remote: bool = False
) -> Iterator[Document]:
    """Yield each HTML text of the message with its own pictures (see `PictureFinder`), sanitized by `sanitizer.sanitize`.

    The HTML is still untrusted: show it in a frame with an empty `sandbox` and a content security policy that loads nothing.

    Args:
        skip: how many texts at the beginning are not rendered.
        with_remote: whether the listed pictures on other servers stay in the HTML; the policy has to allow their servers.
    """
    for part in islice(filter(is_html, find_text_parts(message)), skip, None):
        text = read_shown_text(message, part)
        pictures = PictureFinder(message, part, picture_limit)
        excerpt = cut(text)
        # A picture of the message may have an address of another server, in its Content-Location.
        remote, count = find_remote_pictures(excerpt.markup)
        remote = [each for each in remote if not pictures.has(each.address.url)]
        markup = sanitize(excerpt.markup, pictures.find, {each.address.url for each in remote} if with_remote else ())
        notes = [*excerpt.notes]
        if pictures.left_out:
            notes.append(f"{pictures.left_out:,} pictures are not shown, because all of them are too large for a page")
        notes.append(describe_cut(MAX_PICTURES, count, "pictures of other servers"))
        yield Document(markup, tuple(filter(None, notes)), tuple(remote))
