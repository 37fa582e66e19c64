"""Parameters of structured fields such as Content-Type and Content-Disposition (RFC 2045 section 5.1), by the standard library.

Nothing here raises, and what the standard library is given is bounded.
"""

import re
from collections.abc import Iterator
from email.message import Message
from typing import Final

from mailhooks.mime import charset, encoded_words

_LONGEST_VALUE: Final = 8192
"""Octets of a field that are parsed: the standard library's time for hostile parameters grows with their square."""

_MOST_PARAMETERS: Final = 50
"""Semicolons of a field that is parsed, for the same reason: each part of a message may have such a field."""

_WRITTEN: Final = re.compile(rb"(?:;|\A)\s*+([^\s;=\"]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)|([^\s;(]*+))", re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)

_UNCOMMENTED: Final = re.compile(rb"((?:[^\"(]|\"(?:[^\"\\]|\\.)*+\"?+)*+)(?:\((?:[^()\\]|\\.)*+\))*+", re.DOTALL)
"""Text and quoted strings, and the comments right behind them that have no others inside."""

_NEXT_DEPTH: Final = re.compile(rb"(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\\?+(\(++|\)*+)", re.DOTALL)
"""The inside of a comment as far as it has no others inside, and the parentheses behind, of which none are there at the field's end."""


def is_bounded(value: bytes) -> bool:
    """Whether a field is parsed whole."""
    return len(value) <= _LONGEST_VALUE and value.count(b";") <= _MOST_PARAMETERS


def parse_parameters(value: bytes) -> dict[str, str]:
    """The parameters of a field, decoded (RFC 2231; QUIRK: encoded words too), names in lower case.

    QUIRK: a comment is part of the value, as names of files that end in `(1)` are common and comments are not.
    """
    if value.count(b";") > _MOST_PARAMETERS:
        return {}
    try:
        found = _holder(value).get_params(failobj=[])
        return {name.lower(): _decoded(text) for name, text in reversed(found[1:])}
    except Exception:  # noqa: BLE001 - for hostile parameters the standard library raises whatever comes, ValueError and TypeError seen
        return {name.decode("latin-1"): encoded_words.decode(text) for name, text in _first_as_written(value).items()}


def parse_boundary(value: bytes) -> bytes:
    """The boundary parameter as octets: RFC 2046 allows ASCII, mailers write others. Empty where there is none."""
    try:
        found = _holder(value).get_boundary("").encode("latin-1", "replace")
    except Exception:  # noqa: BLE001 - as above, whatever is wrong with other parameters
        found = _first_as_written(value).get(b"boundary", b"")
    return found.rstrip(b" \t\r\n")


def parse_strictly(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parameters by the grammar alone and undecoded: names in lower case, values without the quotes and without what is behind them.

    QUIRK: Thunderbird reads fields so. What has no quotes ends for it at the first white space, and the type in front may be missing.
    """
    for name, quoted, token in _WRITTEN.findall(value):
        yield name.lower(), _QUOTED_PAIR.sub(rb"\1", quoted) or token


def _first_as_written(value: bytes) -> dict[bytes, bytes]:
    return dict(reversed(list(parse_strictly(value[:_LONGEST_VALUE]))))


def _holder(value: bytes) -> Message:
    holder = Message()
    # Latin-1 keeps every octet as one character, until the parameters are apart.
    holder["Content-Type"] = value[:_LONGEST_VALUE].decode("latin-1")
    return holder


def _decoded(text: str | tuple[str | None, str | None, str]) -> str:
    if isinstance(text, tuple):
        # Not by the standard library, to which any codec of Python's is a charset.
        return charset.decode_loosely(text[2].encode("latin-1", "replace"), (text[0] or "us-ascii").lower())
    return text if text.isascii() and "=?" not in text else encoded_words.decode(text.encode("latin-1", "replace"))


def remove_comments(value: bytes) -> bytes:
    """A field without its comments (RFC 5322 section 3.2.2), which may be nested; one that does not end goes on to the field's end.

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
            position = _behind_comment(value, position)
    return b"".join(kept)


def _behind_comment(value: bytes, position: int) -> int:
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
