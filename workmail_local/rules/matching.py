"""Match an organization's flow rules with the senders and recipients of a message. Pure.

Source: the administrator guide, "Managing email flows", section "Sender and recipient patterns". A comment that begins with DECISION marks
a point that the guide leaves open; docs/rules.md lists them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from mailhooks.address_patterns import Pattern, Specificity, canonical
from mailhooks.contract import FlowDirection
from workmail_local.rules.rule import STRICTNESS, Rule


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The result of one rule for one recipient.

    Attributes:
        matched: whether the rule's patterns matched and counted. They did for the winning rule.
        why: why the rule won or lost, a sentence. It names rules and patterns, but no addresses of the message.
    """

    rule: Rule
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that wins for one recipient.

    Attributes:
        recipient: the recipient as given.
        rule: the winning rule; None when no rule matches, so that WorkMail delivers the message as usual.
        why: a sentence, as in `RuleResult`.
    """

    recipient: str
    rule: Rule | None
    why: str
    _matcher: "_Matcher" = field(repr=False, compare=False)

    @property
    def results(self) -> tuple[RuleResult, ...]:
        """The result of each rule of the direction: the winner, then rules that matched, then the others. Computed at each access."""
        return self._matcher.results(self.recipient)


def match_rules(rules: Iterable[Rule], direction: FlowDirection, *, author: str, sender: str, recipients: Iterable[str]) -> list[Match]:
    """Return the winning rule of each recipient. Recipients are independent of each other.

    Any text is accepted as an address: a text that is not an address matches `*` only.

    Args:
        rules: the rules, each with another name; their order does not matter.
        direction: the mail flow.
        author: the address in `From`; "" for none.
        sender: the address in `Sender`; "" for none.
        recipients: the envelope's recipients.

    Returns:
        One match for each recipient, in their order.
    """
    matcher = _Matcher(rules, direction, author, sender)
    return [matcher.match(recipient) for recipient in recipients]


class _Hit(NamedTuple):
    """A rule's most specific matching pattern, and the header that it matches."""

    specificity: Specificity
    pattern: str
    header: str = ""


class _MatchingRule(NamedTuple):
    """A rule with the patterns by which it matches."""

    rule: Rule
    sender: _Hit
    recipient: _Hit

    @property
    def specificity(self) -> tuple[Specificity, Specificity]:
        """Return the order of rules.

        DECISION: a rule has sender and recipient patterns, and the guide does not define which specificity counts. The sender's is compared
        first, then the recipient's: "Other email flow rules with a less specific sender pattern are ignored" (on the action Default).
        """
        return self.sender.specificity, self.recipient.specificity


class _Matcher:
    """Matches the senders of one message with each of its recipients."""

    def __init__(self, rules: Iterable[Rule], direction: FlowDirection, author: str, sender: str) -> None:
        order = STRICTNESS[direction]
        self._direction = direction
        # DECISION: of two rules with the same action the name decides. The guide does not define this, only that the order of definition
        # does not matter.
        self._rules = sorted(
            (rule for rule in rules if rule.direction is direction), key=lambda rule: (order.index(rule.action), rule.name)
        )
        headers = [("Sender", sender), ("From", author)] if sender else [("From", author)]
        # Inbound, From counts only when Sender matches no rule. DECISION: this is decided for each recipient, because a rule also needs a
        # matching recipient pattern. Outbound, both count; From when both are equally specific.
        rounds = [headers[::-1]] if direction is FlowDirection.OUTBOUND else [[header] for header in headers]
        self._senders = [self._match_senders(some) for some in rounds]

    def _match_senders(self, headers: Sequence[tuple[str, str]]) -> dict[str, _Hit]:
        """Return the hits by the rule's name."""
        addresses = [(header, _comparable(address)) for header, address in headers]
        hits = {rule.name: [_find_hit(rule.senders, address, header) for header, address in addresses] for rule in self._rules}
        return {name: hit for name, some in hits.items() if (hit := _most_specific(some))}

    def match(self, recipient: str) -> Match:
        """Return the winning rule of a recipient."""
        number, matching = self._decide(_comparable(recipient))
        if not matching:
            return Match(recipient, None, f"No {self._direction.lower()} rule matches both sender and recipient.", self)
        return Match(recipient, matching[0].rule, _why_it_won(number, matching), self)

    def results(self, recipient: str) -> tuple[RuleResult, ...]:
        """Return the result of each rule, as in `Match.results`."""
        address = _comparable(recipient)
        number, matching = self._decide(address)
        winner = matching[0].rule if matching else None
        by_name = {each.rule.name: each for each in matching}
        results = []
        for rule in self._rules:
            found = by_name.get(rule.name)
            if found is None:
                why = self._why_it_does_not_match(rule, address, matching)
            elif rule is winner:
                why = _why_it_won(number, matching)
            else:
                why = f"Matches, but {_why_it_lost(found, matching[0])}."
            results.append(RuleResult(rule, found is not None, why))
        return tuple(sorted(results, key=lambda result: (result.rule is not winner, not result.matched)))

    def _decide(self, address: str) -> tuple[int, list[_MatchingRule]]:
        """Return the index of the header that decides, and its rules that match: the winner first. Empty when no rule matches."""
        for number, senders in enumerate(self._senders):
            found = [
                _MatchingRule(rule, senders[rule.name], hit)
                for rule in self._rules
                if rule.name in senders and (hit := _find_hit(rule.recipients, address))
            ]
            if found:
                return number, sorted(found, key=lambda each: each.specificity, reverse=True)
        return 0, []

    def _why_it_does_not_match(self, rule: Rule, address: str, matching: Sequence[_MatchingRule]) -> str:
        sender = any(rule.name in senders for senders in self._senders)
        recipient = _find_hit(rule.recipients, address)
        if sender and recipient:
            return f'Only From matches, which does not count: Sender matches "{matching[0].rule.name}".'
        missing = [*([] if sender else ["sender"]), *([] if recipient else ["recipient"])]
        return f"No {' and no '.join(missing)} pattern matches."


def _why_it_won(number: int, matching: Sequence[_MatchingRule]) -> str:
    won = matching[0]
    before = "Sender matches no rule; " if number else ""
    what = f"{before}{won.sender.header} matches {won.sender.pattern}, the recipient matches {won.recipient.pattern}"
    if len(matching) == 1 or matching[1].specificity < won.specificity:
        return f"{what}; no other rule matches as specifically."
    next_one = matching[1].rule
    if next_one.action is won.rule.action:
        undecided = "the name decides, because the guide does not define which rule wins"
        return f'{what}; as specific as "{next_one.name}", with the same action: {undecided}.'
    return f'{what}; as specific as "{next_one.name}", but {won.rule.action} goes before {next_one.action}.'


def _why_it_lost(lost: _MatchingRule, won: _MatchingRule) -> str:
    if lost.sender.specificity < won.sender.specificity:
        return f"the sender pattern {lost.sender.pattern} is less specific than {won.sender.pattern}"
    if lost.recipient.specificity < won.recipient.specificity:
        return f"the recipient pattern {lost.recipient.pattern} is less specific than {won.recipient.pattern}"
    if lost.rule.action is not won.rule.action:
        return f"not more specifically, and {won.rule.action} goes before {lost.rule.action}"
    return f'not more specifically, has the same action, and its name comes after "{won.rule.name}"'


def _comparable(address: str) -> str:
    """Return the canonical form of an address. For a text that is not an address return "", which matches `*` only."""
    address = canonical(address)
    _, at, domain = address.rpartition("@")
    return address if at and domain.isascii() else ""


def _find_hit(patterns: Iterable[str], address: str, header: str = "") -> _Hit | None:
    """Return the most specific pattern that matches.

    DECISION: the guide ranks the four forms and nothing within one form: `*.mail.example.com` is as specific as `*.example.com`.
    """
    parsed = ((pattern, _parse(pattern)) for pattern in patterns)
    return _most_specific(_Hit(each.specificity, pattern.strip(), header) for pattern, each in parsed if each.matches(address))


def _most_specific(hits: Iterable[_Hit | None]) -> _Hit | None:
    """Return the first of the most specific hits."""
    return max(filter(None, hits), key=lambda hit: hit.specificity, default=None)


@lru_cache(maxsize=4096)
def _parse(pattern: str) -> Pattern:
    return Pattern.parse(pattern)
