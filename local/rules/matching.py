"""Match an organization's flow rules with the senders and recipients of a message. Pure.

Source: the administrator guide, "Managing email flows", section "Sender and recipient patterns". A comment that begins with DECISION marks
a point that the guide leaves open; docs/rules.md lists them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from local.rules.pattern_index import MatchingKeys, count_labels, find_keys, make_key
from local.rules.rule import STRICTNESS, Rule, RuleAction, check_rules
from mailhooks.address_patterns import Specificity
from mailhooks.contract import FlowDirection

__all__ = ["Match", "Rule", "RuleAction", "RuleResult", "RuleSet", "match_rules"]


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
    """Return the winning rule of each recipient; see `RuleSet.match`. The rule sets of the last calls are cached.

    Raises:
        InvalidRule: two rules have the same name, or there are too many patterns.
    """
    return _rule_set(tuple(rules)).match(direction, author=author, sender=sender, recipients=recipients)


class RuleSet:
    """An organization's rules with an index of their patterns.

    Args:
        rules: the rules; their order does not matter.

    Raises:
        InvalidRule: two rules have the same name, or there are too many patterns.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        rules = tuple(rules)
        check_rules(rules)
        self._by_direction = {direction: _DirectionRules(direction, rules) for direction in FlowDirection}

    def match(self, direction: FlowDirection, *, author: str, sender: str, recipients: Iterable[str]) -> list[Match]:
        """Return the winning rule of each recipient. Recipients are independent of each other.

        Any text is accepted as an address: a text that is not an address matches `*` only.

        Args:
            direction: the mail flow.
            author: the address in `From`; "" for none.
            sender: the address in `Sender`; "" for none.
            recipients: the envelope's recipients.

        Returns:
            One match for each recipient, in their order.
        """
        matcher = _Matcher(self._by_direction[direction], author, sender)
        return [matcher.match(recipient) for recipient in recipients]


@lru_cache(maxsize=4)
def _rule_set(rules: tuple[Rule, ...]) -> RuleSet:
    return RuleSet(rules)


class _IndexedRule(NamedTuple):
    """A rule with its patterns as written, by their keys."""

    rule: Rule
    senders: dict[str, str]
    recipients: dict[str, str]


class _Hit(NamedTuple):
    """A rule's most specific matching pattern, by its key, and the header that it matches."""

    specificity: Specificity
    key: str
    header: str = ""


class _DirectionRules:
    """The rules of one direction. Of two equally specific rules the one with the lower index wins.

    DECISION: of two rules with the same action the name decides. The guide does not define this, only that the order of definition does
    not matter.
    """

    def __init__(self, direction: FlowDirection, rules: Iterable[Rule]) -> None:
        self.direction = direction
        order = STRICTNESS[direction]
        own = [rule for rule in rules if rule.direction is direction]
        own.sort(key=lambda rule: (order.index(rule.action), rule.name))
        self.rules = [_IndexedRule(rule, _index(rule.senders), _index(rule.recipients)) for rule in own]
        self._by_sender: dict[str, list[int]] = {}
        for number, indexed in enumerate(self.rules):
            for key in indexed.senders:
                self._by_sender.setdefault(key, []).append(number)
        self._max_labels = max((count_labels(key) for indexed in self.rules for key in (*indexed.senders, *indexed.recipients)), default=0)

    def find_keys(self, address: str) -> MatchingKeys:
        return find_keys(address, self._max_labels)

    def match_senders(self, address: str, header: str) -> dict[int, _Hit]:
        """Return the rules with a sender pattern that matches, by index."""
        found: dict[int, _Hit] = {}
        for specificity, keys in self.find_keys(address):
            for key in keys:
                for number in self._by_sender.get(key, ()):
                    found.setdefault(number, _Hit(specificity, key, header))
        return found


class _HeaderMatches:
    """The rules whose sender patterns match one header, by specificity and then by recipient pattern.

    DECISION: a rule has sender and recipient patterns, and the guide does not say which specificity counts. The sender's is compared first,
    then the recipient's: "Other email flow rules with a less specific sender pattern are ignored" (on the action Default).
    """

    def __init__(self, rules: Sequence[_IndexedRule], hits: dict[int, _Hit]) -> None:
        self.hits = hits
        levels: dict[Specificity, dict[str, list[int]]] = {}
        for number, hit in hits.items():
            table = levels.setdefault(hit.specificity, {})
            for key in rules[number].recipients:
                table.setdefault(key, []).append(number)
        for table in levels.values():
            for numbers in table.values():
                numbers.sort()
        self._levels = [levels[specificity] for specificity in sorted(levels, reverse=True)]

    def find_best(self, recipient: MatchingKeys) -> list[int]:
        """Return the indexes of the winner and of the next equally specific rule, if there is one. Empty when no rule matches."""
        for table in self._levels:
            for _, keys in recipient:
                # Two of each list are enough: the rule after the winner is the second of its list or the first of another list.
                found = sorted({number for key in keys for number in table.get(key, ())[:2]})
                if found:
                    return found[:2]
        return []


class _Matcher:
    """Matches the senders of one message with each of its recipients."""

    def __init__(self, rules: _DirectionRules, author: str, sender: str) -> None:
        self._direction = rules
        self._rules = rules.rules
        hits = [(rules.match_senders(sender, "Sender") if sender else {}), rules.match_senders(author, "From")]
        if rules.direction is FlowDirection.OUTBOUND:
            hits = [{number: _most_specific(hits, number) for number in {**hits[0], **hits[1]}}]
        # DECISION: "the Sender matched no rule" is decided for each recipient, because a rule also needs a matching recipient pattern.
        self._headers = [_HeaderMatches(self._rules, found) for found in hits]
        self._sender_first = bool(sender) and rules.direction is FlowDirection.INBOUND

    def match(self, recipient: str) -> Match:
        keys = self._direction.find_keys(recipient)
        header, best = self._decide(keys)
        if not best:
            return Match(recipient, None, f"No {self._direction.direction.lower()} rule matches both sender and recipient.", self)
        return Match(recipient, self._rules[best[0]].rule, self._why_it_won(header, best, keys), self)

    def results(self, recipient: str) -> tuple[RuleResult, ...]:
        keys = self._direction.find_keys(recipient)
        header, best = self._decide(keys)
        results = [self._result(number, header, best, keys) for number in range(len(self._rules))]
        return tuple(sorted(results, key=lambda each: (not best or each.rule is not self._rules[best[0]].rule, not each.matched)))

    def _decide(self, keys: MatchingKeys) -> tuple[int, list[int]]:
        """Return the index of the header that decides, and the header's best rules."""
        for header, matches in enumerate(self._headers):
            if best := matches.find_best(keys):
                return header, best
        return len(self._headers), []

    def _hits(self, number: int, header: int, keys: MatchingKeys) -> tuple[_Hit, _Hit]:
        """Return the sender and recipient patterns by which a rule matched."""
        return self._headers[header].hits[number], next(_matching(self._rules[number].recipients, keys))

    def _why_it_won(self, header: int, best: list[int], keys: MatchingKeys) -> str:
        sender, recipient = self._hits(best[0], header, keys)
        won = self._rules[best[0]]
        before = "Sender matches no rule; " if self._sender_first and header else ""
        what = f"{before}{sender.header} matches {won.senders[sender.key]}, the recipient matches {won.recipients[recipient.key]}"
        if len(best) == 1:
            return f"{what}; no other rule matches as specifically."
        next_one = self._rules[best[1]].rule
        if next_one.action is won.rule.action:
            undecided = "the name decides, because the guide does not say which rule wins"
            return f'{what}; as specific as "{next_one.name}", with the same action: {undecided}.'
        return f'{what}; as specific as "{next_one.name}", but {won.rule.action} goes before {next_one.action}.'

    def _result(self, number: int, header: int, best: list[int], keys: MatchingKeys) -> RuleResult:
        indexed = self._rules[number]
        if best and number == best[0]:
            return RuleResult(indexed.rule, True, self._why_it_won(header, best, keys))
        found = [index for index, each in enumerate(self._headers) if number in each.hits]
        recipient = any(_matching(indexed.recipients, keys))
        if not found or not recipient:
            missing = [*([] if found else ["sender"]), *([] if recipient else ["recipient"])]
            return RuleResult(indexed.rule, False, f"No {' and no '.join(missing)} pattern matches.")
        won = self._rules[best[0]]
        if header not in found:
            return RuleResult(indexed.rule, False, f'Only From matches, which does not count: Sender matches "{won.rule.name}".')
        return RuleResult(indexed.rule, True, f"Matches, but {self._why_it_lost(number, header, best[0], keys)}.")

    def _why_it_lost(self, number: int, header: int, winner: int, keys: MatchingKeys) -> str:
        lost, won = self._rules[number], self._rules[winner]
        (sender, recipient), (won_sender, won_recipient) = (self._hits(each, header, keys) for each in (number, winner))
        if sender.specificity < won_sender.specificity:
            return f"the sender pattern {lost.senders[sender.key]} is less specific than {won.senders[won_sender.key]}"
        if recipient.specificity < won_recipient.specificity:
            return f"the recipient pattern {lost.recipients[recipient.key]} is less specific than {won.recipients[won_recipient.key]}"
        if lost.rule.action is not won.rule.action:
            return f"not more specifically, and {won.rule.action} goes before {lost.rule.action}"
        return f'not more specifically, has the same action, and its name comes after "{won.rule.name}"'


def _most_specific(hits: Sequence[dict[int, _Hit]], number: int) -> _Hit:
    """Return the more specific hit of both headers; the hit of From when they are equally specific."""
    return max((found[number] for found in reversed(hits) if number in found), key=lambda hit: hit.specificity)


def _matching(patterns: dict[str, str], keys: MatchingKeys) -> Iterator[_Hit]:
    """Yield the patterns that match, most specific first."""
    return (_Hit(specificity, key) for specificity, some in keys for key in some if key in patterns)


def _index(patterns: Iterable[str]) -> dict[str, str]:
    return {make_key(pattern): pattern.strip() for pattern in patterns}
