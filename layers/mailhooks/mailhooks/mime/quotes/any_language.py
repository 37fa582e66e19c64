"""What is common to the attributions above a quote in all languages, for those that no table recognizes."""

from collections.abc import Sequence
from typing import Final

from mailhooks.mime.quotes.attribution import (
    COLONS,
    MAX_LENGTH,
    MAX_LINES,
    MAX_UNKNOWN,
    TIME,
    Budget,
    Level,
    Line,
    flows_into,
    has_dashes,
    has_day,
    has_fact,
    is_blank,
    normalize,
)
from mailhooks.patterns import compile_late

HINT: Final = compile_late(rf"[@\d{COLONS}]|--|__")
"""Found in the last line of each attribution that is found here."""

_MIN_RULE: Final = 10
"""Dashes of the shortest rule above a quote."""

_STOP: Final = compile_late(r"[.!?…。！？।][\"”»)]?$")  # noqa: RUF001 - marks of other scripts

_BEGINS_WITH_DATE: Final = compile_late(r"[(\"]?(?:[^\s\d.,]{2,14}[.,]{1,2} )?\d")


def find_attribution_in_any_language(lines: Sequence[Line], end: int, budget: Budget) -> int | None:
    """Return the first line of an attribution above a quote, in any language; None if the text above the quote is the sender's own.

    It ends in a colon, or it has an address or a date. If it has nothing but a colon, as in `My answers:`, it still introduces the quote,
    unless it is the only text above: then it is a salutation.
    """
    if budget.left < 0:
        return None
    quote = lines[end + 1] if end + 1 < len(lines) else None
    is_certain = quote is not None and quote.level is Level.CITED
    start = end
    text = lines[end].text
    while (
        start
        and end - start < MAX_LINES
        and not (lines[start].gap or lines[start].mark)
        and lines[start - 1].level is lines[end].level
        and flows_into(lines[start - 1].text, text)
    ):
        start -= 1
        text = f"{lines[start].text} {text}"
    bare = normalize(text)
    if not bare and is_certain and has_dashes(text) and len(text) >= _MIN_RULE:
        return end
    if len(bare) > MAX_UNKNOWN or is_blank(lines[end]) or not budget.spend(bare):
        return None
    fact = "@" in bare or has_day(bare)
    if text.rstrip("-* ").endswith(tuple(COLONS)):
        return start if fact or TIME.search(bare) or (is_certain and start > 0) else None
    begins = _BEGINS_WITH_DATE.match(bare) is not None
    if not is_certain or (_STOP.search(text) and not begins) or not (fact or (begins and TIME.search(bare))):
        return None
    return None if _has_own_attribution(lines, end + 1) else start


def _has_own_attribution(lines: Sequence[Line], at: int) -> bool:
    """Return whether the first quoted lines are an attribution. QUIRK: Apple's programs quote it, too, so that a signature is above it."""
    text = ""
    for line in lines[at : at + 3]:
        text = f"{text} {line.text}"
        if text.endswith(tuple(COLONS)) and len(text) < MAX_LENGTH:
            return has_fact(normalize(text))
    return False
