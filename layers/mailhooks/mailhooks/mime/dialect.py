"""How a program reads what the RFCs leave open.

A scan follows one dialect, and reports the options with which another program would perhaps find other parts.
"""

from enum import StrEnum
from typing import Any, Final, NamedTuple


class BrokenLine(StrEnum):
    """What a line is that is in a header but is not a field."""

    END = "end"
    """The first line of the body: Python's parser."""
    SKIP = "skip"
    """Nothing: postal-mime, mailparser, MIME::Parser."""
    FOLD = "fold"
    """A part of the field before, whose line was not indented: Exchange."""


class UnreadableType(StrEnum):
    """What a part is whose Content-Type cannot be read."""

    TEXT = "text"
    """Plain text (RFC 2045 section 5.2)."""
    FILE = "file"
    LOOSE = "loose"
    """What is written without comments, quotes and line ends."""


class Dialect(NamedTuple):
    """The choices of one program. The defaults are our own."""

    broken_line: BrokenLine = BrokenLine.END
    strict_names: bool = False
    """Whether a line is broken whose field name has white space after it, `=` or a quote."""
    loose_names: bool = False
    """Whether a field name may have any white space around it, and a fold before the colon: mailparser, postal-mime."""
    white_line_ends: bool = False
    """Whether a line of white space ends a header, and is not a fold."""
    skip_blank: bool = False
    """Whether empty lines above the fields of a part are skipped: Email::MIME, mblaze."""
    last_field: bool = False
    """Whether the last of repeated Content- fields counts, and not the first."""
    parameters: int = 0
    """Which of the ways to read parameters: see `headers.parse_parameters`."""
    keep_spaces: bool = False
    """Whether spaces at the end of a boundary parameter are part of it."""
    prefix_delimiters: bool = False
    """Whether a line is a delimiter that only begins with a delimiter (RFC 2046 section 5.1.1): Dovecot, reformime.

    Email::MIME reads other white space after a delimiter, such as a no-break space, so too."""
    reopen: bool = False
    """Whether delimiters count after the closing delimiter."""
    inner_boundary: bool = False
    """Whether the inner one of two multiparts with the same boundary has the delimiters."""
    unreadable_type: UnreadableType = UnreadableType.TEXT
    any_multipart: bool = False
    """Whether a part of any type with a boundary parameter is a multipart: mailparser."""
    loose_encoding: bool = False
    """Whether a name of an encoding counts anywhere in its field: postal-mime."""
    open_messages: bool = False
    """Whether all `message/` types contain a message, with any encoding: Python's parser."""
    text_in_digest: bool = False
    """Whether the default type in a digest is text/plain."""
    guess_boundary: bool = False
    """Whether a multipart without a boundary parameter has that of its first line with two hyphens."""
    empty_is_file: bool = False
    """Whether a multipart without parts is a file."""
    cr_ends_line: bool = False
    """Whether a bare CR ends a line: Python's parser."""
    remove_nul: bool = False
    """Whether NULs, and bare CRs at the start of a line, are removed before anything is read."""
    decode_multiparts: bool = False
    """Whether the encoding of a multipart is decoded, which RFC 2045 section 6.4 forbids."""


STANDARD: Final = Dialect()

Option = tuple[str, Any]
"""The name of a choice, and another value of it."""
