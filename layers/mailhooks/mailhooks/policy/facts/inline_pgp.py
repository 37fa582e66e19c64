"""OpenPGP messages in the displayed text (RFC 9580 sections 6.2 and 7): signed, encrypted, or only below readable text."""

import re
from enum import Enum, auto
from typing import Final

from mailhooks.mime.displayed_text import read_every_text
from mailhooks.mime.html_text import extract_searchable_text
from mailhooks.mime.message import Message
from mailhooks.policy.facts.text_normalization import remove_ignorable

_READ_OCTETS: Final = 1024 * 1024
"""Octets of each text that are read."""

_BEGIN: Final = re.compile(r"-----BEGIN PGP (SIGNED )?MESSAGE(?:, PART [0-9/]++)?-----")
_END: Final = re.compile(r"-----END PGP (?:MESSAGE(?:, PART [0-9/]++)?|SIGNATURE)-----")
_FOOTER: Final = re.compile(r"--(?!-*[^-\s])|[_=]{4}")
"""The beginning of a list's footer or of a signature."""
_FOOTER_LINES: Final = 10
_ARMOR_CHARACTERS: Final = 20
"""A shorter word of a block is one of its fields, such as `Version: GnuPG v2`, or its last line."""
_FIELD_WORDS: Final = 20


class Armor(Enum):
    """What a displayed text is."""

    SIGNED = auto()
    ENCRYPTED = auto()


def find_armor(message: Message) -> Armor | None:
    """Return whether the whole displayed text is a signed or an encrypted message, but for a short footer; None if it is neither.

    Any sender can write the first line of a block below a readable text, or alone above one: such a text is readable.
    """
    found: set[Armor | None] = set()
    for text, is_html in read_every_text(message, _READ_OCTETS):
        shown = remove_ignorable(extract_searchable_text(text) if is_html else text).replace("\xa0", " ").strip()
        if shown and not (found and _is_footer(shown)):
            found.add(_read_armor(shown))
    return found.pop() if len(found) == 1 else None


def _read_armor(text: str) -> Armor | None:
    begin = _BEGIN.match(text)
    if begin is None:
        return None
    end = max(_END.finditer(text), key=re.Match.start, default=None)
    if end is not None and not _is_footer(text[end.end() :].strip()):
        return None
    if begin[1]:
        return Armor.SIGNED if end is not None else None
    words = text[begin.end() : end.start() if end is not None else None].split()
    return Armor.ENCRYPTED if sum(len(word) < _ARMOR_CHARACTERS for word in words) <= _FIELD_WORDS else None


def _is_footer(text: str) -> bool:
    return not text or (_FOOTER.match(text) is not None and text.count("\n") < _FOOTER_LINES)
