"""Analysis of rules' conditions without a message: their comparison, and their dependence on time."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailhooks.policy.loading.lists import Lists
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import iterate_conditions, iterate_names
from mailhooks.policy.rules.rule import Rule

BINARY: Final[dict[str, tuple[Any, Any]]] = {
    "direction": ("inbound", "outbound"),
    "recipient_scope": ("internal", "external"),
    "on_behalf": (True, False),
}
"""Conditions with two values: each message (or recipient) matches one of them."""

_TEXTS: Final = frozenset(
    "sender mail_from on_behalf_sender header_from header_to reply_to recipient any_recipient all_recipients sender_in_group "
    "recipient_in_group subject body own_text subject_or_body".split()
)
"""Conditions whose alternatives are addresses or words."""

_OTHERS: Final = frozenset(
    {"audience", "kind", "importance", "charset", "header", "attachment", "link", "time", "any", "sender_scope", *BINARY}
)
"""Conditions with other alternatives."""

_MAX_COMPARED: Final = 100
"""Texts of a list that is compared by its texts. A longer list is compared by its name, because many rules may use it."""

_NO_LISTS: Final = Lists()


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition with its name and its value in the policy file."""

    name: str
    value: Any
    alternatives: frozenset[str] | None
    """The alternative values, each as a text; None if the value is no list of alternatives."""
    text: str

    @classmethod
    def of(cls, name: str, value: Any, lists: Lists) -> "Constraint":
        """Make a constraint from a condition of a policy file."""
        return cls(name, value, _alternatives(name, value, lists), json.dumps(value, sort_keys=True))

    def implies(self, other: "Constraint") -> bool:
        """Return whether the other provably matches wherever this one does. Two counters are never comparable."""
        if self.name != other.name or self.name == "rate":
            return False
        if self.alternatives is None or other.alternatives is None:
            return self.text == other.text
        return self.alternatives <= other.alternatives

    @property
    def matches_every_recipient(self) -> bool:
        return self.name == "recipient" and ":*" in (self.alternatives or ())


@dataclass(frozen=True, slots=True)
class RuleConditions:
    """The conditions of a rule: it applies if all of `required` match and none of `excluded`.

    The conditions of a group are among them where this does not change the meaning.
    """

    required: tuple[Constraint, ...]
    excluded: tuple[Constraint, ...]

    @classmethod
    def of(cls, rule: Rule, lists: Lists) -> "RuleConditions":
        """Return the conditions of a rule."""
        conditions = list(_flatten(rule.source.get("when", {})))
        for name, value in rule.source.get("unless", {}).items():
            conditions.extend(_flatten_negated({name: value}))
        required: list[Constraint] = []
        excluded: list[Constraint] = []
        for is_required, name, value in conditions:
            if name in BINARY and not is_required:
                one, other = BINARY[name]
                required.append(Constraint.of(name, other if value == one else one, lists))
            else:
                (required if is_required else excluded).append(Constraint.of(name, value, lists))
        return cls(tuple(required), tuple(excluded))

    def with_required(self, name: str, value: Any, lists: Lists = _NO_LISTS) -> "RuleConditions":
        """Return these conditions with one more required condition."""
        return RuleConditions((*self.required, Constraint.of(name, value, lists)), self.excluded)

    def find_required(self, name: str) -> list[Constraint]:
        """Return the required conditions with a name."""
        return [constraint for constraint in self.required if constraint.name == name]

    def allows_only(self, name: str, *values: Any) -> bool:
        """Return whether a condition is required, with no values other than these."""
        allowed = {json.dumps(value) for value in values}
        return any(each.alternatives is not None and each.alternatives <= allowed for each in self.find_required(name))

    def is_within(self, other: "RuleConditions") -> bool:
        """Return whether `other` provably applies wherever these conditions do."""
        return all(each.matches_every_recipient or any(own.implies(each) for own in self.required) for each in other.required) and all(
            any(each.implies(own) for own in self.excluded) for each in other.excluded
        )


_VARYING: Final = frozenset({"time", "rate", "first_contact", "sender_in_group", "recipient_in_group"})
"""Conditions with a result that a retry may not repeat."""

ON_DOMAINS: Final = frozenset({"sender_scope", "recipient_scope", "audience", "external_recipients"})
"""Conditions that need the organization's domains. If these come from the directory, a retry may not repeat the result."""


def depends_on_time(policy: Policy, *, asks_domains: bool) -> bool:
    """Return whether a retry may have another outcome than the first attempt, by the time, counts or the directory.

    Each rule counts: it may drop the recipients for whom another rule would change or hold the message.

    Args:
        asks_domains: whether the organization's domains come from the directory if the policy has none.
    """
    rules = [rule for rule in policy.rules if rule.enabled and not rule.report]
    names = _VARYING | ON_DOMAINS if asks_domains and not policy.domains else _VARYING
    return any(rule.begins or rule.ends or asks_for_people(rule) or not names.isdisjoint(list_condition_names(rule)) for rule in rules)


def list_condition_names(rule: Rule) -> list[str]:
    """Return the name of every condition of a rule, also of groups and of the conditions in them."""
    return [name for part in ("when", "unless") for name in iterate_names(rule.source.get(part, {}))]


def asks_for_people(rule: Rule) -> bool:
    """Return whether a condition of a rule compares display names with those of the organization's people."""
    found = (each for part in ("when", "unless") for each in iterate_conditions(rule.source.get(part, {})))
    return any(name == "display_name" and isinstance(value, dict) and "own_people" in value for name, value in found)


def _flatten(mapping: Mapping[str, Any]) -> Iterator[tuple[bool, str, Any]]:
    """Yield whether a condition of a mapping is required or excluded, its name and its value."""
    for name, value in mapping.items():
        if name == "all" or (name == "any" and len(value) == 1):
            for each in value:
                yield from _flatten(each)
        elif name == "not":
            yield from _flatten_negated(value)
        else:
            yield True, name, value


def _flatten_negated(mapping: Mapping[str, Any]) -> Iterator[tuple[bool, str, Any]]:
    """Yield the same as `_flatten`, for a negated mapping."""
    if len(mapping) > 1:
        yield False, "all", [dict(mapping)]
        return
    [(name, value)] = mapping.items()
    if name == "not":
        yield from _flatten(value)
    elif name == "any" or (name == "all" and len(value) == 1):
        for each in value:
            yield from _flatten_negated(each)
    else:
        yield False, name, value


def find_wider(conditions: RuleConditions, others: Iterable[RuleConditions]) -> RuleConditions | None:
    """Return one of the others that provably applies wherever `conditions` do. If only several together do, return the last."""
    others = list(others)
    for other in others:
        if conditions.is_within(other):
            return other
    for name, values in BINARY.items():
        if not conditions.find_required(name) and any(other.find_required(name) for other in others):
            found = [find_wider(conditions.with_required(name, value), others) for value in values]
            if all(found):
                return max((each for each in found if each), key=others.index)
    return None


def _alternatives(name: str, value: Any, lists: Lists) -> frozenset[str] | None:
    if name in _OTHERS:
        return frozenset(json.dumps(each, sort_keys=True) for each in (value if isinstance(value, list) else [value]))
    if name not in _TEXTS:
        return None
    if not isinstance(value, dict):
        return frozenset(f":{text.lower()}" for text in _expand(value, lists))
    # Without its tags, a condition matches less than another with the same addresses and the policy's default.
    if "first_kb" in value or value.get("plus_addresses") is False:
        return None
    found = {key for key, given in value.items() if given is True}
    for key in value.keys() - found:
        prefix = "" if key in {"patterns", "words"} else key
        found |= {f"{prefix}:{text if key == 'regex' else text.lower()}" for text in _expand(value[key], lists)}
    return frozenset(found)


def _expand(value: Any, lists: Lists) -> Iterator[str]:
    for text in [value] if isinstance(value, str) else dict.fromkeys(value):
        texts = lists.texts(text[5:]) if text.startswith("list:") else ()
        yield from texts if 0 < len(texts) <= _MAX_COMPARED else (text,)
