"""Whether the same message may be changed at one time and not at another."""

from typing import Final

from .model import Policy, Rule
from .said import named

_CIRCUMSTANCES: Final = frozenset({"time", "rate", "sender_in_group", "recipient_in_group"})
"""Conditions whose answer may be another one at the next try."""


def changes_by_circumstance(policy: Policy) -> bool:
    """Whether a rule that changes content looks at the clock, counts, or asks the directory."""
    return any(_depends(rule) for rule in policy.rules)


def _depends(rule: Rule) -> bool:
    if rule.report or not rule.enabled or not rule.changes_content:
        return False
    if rule.begins or rule.ends:
        return True
    return any(name in _CIRCUMSTANCES for part in ("when", "unless") for name, _ in named(rule.source.get(part, {})))
