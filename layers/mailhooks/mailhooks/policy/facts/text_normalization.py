"""Text in the form in which texts are compared. Linear in its length, whatever it holds."""

import re
import unicodedata
from itertools import pairwise
from typing import Final

_SPACES: Final = re.compile(r"\s+")

_IGNORABLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point but for the Hangul fillers, which are shown as blanks."""

_MANY_MARKS: Final = re.compile(r"[^\w\x00-\x7f]{30}")
"""More marks on one letter than any language has (Unicode Standard Annex 15, section 13, "Stream-Safe Text Format")."""


def composed(text: str) -> str:
    """A text in normalization form C, in which a letter and its accent are one character if there is one.

    Of more marks in a row than any language has, not all are put in order: the time for that grows with the square of their number.
    """
    if text.isascii():
        return text
    cuts = [marks.end() for marks in _MANY_MARKS.finditer(text)]
    return "".join(unicodedata.normalize("NFC", text[start:end]) for start, end in pairwise((0, *cuts, len(text))))


def without_ignorable(text: str) -> str:
    """Without what is shown as nothing: soft hyphens, zero-width spaces and joiners, directions, variation selectors."""
    return text if text.isascii() else _IGNORABLE.sub("", text)


def normal(text: str) -> str:
    """For comparing: every stretch of white space is one space; case does not matter, nor how a letter is put together, nor what is shown
    as nothing.
    """
    return composed(_SPACES.sub(" ", without_ignorable(text)).casefold())
