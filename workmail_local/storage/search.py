"""Search queries as SQL. A statement consists of fixed text; values from outside are its parameters."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from workmail_local.mail.search_query import ATTACHMENT, Condition, Kind, SearchQuery

_SHORTEST: Final = 3
"""Characters that the index finds, because its tokens are trigrams. For a shorter text, the trigrams that begin with it are searched."""

_COLUMNS: Final = {
    Kind.TEXT: ("search_from", "search_to", "search_subject"),
    Kind.FROM: ("search_from",),
    Kind.TO: ("search_to",),
    Kind.SUBJECT: ("search_subject",),
    Kind.RULE: ("search_rules",),
}
"""The columns of `messages` with the text of a condition."""

_INDEXED: Final = {Kind.TEXT: ("recipients", "attachments", "body"), Kind.TO: ("recipients",)}
"""The columns of `texts` with the text of a condition."""

_FLAGS: Final = {
    ATTACHMENT: "has_attachments",
    "bounced": "instr(destinations, '\"Bounced\"')",
    "changed": "changed",
    "done": "state = 'done'",
    "dropped": "instr(destinations, '\"Dropped\"')",
    "held": "state = 'held'",
    "inbound": "direction = 'INBOUND'",
    "junk": "instr(destinations, '\"Junk\"')",
    "outbound": "direction = 'OUTBOUND'",
    "problem": "has_problems",
    "retrying": "state = 'retrying'",
    "undelivered": "undelivered",
}
_COMPARISONS: Final = {Kind.BEFORE: "received < ?", Kind.AFTER: "received >= ?", Kind.LARGER: "size > ?"}


def write_where(query: SearchQuery, find_trigrams: Callable[[str], Sequence[str] | None]) -> tuple[str, list[Any]]:
    """Return the condition of a SELECT on `messages`, and its parameters.

    Args:
        find_trigrams: returns the trigrams in the index that begin with a text; None if there are many.
    """
    terms, values = ["number > ?"], [query.since]
    if query.until is not None:
        terms, values = [*terms, "number <= ?"], [*values, query.until]
    for condition in query.conditions:
        pieces = list(_write_alternatives(condition, find_trigrams))
        terms.append(f"{'NOT ' if condition.negated else ''}({' OR '.join(text for text, _ in pieces)})")
        values += [value for _, more in pieces for value in more]
    return " AND ".join(terms), values


def _write_alternatives(condition: Condition, find_trigrams: Callable[[str], Sequence[str] | None]) -> Iterator[tuple[str, list[Any]]]:
    kind, value = condition.kind, condition.value
    if kind is Kind.IS:
        yield _FLAGS[str(value)], []
    elif kind in _COMPARISONS:
        yield _COMPARISONS[kind], [value]
    else:
        yield from ((f"instr({column}, ?)", [value]) for column in _COLUMNS[kind])
        if columns := _INDEXED.get(kind):
            text = str(value)
            phrases = find_trigrams(text) if len(text) < _SHORTEST else (text,)
            yield _write_indexed(columns, text, phrases)


def _write_indexed(columns: tuple[str, ...], text: str, phrases: Sequence[str] | None) -> tuple[str, list[Any]]:
    if phrases is None:
        # Such a text is in so many messages that a page of them is found soon.
        found = " OR ".join(f"instr({column}, ?)" for column in columns)
        return f"EXISTS (SELECT 1 FROM texts WHERE rowid = number AND ({found}))", [text] * len(columns)  # noqa: S608 - fixed text
    if not phrases:
        return "0", []
    quoted = " OR ".join('"{}"'.format(phrase.replace('"', '""')) for phrase in phrases)
    return "number IN (SELECT rowid FROM texts WHERE texts MATCH ?)", [f"{{{' '.join(columns)}}} : ({quoted})"]
