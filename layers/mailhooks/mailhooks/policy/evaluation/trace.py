"""What each rule saw, for people who try a policy."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seen:
    """A condition that was asked.

    Attributes:
        condition: its name.
        depth: in how many groups it stands.
        saw: the value it was asked of.
        held: for which recipients it held, as bits; `among`: of which.
        error: the kind of error, where it could not be told.
    """

    condition: str
    depth: int
    saw: str
    held: int
    among: int
    error: str = ""


@dataclass(slots=True)
class RuleSeen:
    """A rule that was asked, or not.

    Attributes:
        matched: for which recipients it applies, as bits.
        skipped: why it was not asked; `""` where it was.
        conditions: in the order in which they were asked.
    """

    name: str
    matched: int = 0
    skipped: str = ""
    conditions: list[Seen] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """Of one evaluation."""

    rules: list[RuleSeen] = field(default_factory=list)
