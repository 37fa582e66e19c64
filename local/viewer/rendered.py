"""A message as a mail program displays it: its texts, its header fields, and its HTML for a frame that runs and loads nothing."""

import base64
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import islice
from urllib.parse import unquote

from local.viewer.diff import Line, mark_lines
from local.viewer.html_sanitizer import sanitize
from local.viewer.part_changes import PartRow
from mailhooks.mime import encoded_words, transfer_encoding
from mailhooks.mime.displayed_text import find_text_parts, is_html, read_text
from mailhooks.mime.edits import CannotEdit
from mailhooks.mime.message import Message, Part

_CID = re.compile(r"\bcid:([^\s\"'<>()]+)", re.IGNORECASE)
_MAX_TEXT = 300_000
_MAX_IMAGES = 3_000_000
_MAX_FIELDS = 200
_MAX_VALUE = 4000


def find_visible_parts(message: Message, subtype: str) -> Iterator[Part]:
    """Yield the parts that a mail program displays as `text/<subtype>`, also of a message that must not be changed."""
    return (part for part in find_text_parts(message) if is_html(part) == (subtype == "html"))


def _text(message: Message, part: Part) -> str:
    """Return the text of a part; of a long text only the beginning."""
    return read_text(message.raw, part).replace("\0", "\ufffd")[:_MAX_TEXT]


def _octets(raw: bytes, part: Part) -> bytes:
    body = raw[part.body : part.end]
    try:
        return transfer_encoding.decode(body, part.encoding)
    except CannotEdit:
        return body


def mark_texts(before: Message, after: Message, rows_after: Iterable[PartRow], limit: int) -> tuple[list[list[Line]], list[list[Line]]]:
    """Return the plain texts of both messages, with the removed lines marked in the first and the added lines in the second.

    Args:
        rows_after: the parts of `after`. Each text is compared with its original; an added text has no original.
        limit: how many texts of each message are returned.
    """
    origins = {id(row.part): id(row.part if row.origin is None else row.origin) for row in rows_after}
    old = {id(part): _text(before, part) for part in islice(find_visible_parts(before, "plain"), limit)}
    # A text whose part is still in the message, for example in a wrapped original, is not removed.
    marked = {part: mark_lines(text, text if part in origins.values() else "")[0] for part, text in old.items()}
    texts_after = []
    for part in islice(find_visible_parts(after, "plain"), limit):
        origin = origins[id(part)]
        lines_before, lines_after = mark_lines(old.get(origin, ""), _text(after, part))
        texts_after.append(lines_after)
        if origin in old:
            marked[origin] = lines_before
    return [lines for lines in marked.values() if lines], [lines for lines in texts_after if lines]


def mark_headers(before: Message, after: Message) -> tuple[list[tuple[str, str, bool]], list[tuple[str, str, bool]]]:
    """Return the message's own header fields, before and after: name, decoded value, and whether the other message lacks the field."""
    one, other = _fields(before), _fields(after)
    removed, added = Counter(one) - Counter(other), Counter(other) - Counter(one)
    return [(*field, field in removed) for field in one], [(*field, field in added) for field in other]


def _fields(message: Message) -> list[tuple[str, str]]:
    fields = message.header.fields[:_MAX_FIELDS]
    return [(field.name, encoded_words.decode(field.value(message.raw)[:_MAX_VALUE])) for field in fields]


def render_documents(message: Message) -> Iterator[str]:
    """Yield each HTML text of the message with its own images inlined (RFC 2392), sanitized by `html_sanitizer.sanitize`.

    The HTML is still untrusted: show it in a frame with an empty `sandbox` and a content security policy that loads nothing.
    """
    images = dict(_images(message))
    left = _MAX_IMAGES

    def inline(reference: re.Match[str]) -> str:
        nonlocal left
        # QUIRK: the RFC's own example is percent-decoded and its erratum (454) is not, so both readings count.
        identity = unescape(reference[1])
        image = images.get(unquote(identity)) or images.get(identity, "")
        left -= len(image)
        return image if image and left > 0 else reference[0]

    for part in find_visible_parts(message, "html"):
        yield sanitize(_CID.sub(inline, _text(message, part)))


def _images(message: Message) -> Iterator[tuple[str, str]]:
    """Yield Content-IDs with their images as `data:` addresses, the only form that a page without a server can show."""
    left = _MAX_IMAGES
    for part in message.structure.root.walk():
        identity = next(part.header.named("content-id"), None)
        if part.maintype == "image" and identity is not None and part.end - part.body <= left:
            left -= part.end - part.body
            content = base64.b64encode(_octets(message.raw, part)).decode("ascii")
            subtype = re.sub(r"[^a-z0-9.+-]", "", part.subtype)
            yield identity.value(message.raw).decode("utf-8", "replace").strip("<> \t\r\n"), f"data:image/{subtype};base64,{content}"
