"""Whether the same message may be changed at one time and not at another."""

from typing import Final

from mailhooks.policy.analysis.rule_conditions import named
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import Rule

_CIRCUMSTANCES: Final = frozenset({"time", "rate", "sender_in_group", "recipient_in_group"})
_OF_DOMAINS: Final = frozenset({"sender_scope", "recipient_scope", "audience"})
"""Conditions whose answer may be another one at the next try; the latter where the directory says which domains are the organization's."""


def changes_by_circumstance(policy: Policy, *, asks_domains: bool) -> bool:
    """Whether the policy changes content, and any of its rules looks at the clock, counts, or asks the directory: a rule that changes
    nothing may take away those for whom another one would.
    """
    rules = [rule for rule in policy.rules if rule.enabled and not rule.report]
    names = _CIRCUMSTANCES | _OF_DOMAINS if asks_domains and not policy.domains else _CIRCUMSTANCES
    return any(rule.changes_content for rule in rules) and any(_depends(rule, names) for rule in rules)


def _depends(rule: Rule, names: frozenset[str]) -> bool:
    if rule.begins or rule.ends:
        return True
    return any(name in names for part in ("when", "unless") for name, _ in named(rule.source.get(part, {})))
