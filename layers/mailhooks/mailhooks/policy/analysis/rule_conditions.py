"""What a rule says of when it applies, as far as two rules can be compared without a message."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailhooks.policy.loading.lists import Lists
from mailhooks.policy.rules.rule import Rule

BINARY: Final[dict[str, tuple[Any, Any]]] = {
    "direction": ("inbound", "outbound"),
    "recipient_scope": ("internal", "external"),
    "on_behalf": (True, False),
}
"""Conditions with two values, of which one holds of every message (or recipient)."""

_TEXTS: Final = frozenset(
    "sender mail_from on_behalf_sender header_from header_to recipient any_recipient all_recipients sender_in_group recipient_in_group "
    "subject body subject_or_body".split()
)
"""Conditions with addresses or words for alternatives."""

_WORDS: Final = frozenset({"audience", "kind", "importance", "charset", "header", "attachment", "time", "any", "sender_scope", *BINARY})
"""Those with other alternatives."""

_MOST_COMPARED: Final = 100
"""Texts of a list that is compared by what it holds; a longer one by its name, as many rules may take it."""

_NO_LISTS: Final = Lists()

Pair = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Term:
    """A condition with its value.

    Attributes:
        alternatives: the value, each as a text to compare; None for one that is no list of alternatives.
        text: all of it, to compare.
    """

    name: str
    value: Any
    alternatives: frozenset[str] | None
    text: str

    @classmethod
    def of(cls, name: str, value: Any, lists: Lists) -> "Term":
        return cls(name, value, _alternatives(name, value, lists), json.dumps(value, sort_keys=True))

    def implies(self, other: "Term") -> bool:
        """Whether it is seen that the other holds where this does. Two counts are two, whatever they say."""
        if self.name != other.name or self.name == "rate":
            return False
        if self.alternatives is None or other.alternatives is None:
            return self.text == other.text
        return self.alternatives <= other.alternatives

    @property
    def always(self) -> bool:
        """Whether it holds for everybody."""
        return self.name == "recipient" and ":*" in (self.alternatives or ())


@dataclass(frozen=True, slots=True)
class Said:
    """A rule applies where all of `holds` hold and none of `fails`. Groups are taken apart where that changes nothing."""

    holds: tuple[Term, ...]
    fails: tuple[Term, ...]

    @classmethod
    def of(cls, rule: Rule, lists: Lists) -> "Said":
        pairs = list(_holding(rule.source.get("when", {})))
        for name, value in rule.source.get("unless", {}).items():
            pairs.extend(_negated({name: value}))
        holds, fails = [], []
        for wanted, (name, value) in pairs:
            if wanted:
                holds.append(Term.of(name, value, lists))
            elif name in BINARY:
                one, other = BINARY[name]
                holds.append(Term.of(name, other if value == one else one, lists))
            else:
                fails.append(Term.of(name, value, lists))
        return cls(tuple(holds), tuple(fails))

    def with_value(self, name: str, value: Any, lists: Lists = _NO_LISTS) -> "Said":
        """Only where this holds too."""
        return Said((*self.holds, Term.of(name, value, lists)), self.fails)

    def terms(self, name: str) -> list[Term]:
        """What a condition has to hold with."""
        return [term for term in self.holds if term.name == name]

    def only(self, name: str, *wanted: Any) -> bool:
        """Whether a condition has to hold, and with no other values than these."""
        allowed = {json.dumps(value) for value in wanted}
        return any(term.alternatives is not None and term.alternatives <= allowed for term in self.terms(name))

    def is_within(self, other: "Said") -> bool:
        """Whether it is seen that `other` applies wherever this does."""
        return all(term.always or any(own.implies(term) for own in self.holds) for term in other.holds) and all(
            any(term.implies(own) for own in self.fails) for term in other.fails
        )


def named(value: Any) -> Iterator[Pair]:
    """Every condition that a mapping of conditions names, those in groups too."""
    for name, said in value.items():
        if name in {"any", "all"}:
            for each in said:
                yield from named(each)
        elif name == "not":
            yield from named(said)
        else:
            yield name, said


def texts(value: Any) -> Iterator[str]:
    """Every text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from texts(each)


def _holding(mapping: Mapping[str, Any]) -> Iterator[tuple[bool, Pair]]:
    """What has to hold (True) or not to hold (False) where all of a mapping does."""
    for name, value in mapping.items():
        if name == "all" or (name == "any" and len(value) == 1):
            for each in value:
                yield from _holding(each)
        elif name == "not":
            yield from _negated(value)
        else:
            yield True, (name, value)


def _negated(mapping: Mapping[str, Any]) -> Iterator[tuple[bool, Pair]]:
    """What has to hold, or not, where a mapping does not hold."""
    if len(mapping) > 1:
        yield False, ("all", [dict(mapping)])
        return
    [(name, value)] = mapping.items()
    if name == "not":
        yield from _holding(value)
    elif name == "any" or (name == "all" and len(value) == 1):
        for each in value:
            yield from _negated(each)
    else:
        yield False, (name, value)


def is_within(said: Said, others: Iterable[Said]) -> Said | None:
    """The first of the others that is seen to apply wherever `said` does; or the last of those that do so together."""
    others = list(others)
    for other in others:
        if said.is_within(other):
            return other
    for name, values in BINARY.items():
        if not said.terms(name) and any(other.terms(name) for other in others):
            found = [is_within(said.with_value(name, value), others) for value in values]
            if all(found):
                return max((each for each in found if each), key=others.index)
    return None


def _alternatives(name: str, value: Any, lists: Lists) -> frozenset[str] | None:
    if name in _WORDS:
        return frozenset(json.dumps(each, sort_keys=True) for each in (value if isinstance(value, list) else [value]))
    if name not in _TEXTS:
        return None
    if not isinstance(value, dict):
        return frozenset(f":{text.lower()}" for text in _expanded(value, lists))
    if "first_kb" in value:
        return None
    found = {key for key, given in value.items() if given is True}
    for key in value.keys() - found:
        kind = "" if key in {"patterns", "words"} else key
        found |= {f"{kind}:{text if key == 'regex' else text.lower()}" for text in _expanded(value[key], lists)}
    return frozenset(found)


def _expanded(value: Any, lists: Lists) -> Iterator[str]:
    for text in [value] if isinstance(value, str) else dict.fromkeys(value):
        held = lists.texts(text[5:]) if text.startswith("list:") else ()
        yield from held if 0 < len(held) <= _MOST_COMPARED else (text,)
