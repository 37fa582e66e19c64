"""Finds problems and metrics in a function's log."""

import json
from collections.abc import Iterator
from typing import Any


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
    values: dict[str, Any] = {}
    dimensions: dict[str, Any] = {}
    for entry in _entries(log):
        for directive in (entry.get("_aws") or {}).get("CloudWatchMetrics", ()):
            values |= {metric["Name"]: _plain(entry.get(metric["Name"])) for metric in directive["Metrics"]}
            dimensions |= {name: entry.get(name) for names in directive["Dimensions"] for name in names}
    if not values:
        return ""
    shown = " ".join(f"{name}={value}" for name, value in values.items() if value != "0")
    return f"{shown} ({', '.join(f'{name}={value}' for name, value in sorted(dimensions.items()))})"


def _entries(log: str) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        if line.startswith("{"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry


def _plain(value: object) -> str:
    number = value[0] if isinstance(value, list) and len(value) == 1 else value
    return f"{number:.1f}".removesuffix(".0") if isinstance(number, float) else str(number)
