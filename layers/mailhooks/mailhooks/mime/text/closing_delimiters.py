"""Closing delimiters for multiparts without them (RFC 2046 section 5.1.1)."""

from collections.abc import Iterable

from mailhooks.mime.edits import Edit
from mailhooks.mime.message import Message, Part


def close_multiparts(message: Message, edits: Iterable[Edit]) -> list[Edit]:
    """Return the edits together with those that add missing closing delimiters.

    QUIRK: mail that was cut, and mail from some mailing lists and gateways, lacks closing delimiters. All programs end such a part at the
    next delimiter of an outer multipart, or at the end of the message. Adding the delimiter there does not change how they read the
    message. It begins with its own line end, so that the part before it keeps all octets. Forwarded messages stay as they are, and so
    does a multipart that the edits replace.

    >>> cut_short = Message(b"Content-Type: multipart/mixed; boundary=b\\n\\n--b\\n\\nHello\\n")
    >>> [edit.new for edit in close_multiparts(cut_short, [])]
    [b'\\n--b--\\n']
    """
    edits, root = list(edits), message.structure.root
    replaced = [(edit.start, edit.end) for edit in edits if edit.end > edit.start]
    return edits + [
        _make_delimiter(message.raw, part, root.header.newline)
        # In reverse, so that the delimiters of inner multiparts come first.
        for part in reversed([part for part in root.walk() if part.children and part.boundary and not part.closed])
        if not part.embedded and not any(start <= part.start and part.end <= end for start, end in replaced)
    ]


def _make_delimiter(raw: bytes, part: Part, newline: bytes) -> Edit:
    # A part that begins at the end of the message, after a delimiter without line end, has not even an empty header.
    child = part.children[-1]
    first = newline if child.start == len(raw) and not raw.endswith(b"\n") else b""
    last = newline if part.shares_line_end(raw) or (part.end == len(raw) and part.start == 0) else b""
    return Edit(part.end, part.end, first + newline + b"--" + part.boundary + b"--" + last)
