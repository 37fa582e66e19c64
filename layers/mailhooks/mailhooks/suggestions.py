"""Finds the known word that is most like a mistyped one."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(word: str, known: Iterable[str], *, likeness: float = 0.7) -> str:
    """Return the question for the known word that is most like this one, to be added to an error message; "" when none is like it.

    `likeness` is from 0 to 1: the ratio of characters that both words have, as `difflib` computes it.

    >>> suggest("sevre", ["run", "send", "serve"])
    '; did you mean serve?'
    """
    by_folded = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=likeness)
    return f"; did you mean {by_folded[found[0]]}?" if found else ""
