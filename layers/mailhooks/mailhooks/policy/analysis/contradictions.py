"""Why the conditions of a rule never hold together."""

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from mailhooks.address_patterns import ascii_domain
from mailhooks.policy.analysis.rule_conditions import Said, Term
from mailhooks.policy.rules.bounds import least_and_most

_PAIRS = (
    ("direction", ("inbound",), "recipient_scope", ("external",), "inbound mail has recipients in the organization only"),
    ("direction", ("inbound",), "audience", ("external", "mixed"), "inbound mail has recipients in the organization only"),
    ("recipient_scope", ("external",), "audience", ("internal",), "no recipient is external where all are internal"),
    ("recipient_scope", ("internal",), "audience", ("external",), "no recipient is internal where all are external"),
)
_ONE_VALUE = frozenset({"direction", "sender_scope", "recipient_scope", "on_behalf", "audience", "importance"})
_NUMBERS = ("recipient_count", "attachment_count", "size")
_SCOPES = (("mail_from", "sender_scope"), ("recipient", "recipient_scope"))


def reasons(said: Said, domains: Collection[str]) -> Iterator[str]:
    """Each reason why a rule with these conditions never applies.

    Args:
        domains: the organization's, as far as they are known.
    """
    for index, term in enumerate(said.holds):
        for other in said.holds[:index]:
            if term.name == other.name in _ONE_VALUE and not (term.alternatives or frozenset()) & (other.alternatives or frozenset()):
                yield f"{term.name} cannot be both {other.text} and {term.text}"
        for other in said.fails:
            if term.implies(other):
                yield f"what it asks of {term.name} is what it does not apply to (`unless` or `not`)"
    if any(term.always for term in said.fails):
        yield "every recipient is an exception (recipient: *)"
    for one, its, another, others, why in _PAIRS:
        if said.only(one, *its) and said.only(another, *others):
            yield f"{one} {its[0]} with {another} {' or '.join(others)}, and {why}"
    yield from _numbers(said)
    yield from _addresses(said, domains)
    yield from _headers(said.terms("header"))
    if said.only("on_behalf", False) and said.terms("on_behalf_sender"):
        yield "on_behalf_sender with on_behalf false, and without it nobody sends for somebody else"


def _numbers(said: Said) -> Iterator[str]:
    for name in _NUMBERS:
        ranges = [least_and_most(term.value) for term in said.terms(name)]
        least = max((low for low, _ in ranges), default=0)
        most = min((high for _, high in ranges if high is not None), default=None)
        if most is not None and least > most:
            yield f"{name} allows no number"
        elif name == "attachment_count" and most == 0 and said.terms("attachment"):
            yield "an attachment is asked for, and attachment_count allows none"


def _addresses(said: Said, domains: Collection[str]) -> Iterator[str]:
    """Addresses that are in the organization, or are not, where the opposite is asked."""
    if not domains:
        return
    for name, scope in _SCOPES:
        for term in said.terms(name):
            found = _domains(term)
            if found and said.only(scope, "external") and found <= frozenset(domains):
                yield f"{name} names addresses of the organization only, with {scope} external"
            elif found and said.only(scope, "internal") and found.isdisjoint(domains):
                yield f"{name} names addresses outside of the organization only, with {scope} internal"
            elif found and name == "recipient" and said.only("direction", "inbound") and found.isdisjoint(domains):
                yield "recipient names addresses outside of the organization only, and inbound mail has none"


def _domains(term: Term) -> frozenset[str]:
    """The domains in which all that fits a term lies; none where there may be others."""
    found = set()
    for alternative in term.alternatives or ():
        text = alternative[1:]
        if not alternative.startswith(":") or "*" in text or text.startswith("list:"):
            return frozenset()
        found.add(ascii_domain(text.rpartition("@")[2].strip()))
    return frozenset(found)


def _headers(terms: Iterable[Term]) -> Iterator[str]:
    """A header that has to be there and must not be."""
    absent: set[str] = set()
    present: set[str] = set()
    for term in terms:
        given: list[dict[str, Any]] = [json.loads(each) for each in term.alternatives or ()]
        if len(given) == 1:
            (absent if given[0].get("present") is False else present).add(given[0]["name"].lower())
    for name in sorted(absent & present):
        yield f"the header {name} cannot be both there and not there"
