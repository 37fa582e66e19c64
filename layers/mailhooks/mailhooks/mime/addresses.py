"""The addresses and display names in header fields such as From (RFC 5322 section 3.4).

The parser of the standard library is not used: nested brackets end in a RecursionError, and its version decides whether a name contains an
address. This one is linear in the length of the field, for any content.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mailhooks.mime.message import Message
from mailhooks.patterns import compile_late

_TOKEN: Final = compile_late(r'"((?:[^"\\]|\\.)*+)"|\\.|@\[[!-Z^-~]*+\]|(?:[^"\\<>,;:()@]|@(?!\[))+|.', re.DOTALL)
"""The domain of an address may be an IP address in brackets (RFC 5321 section 4.1.3), also with colons."""
_WORD: Final = compile_late(rb"[^\s<>,;:()\"]+")
_IN_COMMENT: Final = compile_late(r"\\.|[()]", re.DOTALL)
ESCAPED: Final = compile_late(r"\\(.)", re.DOTALL)
_UNQUOTABLE: Final = compile_late(r"[\s@]")


def find_addresses(message: Message, *fields: str, max_characters: int | None = None) -> list[str]:
    """Return the addresses in header fields (names in lower case), each once, in their order, as `parse_addresses` reads them.

    `max_characters` of each field are read.
    """
    return _find(message, fields, lambda value: parse_addresses(value[:max_characters]))


def find_envelope_addresses(message: Message, *fields: str, max_characters: int | None = None) -> list[str]:
    """Return the addresses in header fields for an envelope: as `find_addresses`, but each address in one reading.

    White space around dots is never part of it (RFC 5322 section 4.4).
    """

    def parse(value: str) -> list[str]:
        return [address for text in _split(value[:max_characters]) for address in _read(_remove_spaces(text, "."))]

    return _find(message, fields, parse)


def parse_addresses(value: str) -> list[str]:
    """Return the addresses in a list of mailboxes and groups, without quotes and comments.

    Encoded words must not be decoded before (RFC 2047 section 5): an address in a display name is not an address of the field.
    QUIRK: a quote or a parenthesis without its end is text. Else it would hide the addresses after it.

    White space around dots is not part of an address (RFC 5322 section 4.4: obs-domain, obs-local-part), nor is one dot after its domain.
    A dot may also end a text before the address: so an address with such white space is returned in both readings.

    >>> parse_addresses('"ceo@example.com" <A@Example.net>, (of) b@example.org')
    ['A@Example.net', 'b@example.org']
    """
    return [address for text in _split(value) for reading in dict.fromkeys((text, _remove_spaces(text, "."))) for address in _read(reading)]


def parse_display_name(value: str) -> str:
    """Return the display name of the first mailbox without its quotes; `""` when there is none. Encoded words stay encoded.

    >>> parse_display_name('"Silva, Ana" <ana@example.com>')
    'Silva, Ana'
    """
    pieces: list[str] = []
    for token in _TOKEN.finditer(value):
        if token[0] == "<":
            return "".join(pieces).strip()
        if token[0] == '"':
            break  # a quote without its end
        pieces.append(ESCAPED.sub(r"\1", token[0] if token[1] is None else token[1]))
    return ""


def _find(message: Message, fields: Sequence[str], parse: Callable[[str], list[str]]) -> list[str]:
    values = [decode_raw(field.value(message.raw)) for field in message.header.fields if field.lname in fields]
    found: dict[str, str] = {}
    for address in (address for value in values for address in parse(value)):
        found.setdefault(address.lower(), address)
    return list(found.values())


def decode_raw(value: bytes) -> str:
    """Return the text of a field whose encoded words stay. An address in UTF-8 (RFC 6532) may be next to a name in another charset."""
    if value.isascii():
        return value.decode("ascii")
    # Late for the cold start: few addresses are beyond ASCII.
    from mailhooks.mime import displayed_charset

    return _WORD.sub(lambda word: displayed_charset.decode(word[0], "").encode(), value).decode()


def _split(value: str) -> Iterator[str]:
    """Split a list of mailboxes and groups into the texts that may contain an address, without quotes and comments."""
    pieces: list[str] = []
    at, comments, is_route = 0, True, False
    while token := _TOKEN.match(value, at):
        text, at = token[0], token.end()
        if text == "(" and comments:
            end = find_comment_end(value, at)
            comments, at = end > 0, end or at
        elif token[1] is not None:
            # A quoted local part (RFC 5321 section 4.1.2) is the same without its quotes; a quoted name is not an address.
            pieces.append(_UNQUOTABLE.sub("_", ESCAPED.sub(r"\1", token[1])) if value.startswith("@", at) else " ")
        elif text in {">", ";"} or (text == "," and not is_route):
            yield _remove_spaces("".join(pieces), "@")
            pieces, is_route = [], False
        elif text in {"<", ":"}:
            # A name comes before the bracket; a group's name or a source route (RFC 5322 section 4.4) comes before the colon.
            pieces, is_route = [], False
        elif text.startswith("@") and not pieces:
            is_route = True
        else:
            pieces.append(text)
    yield _remove_spaces("".join(pieces), "@")


def find_comment_end(value: str, at: int) -> int:
    """Return the offset behind a comment whose content begins at an offset; 0 if it has no end."""
    depth = 1
    for mark in _IN_COMMENT.finditer(value, at):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if not depth:
            return mark.end()
    return 0


def _remove_spaces(text: str, mark: str) -> str:
    return mark.join(piece.strip() for piece in text.split(mark))


def _read(text: str) -> list[str]:
    return [word.removesuffix(".") for word in text.split() if "@" in word]
