"""Whether the changes of a policy depend on the time, counters or the directory."""

from typing import Final

from mailhooks.policy.analysis.rule_conditions import iterate_conditions
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import Rule

_VARYING: Final = frozenset({"time", "rate", "sender_in_group", "recipient_in_group"})
"""Conditions with a result that a retry may not repeat."""

_ON_DOMAINS: Final = frozenset({"sender_scope", "recipient_scope", "audience"})
"""Conditions of the same kind, if the organization's domains come from the directory."""


def changes_depend_on_time(policy: Policy, *, asks_domains: bool) -> bool:
    """Return whether an earlier attempt may have changed a message that is not changed now.

    A rule that changes no content counts too: it may drop the recipients for whom another rule would change it.

    Args:
        asks_domains: whether the organization's domains come from the directory if the policy has none.
    """
    rules = [rule for rule in policy.rules if rule.enabled and not rule.report]
    names = _VARYING | _ON_DOMAINS if asks_domains and not policy.domains else _VARYING
    return any(rule.changes_content for rule in rules) and any(_depends_on_time(rule, names) for rule in rules)


def _depends_on_time(rule: Rule, names: frozenset[str]) -> bool:
    if rule.begins or rule.ends:
        return True
    return any(name in names for part in ("when", "unless") for name, _ in iterate_conditions(rule.source.get(part, {})))
