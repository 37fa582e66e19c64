"""A policy and its rules, as values."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from mailhooks.address_patterns import ascii_domain
from mailhooks.contract import MailFlowEvent
from mailhooks.deadline import Deadline
from mailhooks.policy.facts.services import Services
from mailhooks.policy.rules.actions import Action, AddRecipients, Archive, Change, Count, Notify, RemoveRecipients, SetVerdict
from mailhooks.policy.rules.conditions import Condition

if TYPE_CHECKING:
    from mailhooks.policy.evaluation.outcome import Outcome
    from mailhooks.policy.evaluation.trace import Trace

_NO_CHANGE = (SetVerdict, AddRecipients, RemoveRecipients, Archive, Notify, Count)

_PATIENCE_S = 10.0
"""Seconds for what is asked of services, where the caller does not say until when."""


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


class Message(Protocol):
    """A message whose bytes are had when they are asked for."""

    @property
    def raw(self) -> bytes: ...


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
    def changes(self) -> tuple[Change, ...]:
        """Those of its actions that change the content."""
        return tuple(action for action in self.actions if not isinstance(action, _NO_CHANGE))

    @property
    def changes_content(self) -> bool:
        return bool(self.changes)


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in their order, and what they are about. Make one by `load`.

    Attributes:
        rules: all of them, those that are not enabled too.
        domains: the organization's, as `ascii_domain` makes them, as far as the policy says.
        digest: names the policy's text: hexadecimal digits.
        file: its name.
        lists: by name, as they are written: a list in a list is `list:NAME`.
    """

    rules: tuple[Rule, ...]
    domains: frozenset[str] = frozenset()
    digest: str = ""
    file: str = "policy"
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False, repr=False)

    def evaluate(
        self,
        event: MailFlowEvent,
        message: Message | bytes,
        *,
        services: Services | None = None,
        domains: Collection[str] = (),
        now: datetime | None = None,
        deadline: Deadline | None = None,
        trace: "Trace | None" = None,
    ) -> "Outcome":
        """What shall become of one message.

        Args:
            event: what WorkMail says of it.
            message: its bytes, or something that has them in `raw`, which is asked for only if a rule needs it.
            services: what rules may ask: counts, the directory.
            domains: the organization's, where the policy does not say.
            now: else this moment.
            deadline: until when services are waited for.
            trace: is told what each rule saw.

        Raises:
            RuleFailed: a rule failed whose `on_error` is retry.
            Exception: what `message.raw` raises goes through.
        """
        from mailhooks.policy.evaluation.evaluate import evaluate

        content = (lambda: message) if isinstance(message, bytes) else (lambda: message.raw)
        own = self.domains or frozenset(map(ascii_domain, domains))
        return evaluate(
            self,
            event,
            content,
            own,
            services or Services(),
            now or datetime.now(UTC),
            deadline or Deadline.after(_PATIENCE_S),
            trace,
        )
