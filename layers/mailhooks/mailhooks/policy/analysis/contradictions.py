"""Conditions of a rule that never match together."""

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from mailhooks.address_patterns import ascii_domain
from mailhooks.policy.analysis.rule_conditions import Constraint, RuleConditions
from mailhooks.policy.rules.bounds import parse_bounds

_PAIRS = (
    ("direction", ("inbound",), "recipient_scope", ("external",), "inbound mail has recipients in the organization only"),
    ("direction", ("inbound",), "audience", ("external", "mixed"), "inbound mail has recipients in the organization only"),
    ("recipient_scope", ("external",), "audience", ("internal",), "no recipient is external where all are internal"),
    ("recipient_scope", ("internal",), "audience", ("external",), "no recipient is internal where all are external"),
)
_ONE_VALUE = frozenset({"direction", "sender_scope", "recipient_scope", "on_behalf", "audience", "importance"})
_NUMBERS = ("recipient_count", "external_recipients", "visible_recipients", "attachment_count", "size")
_SCOPES = (("mail_from", "sender_scope"), ("recipient", "recipient_scope"))


def find_contradictions(conditions: RuleConditions, domains: Collection[str]) -> Iterator[str]:
    """Yield each reason why a rule with these conditions never applies.

    `domains` are the organization's mail domains; empty if unknown.
    """
    for index, constraint in enumerate(conditions.required):
        for other in conditions.required[:index]:
            both = frozenset(constraint.alternatives or ()) & frozenset(other.alternatives or ())
            if constraint.name == other.name in _ONE_VALUE and not both:
                yield f"{constraint.name} cannot be both {other.text} and {constraint.text}"
        for other in conditions.excluded:
            if constraint.implies(other):
                yield f"its condition {constraint.name} is also an exception (`unless` or `not`)"
    if any(constraint.matches_every_recipient for constraint in conditions.excluded):
        yield "every recipient is an exception (recipient: *)"
    for one, its, another, others, why in _PAIRS:
        if conditions.allows_only(one, *its) and conditions.allows_only(another, *others):
            yield f"{one} {its[0]} with {another} {' or '.join(others)}, and {why}"
    yield from _numbers(conditions)
    yield from _addresses(conditions, domains)
    yield from _headers(conditions.find_required("header"))
    if conditions.allows_only("on_behalf", False) and conditions.find_required("on_behalf_sender"):
        yield "on_behalf_sender with on_behalf false: without on_behalf a message has no such sender"


def _numbers(conditions: RuleConditions) -> Iterator[str]:
    for name in _NUMBERS:
        ranges = [parse_bounds(constraint.value) for constraint in conditions.find_required(name)]
        least = max((low for low, _ in ranges), default=0)
        most = min((high for _, high in ranges if high is not None), default=None)
        if most is not None and least > most:
            yield f"{name} allows no number"
        elif name == "external_recipients":
            yield from _external_recipients(conditions, least, most)
        elif name == "attachment_count" and most == 0 and conditions.find_required("attachment"):
            yield "a condition on an attachment is required, and attachment_count allows none"


def _external_recipients(conditions: RuleConditions, least: int, most: int | None) -> Iterator[str]:
    if least and conditions.allows_only("direction", "inbound"):
        yield "external_recipients of inbound mail, which has recipients in the organization only"
    if least and conditions.allows_only("audience", "internal"):
        yield "external_recipients with audience internal"
    if most == 0 and conditions.allows_only("audience", "external", "mixed"):
        yield "external_recipients allows none, with audience external or mixed"


def _addresses(conditions: RuleConditions, domains: Collection[str]) -> Iterator[str]:
    """Yield the conditions on addresses that contradict a scope or a direction."""
    if not domains:
        return
    for name, scope in _SCOPES:
        for constraint in conditions.find_required(name):
            found = _domains(constraint)
            if found and conditions.allows_only(scope, "external") and found <= frozenset(domains):
                yield f"{name} names addresses of the organization only, with {scope} external"
            elif found and conditions.allows_only(scope, "internal") and found.isdisjoint(domains):
                yield f"{name} names addresses outside of the organization only, with {scope} internal"
            elif found and name == "recipient" and conditions.allows_only("direction", "inbound") and found.isdisjoint(domains):
                yield "recipient names addresses outside of the organization only, and inbound mail has none"


def _domains(constraint: Constraint) -> frozenset[str]:
    """Return the domains of a condition on addresses. None if it may match other domains too."""
    found = set()
    for alternative in constraint.alternatives or ():
        text = alternative[1:]
        if not alternative.startswith(":") or "*" in text or text.startswith("list:"):
            return frozenset()
        found.add(ascii_domain(text.rpartition("@")[2].strip()))
    return frozenset(found)


def _headers(constraints: Iterable[Constraint]) -> Iterator[str]:
    """Yield the header fields that are required to be present and to be absent."""
    absent: set[str] = set()
    present: set[str] = set()
    for constraint in constraints:
        given: list[dict[str, Any]] = [json.loads(each) for each in constraint.alternatives or ()]
        if len(given) == 1:
            (absent if given[0].get("present") is False else present).add(given[0]["name"].lower())
    for name in sorted(absent & present):
        yield f"the header {name} cannot be both present and absent"
