"""Closing delimiters for multiparts that came without them (RFC 2046 section 5.1.1)."""

from collections.abc import Iterable

from mailhooks.mime.edits import Edit
from mailhooks.mime.message import Message
from mailhooks.mime.structure import Part


def close_multiparts(message: Message, edits: Iterable[Edit]) -> list[Edit]:
    """`edits`, and those that put the closing delimiters which the message lacks, where programs take them to be.

    QUIRK: mail that was cut short, or that some mailing lists and gateways have passed on, lacks them. All readers end such a part at the
    next delimiter of a multipart around it, or at the end of the message; so the delimiter says what is so already. Each begins with a
    line end of its own, whereby the part before it keeps all of its octets. Forwarded messages are wholes and stay as they are, and so does
    a multipart that the edits replace altogether.

    >>> cut_short = Message(b"Content-Type: multipart/mixed; boundary=b\\n\\n--b\\n\\nHello\\n")
    >>> [edit.new for edit in close_multiparts(cut_short, [])]
    [b'\\n--b--\\n']
    """
    edits, root = list(edits), message.structure.root
    replaced = [(edit.start, edit.end) for edit in edits if edit.end > edit.start]
    return edits + [
        _closing(message.raw, part, root.header.newline)
        # A part stands before those in it: the other way round the delimiters are in the order of the parts' ends.
        for part in reversed([part for part in root.walk() if part.children and part.boundary and not part.closed])
        if not part.embedded and not any(start <= part.start and part.end <= end for start, end in replaced)
    ]


def _closing(raw: bytes, part: Part, newline: bytes) -> Edit:
    # A part without content has no line end of its own before the delimiter.
    glued = part.end < len(raw) and not raw.startswith((b"\r\n", b"\n"), part.end)
    # One that begins where the message ends, in the midst of the line of its delimiter, has not even the empty line of a header.
    child = part.children[-1]
    first = newline if child.start == len(raw) and not raw.endswith(b"\n") else b""
    last = newline if glued or (part.end == len(raw) and part.start == 0) else b""
    return Edit(part.end, part.end, first + newline + b"--" + part.boundary + b"--" + last)
