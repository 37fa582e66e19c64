"""The rules for content that PutRawMessageContent accepts.

They are those of the shape `RawMessageContent` in the service's model; `mailhooks.contract.limits` lists the headers. Pure: bytes in,
reasons out. A reason names a header, a line or a part, and never quotes content.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from local.aws.mime_check import MalformedMultipart, walk_leaf_parts
from mailhooks.contract.limits import (
    IMMUTABLE_HEADERS,
    MAX_LINE_OCTETS,
    MAX_MESSAGE_BYTES,
    REQUIRED_HEADERS,
    SES_UNSUPPORTED_EXTENSIONS,
    UNIQUE_HEADERS,
)
from mailhooks.mime.headers import scan


def find_defects(original: bytes, content: bytes) -> list[str]:
    """Return why WorkMail would reject new content for a message; empty when it would accept it.

    A defect that the original has too counts: mail that arrives need not follow the rules, mail that is put must.
    """
    if len(content) > MAX_MESSAGE_BYTES:
        return [f"the message has {len(content):,} bytes; at most {MAX_MESSAGE_BYTES:,} are accepted"]
    return [*_line_defects(content), *_header_defects(original, content), *_part_defects(content)]


def _line_defects(content: bytes) -> Iterator[str]:
    """Report the first line that is too long; a message often has thousands of them.

    QUIRK: content may be put with bare LF as line ends, as Python's `Message.as_bytes` writes them and as the guide's own example puts
    them ("Updating message content with AWS Lambda"). Such a line gets a CRLF when it is sent, so that it counts as one octet more.
    """
    start = number = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        number += 1
        octets = end - start + (1 if content[end - 1 : end] == b"\r" and end > start else 2)
        if octets > MAX_LINE_OCTETS:
            yield f"line {number} has {octets:,} octets with its CRLF; at most {MAX_LINE_OCTETS:,} are accepted"
            return
        start = end + 1


def _header_defects(original: bytes, content: bytes) -> Iterator[str]:
    before, after = _header_values(original), _header_values(content)
    for name in sorted(REQUIRED_HEADERS - after.keys()):
        yield f"the required header {_title(name)} is missing"
    counts = Counter({name: len(after.get(name, ())) for name in UNIQUE_HEADERS})
    for name in sorted(UNIQUE_HEADERS):
        if counts[name] > 1:
            yield f"the header {_title(name)} may occur once and occurs {counts[name]} times"
    for name in sorted(IMMUTABLE_HEADERS):
        if before.get(name) != after.get(name):
            yield f"the immutable header {_title(name)} was changed"


def _header_values(raw: bytes) -> dict[str, list[bytes]]:
    """Return values by lower-case name. Folding does not count (RFC 5322 section 2.2.3): white space is one space."""
    values: dict[str, list[bytes]] = {}
    for field in scan(raw).fields:
        values.setdefault(field.lname, []).append(b" ".join(field.value(raw).split()))
    return values


def _part_defects(content: bytes) -> Iterator[str]:
    try:
        for part in walk_leaf_parts(content):
            extension = PurePosixPath(part.filename.rstrip(" .").lower()).suffix
            if extension in SES_UNSUPPORTED_EXTENSIONS:
                yield f"part {part.place or 1} is an attachment of the type {extension}, which Amazon SES does not support"
    except MalformedMultipart as error:
        yield str(error)


def _title(name: str) -> str:
    return "-".join({"id": "ID", "mime": "MIME"}.get(word, word.capitalize()) for word in name.split("-"))
