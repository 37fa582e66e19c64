"""The JSON documents of messages and traces, for the JSON API and the webhook."""

from typing import Any, Final

_JSON_NAMES: Final = {
    "summary": "line",
    "rule_runs": "passages",
    "results": "fates",
    "destination": "place",
    "destinations": "places",
    "has_problems": "trouble",
}
"""The JSON names of renamed attributes: programs rely on them."""


def to_document(value: Any) -> Any:
    """Return a value with objects in place of its named tuples."""
    if not isinstance(value, tuple):
        return value
    values = [to_document(each) for each in value]
    names = getattr(value, "_fields", None)
    return dict(zip((_JSON_NAMES.get(name, name) for name in names), values, strict=True)) if names else values
