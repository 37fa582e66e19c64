"""Parameters of structured fields such as Content-Type and Content-Disposition (RFC 2045 section 5.1), by the standard library.

No function raises, and the input of the standard library is bounded.
"""

import re
from collections.abc import Iterator
from email.message import Message
from typing import Final

from mailhooks.mime import charset, encoded_words

_LONGEST_VALUE: Final = 8192
"""Octets of a field that are parsed: the time of the standard library grows with the square of hostile parameters."""

_MOST_PARAMETERS: Final = 50
"""Semicolons in a field that is parsed, for the same reason: each part of a message may have such a field."""

_WRITTEN: Final = re.compile(rb"(?:;|\A)\s*+([^\s;=\"]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)|([^\s;(]*+))", re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)

_UNCOMMENTED: Final = re.compile(rb"((?:[^\"(]|\"(?:[^\"\\]|\\.)*+\"?+)*+)(?:\((?:[^()\\]|\\.)*+\))*+", re.DOTALL)
"""Text and quoted strings, and the comments after them that contain no other comments."""

_NEXT_DEPTH: Final = re.compile(rb"(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\\?+(\(++|\)*+)", re.DOTALL)
"""The content of a comment up to a nested comment, and the parentheses after it; none at the end of the field."""


def is_bounded(value: bytes) -> bool:
    """Return whether a field is short enough to be parsed as a whole."""
    return len(value) <= _LONGEST_VALUE and value.count(b";") <= _MOST_PARAMETERS


def parse_parameters(value: bytes) -> dict[str, str]:
    """Return the parameters of a field, decoded (RFC 2231; QUIRK: encoded words too), names in lower case.

    QUIRK: a comment is part of the value: file names that end in `(1)` are common, and comments are not.
    """
    if value.count(b";") > _MOST_PARAMETERS:
        return {}
    try:
        found = _holder(value).get_params(failobj=[])
        return {name.lower(): _decoded(text) for name, text in reversed(found[1:])}
    except Exception:  # noqa: BLE001 - the standard library raises several errors for hostile parameters, such as ValueError and TypeError
        return {name.decode("latin-1"): encoded_words.decode(text) for name, text in _first_values(value).items()}


def parse_boundary(value: bytes) -> bytes:
    """Return the boundary parameter as octets, as some mailers write more than ASCII; empty if there is none."""
    try:
        found = _holder(value).get_boundary("").encode("latin-1", "replace")
    except Exception:  # noqa: BLE001 - as above
        found = _first_values(value).get(b"boundary", b"")
    return found.rstrip(b" \t\r\n")


def parse_strictly(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parameters by the strict grammar, not decoded: names in lower case, values without quotes and text after them.

    QUIRK: Thunderbird reads fields like this. A value without quotes ends at the first white space, and the type may be missing.
    """
    for name, quoted, token in _WRITTEN.findall(value):
        yield name.lower(), _QUOTED_PAIR.sub(rb"\1", quoted) or token


def _first_values(value: bytes) -> dict[bytes, bytes]:
    return dict(reversed(list(parse_strictly(value[:_LONGEST_VALUE]))))


def _holder(value: bytes) -> Message:
    holder = Message()
    # In Latin-1 every octet is one character until the parameters are split.
    holder["Content-Type"] = value[:_LONGEST_VALUE].decode("latin-1")
    return holder


def _decoded(text: str | tuple[str | None, str | None, str]) -> str:
    if isinstance(text, tuple):
        # The standard library would accept any codec of Python as a charset.
        return charset.decode_loosely(text[2].encode("latin-1", "replace"), (text[0] or "us-ascii").lower())
    return text if text.isascii() and "=?" not in text else encoded_words.decode(text.encode("latin-1", "replace"))


def remove_comments(value: bytes) -> bytes:
    """Return a field without its comments (RFC 5322 section 3.2.2), which may be nested. A comment without end extends to the end.

    >>> remove_comments(b'attachment (as we (all) say); filename="(1).exe" (x; y)')
    b'attachment ; filename="(1).exe" '
    """
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    position = 0
    while position < len(value) and (text := _UNCOMMENTED.match(value, position)):
        kept.append(text[1])
        position = text.end()
        if value.startswith(b"(", position):
            position = _comment_end(value, position)
    return b"".join(kept)


def _comment_end(value: bytes, position: int) -> int:
    depth = 0
    while position < len(value) and (inside := _NEXT_DEPTH.match(value, position)):
        parentheses = inside[1]
        if parentheses.startswith(b"("):
            depth += len(parentheses)
        elif depth > len(parentheses) > 0:
            depth -= len(parentheses)
        else:
            return inside.start(1) + depth if parentheses else len(value)
        position = inside.end()
    return position
