"""Finds the decision, problems and metrics in a function's log."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from mailhooks.errors import MessageRejected
from mailhooks.policy.evaluation.explanation import ConditionExplanation, RuleExplanation, RuleState
from mailhooks.report_names import LogKey

_ERROR: Final = re.compile(r"^\[ERROR\] .*\n", re.MULTILINE)
"""The line with which Lambda logs an unhandled error; its traceback follows."""

_TRACEBACK: Final = "Traceback (most recent call last):\n"


def split_decision(log: str) -> tuple[str, tuple[RuleExplanation, ...]]:
    """Return a log without the decision of its policy (setting LOG_DECISION), and the decision; the last one, if there are several."""
    decision: tuple[RuleExplanation, ...] = ()
    lines = log.split("\n")
    for number, line in enumerate(lines):
        if f'"{LogKey.DECISION}"' in line and (entry := read_entry(line)) and LogKey.DECISION in entry:
            try:
                decision = tuple(map(_read_rule, entry.pop(LogKey.DECISION)))
            except (TypeError, ValueError, KeyError, AttributeError):
                continue  # a field of the same name of another program
            lines[number] = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    return "\n".join(lines), decision


def _read_rule(rule: dict[str, Any]) -> RuleExplanation:
    """Return a rule of a decision. Raises TypeError, ValueError, KeyError or AttributeError for other values: the spool keeps these."""
    conditions = tuple(ConditionExplanation(**condition) for condition in rule["conditions"])
    texts = {name: tuple(rule[name]) for name in ("recipients", "actions")}
    read = RuleExplanation(**{**rule, **texts, "state": RuleState(rule["state"]), "conditions": conditions})
    lists = rule["recipients"], rule["actions"], rule["conditions"]
    numbers = [condition.depth for condition in conditions]
    words = [read.rule, read.result, *read.recipients, *read.actions, *(word for condition in conditions for word in condition[:-1])]
    if not all(type(each) is list for each in lists) or {*map(type, words)} != {str} or not {*map(type, numbers)} <= {int}:
        raise TypeError
    return read


class LogProblem(NamedTuple):
    """A line of a log, of level WARNING, ERROR or CRITICAL.

    Attributes:
        is_failure: whether it is the library's line about a hook that failed, or that made content which WorkMail rejects.
    """

    level: str
    text: str
    is_failure: bool


def find_problems(log: str) -> list[LogProblem]:
    """Return each JSON log line, as Powertools and Lambda write them, of level WARNING or above.

    A hook may hide its own failure so that mail is delivered; its author should see it here.
    """
    found = []
    for entry in _entries(log):
        level = str(entry.get("level", "")).upper()
        if level in {"WARNING", "ERROR", "CRITICAL"}:
            reasons = [str(entry[key]) for key in ("reason", "detail") if entry.get(key)]
            text = str(entry.get("message", ""))
            reason = entry.get(LogKey.REASON) if entry.get(LogKey.HOOK) else None
            is_failure = bool(reason) and (level != "WARNING" or reason == MessageRejected.__name__)
            found.append(LogProblem(level, f"{text} ({': '.join(reasons)})" if reasons else text, is_failure))
    return found


def find_traceback(log: str) -> str:
    """Return the traceback of the last error in a log: of a line of the library, or of the error that Lambda logs. "" for none."""
    for entry in reversed(list(_entries(log))):
        if isinstance(found := entry.get("traceback"), str):
            return found.rstrip()
    errors = list(_ERROR.finditer(log))
    text = log[errors[-1].end() :].rstrip() if errors else ""
    return text[max(text.find(_TRACEBACK), 0) :]


def split_traceback(log: str) -> tuple[str, str]:
    """Return a log without the traceback of `find_traceback`, and that traceback. One in a JSON line of the library stays."""
    traceback = find_traceback(log)
    return (log.replace(traceback, "") if traceback else log), traceback


def shorten_log(log: str, most: int) -> list[str]:
    """Return the last lines of a log for people, at most `most`: JSON lines with level, text and reason only, and no metrics."""
    found = []
    for line in log.splitlines():
        entry = read_entry(line)
        if entry is None:
            found.append(line)
        elif problems := find_problems(line):
            found += [f"{level} {text}" for level, text, _ in problems]
        elif "_aws" not in entry:
            found.append(f"{entry.get('level', '')} {entry['message']}".strip() if "message" in entry else line)
    return [line for line in found if line.strip()][-most:]


def format_metrics(log: str) -> str:
    """Format the metrics in CloudWatch's embedded metric format: `Messages=1 MessageSize=812 (hook=observe)`."""
    values: dict[str, tuple[str, str]] = {}
    dimensions: dict[str, Any] = {}
    for entry in _entries(log):
        more = read_metrics(entry)
        values, dimensions = values | more[0], dimensions | more[1]
    if not values:
        return ""
    shown = " ".join(f"{name}={value}" for name, (value, _) in values.items() if value != "0")
    return f"{shown} ({', '.join(f'{name}={value}' for name, value in sorted(dimensions.items()))})"


def read_metrics(entry: dict[str, Any]) -> tuple[dict[str, tuple[str, str]], dict[str, Any]]:
    """Return value and unit of each metric of a log line in the embedded metric format, and its dimensions; both empty for another line."""
    values: dict[str, tuple[str, str]] = {}
    dimensions: dict[str, Any] = {}
    try:
        for directive in entry["_aws"]["CloudWatchMetrics"]:
            values |= {each["Name"]: (_plain(entry.get(each["Name"])), each.get("Unit", "")) for each in directive["Metrics"]}
            dimensions |= {name: entry.get(name) for names in directive["Dimensions"] for name in names}
    except (KeyError, TypeError, AttributeError):
        return {}, {}
    return values, dimensions


def _entries(log: str) -> Iterator[dict[str, Any]]:
    yield from filter(None, map(read_entry, log.split("\n")))


def read_entry(line: str) -> dict[str, Any] | None:
    """Return the object of a JSON log line; None for another line."""
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _plain(value: object) -> str:
    number = value[0] if isinstance(value, list) and len(value) == 1 else value
    return f"{number:.1f}".removesuffix(".0") if isinstance(number, float) else str(number)
