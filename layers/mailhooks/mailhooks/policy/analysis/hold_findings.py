"""Findings about rules that hold messages."""

from collections.abc import Iterator
from typing import Final

from mailhooks.policy.analysis.findings import Finding, Severity, make_finding
from mailhooks.policy.rules.rule import Hold, OnTimeout, Rule, RuleErrorPolicy

_SURE_HOLD_S: Final = 110 * 60
"""The longest timeout of a hold after which an attempt of WorkMail is sure to come.

WorkMail retries with exponential backoff for at most 240 minutes (guide, "Run Lambda"), and does not document the pauses. If each is twice
as long as the one before, the last attempt may come 120 minutes after the first, or some minutes earlier.
"""

_FALLBACKS: Final = {OnTimeout.DELIVER: "Default", OnTimeout.BOUNCE: "Bounce", OnTimeout.DROP: "Drop"}
"""The fallback action of a flow rule with the same result as `on_timeout`."""


def check_hold(rule: Rule) -> Iterator[Finding]:
    """Yield the findings about the hold of a rule."""
    for hold in (action for action in rule.actions if isinstance(action, Hold)):
        if rule.report:
            yield make_finding(rule, "holds no message in report mode", Severity.NOTE)
            continue
        if hold.timeout_s > _SURE_HOLD_S:
            text = (
                f"its hold of {hold.timeout_s // 60} minutes may end without on_timeout: WorkMail's last attempt may come before. "
                f"Choose a timeout of at most {_SURE_HOLD_S // 60}m, or the fallback action {_FALLBACKS[hold.on_timeout]} in the flow rule"
            )
            yield make_finding(rule, text)
        if rule.on_error is not RuleErrorPolicy.RETRY:
            text = f"on_error: {rule.on_error} delivers a message without an approval when it cannot be held (on_error: retry)"
            yield make_finding(rule, text)
