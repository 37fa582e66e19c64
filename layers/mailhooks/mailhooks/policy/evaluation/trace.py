"""A record of one evaluation: the value and the result of each condition."""

from dataclasses import dataclass, field

from mailhooks.policy.facts.recipients import NO_RECIPIENTS, RecipientSet


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """One evaluated condition.

    Attributes:
        condition: its name.
        depth: the number of groups around it.
        observed: the value that it was evaluated on.
        matching: the candidates that it matches.
        candidates: the recipients for whom it was evaluated.
        error: the type of the error if it failed; `""` if it did not.
    """

    condition: str
    depth: int
    observed: str
    matching: RecipientSet
    candidates: RecipientSet
    error: str = ""


@dataclass(slots=True)
class RuleTrace:
    """One rule.

    Attributes:
        name: its name.
        matching: the recipients to whom it applies.
        skipped: why it was not evaluated; `""` if it was.
        conditions: its conditions in the order of their evaluation.
    """

    name: str
    matching: RecipientSet = NO_RECIPIENTS
    skipped: str = ""
    conditions: list[ConditionTrace] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """All rules of one evaluation."""

    rules: list[RuleTrace] = field(default_factory=list)
