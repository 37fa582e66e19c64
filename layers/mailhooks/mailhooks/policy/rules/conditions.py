"""The conditions of a rule. A condition returns the recipients that it matches, and the value that it observed.

A condition that is not about recipients matches all of them or none. A missing header, result or sender matches no condition other than a
negated one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Protocol, Self

from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, AddressSet, RecipientSet


class Cost(IntEnum):
    """What must be loaded before a condition can be evaluated. The conditions of a rule are evaluated in this order."""

    EVENT = 0
    DIRECTORY = 1
    CONTENT = 2
    BODY = 3
    COUNTER = 4
    """A counter or a record, which the evaluation changes: last, for the recipients that match all other conditions."""


class Condition(Protocol):
    """A condition. If it is `per_recipient`, it may match some recipients only."""

    @property
    def name(self) -> str: ...

    @property
    def cost(self) -> Cost: ...

    @property
    def per_recipient(self) -> bool: ...

    def matching(self, facts: Facts, candidates: RecipientSet, evaluate: "EvaluateCondition") -> RecipientSet:
        """Return the candidates that it matches. A group evaluates its conditions by `evaluate`."""

    def observed(self, facts: Facts) -> str:
        """Return the value that it was evaluated on, for a trace."""


class EvaluateCondition(Protocol):
    """Evaluates a condition of a group, handles its errors and records it in the trace."""

    def __call__(self, condition: Condition, facts: Facts, candidates: RecipientSet, *, negated: bool = False) -> RecipientSet: ...


class MessageTest(NamedTuple):
    """A condition on the message: matches all recipients or none."""

    name: str
    cost: Cost
    test: Callable[[Facts], bool]
    value: Callable[[Facts], object]
    written: Any = None
    """Its value in the policy."""

    @property
    def per_recipient(self) -> bool:
        return False

    def matching(self, facts: Facts, candidates: RecipientSet, evaluate: EvaluateCondition) -> RecipientSet:  # noqa: ARG002 - the protocol's
        return candidates if self.test(facts) else NO_RECIPIENTS

    def observed(self, facts: Facts) -> str:
        return one_line(self.value(facts))


class RecipientTest(NamedTuple):
    """A condition on each recipient."""

    name: str
    cost: Cost
    select: Callable[[Facts, RecipientSet], RecipientSet]
    written: Any = None
    """Its value in the policy."""

    @property
    def per_recipient(self) -> bool:
        return True

    def matching(self, facts: Facts, candidates: RecipientSet, evaluate: EvaluateCondition) -> RecipientSet:  # noqa: ARG002 - the protocol's
        return self.select(facts, candidates)

    def observed(self, facts: Facts) -> str:
        return one_line(address or "(not listed)" for address in facts.recipients.addresses)


@dataclass(frozen=True, slots=True)
class _Group:
    """Several conditions as one. They are evaluated by ascending cost, and only as far as needed."""

    name: str
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, conditions: Iterable[Condition], name: str) -> Self:
        """Make a group whose conditions are sorted by cost."""
        return cls(name, tuple(sorted(conditions, key=lambda one: one.cost)))

    @property
    def cost(self) -> Cost:
        return max((one.cost for one in self.conditions), default=Cost.EVENT)

    @property
    def per_recipient(self) -> bool:
        return any(one.per_recipient for one in self.conditions)

    def observed(self, facts: Facts) -> str:  # noqa: ARG002 - the protocol's
        return ""


class All(_Group):
    """Matches the recipients that all its conditions match."""

    __slots__ = ()

    def matching(self, facts: Facts, candidates: RecipientSet, evaluate: EvaluateCondition) -> RecipientSet:
        for one in self.conditions:
            if not candidates:
                break
            candidates = evaluate(one, facts, candidates)
        return candidates


class AnyOf(_Group):
    """Matches the recipients that at least one of its conditions matches."""

    __slots__ = ()

    def matching(self, facts: Facts, candidates: RecipientSet, evaluate: EvaluateCondition) -> RecipientSet:
        found = NO_RECIPIENTS
        for one in self.conditions:
            if found == candidates:
                break
            found |= evaluate(one, facts, candidates - found)
        return found


class Not(NamedTuple):
    """Matches the recipients that its condition does not match."""

    name: str
    condition: Condition

    @property
    def cost(self) -> Cost:
        return self.condition.cost

    @property
    def per_recipient(self) -> bool:
        return self.condition.per_recipient

    def matching(self, facts: Facts, candidates: RecipientSet, evaluate: EvaluateCondition) -> RecipientSet:
        return candidates - evaluate(self.condition, facts, candidates, negated=True)

    def observed(self, facts: Facts) -> str:  # noqa: ARG002 - the protocol's
        return ""


def one_line(value: object) -> str:
    """Return a value or several values as one line of printable text, at most 160 characters long."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, Iterable):
        items = list(map(str, value))
        more = f", ... ({len(items)} in all)" if len(items) > 8 else ""
        text = ", ".join(items[:8]) + more if items else "(nothing)"
    else:
        text = str(value)
    text = text[:400]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    text = text.strip()
    return (f"{text[:157]}..." if len(text) > 160 else text) or "(nothing)"


def iterate_conditions(conditions: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of every condition in a mapping of the policy file, also of groups and of the conditions in them."""
    for name, content in conditions.items():
        yield name, content
        for each in content if name in {"any", "all"} else [content] if name == "not" else []:
            yield from iterate_conditions(each)


def iterate_names(conditions: Mapping[str, Any]) -> Iterator[str]:
    """Yield the name of every condition in a mapping of the policy file, as `iterate_conditions`."""
    return (name for name, _ in iterate_conditions(conditions))


def address_test(name: str, wanted: AddressSet, cost: Cost, addresses: Callable[[Facts], Iterable[str]]) -> MessageTest:
    """Return a condition that matches a message if one of its addresses matches."""
    return MessageTest(name, cost, lambda facts: any(map(wanted.matches, addresses(facts))), addresses)


def all_recipients_test(name: str, wanted: AddressSet) -> MessageTest:
    """Return a condition that matches a message with recipients that all match."""

    def test(facts: Facts) -> bool:
        everyone = facts.recipients.all
        return bool(everyone) and wanted.matching(facts.recipients, everyone) == everyone

    return MessageTest(name, Cost.EVENT, test, lambda facts: facts.recipients.addresses)
