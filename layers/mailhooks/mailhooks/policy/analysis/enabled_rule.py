"""An enabled rule of a policy with its conditions in a form that can be compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mailhooks.policy.analysis.rule_conditions import RuleConditions
from mailhooks.policy.loading.lists import Lists
from mailhooks.policy.rules.conditions import Cost
from mailhooks.policy.rules.rule import Action, AddRecipients, Rule, RuleErrorPolicy


@dataclass(frozen=True, slots=True)
class EnabledRule:
    """An enabled rule with its conditions.

    If `for_some`, it is one action of the rule, which decides for some recipients only, with conditions on these.
    """

    rule: Rule
    conditions: RuleConditions
    for_some: bool = False

    def always_active_with(self, other: Rule) -> bool:
        """Return whether the rule is active whenever the other rule is."""
        begins = self.rule.begins is None or (other.begins is not None and self.rule.begins <= other.begins)
        return begins and (self.rule.ends is None or (other.ends is not None and other.ends <= self.rule.ends))

    @property
    def for_all(self) -> bool:
        """Whether the rule applies to all recipients of a message or to none."""
        return not self.for_some and not self.rule.condition.per_recipient

    def covers_failures_of(self, other: Rule) -> bool:
        """Return whether the other rule never applies without this one when a condition of both rules fails."""
        on_error = self.rule.on_error
        return self.rule.condition.cost is Cost.EVENT or on_error is not RuleErrorPolicy.SKIP or on_error is other.on_error

    def removals(self, lists: Lists) -> "list[EnabledRule]":
        """Return each `remove_recipients` as a rule with a verdict. None if the rule also adds recipients: then it may be left out."""
        if not self.for_all or any(isinstance(action, AddRecipients) for action in self.rule.actions):
            return []
        values = [each["remove_recipients"] for each in self._list_written() if "remove_recipients" in each]
        return [EnabledRule(self.rule, self.conditions.with_required("recipient", value, lists), for_some=True) for value in values]

    def may_apply_to(self, direction: str) -> bool:
        """Return whether the rule may apply to `inbound` or `outbound` mail."""
        return all(constraint.value == direction for constraint in self.conditions.find_required("direction"))

    def iterate_actions(self) -> Iterator[tuple[str, Action]]:
        """Yield each action with its name in the policy file."""
        for written, action in zip(self._list_written(), self.rule.actions, strict=True):
            yield written if isinstance(written, str) else next(iter(written)), action

    def _list_written(self) -> list[Any]:
        """Return the actions as in the policy file."""
        do = self.rule.source["do"]
        return do if isinstance(do, list) else [do]
