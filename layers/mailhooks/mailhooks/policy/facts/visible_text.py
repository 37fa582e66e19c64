"""The text that a message shows, decoded, to look for words in: plain text, and HTML as text. Linear in its length, whatever it holds."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mailhooks.mime import charset, part_content
from mailhooks.mime.filenames import find_disposition
from mailhooks.mime.html_text import extract_searchable_text
from mailhooks.mime.structure import Part
from mailhooks.policy.facts.text_normalization import normal, without_ignorable

_BETWEEN: Final = "[ \u00a0\u2007\u202f\u2010-\u2015-]"
"""Spaces, hyphens and dashes between the groups of a card's number."""
_NUMBER: Final = r"\d++(?![.,]\d)"
_DIGITS: Final = re.compile(rf"(?<!\d)(?<!\d[.,]){_NUMBER}(?:(?:{_BETWEEN}{{1,2}}|{_BETWEEN}?\r?\n{_BETWEEN}?){_NUMBER})*+")
_GROUP: Final = re.compile(r"\d+")
_SHORTEST: Final = 12
_LONGEST: Final = 19

_NO_LETTER: Final = re.compile(r"[\W_]")
_LETTERS: Final = re.compile(r"[^\W_]+")
_MANY: Final = 200
"""Words that are better looked up among all words of a text than one by one."""

_MAX_TEXTS: Final = 50
"""Text parts of a message that are read; mail of people has two."""


def shown_text(raw: bytes, root: Part, limit: int) -> str:
    """What the message's text parts show, one after the other, each at most `limit` octets of it. Attachments and forwarded messages are no
    part of it.
    """
    return "\n".join(_texts(raw, root, limit))


def _texts(raw: bytes, root: Part, limit: int) -> Iterator[str]:
    waiting, read = [root], 0
    while waiting and read < _MAX_TEXTS:
        part = waiting.pop()
        if part.maintype == "multipart":
            waiting.extend(reversed(part.children))
        elif part.content_type in {"text/plain", "text/html"} and find_disposition(raw, part) != "attachment":
            read += 1
            text = charset.decode_loosely(part_content.prefix(raw, part, limit), part.charset)
            text = extract_searchable_text(text) if part.subtype == "html" else text
            # UTF-7 and references in HTML can have halves of surrogate pairs.
            yield text.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Words:
    """Words and phrases, looked for as whole words in any case; `parts` are looked for anywhere, inside of words too."""

    words: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    single: frozenset[str] = frozenset()
    shared: "tuple[Words, ...]" = ()

    @classmethod
    def of(cls, words: Iterable[str], parts: Iterable[str] = (), shared: "Iterable[Words]" = ()) -> "Words":
        """`shared` are those that others have too, such as those of the policy's lists: they are not copied."""
        normalized = tuple(map(normal, words))
        single = frozenset(word for word in normalized if word.isalnum())
        if len(single) <= _MANY:
            return cls(normalized, tuple(map(normal, parts)), shared=tuple(shared))
        return cls(tuple(word for word in normalized if word not in single), tuple(map(normal, parts)), single, tuple(shared))

    def found(self, text: str) -> bool:
        """Whether one of them is in a text (see `normal`)."""
        if any(part in text for part in self.parts) or any(word in text and _is_whole(word, text) for word in self.words):
            return True
        if self.single and not self.single.isdisjoint(_LETTERS.findall(text)):
            return True
        return any(one.found(text) for one in self.shared)


def _is_whole(word: str, text: str) -> bool:
    """Whether a word that is in a text stands there by itself, without a letter or digit around it."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        before = at > 0 and word[0].isalnum() and text[at - 1].isalnum()
        after = end < len(text) and word[-1].isalnum() and text[end].isalnum()
        if not before and not after:
            return True
        start = at + 1
        if word[0].isalnum():
            # It can stand by itself only behind what is neither letter nor digit.
            gap = _NO_LETTER.search(text, start)
            if gap is None:
                return False
            start = gap.end()
        at = text.find(word, start)
    return False


def has_card_number(text: str) -> bool:
    """Whether a text has a payment card's number: 12 to 19 digits with a right check digit (ISO/IEC 7812-1, annex B: Luhn's formula),
    not all the same; in one piece, or in groups as on cards, of which some may stand in the next line. Other numbers, such as the expiry
    date, may stand beside it.
    """
    for run in _DIGITS.finditer(without_ignorable(text)):
        groups = _GROUP.findall(run[0])
        if any(_is_card(digits) for first in range(len(groups)) for digits in _from(groups, first)):
            return True
    return False


def _from(groups: list[str], first: int) -> Iterator[str]:
    """Numbers of the right length that begin with a group: itself, or it and the next ones, if they are of a size that cards have."""
    digits = groups[first]
    if len(digits) >= _SHORTEST:
        yield digits
    if not 4 <= len(digits) <= 8:
        return
    for group in groups[first + 1 : first + 5]:
        digits += group
        if not 3 <= len(group) <= 7 or len(digits) > _LONGEST:
            return
        if len(digits) >= _SHORTEST:
            yield digits


def _is_card(digits: str) -> bool:
    return len(digits) <= _LONGEST and digits.strip(digits[0]) != "" and _luhn(digits)


def _luhn(digits: str) -> bool:
    # Digits of other scripts have the same values.
    values = (digits if digits.isascii() else str(int(digits)).zfill(len(digits))).encode("ascii")
    return (sum(values[-2::-2].translate(_DOUBLED)) + sum(values[::-2].translate(_VALUE))) % 10 == 0


_VALUE: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""The sum of the digits of twice a digit."""
