"""Which flow rule each recipient of a message meets, and why. Pure.

Source: the administrator guide, "Managing email flows", section "Sender and recipient patterns". A comment that begins with DECISION marks
what the guide leaves open; docs/rules.md lists them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from local.rules.pattern_index import Ways, labels_of, pattern_key, ways
from local.rules.rule import STRICTNESS, Rule, RuleAction, check_together
from mailhooks.address_patterns import Specificity
from mailhooks.contract import FlowDirection

__all__ = ["Considered", "Match", "Rule", "RuleAction", "RuleSet", "match"]


@dataclass(frozen=True, slots=True)
class Considered:
    """What one rule made of one recipient.

    Attributes:
        matched: whether its patterns matched and counted; the winner's did.
        why: why it won or did not, a sentence. Names rules and patterns, no addresses of the message.
    """

    rule: Rule
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that one recipient meets.

    Attributes:
        recipient: as given.
        rule: None when none matches: the message goes its way.
        why: a sentence, as in `Considered`.
    """

    recipient: str
    rule: Rule | None
    why: str
    _trial: "_Trial" = field(repr=False, compare=False)

    @property
    def considered(self) -> tuple[Considered, ...]:
        """Each rule of the direction: the winner, those that matched, the others. Worked out when it is asked for."""
        return self._trial.considered(self.recipient)


def match(rules: Iterable[Rule], direction: FlowDirection, *, author: str, sender: str, recipients: Iterable[str]) -> list[Match]:
    """The rule that each recipient meets. See `RuleSet`, which this makes and keeps.

    Raises:
        BadRule: the rules have a name twice, or too many patterns.
    """
    return _rule_set(tuple(rules)).match(direction, author=author, sender=sender, recipients=recipients)


class RuleSet:
    """An organization's rules, ready to be matched: patterns are looked up, not tried one after the other.

    Args:
        rules: in any order: it never matters.

    Raises:
        BadRule: a name comes twice, or there are too many patterns.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        rules = tuple(rules)
        check_together(rules)
        self._of = {direction: _Direction(direction, rules) for direction in FlowDirection}

    def match(self, direction: FlowDirection, *, author: str, sender: str, recipients: Iterable[str]) -> list[Match]:
        """The rule that each recipient meets, whatever the others meet.

        Any text is taken for an address: what is none matches `*` only.

        Args:
            direction: whose rules count.
            author: the address in `From`; "" when there is none.
            sender: the address in `Sender`; "" when there is none.
            recipients: of the envelope.

        Returns:
            One match for each recipient, in their order.
        """
        trial = _Trial(self._of[direction], author, sender)
        return [trial.match(recipient) for recipient in recipients]


@lru_cache(maxsize=4)
def _rule_set(rules: tuple[Rule, ...]) -> RuleSet:
    return RuleSet(rules)


class _Ready(NamedTuple):
    """A rule and its patterns, as written, by their keys."""

    rule: Rule
    senders: dict[str, str]
    recipients: dict[str, str]


class _Hit(NamedTuple):
    """The narrowest pattern of a rule that matches, by its key."""

    specificity: Specificity
    key: str
    header: str = ""


class _Direction:
    """One direction's rules, sorted by what decides between equally specific ones, so that the lower of two numbers wins.

    DECISION: of two rules with one action the name decides. The guide does not say what does; what must not is the order of definition.
    """

    def __init__(self, direction: FlowDirection, rules: Iterable[Rule]) -> None:
        self.direction = direction
        order = STRICTNESS[direction]
        own = [rule for rule in rules if rule.direction is direction]
        own.sort(key=lambda rule: (order.index(rule.action), rule.name))
        self.rules = [_Ready(rule, _keys(rule.senders), _keys(rule.recipients)) for rule in own]
        self._by_sender: dict[str, list[int]] = {}
        for number, ready in enumerate(self.rules):
            for key in ready.senders:
                self._by_sender.setdefault(key, []).append(number)
        self._labels = max((labels_of(key) for ready in self.rules for key in (*ready.senders, *ready.recipients)), default=0)

    def ways(self, address: str) -> Ways:
        return ways(address, self._labels)

    def hits(self, address: str, header: str) -> dict[int, _Hit]:
        """The rules with a sender pattern that matches."""
        found: dict[int, _Hit] = {}
        for specificity, keys in self.ways(address):
            for key in keys:
                for number in self._by_sender.get(key, ()):
                    found.setdefault(number, _Hit(specificity, key, header))
        return found


class _Pass:
    """The rules whose sender patterns match one header: by how narrowly, then by their recipient patterns.

    DECISION: a rule has sender and recipient patterns, and the guide does not say whose specificity counts. The sender's is compared first,
    then the recipient's: "Other email flow rules with a less specific sender pattern are ignored" (on the action Default).
    """

    def __init__(self, rules: Sequence[_Ready], hits: dict[int, _Hit]) -> None:
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

    def best(self, ways: Ways) -> list[int]:
        """The most specific rules, the winner first; of those that are beaten only the next one. Empty when none matches."""
        for table in self._levels:
            for _, keys in ways:
                # Two of each list are enough: the next one after the winner is the second of its list, or the first of another.
                found = sorted({number for key in keys for number in table.get(key, ())[:2]})
                if found:
                    return found[:2]
        return []


class _Trial:
    """One message's senders, for which recipients are asked."""

    def __init__(self, rules: _Direction, author: str, sender: str) -> None:
        self._all = rules
        self._rules = rules.rules
        hits = [(rules.hits(sender, "Sender") if sender else {}), rules.hits(author, "From")]
        if rules.direction is FlowDirection.OUTBOUND:
            hits = [{number: _narrower(hits, number) for number in {**hits[0], **hits[1]}}]
        # DECISION: "the Sender matched no rule" is said for each recipient, for a rule matches only if its recipient pattern does, too.
        self._passes = [_Pass(self._rules, found) for found in hits]
        self._sent = bool(sender) and rules.direction is FlowDirection.INBOUND

    def match(self, recipient: str) -> Match:
        ways = self._all.ways(recipient)
        decided, best = self._decide(ways)
        if not best:
            return Match(recipient, None, f"No {self._all.direction.lower()} rule matches both sender and recipient.", self)
        return Match(recipient, self._rules[best[0]].rule, self._why(decided, best, ways), self)

    def considered(self, recipient: str) -> tuple[Considered, ...]:
        ways = self._all.ways(recipient)
        decided, best = self._decide(ways)
        verdicts = [self._verdict(number, decided, best, ways) for number in range(len(self._rules))]
        return tuple(sorted(verdicts, key=lambda each: (not best or each.rule is not self._rules[best[0]].rule, not each.matched)))

    def _decide(self, ways: Ways) -> tuple[int, list[int]]:
        """Which pass decides, and its best rules."""
        for number, each in enumerate(self._passes):
            if best := each.best(ways):
                return number, best
        return len(self._passes), []

    def _hits(self, number: int, decided: int, ways: Ways) -> tuple[_Hit, _Hit]:
        """The sender and recipient patterns by which a rule matched."""
        return self._passes[decided].hits[number], next(_matching(self._rules[number].recipients, ways))

    def _why(self, decided: int, best: list[int], ways: Ways) -> str:
        sender, recipient = self._hits(best[0], decided, ways)
        won = self._rules[best[0]]
        before = "Sender matches no rule; " if self._sent and decided else ""
        what = f"{before}{sender.header} matches {won.senders[sender.key]}, the recipient matches {won.recipients[recipient.key]}"
        if len(best) == 1:
            return f"{what}; no other rule matches as specifically."
        next_one = self._rules[best[1]].rule
        if next_one.action is won.rule.action:
            return f'{what}; as specific as "{next_one.name}", with the same action: the name decides, as the guide does not say what does.'
        return f'{what}; as specific as "{next_one.name}", but {won.rule.action} goes before {next_one.action}.'

    def _verdict(self, number: int, decided: int, best: list[int], ways: Ways) -> Considered:
        ready = self._rules[number]
        if best and number == best[0]:
            return Considered(ready.rule, True, self._why(decided, best, ways))
        found = [index for index, each in enumerate(self._passes) if number in each.hits]
        recipient = any(_matching(ready.recipients, ways))
        if not found or not recipient:
            missing = [*([] if found else ["sender"]), *([] if recipient else ["recipient"])]
            return Considered(ready.rule, False, f"No {' and no '.join(missing)} pattern matches.")
        won = self._rules[best[0]]
        if decided not in found:
            return Considered(ready.rule, False, f'Only From matches, which does not count: Sender matches "{won.rule.name}".')
        return Considered(ready.rule, True, f"Matches, but {self._loss(number, decided, best[0], ways)}.")

    def _loss(self, number: int, decided: int, winner: int, ways: Ways) -> str:
        lost, won = self._rules[number], self._rules[winner]
        (sender, recipient), (won_sender, won_recipient) = (self._hits(each, decided, ways) for each in (number, winner))
        if sender.specificity < won_sender.specificity:
            return f"the sender pattern {lost.senders[sender.key]} is less specific than {won.senders[won_sender.key]}"
        if recipient.specificity < won_recipient.specificity:
            return f"the recipient pattern {lost.recipients[recipient.key]} is less specific than {won.recipients[won_recipient.key]}"
        if lost.rule.action is not won.rule.action:
            return f"not more specifically, and {won.rule.action} goes before {lost.rule.action}"
        return f'not more specifically, has the same action, and its name comes after "{won.rule.name}"'


def _narrower(hits: Sequence[dict[int, _Hit]], number: int) -> _Hit:
    """Of both headers the one that matches more narrowly; From, where both do alike."""
    return max((found[number] for found in reversed(hits) if number in found), key=lambda hit: hit.specificity)


def _matching(keys: dict[str, str], ways: Ways) -> Iterator[_Hit]:
    """Those patterns that match, narrowest first."""
    return (_Hit(specificity, key) for specificity, some in ways for key in some if key in keys)


def _keys(patterns: Iterable[str]) -> dict[str, str]:
    return {pattern_key(pattern): pattern.strip() for pattern in patterns}
