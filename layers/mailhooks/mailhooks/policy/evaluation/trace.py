"""A record of one evaluation: the value and the result of each condition."""

from dataclasses import dataclass, field

from mailhooks.policy.facts.recipients import NO_RECIPIENTS, RecipientSet


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """One evaluated condition, with the candidates for whom it was evaluated and those that it matches."""

    condition: str
    depth: int
    """The number of groups around it."""
    observed: str
    """The value that it was evaluated on."""
    matching: RecipientSet
    candidates: RecipientSet
    error: str = ""
    """The type of the error if it failed."""


@dataclass(slots=True)
class RuleTrace:
    """One rule, with the recipients to whom it applies and its conditions in the order of their evaluation."""

    name: str
    matching: RecipientSet = NO_RECIPIENTS
    skipped: str = ""
    """Why it was not evaluated; `""` if it was."""
    conditions: list[ConditionTrace] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """All rules of one evaluation."""

    rules: list[RuleTrace] = field(default_factory=list)
