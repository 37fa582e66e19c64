"""Findings about rules that hold messages."""

from collections.abc import Iterator

from mailhooks.policy.analysis.findings import Finding, Severity, make_finding
from mailhooks.policy.rules.rule import Rule, RuleErrorPolicy


def check_hold(rule: Rule) -> Iterator[Finding]:
    """Yield the findings about the hold of a rule."""
    if rule.holds and rule.report:
        yield make_finding(rule, "holds no message in report mode", Severity.NOTE)
    elif rule.holds and rule.on_error is not RuleErrorPolicy.RETRY:
        text = f"on_error: {rule.on_error} delivers a message without an approval when it cannot be held (on_error: retry)"
        yield make_finding(rule, text)
