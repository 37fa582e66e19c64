"""A rule of a policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mailhooks.policy.rules.actions import Action, AddRecipients, Archive, ContentChange, Count, Notify, RemoveRecipients, SetVerdict
from mailhooks.policy.rules.conditions import Condition

_NOT_CHANGES = (SetVerdict, AddRecipients, RemoveRecipients, Archive, Notify, Count)


class Mixed(StrEnum):
    """What to do with a change that a rule wants for some of the recipients. WorkMail delivers one content to all of them."""

    ALL = "all"
    """Deliver the changed content to all."""
    NONE = "none"
    """Deliver the unchanged content to all."""


class RuleErrorPolicy(StrEnum):
    """What to do when a condition or an action of a rule fails."""

    SKIP = "skip"
    """Treat the rule as one that does not match; skip the action."""
    APPLY = "apply"
    """Treat the condition as one that matches; skip the action."""
    RETRY = "retry"
    """Fail the invocation. WorkMail retries it, and finally takes the fallback action of its flow rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy rule.

    Attributes:
        name: unique in its policy.
        index: its position in the policy, from 0.
        condition: matches the recipients to whom the rule applies.
        actions: its actions, in their order.
        stop: whether the matching recipients skip all later rules.
        report: whether the rule is in report mode: it is evaluated and logged, and changes nothing.
        enabled: whether the rule is evaluated at all.
        begins, ends: the rule is active from `begins` and before `ends`; None for no limit.
        mixed: what to do with a change for some of the recipients.
        on_error: what to do when a condition or an action fails.
        source: the rule as in the policy file.
        line: the line of the file on which it begins; 0 without a file.
    """

    name: str
    index: int
    condition: Condition
    actions: tuple[Action, ...]
    stop: bool = False
    report: bool = False
    enabled: bool = True
    begins: datetime | None = None
    ends: datetime | None = None
    mixed: Mixed = Mixed.ALL
    on_error: RuleErrorPolicy = RuleErrorPolicy.SKIP
    source: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    line: int = field(default=0, compare=False)

    def is_active(self, now: datetime) -> bool:
        """Return whether the rule is enabled and within its time limits."""
        return self.enabled and (self.begins is None or self.begins <= now) and (self.ends is None or now < self.ends)

    @property
    def changes(self) -> tuple[ContentChange, ...]:
        """The actions that change the content."""
        return tuple(action for action in self.actions if not isinstance(action, _NOT_CHANGES))

    @property
    def changes_content(self) -> bool:
        return bool(self.changes)
