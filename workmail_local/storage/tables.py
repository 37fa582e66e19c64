"""The tables of the spool. Jobs and attempts are JSON, arrays with the fields in order, because no query searches in them."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from workmail_local.mail.history import MessageSummary, RuleRun, State
from workmail_local.mail.job import DeliveryJob

Value = TypeVar("Value")

VERSION: Final = 8
"""Changes with each change of the tables or of the JSON in them."""

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
    """Return the columns state, rules, destinations, changed and has_problems of a message with these rule runs."""
    states = {run.state for run in runs}
    waiting = next((state for state in (State.RETRYING, State.ACCEPTED, State.DECIDED) if state in states), State.DONE)
    destinations = Counter(result.destination for run in runs for result in run.results)
    rules = list(dict.fromkeys(run.rule for run in runs))
    has_problems = any(run.problems for run in runs)
    return waiting, json.dumps(rules), json.dumps(list(destinations.items())), any(run.changed for run in runs), has_problems


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
