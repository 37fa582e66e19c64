"""The rule of a policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mailhooks.policy.rules.actions import Action, AddRecipients, Archive, ContentChange, Count, Notify, RemoveRecipients, SetVerdict
from mailhooks.policy.rules.conditions import Condition

_NO_CHANGE = (SetVerdict, AddRecipients, RemoveRecipients, Archive, Notify, Count)


class Mixed(StrEnum):
    """What becomes of a change that a rule wants for some of those who get the message: there is one content for all (WorkMail's)."""

    ALL = "all"
    """All get it changed."""
    NONE = "none"
    """All get it as it is."""


class RuleErrorPolicy(StrEnum):
    """What becomes of a rule when a condition cannot be told or an action not be done."""

    SKIP = "skip"
    """As if the rule did not match; as if the action were not there."""
    APPLY = "apply"
    """As if the condition did not stand in the way."""
    RETRY = "retry"
    """The invocation fails: WorkMail tries again, and in the end takes the fallback action of its own rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        index: its place in the policy, from 0.
        condition: when it applies.
        actions: what it does, in this order.
        stop: whether later rules are not asked for those that matched.
        report: it decides, and changes nothing.
        enabled: else it is not asked at all.
        begins, ends: the moments from which and until which it is asked; None for any.
        mixed, on_error: see there.
        source: what it was made from.
        line: of the file, on which it begins; 0 where there is no file.
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
        return self.enabled and (self.begins is None or self.begins <= now) and (self.ends is None or now < self.ends)

    @property
    def changes(self) -> tuple[ContentChange, ...]:
        """Those of its actions that change the content."""
        return tuple(action for action in self.actions if not isinstance(action, _NO_CHANGE))

    @property
    def changes_content(self) -> bool:
        return bool(self.changes)
