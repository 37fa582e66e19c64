"""Normalization of text for comparisons. The time is linear for every text."""

import re
import unicodedata
from itertools import pairwise
from typing import Final

_SPACES: Final = re.compile(r"\s+")

_IGNORABLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point without the Hangul fillers, which are displayed as blanks."""

_MANY_MARKS: Final = re.compile(r"[^\w\x00-\x7f]{30}")
"""More marks on one letter than any language has (Unicode Standard Annex 15, section 13, "Stream-Safe Text Format")."""


def compose(text: str) -> str:
    """Return a text in normalization form C: a letter and its accent are one character if Unicode has one.

    Long runs of marks are split before they are sorted, because the time of sorting grows with the square of their number.
    """
    if text.isascii():
        return text
    cuts = [marks.end() for marks in _MANY_MARKS.finditer(text)]
    return "".join(unicodedata.normalize("NFC", text[start:end]) for start, end in pairwise((0, *cuts, len(text))))


def remove_ignorable(text: str) -> str:
    """Remove invisible characters: soft hyphens, zero-width spaces and joiners, direction marks, variation selectors."""
    return text if text.isascii() else _IGNORABLE.sub("", text)


def normalize(text: str) -> str:
    """Return the form in which texts are compared.

    Runs of white space become one space. Case, invisible characters and the composition of letters do not matter.
    """
    return compose(_SPACES.sub(" ", remove_ignorable(text)).casefold())
