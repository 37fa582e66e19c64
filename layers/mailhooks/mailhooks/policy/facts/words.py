"""Search for whole words and phrases in text.

The ends of words are those of Unicode Standard Annex 29, section 4, with these differences:

- Each letter of a script that is written without spaces is the end of a word, and so is each syllable of Hangul, where particles touch the
  word: to find the words in such a sentence needs a dictionary.
- Each punctuation mark is the end of a word, also an apostrophe ("l'offre", "Ankara'da") and an underscore. "can't" is one word.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from unicodedata import category

from mailhooks.patterns import compile_late
from mailhooks.policy.facts.scripts import HANGUL, WITHOUT_SPACES
from mailhooks.policy.facts.text_normalization import normalize

_UNSPACED: Final = WITHOUT_SPACES + HANGUL
_UNSPACED_LETTER: Final = compile_late(f"[{_UNSPACED}]")
_END_IN_ASCII: Final = re.compile(r"[\W_]")
_END: Final = compile_late(rf"[\W_{_UNSPACED}]")
_LETTERS: Final = compile_late(rf"[^\W_{_UNSPACED}]+")
_WITHIN: Final = compile_late(
    "[\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3\u0ebd]"  # vowels of Thai and Lao behind their consonant
    "|(?<=[\u0e40-\u0e44\u0ec0-\u0ec4\u19b5-\u19b7\u19ba\uaab5\uaab6\uaab9\uaabb\uaabc])."  # vowels before their consonant
    "|(?<=[\u1039\u17d2\u1a60])."  # a consonant below another one, in Burmese, Khmer and Tai Tham
    "|[\u1000-\u102a\u103f]\u1037?[\u1039\u103a]"  # a consonant that ends a syllable of Burmese
    "|[\u1160-\u11ff\ud7b0-\ud7ff]|(?<=[\u1100-\u115f\ua960-\ua97f])[\u1100-\u115f\ua960-\ua97f\uac00-\ud7a3]"  # old Hangul
    "|(?<=[\u3041-\u30ff\u31f0-\u31ff])[\u3041\u3043\u3045\u3047\u3049\u3083\u3085\u3087\u308e\u309d\u309e"
    "\u30a1\u30a3\u30a5\u30a7\u30a9\u30e3\u30e5\u30e7\u30ee\u30fc\u30fd\u30fe]"  # small kana, sound and iteration marks
)
"""Letters of these scripts that belong to the letter before them."""

_MANY: Final = 200
"""From this number on, one look at all words or letters of a text is faster than a search for each word."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words and phrases to search for. `shared` are the words of the policy's lists. All are in the form of `normalize`."""

    words: tuple[str, ...] = ()
    """Found as whole words only."""
    parts: tuple[str, ...] = ()
    """Found anywhere, also inside of words."""
    single: frozenset[str] = frozenset()
    """Words without spaces or marks, in scripts with spaces, if there are many of them."""
    shared: "tuple[Words, ...]" = ()

    @classmethod
    def of(cls, words: Iterable[str], parts: Iterable[str] = (), shared: "Iterable[Words]" = ()) -> "Words":
        """Normalize words and parts. Rules that name the same list share one object in `shared`."""
        normalized = tuple(normalize(word).strip() for word in words)
        single = frozenset(filter(_LETTERS.fullmatch, normalized)) if len(normalized) > _MANY else frozenset()
        if len(single) <= _MANY:
            return cls(normalized, tuple(map(normalize, parts)), shared=tuple(shared))
        return cls(tuple(word for word in normalized if word not in single), tuple(map(normalize, parts)), single, tuple(shared))

    def __bool__(self) -> bool:
        return bool(self.words or self.single or self.parts or self.shared)

    def found_in(self, text: str) -> bool:
        """Return whether a text contains one of them. The text is in the form of `normalize`."""
        return bool(self.find_in(text))

    def find_in(self, text: str) -> str:
        """Return one of them that a text contains; `""` if it contains none. The text is in the form of `normalize`."""
        for part in self.parts:
            if part in text:
                return part
        for word in _select_possible(self.words, text):
            if word in text and _is_whole_word(word, text):
                return word
        if self.single:
            for word in self.single.intersection(_LETTERS.findall(text)):
                if _is_whole_word(word, text):
                    return word
        return next(filter(None, (one.find_in(text) for one in self.shared)), "")


def _select_possible(words: tuple[str, ...], text: str) -> Iterable[str]:
    """Return the words with no other letters than those of a text, if there are many words."""
    if len(words) <= _MANY:
        return words
    letters = frozenset(text)
    return (word for word in words if letters.issuperset(word))


def _is_whole_word(word: str, text: str) -> bool:
    """Return whether a text has a word that begins and ends where words of the text do."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if (not word[0].isalnum() or _is_end(text, at)) and (not _is_letter(word[-1]) or _is_end(text, end)):
            return True
        start = at + 1
        if word[0].isalnum() and not _is_unspaced(word[0]):
            # The next whole word can only begin after a character that ends a word.
            gap = (_END_IN_ASCII if text.isascii() else _END).search(text, start)
            if gap is None:
                return False
            start = gap.end()
        at = text.find(word, start)
    return False


def _is_end(text: str, at: int) -> bool:
    """Return whether a word ends or begins at a position, next to a letter."""
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if after == "'" and before == "n" and text.startswith("'t", at):
        return not _is_end(text, at + 2)  # "can't"
    if not after.isascii() and (category(after)[0] == "M" or _WITHIN.match(text, at)):
        return False
    if not (_is_letter(before) and _is_letter(after)):
        return True
    return _is_unspaced(before) or _is_unspaced(after)


def _is_unspaced(char: str) -> bool:
    """Return whether a character is a letter of a script in which it ends a word."""
    return not char.isascii() and _UNSPACED_LETTER.match(char) is not None


def _is_letter(char: str) -> bool:
    """Return whether a character is a letter, a digit, or a mark that belongs to one."""
    return char.isalnum() or category(char)[0] == "M"
