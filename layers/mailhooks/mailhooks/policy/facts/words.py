"""Search for words and phrases in text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailhooks.policy.facts.text_normalization import normalize

_NO_LETTER: Final = re.compile(r"[\W_]")
_LETTERS: Final = re.compile(r"[^\W_]+")
_MANY: Final = 200
"""From this number on, one lookup in the set of all words of a text is faster than a search for each word."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words and phrases to search for, regardless of case. `shared` are the words of the policy's lists."""

    words: tuple[str, ...] = ()
    """Found as whole words only."""
    parts: tuple[str, ...] = ()
    """Found anywhere, also inside of words."""
    single: frozenset[str] = frozenset()
    """Words without spaces or marks, if there are many of them."""
    shared: "tuple[Words, ...]" = ()

    @classmethod
    def of(cls, words: Iterable[str], parts: Iterable[str] = (), shared: "Iterable[Words]" = ()) -> "Words":
        """Normalize words and parts. Rules that name the same list share one object in `shared`."""
        normalized = tuple(normalize(word).strip() for word in words)
        single = frozenset(word for word in normalized if word.isalnum())
        if len(single) <= _MANY:
            return cls(normalized, tuple(map(normalize, parts)), shared=tuple(shared))
        return cls(tuple(word for word in normalized if word not in single), tuple(map(normalize, parts)), single, tuple(shared))

    def __bool__(self) -> bool:
        return bool(self.words or self.single or self.parts or self.shared)

    def found_in(self, text: str) -> bool:
        """Return whether a text contains one of them. The text is in the form of `normalize`."""
        if any(part in text for part in self.parts) or any(word in text and _is_whole_word(word, text) for word in self.words):
            return True
        if self.single and not self.single.isdisjoint(_LETTERS.findall(text)):
            return True
        return any(one.found_in(text) for one in self.shared)


def _is_whole_word(word: str, text: str) -> bool:
    """Return whether a text has a word without a letter or digit next to it."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        before = at > 0 and word[0].isalnum() and text[at - 1].isalnum()
        after = end < len(text) and word[-1].isalnum() and text[end].isalnum()
        if not before and not after:
            return True
        start = at + 1
        if word[0].isalnum():
            # The next whole word can only begin after a character that is neither a letter nor a digit.
            gap = _NO_LETTER.search(text, start)
            if gap is None:
                return False
            start = gap.end()
        at = text.find(word, start)
    return False
