"""The language in which messages are searched: words, phrases and operators such as `from:ana`. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Self
from unicodedata import normalize

from mailhooks.mime.case_folding import fold_subject
from workmail_local.errors import InvalidSearch
from workmail_local.mail.event_builder import valid_unicode

MAX_QUERY: Final = 500
"""Characters of a query."""

HELP: Final = (
    ("word", "in the subject, an address, the text or the name of an attachment"),
    ('"two words"', "the words in this order"),
    ("-word", "messages without the word; also before an operator"),
    ("from:nora", "sender or author"),
    ("to:ana@example.com", "a recipient, To or Cc"),
    ("subject:offer", "the subject"),
    ("rule:Tag", "the name of a rule that matched"),
    ("has:attachment", "with an attachment"),
    ("is:changed", "a function changed the content"),
    ("is:bounced", "bounced for a recipient; also is:dropped, is:junk"),
    ("is:problem", "a rule run has a problem"),
    ("is:retrying", "the next attempt has a due time"),
    ("is:held", "held by a rule until an approver decides"),
    ("is:undelivered", "not delivered yet, because a function has not answered"),
    ("is:done", "processed to the end"),
    ("is:inbound", "or is:outbound"),
    ("after:2026-11-29", "received on that day or later; before: is earlier"),
    ("larger:100K", "more bytes than that; also M"),
)
"""Each operator by an example, and its meaning."""

_TOKEN: Final = re.compile(r'(?P<minus>-)?(?:(?P<name>[A-Za-z]+):)?(?:"(?P<phrase>[^"]*)(?:"|$)|(?P<word>\S+))')
_SIZE: Final = re.compile("([0-9]{1,12})([KM]?)B?", re.IGNORECASE)
_UNITS: Final = {"": 1, "K": 1024, "M": 1024 * 1024}
_MARKS: Final = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670]+")
"""Accents of Latin, Greek and Cyrillic; points and vowel marks of Hebrew and Arabic. Marks of other scripts distinguish words."""

_LETTERS: Final = str.maketrans("\u0131\u0110\u0111\u0141\u0142\u00d8\u00f8", "iDdLlOo")
"""Letters with a stroke or without a dot, which Unicode does not decompose."""


class Kind(StrEnum):
    """The kinds of conditions. The value of the first five is folded text (`fold_text`)."""

    TEXT = "text"
    FROM = "from"
    TO = "to"
    SUBJECT = "subject"
    RULE = "rule"
    IS = "is"
    """The value is one of `FLAGS`."""
    BEFORE = "before"
    """The value is in seconds since the epoch, as that of `AFTER`."""
    AFTER = "after"
    LARGER = "larger"
    """The value is in bytes."""


_TEXTS: Final = frozenset({Kind.FROM, Kind.TO, Kind.SUBJECT, Kind.RULE})

ATTACHMENT: Final = "attachment"
FLAGS: Final = frozenset("bounced changed done dropped held inbound junk outbound problem retrying undelivered".split())
"""The values of `is:`; `has:attachment` is the flag `ATTACHMENT`."""


class Condition(NamedTuple):
    """A condition on a message.

    Attributes:
        negated: whether a message matches that does not fulfil the condition.
    """

    kind: Kind
    value: str | float
    negated: bool = False


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Conditions that a message fulfils, all of them.

    Attributes:
        since: messages have a higher number.
        until: messages have this number or a lower one; None for any.
        as_text: operators with a value that they do not have, such as `is:chnged`: they are searched as text.
        unclear: the parts that may mean something else: those of `as_text`, a part without a text, such as `from:""`, other words with a
            colon, and a phrase without an end.
    """

    conditions: tuple[Condition, ...] = ()
    since: int = 0
    as_text: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    until: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text of a search. Never raises: all that is no operator is text to find."""
        conditions: dict[Condition, None] = {}
        as_text: dict[str, None] = {}
        unclear: dict[str, None] = {}
        for token in _TOKEN.finditer(text):
            name, value = token["name"] or "", token["phrase"] if token["word"] is None else token["word"]
            found = _read_operator(name.lower(), value) if name else None
            if found is None:
                if name.lower() in _OPERATORS:
                    as_text[f"{name}:{value}"] = None
                found = Kind.TEXT, fold_text(f"{name}:{value}" if name else value)
            is_open = token["word"] is None and (not token[0].endswith('"') or token[0].count('"') == 1)
            if found[1] == "" or is_open or (found[0] is Kind.TEXT and (name or ":" in (token["word"] or ""))):
                unclear[token[0]] = None
            if found[1] != "":
                conditions[Condition(*found, bool(token["minus"]))] = None
        return cls(tuple(conditions), as_text=tuple(as_text), unclear=tuple(unclear))

    @classmethod
    def parse_known(cls, text: str) -> Self:
        """Parse the text of a search for a program, to which no page shows how it was read.

        Raises:
            InvalidSearch: an operator has a value that it does not have.
        """
        query = cls.parse(text)
        if query.as_text:
            raise InvalidSearch(
                f"the search has an operator with an unknown value: {', '.join(query.as_text)}; write a text with a colon in quotes"
            )
        return query

    @classmethod
    def parse_clear(cls, text: str) -> Self:
        """Parse the text of a search whose messages are deleted.

        Raises:
            InvalidSearch: it has no condition, or a part that is not clear: it may find more messages than its author wants.
        """
        query = cls.parse(text)
        if query.unclear:
            parts = ", ".join(query.unclear)
            raise InvalidSearch(f"nothing is deleted, because this may mean something else: {parts}; write a text with a colon in quotes")
        if not query.conditions:
            raise InvalidSearch("nothing is deleted, because the search is empty; to delete all messages, leave it out")
        return query

    def narrow(self, *, mail_from: str = "", to: str = "", subject: str = "", since: int = 0) -> Self:
        """Return this query with conditions on the sender, a recipient, the subject and the number; empty ones are none."""
        values = {Kind.FROM: mail_from, Kind.TO: to, Kind.SUBJECT: subject}
        more = (Condition(kind, folded) for kind, text in values.items() if (folded := fold_text(text)))
        return replace(self, conditions=(*self.conditions, *more), since=max(since, self.since))

    def narrow_until(self, number: int | None) -> Self:
        """Return this query for messages up to this number; None for any."""
        return replace(self, until=number)

    def narrow_to_done(self, *, negated: bool = False) -> Self:
        """Return this query with the condition that messages are done, or that they are not."""
        return replace(self, conditions=(*self.conditions, Condition(Kind.IS, "done", negated)))

    @property
    def reads_texts(self) -> bool:
        """Whether a condition is on the texts of messages, which are indexed some time after the messages are accepted."""
        return any(each.kind in {Kind.TEXT, Kind.TO} for each in self.conditions)


ALL: Final = SearchQuery()
"""The query that every message fulfils."""


def fold_text(text: str) -> str:
    """Return a text in the form in which it is searched: case, accents, white space, invisible characters and widths do not matter.

    >>> fold_text("  Café\\nGROẞ ")
    'cafe gross'
    """
    text = valid_unicode(text).replace("\0", " ")
    if not text.isascii():
        text = normalize("NFKC", _MARKS.sub("", normalize("NFKD", text))).translate(_LETTERS)
    return fold_subject(text)


def _read_operator(name: str, value: str) -> tuple[Kind, str | float] | None:
    """Return the kind and the value of an operator; None when it is none, or does not have this value."""
    return next(_OPERATORS[name](name, value), None) if name in _OPERATORS else None


def _read_text(name: str, value: str) -> Iterator[tuple[Kind, str | float]]:
    yield Kind(name), fold_text(value)


def _read_flag(name: str, value: str) -> Iterator[tuple[Kind, str | float]]:
    flag = value.lower()
    if name == "has" and flag in {ATTACHMENT, "attachments"}:
        yield Kind.IS, ATTACHMENT
    elif name == "is" and flag in FLAGS:
        yield Kind.IS, flag


def _read_time(name: str, value: str) -> Iterator[tuple[Kind, str | float]]:
    try:
        yield Kind(name), datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return


def _read_size(name: str, value: str) -> Iterator[tuple[Kind, str | float]]:
    if found := _SIZE.fullmatch(value):
        yield Kind(name), int(found[1]) * _UNITS[found[2].upper()]


_OPERATORS: Final = {
    **dict.fromkeys(map(str, _TEXTS), _read_text),
    "has": _read_flag,
    "is": _read_flag,
    "before": _read_time,
    "after": _read_time,
    "larger": _read_size,
}
