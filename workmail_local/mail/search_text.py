"""The texts of a message that can be searched. Pure."""

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from mailhooks.content.attachment_parts import walk
from mailhooks.mime.displayed_text import read_field
from mailhooks.mime.filenames import find_all_filenames
from mailhooks.mime.message import Message, Part
from mailhooks.policy.facts.visible_text import read_visible_text
from workmail_local.mail.search_query import fold_text

MAX_TEXT: Final = 100_000
"""Characters of the text of a message that can be searched."""

_MAX_NAMES: Final = 10_000
"""Characters of the recipients in the header, and of the names of attachments."""

_MAX_ATTACHMENTS: Final = 500


class SearchText(NamedTuple):
    """The texts of a message that can be searched, folded (`fold_text`).

    Attributes:
        recipients: the fields To, Cc and Bcc.
        attachments: the file names of the attachments, also of pictures in the text.
        body: the displayed texts; see `MAX_TEXT`.
    """

    recipients: str
    attachments: str
    body: str


def read_search_text(raw: bytes, changed: tuple[bytes, ...] = ()) -> SearchText:
    """Return the texts of a message, and of what functions made of it. Never raises; linear time.

    Args:
        changed: the contents that functions put.
    """
    message = Message(raw)
    parts = list(islice(walk(raw, message.structure.root), _MAX_ATTACHMENTS))
    names = (name for part, _, _ in parts for name in find_all_filenames(raw, part))
    fields = (read_field(message, field, _MAX_NAMES) for field in message.header.fields if field.lname in {"to", "cc", "bcc"})
    return SearchText(
        fold_text(" ".join(fields)[:_MAX_NAMES]),
        fold_text(" ".join(names)[:_MAX_NAMES]),
        fold_text("\n".join(_read_bodies(message, changed))[:MAX_TEXT]),
    )


def has_attachments(raw: bytes) -> bool:
    """Return whether a message has an attachment, apart from pictures in the text. Never raises; linear time."""
    return any(not _is_in_text(part, parent) for part, parent, _ in islice(walk(raw, Message(raw).structure.root), _MAX_ATTACHMENTS))


def _read_bodies(message: Message, changed: tuple[bytes, ...]) -> Iterator[str]:
    """Yield the text of a message, and then the lines that only a changed content has, with its subject."""
    text = read_visible_text(message, MAX_TEXT)
    yield text
    known = {*text.split("\n")}
    for content in changed:
        message = Message(content)
        lines = [read_field(message, field) for field in message.header.named("subject")]
        for line in (*lines, *read_visible_text(message, MAX_TEXT).split("\n")):
            if line not in known:
                known.add(line)
                yield line


def _is_in_text(part: Part, parent: Part | None) -> bool:
    """Return whether a part is a picture in an HTML text (RFC 2387)."""
    return part.maintype == "image" and parent is not None and parent.content_type == "multipart/related"
