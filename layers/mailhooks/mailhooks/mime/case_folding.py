"""Subjects and phrases of mail programs in the form in which they are compared: regardless of case, in all languages."""

from typing import Final

_FORMS: Final = {
    **dict.fromkeys((0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)),
    **dict.fromkeys(map(ord, "\ua789\u2236\ufe13\ufe55\uff1a"), ":"),
}
"""Characters without a glyph, such as the marks of direction in Arabic and Hebrew subjects, and colons of other scripts."""


def fold_case(text: str) -> str:
    """Return a text in one case. The capital I with a dot of Turkish, which becomes two characters, is an i."""
    return text.casefold().replace("i\u0307", "i")


def fold_subject(subject: str) -> str:
    """Return a subject in one case, with single spaces and ASCII colons, without invisible characters."""
    return fold_case(" ".join(subject.translate(_FORMS).split()))


def read_phrases(rows: str) -> frozenset[str]:
    """Return the phrases of all rows `language: phrase, phrase`, in one case. The language is for the reader of the code."""
    # Without expressions, because compiling them needs 5 ms at each cold start.
    lists = (row.partition(":")[2].split(",") for row in fold_case(rows).strip().splitlines())
    return frozenset(phrase.strip() for phrases in lists for phrase in phrases if phrase.strip())
