"""What a rule may ask of a message: each condition tells for which recipients it holds, as bits (see `recipients`), and what it saw.

A condition that is not about recipients holds for all or for nobody. What a message does not have (a header, a result, a sender) meets no
condition but a negated one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, Self

from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import AddressSet


class Cost(IntEnum):
    """What has to be had before a condition can be told: those of a rule are asked in this order."""

    EVENT = 0
    DIRECTORY = 1
    CONTENT = 2
    BODY = 3
    COUNTED = 4
    """It is a count, which asking changes: asked last of all, for those recipients for whom all else holds."""


class Condition(Protocol):
    """One condition.

    Attributes:
        name: as in the policy.
        cost: see `Cost`.
        per_recipient: whether it may hold for some recipients only.
    """

    @property
    def name(self) -> str: ...

    @property
    def cost(self) -> Cost: ...

    @property
    def per_recipient(self) -> bool: ...

    def mask(self, facts: Facts, among: int, ask: "Ask") -> int:
        """Those of `among` for whom it holds. Conditions within it are asked by `ask`."""

    def saw(self, facts: Facts) -> str:
        """The value it was asked of, for people who try a policy."""


class Ask(Protocol):
    """How the conditions of a group are asked: by the evaluation, which knows what a failure means and keeps the trace."""

    def __call__(self, condition: Condition, facts: Facts, among: int, *, negated: bool = False) -> int: ...


@dataclass(frozen=True, slots=True)
class Test:
    """A condition on the message: holds for all recipients or for nobody."""

    name: str
    cost: Cost
    test: Callable[[Facts], bool]
    value: Callable[[Facts], object]

    @property
    def per_recipient(self) -> bool:
        return False

    def mask(self, facts: Facts, among: int, ask: Ask) -> int:  # noqa: ARG002 - the protocol's
        return among if self.test(facts) else 0

    def saw(self, facts: Facts) -> str:
        return shown(self.value(facts))


@dataclass(frozen=True, slots=True)
class RecipientTest:
    """A condition on each recipient."""

    name: str
    cost: Cost
    bits: Callable[[Facts, int], int]

    @property
    def per_recipient(self) -> bool:
        return True

    def mask(self, facts: Facts, among: int, ask: Ask) -> int:  # noqa: ARG002 - the protocol's
        return self.bits(facts, among)

    def saw(self, facts: Facts) -> str:
        return shown(address or "(not listed)" for address in facts.recipients.addresses)


@dataclass(frozen=True, slots=True)
class _Group:
    """Several conditions as one; what costs least is asked first, and no more than is needed."""

    name: str
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, conditions: Iterable[Condition], name: str) -> Self:
        return cls(name, tuple(sorted(conditions, key=lambda one: one.cost)))

    @property
    def cost(self) -> Cost:
        return max((one.cost for one in self.conditions), default=Cost.EVENT)

    @property
    def per_recipient(self) -> bool:
        return any(one.per_recipient for one in self.conditions)

    def saw(self, facts: Facts) -> str:  # noqa: ARG002 - the protocol's
        return ""


class All(_Group):
    """Holds for those for whom each of its conditions does."""

    __slots__ = ()

    def mask(self, facts: Facts, among: int, ask: Ask) -> int:
        for one in self.conditions:
            if not among:
                break
            among = ask(one, facts, among)
        return among


class AnyOf(_Group):
    """Holds for those for whom one of its conditions does."""

    __slots__ = ()

    def mask(self, facts: Facts, among: int, ask: Ask) -> int:
        found = 0
        for one in self.conditions:
            if found == among:
                break
            found |= ask(one, facts, among & ~found)
        return found


@dataclass(frozen=True, slots=True)
class Not:
    """Holds for those for whom its condition does not."""

    name: str
    condition: Condition

    @property
    def cost(self) -> Cost:
        return self.condition.cost

    @property
    def per_recipient(self) -> bool:
        return self.condition.per_recipient

    def mask(self, facts: Facts, among: int, ask: Ask) -> int:
        return among & ~ask(self.condition, facts, among, negated=True)

    def saw(self, facts: Facts) -> str:  # noqa: ARG002 - the protocol's
        return ""


def shown(value: object) -> str:
    """A value, or several, such that it fits on a line and a terminal."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, Iterable):
        items = list(map(str, value))
        more = f", ... ({len(items)} in all)" if len(items) > 8 else ""
        text = ", ".join(items[:8]) + more if items else "(nothing)"
    else:
        text = str(value)
    text = "".join(char if char.isprintable() else " " for char in text[:400]).strip()
    return (f"{text[:157]}..." if len(text) > 160 else text) or "(nothing)"


def addresses(name: str, wanted: AddressSet, cost: Cost, found: Callable[[Facts], Iterable[str]]) -> Test:
    """One of the addresses has to be among those wanted."""
    return Test(name, cost, lambda facts: any(map(wanted.matches, found(facts))), found)


def every_recipient(wanted: AddressSet) -> Callable[[Facts], bool]:
    """Whether all recipients of the message are among those wanted, and there is one."""

    def test(facts: Facts) -> bool:
        return bool(facts.everybody) and wanted.mask(facts.recipients, facts.everybody) == facts.everybody

    return test
