"""Finds the decision, problems and metrics in a function's log."""

import json
from collections.abc import Iterator
from typing import Any

from mailhooks.policy.evaluation.explanation import ConditionExplanation, RuleExplanation, RuleState
from mailhooks.report_names import LogKey


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
    conditions = tuple(ConditionExplanation(**condition) for condition in rule["conditions"])
    texts = {name: tuple(map(str, rule[name])) for name in ("recipients", "actions")}
    return RuleExplanation(**{**rule, **texts, "state": RuleState(rule["state"]), "conditions": conditions})


def find_problems(log: str) -> list[tuple[str, str]]:
    """Return level and text of each JSON log line, as Powertools and Lambda write them, of level WARNING or above.

    A hook may hide its own failure so that mail is delivered; its author should see it here.
    """
    found = []
    for entry in _entries(log):
        level = str(entry.get("level", "")).upper()
        if level in {"WARNING", "ERROR", "CRITICAL"}:
            reasons = [str(entry[key]) for key in ("reason", "detail") if entry.get(key)]
            text = str(entry.get("message", ""))
            found.append((level, f"{text} ({': '.join(reasons)})" if reasons else text))
    return found


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
