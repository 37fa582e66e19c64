"""Quote marks other than `>` in plain text: `| Lunch?`, `: Lunch?`, `» Lunch?`, and initials as in `BE> Lunch?`."""

from collections.abc import Sequence
from typing import Final

from mailhooks.mime.quotes.any_language import find_attribution_in_any_language
from mailhooks.mime.quotes.attribution import Budget, Level, Line, find_attribution
from mailhooks.patterns import compile_late

OTHER_MARK: Final = compile_late(r"(\||[:»›%](?= )|[^\W\d_]{1,4}(?=>))>*(?= |$|\|)")  # noqa: RUF001 - quotation marks that are meant
_TABLE: Final = compile_late(r"\|[^|]+\|")


def mark_other_quotes(lines: Sequence[Line]) -> None:
    """Set the level of lines with another quote mark, if an attribution is above the first one.

    Without an attribution, lines with a bar may be a table and lines with initials a log, except initials in two lines above each other.
    """
    budget = Budget()
    previous = ""
    for at, line in enumerate(lines):
        found = OTHER_MARK.match(line.text)
        mark = found[1] if found else ""
        if mark.isalpha() and not mark[0].isupper():
            mark = ""
        if mark and mark != previous and at and not _TABLE.match(line.text):
            twice = mark.isalpha() and at + 1 < len(lines) and lines[at + 1].text.startswith(f"{mark}>")
            if twice or _has_attribution(lines, at - 1, budget):
                _mark_all(lines[at:], mark)
                return
        previous = mark


def _has_attribution(lines: Sequence[Line], end: int, budget: Budget) -> bool:
    found = find_attribution(lines, end, budget, above_quote=True)
    return found is not None or find_attribution_in_any_language(lines, end, budget) is not None


def _mark_all(lines: Sequence[Line], mark: str) -> None:
    for line in lines:
        if (found := OTHER_MARK.match(line.text)) and (found[1] == mark or (mark.isalpha() and found[1].isalpha())):
            line.level = Level.CITED
