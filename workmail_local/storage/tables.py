"""The tables of the spool. Jobs and attempts are JSON, arrays with the fields in order, because no query searches in them."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from workmail_local.mail.history import MessageSummary, RuleRun, State
from workmail_local.mail.job import DeliveryJob
from workmail_local.mail.search_query import fold_text

Value = TypeVar("Value")

SPOOL: Final = "spool.db"
"""The file of the spool."""

VERSION: Final = 9
"""Changes with each change of the tables or of the JSON in them."""

TEXTS: Final = """
CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(recipients, attachments, body, tokenize = 'trigram case_sensitive 1')
"""
"""The texts that can be searched, folded (`fold_text`). Trigrams find a text within a word, in scripts without spaces too."""

TRIGRAMS: Final = "CREATE VIRTUAL TABLE IF NOT EXISTS trigrams USING fts5vocab(texts, row)"
"""The trigrams in `TEXTS`."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  received REAL NOT NULL,
  direction TEXT NOT NULL,
  mail_from TEXT NOT NULL,
  recipients TEXT NOT NULL,
  subject TEXT NOT NULL,
  from_text TEXT NOT NULL,
  size INTEGER NOT NULL,
  search_from TEXT NOT NULL,
  search_to TEXT NOT NULL,
  search_subject TEXT NOT NULL,
  search_rules TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT 'accepted',
  rules TEXT NOT NULL DEFAULT '[]',
  destinations TEXT NOT NULL DEFAULT '[]',
  changed INTEGER NOT NULL DEFAULT 0,
  has_problems INTEGER NOT NULL DEFAULT 0,
  undelivered INTEGER NOT NULL DEFAULT 0,
  has_attachments INTEGER NOT NULL DEFAULT 0,
  to_index INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS originals (
  number INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
  raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
  message_id TEXT PRIMARY KEY,
  number INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
  position INTEGER NOT NULL,
  state TEXT NOT NULL,
  job TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS contents (
  message_id TEXT PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
  message_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
  number INTEGER NOT NULL,
  attempt TEXT NOT NULL,
  PRIMARY KEY (message_id, number));
CREATE TABLE IF NOT EXISTS created_messages (
  message_id TEXT PRIMARY KEY,
  number INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_of_message ON jobs (number);
CREATE INDEX IF NOT EXISTS messages_open ON messages (state) WHERE state <> 'done';
CREATE INDEX IF NOT EXISTS messages_to_index ON messages (number) WHERE to_index > 0;
CREATE INDEX IF NOT EXISTS created_by_number ON created_messages (number);
CREATE TABLE IF NOT EXISTS obsolete_texts (
  number INTEGER PRIMARY KEY);
CREATE TRIGGER IF NOT EXISTS text_is_obsolete AFTER DELETE ON messages
  BEGIN INSERT INTO obsolete_texts VALUES (old.number); END;
"""
"""The tables other than `TEXTS` and `TRIGRAMS`."""

SUMMARY: Final = (
    "number, received, direction, mail_from, recipients, from_text, subject, size, state, rules, destinations, changed, has_problems, "
    "undelivered, has_attachments"
)
"""The columns of a `MessageSummary`."""

OF_RUNS: Final = "state, rules, search_rules, destinations, changed, has_problems, undelivered"
"""The columns of a message that its rule runs determine."""

JOBS: Final = "SELECT job FROM jobs WHERE state <> 'done'"
"""The unfinished jobs."""

_RUN: Final = f"json_extract(job, '$[{DeliveryJob._fields.index('run')}]')"

OTHER_RUNS: Final = f"SELECT CASE WHEN message_id <> ? THEN {_RUN} END FROM jobs WHERE number = ? ORDER BY position"  # noqa: S608 - fixed text
"""The rule runs of a message, NULL for one of them."""

RUNS: Final = f"SELECT {_RUN} FROM jobs WHERE number = ? ORDER BY position"  # noqa: S608 - fixed text
"""The rule runs of a message."""


def load_summary(row: tuple[Any, ...]) -> MessageSummary:
    """Read the columns `SUMMARY`."""
    read = MessageSummary._make(row)
    values = read._replace(**{name: json.loads(getattr(read, name)) for name in ("recipients", "rules", "destinations")})
    summary: MessageSummary = _converter(MessageSummary)(values)
    return summary


def load_all(kind: type[Value], rows: Iterable[tuple[str]]) -> tuple[Value, ...]:
    """Read rows of one column, which contains the JSON of values of one kind."""
    convert = _converter(kind)
    return tuple(convert(json.loads(text)) for (text,) in rows)


def load_run(text: str) -> RuleRun:
    """Read the JSON of a rule run."""
    run: RuleRun = _converter(RuleRun)(json.loads(text))
    return run


def summarize(runs: Sequence[RuleRun]) -> tuple[Any, ...]:
    """Return the columns `OF_RUNS` of a message with these rule runs."""
    states = {run.state for run in runs}
    waiting = next((state for state in (State.RETRYING, State.HELD, State.ACCEPTED, State.DECIDED) if state in states), State.DONE)
    destinations = Counter(result.destination for run in runs for result in run.results)
    rules = list(dict.fromkeys(run.rule for run in runs))
    has_problems = any(run.problems for run in runs)
    undelivered = any(not run.results and run.state is not State.DONE for run in runs)
    changed, counted = any(run.changed for run in runs), json.dumps(list(destinations.items()))
    return waiting, json.dumps(rules), fold_text("\n".join(rules)), counted, changed, has_problems, undelivered


def dump(value: Any) -> str:
    """Return a value as JSON. Its enums are strings."""
    return _ENCODER.encode(value)


# The library's actions are the only values that are no tuples.
_ENCODER: Final = json.JSONEncoder(default=lambda action: (action.type, action.bounce_message))


def _create_converter(kind: Any) -> Callable[[Any], Any]:
    """Return the function that converts a value read from JSON to the type that it had in `dump`.

    The type hints are read once a type, because the spool reads several values for each message.
    """
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, tuple)):
        converters = tuple(map(_converter, get_type_hints(kind).values()))
        return lambda values: kind(*(convert(value) for convert, value in zip(converters, values, strict=True)))
    if get_origin(kind) is tuple:
        first, second = get_args(kind)
        convert, convert_second = _converter(first), _converter(second)
        if second is ...:
            return lambda values: tuple(map(convert, values))
        return lambda values: (convert(values[0]), convert_second(values[1]))
    return kind if isinstance(kind, type) else lambda value: value


_converter: Final[Callable[[Any], Callable[[Any], Any]]] = cache(_create_converter)
