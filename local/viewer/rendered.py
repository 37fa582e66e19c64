"""What a mail program would show of a message: its text, and its HTML made fit for a frame in which nothing runs and nothing is loaded."""

import base64
import re
from collections import Counter
from collections.abc import Iterator

from local.viewer.diff import Line, mark_lines
from local.viewer.html_sanitizer import defused
from local.viewer.part_changes import Side
from mailhooks.mime import charset, encoded_words, transfer_encoding
from mailhooks.mime.errors import CannotEdit
from mailhooks.mime.filenames import disposition
from mailhooks.mime.structure import Part

_CID = re.compile(r"\bcid:([^\s\"'<>()]+)", re.IGNORECASE)
_MAX_TEXT = 300_000
_MAX_IMAGES = 3_000_000
_MAX_FIELDS = 200
_MAX_VALUE = 4000


def visible_parts(side: Side, subtype: str) -> Iterator[Part]:
    """The parts `text/<subtype>` that a mail program would show; those of a message that is not to be changed too."""
    for part in side.structure.root.walk():
        if (part.maintype, part.subtype) == ("text", subtype) and not part.embedded and disposition(side.raw, part) != "attachment":
            yield part


def visible(side: Side, subtype: str) -> Iterator[tuple[Part, str]]:
    """The same, each with its text; of a long one only the beginning."""
    for part in visible_parts(side, subtype):
        yield part, charset.decode_loosely(_octets(side.raw, part), part.charset).replace("\0", "\ufffd")[:_MAX_TEXT]


def _octets(raw: bytes, part: Part) -> bytes:
    body = raw[part.body : part.end]
    try:
        return transfer_encoding.decode(body, part.encoding)
    except CannotEdit:
        return body


def texts(before: Side, after: Side, added: frozenset[int], most: int = 1000) -> tuple[list[list[Line]], list[list[Line]]]:
    """The plain texts of both sides, with what is gone from the one and come into the other.

    Args:
        added: `id` of the parts of `after` that were not there before.
        most: how many texts of a side are shown.
    """
    old = [text for _, (_, text) in zip(range(most), visible(before, "plain"), strict=False)]
    new = [found for _, found in zip(range(most), visible(after, "plain"), strict=False)]
    if len(old) == len(new) and not any(id(part) in added for part, _ in new):
        pairs = [mark_lines(one, other) for one, (_, other) in zip(old, new, strict=True)]
    else:
        pairs = [*((mark_lines(one, one)[0], []) for one in old), *(([], mark_lines("", other)[1]) for _, other in new)]
    return [pair[0] for pair in pairs if pair[0]], [pair[1] for pair in pairs if pair[1]]


def headers(before: Side, after: Side) -> tuple[list[tuple[str, str, bool]], list[tuple[str, str, bool]]]:
    """The message's own header fields on both sides: name, decoded value, and whether the other side has it not so."""
    one, other = _fields(before), _fields(after)
    gone, come = Counter(one) - Counter(other), Counter(other) - Counter(one)
    return [(*field, field in gone) for field in one], [(*field, field in come) for field in other]


def _fields(side: Side) -> list[tuple[str, str]]:
    fields = side.structure.root.header.fields[:_MAX_FIELDS]
    return [(field.name, encoded_words.decode(field.value(side.raw)[:_MAX_VALUE])) for field in fields]


def documents(side: Side) -> Iterator[str]:
    """Each HTML of the message, with its own images in it, and without what would be loaded (`defused`).

    It is still a stranger's: it belongs into a frame with an empty `sandbox` and a content security policy that loads nothing.
    """
    images = dict(_images(side))
    left = _MAX_IMAGES

    def shown(reference: re.Match[str]) -> str:
        nonlocal left
        image = images.get(reference[1], "")
        left -= len(image)
        return image if image and left > 0 else reference[0]

    for _, markup in visible(side, "html"):
        yield defused(_CID.sub(shown, markup))


def _images(side: Side) -> Iterator[tuple[str, str]]:
    """Content-IDs, and what an image is as a `data:` address: in a page there is no other way to show it."""
    left = _MAX_IMAGES
    for part in side.structure.root.walk():
        identity = next(part.header.named("content-id"), None)
        if part.maintype == "image" and identity is not None and part.end - part.body <= left:
            left -= part.end - part.body
            content = base64.b64encode(_octets(side.raw, part)).decode("ascii")
            kind = re.sub(r"[^a-z0-9.+-]", "", part.subtype)
            yield identity.value(side.raw).decode("latin-1").strip("<> "), f"data:image/{kind};base64,{content}"
