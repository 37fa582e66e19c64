"""The tables of the spool. Jobs and attempts are JSON, because no query searches in them."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from local.mail.history import MessageSummary, RuleRun, State

Value = TypeVar("Value")

VERSION: Final = 5
"""Changes with each change of the tables or of the JSON in them."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  received REAL NOT NULL,
  direction TEXT NOT NULL,
  mail_from TEXT NOT NULL,
  recipients TEXT NOT NULL,
  author TEXT NOT NULL,
  sender TEXT NOT NULL,
  subject TEXT NOT NULL,
  from_text TEXT NOT NULL,
  size INTEGER NOT NULL,
  token TEXT NOT NULL,
  search TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'accepted',
  rules TEXT NOT NULL DEFAULT '[]',
  destinations TEXT NOT NULL DEFAULT '[]',
  changed INTEGER NOT NULL DEFAULT 0,
  has_problems INTEGER NOT NULL DEFAULT 0);
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
CREATE INDEX IF NOT EXISTS created_by_number ON created_messages (number);
"""

SUMMARY: Final = (
    "number, received, direction, mail_from, recipients, from_text, subject, size, state, rules, destinations, changed, has_problems"
)
"""The columns of a `MessageSummary`."""

JOBS: Final = "SELECT job FROM jobs WHERE state <> 'done'"
"""The unfinished jobs."""

RUNS: Final = "SELECT json_extract(job, '$.run') FROM jobs WHERE number = ? ORDER BY position"
"""The rule runs of a message."""


def load_summary(row: tuple[Any, ...]) -> MessageSummary:
    """Read the columns `SUMMARY`."""
    values = dict(zip((field.name for field in fields(MessageSummary)), row, strict=True))
    return _build(MessageSummary, values | {name: json.loads(values[name]) for name in ("recipients", "rules", "destinations")})


def load_all(kind: type[Value], rows: Iterable[tuple[str]]) -> tuple[Value, ...]:
    """Read rows of one column, which contains the JSON of dataclasses of one kind."""
    return tuple(_build(kind, json.loads(text)) for (text,) in rows)


def summarize(runs: Sequence[RuleRun]) -> tuple[Any, ...]:
    """Return the columns state, rules, destinations, changed and has_problems of a message with these rule runs."""
    states = {run.state for run in runs}
    waiting = next((state for state in (State.RETRYING, State.ACCEPTED, State.DECIDED) if state in states), State.DONE)
    destinations = Counter(result.destination for run in runs for result in run.results)
    rules = list(dict.fromkeys(run.rule for run in runs))
    has_problems = any(run.problems for run in runs)
    return waiting, json.dumps(rules), json.dumps(list(destinations.items())), any(run.changed for run in runs), has_problems


def dump(value: Any) -> str:
    """Return a dataclass as JSON. Its enums are strings."""
    return json.dumps(value, default=lambda each: {field.name: getattr(each, field.name) for field in fields(each)})


def _build(kind: type[Value], values: Mapping[str, Any]) -> Value:
    hints = _hints(kind)
    return kind(**{name: _convert(hints[name], value) for name, value in values.items()})


def _convert(kind: Any, value: Any) -> Any:
    """Convert a value read from JSON to the type that it had in `dump`."""
    if isinstance(kind, type) and is_dataclass(kind):
        return _build(kind, value)
    if get_origin(kind) is tuple:
        first, second = get_args(kind)
        return tuple(_convert(first, each) for each in value) if second is ... else (_convert(first, value[0]), _convert(second, value[1]))
    return kind(value) if isinstance(kind, type) else value


_hints: Final[Callable[[Any], dict[str, Any]]] = cache(get_type_hints)
