"""What is odd about a policy that can be loaded: rules that are never reached, verdicts that never count, conditions that never hold."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from mailhooks.address_patterns import ascii_domain
from mailhooks.contract import ActionType
from mailhooks.policy.analysis.contradictions import reasons
from mailhooks.policy.analysis.rule_conditions import Said, is_within, named, texts
from mailhooks.policy.evaluation.outcome import MAX_ACTIONS
from mailhooks.policy.loading.lists import Lists
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.actions import AddRecipients, RemoveRecipients, SetVerdict
from mailhooks.policy.rules.conditions import Cost
from mailhooks.policy.rules.rule import Mixed, Rule, RuleErrorPolicy


class Severity(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"
    """The policy does not do what it says."""
    NOTE = "note"
    """It may not do what was meant."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is odd.

    Attributes:
        rule: the rule's name; `""` where it is in none.
        text: what, and why.
        line: of the file, on which the rule begins; 0 where there is none.
    """

    rule: str
    text: str
    severity: Severity = Severity.WARNING
    line: int = 0

    def __str__(self) -> str:
        return f'{self.severity}: rule "{self.rule}": {self.text}' if self.rule else f"{self.severity}: {self.text}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A rule that is not switched off, and when it applies; or `in_part`, when it decides for some recipients."""

    rule: Rule
    said: Said
    in_part: bool = False

    def always_with(self, other: Rule) -> bool:
        """Whether it is active whenever the other rule is."""
        begins = self.rule.begins is None or (other.begins is not None and self.rule.begins <= other.begins)
        return begins and (self.rule.ends is None or (other.ends is not None and other.ends <= self.rule.ends))

    @property
    def for_all(self) -> bool:
        """Whether it applies to all recipients of a message, or to none."""
        return not self.in_part and not self.rule.condition.per_recipient

    def fails_like(self, other: Rule) -> bool:
        """Whether it applies, or nothing is asked any more, where conditions that the other rule shares with it cannot be told."""
        on_error = self.rule.on_error
        return self.rule.condition.cost is Cost.EVENT or on_error is not RuleErrorPolicy.SKIP or on_error is other.on_error

    def removing(self, lists: Lists) -> "list[_Asked]":
        """It, as a rule that decides for those whom it removes; such as also adds recipients may come to nothing."""
        if not self.for_all or any(isinstance(action, AddRecipients) for action in self.rule.actions):
            return []
        do = self.rule.source["do"]
        said = [each["remove_recipients"] for each in (do if isinstance(do, list) else [do]) if "remove_recipients" in each]
        return [_Asked(self.rule, self.said.with_value("recipient", value, lists), in_part=True) for value in said]

    def may_be(self, direction: str) -> bool:
        return all(term.value == direction for term in self.said.terms("direction"))


def lint(policy: Policy, *, domains: Collection[str] = (), now: datetime | None = None) -> tuple[Finding, ...]:
    """Everything that is odd about a policy, in the order of its rules; what is about none of them comes last.

    Args:
        domains: the organization's, where the policy does not say.
        now: the moment that tells which rules are over; else this one.
    """
    now = now or datetime.now(UTC)
    own = policy.domains or frozenset(map(ascii_domain, domains))
    lists = Lists(policy.lists)
    asked = [_Asked(rule, Said.of(rule, lists)) for rule in policy.rules if rule.enabled]
    found = []
    able = []
    for each in asked:
        # Of a rule that never applies it would only confuse to say what it does, or keeps others from doing.
        if never := [_of(each.rule, f"never applies: {why}") for why in reasons(each.said, own)]:
            found += never
        else:
            able.append(each)
            found += _of_actions(each, own)
    found += [*_over(able, now), *_unreached(able), *_undecided(able, lists)]
    found.sort(key=lambda finding: finding.line)
    by_name = {rule.name: rule.index for rule in policy.rules}
    found.sort(key=lambda finding: by_name[finding.rule])
    return (*found, *_verdicts(able), *_lists(policy))


def _of(rule: Rule, text: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(rule.name, text, severity, rule.line)


def _over(asked: Iterable[_Asked], now: datetime) -> Iterator[Finding]:
    for rule in (each.rule for each in asked):
        if rule.ends is not None and rule.ends <= now:
            yield _of(rule, f"is never asked: it was active until {rule.ends.isoformat()}")


def _unreached(asked: Iterable[_Asked]) -> Iterator[Finding]:
    """Rules before which another one always stops."""
    stopping: list[_Asked] = []
    for each in asked:
        if before := _around(each, each.said, stopping):
            yield _of(each.rule, f'is never reached: rule "{before.rule.name}" applies before it to all that this one is for, and stops')
        elif each.rule.stop and not each.rule.report:
            stopping.append(each)


def _undecided(asked: Iterable[_Asked], lists: Lists) -> Iterator[Finding]:
    """Verdicts before which another rule has always decided."""
    deciding: list[_Asked] = []
    for each in (one for one in asked if not one.rule.report):
        yield from _unremoved(each, deciding)
        removing = each.removing(lists)
        verdicts = [action for action in each.rule.actions if isinstance(action, SetVerdict)]
        if not verdicts:
            deciding += removing
            continue
        before = _around(each, each.said, [one for one in deciding if not one.rule.stop])
        if before is not None:
            yield _of(each.rule, f'its verdict never counts: rule "{before.rule.name}" has decided before, and the first to decide counts')
        elif len(verdicts) > 1 and not (verdicts[0].type.inbound_only and each.may_be("outbound")):
            yield _of(each.rule, "its second verdict never counts: the first one has decided")
        for_inbound = all(verdict.type.inbound_only for verdict in verdicts)
        deciding.append(_Asked(each.rule, each.said.with_value("direction", "inbound")) if for_inbound else each)
        deciding += removing


def _unremoved(each: _Asked, deciding: Iterable[_Asked]) -> Iterator[Finding]:
    """Recipients whom a rule does not drop, as all of the message's have a verdict already."""
    if not any(isinstance(action, RemoveRecipients) for action in each.rule.actions):
        return
    before = _around(each, each.said, [one for one in deciding if one.for_all and not one.rule.stop])
    if before is not None:
        text = f'its remove_recipients never counts: rule "{before.rule.name}" has decided before, and the first to decide counts'
        yield _of(each.rule, text)
    first = next(action for action in each.rule.actions if isinstance(action, RemoveRecipients | SetVerdict))
    if isinstance(first, SetVerdict) and each.for_all and not (first.type.inbound_only and each.may_be("outbound")):
        yield _of(each.rule, "its remove_recipients never counts: its verdict before has decided")


def _around(each: _Asked, said: Said, earlier: Iterable[_Asked]) -> _Asked | None:
    """The earlier rule, or the last of those, that together apply wherever this one does."""
    able = {id(one.said): one for one in earlier if one.always_with(each.rule) and one.fails_like(each.rule)}
    found = is_within(said, [one.said for one in able.values()])
    return able[id(found)] if found is not None else None


def _of_actions(each: _Asked, domains: frozenset[str]) -> Iterator[Finding]:
    """What is odd about a rule by itself."""
    rule, said = each.rule, each.said
    for action in rule.actions:
        if isinstance(action, SetVerdict) and action.type.inbound_only and each.may_be("outbound"):
            word = "junk" if action.type is ActionType.MOVE_TO_JUNK else "bypass_spam_check"
            if said.terms("direction"):
                yield _of(rule, f"{word} does nothing: it exists for inbound mail only, and the rule is for outbound mail")
            elif not said.only("sender_scope", "external"):
                yield _of(rule, f"{word} does nothing for outbound mail, which the rule is for too (direction: inbound)", Severity.NOTE)
        elif isinstance(action, AddRecipients) and each.may_be("inbound"):
            yield from _added(rule, action, domains)
    yield from _of_outbound(each)
    if any(term.name == "sender" and ":*" in (term.alternatives or ()) for term in said.fails):
        yield _of(rule, "applies to mail without a sender only: everybody else is an exception (sender: *)", Severity.NOTE)
    if rule.changes_content and rule.condition.per_recipient:
        yield _of(rule, _MIXED[rule.mixed], Severity.NOTE)


def _of_outbound(each: _Asked) -> Iterator[Finding]:
    """What only inbound mail has."""
    rule, said = each.rule, each.said
    if each.may_be("outbound") and said.terms("direction"):
        if said.only("sender_scope", "external"):
            text = "direction outbound with sender_scope external: outbound mail comes from the organization; are its domains complete?"
            yield _of(rule, text, Severity.NOTE)
        if any(name == "authentication" for name, _ in named(rule.source.get("when", {}))):
            yield _of(rule, "authentication on outbound mail: Amazon SES notes its results on inbound mail only", Severity.NOTE)


_MIXED = {
    Mixed.ALL: "changes the content for some recipients, and a message has one content for all: with `mixed: all` everybody who gets the "
    "message sees the change as soon as one of these recipients gets it",
    Mixed.NONE: "changes the content for some recipients, and a message has one content for all: with `mixed: none` nobody sees the change "
    "unless all who get the message are among these recipients",
}


def _added(rule: Rule, action: AddRecipients, domains: frozenset[str]) -> Iterator[Finding]:
    if not domains:
        text = "add_recipients on inbound mail needs the organization's domains (organization.domains or ORGANIZATION_DOMAINS)"
        yield _of(rule, text, Severity.NOTE)
        return
    outside = [address for address in action.addresses if ascii_domain(address.rpartition("@")[2]) not in domains]
    if outside:
        more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
        yield _of(rule, f"WorkMail adds nobody outside of the organization's domains to inbound mail: {outside[0]}{more}")


def _verdicts(asked: Iterable[_Asked]) -> Iterator[Finding]:
    """An answer to WorkMail has at most 10 different actions. A rule about the whole message decides for all who have no verdict yet, so
    that of such rules one counts; those about recipients each decide for some.
    """
    enforced = [each for each in asked if not each.rule.report]
    for direction in ("inbound", "outbound"):
        verdicts, adds = {(str(ActionType.DEFAULT), "")}, False
        for_all: set[tuple[str, str]] = set()
        for each in (one for one in enforced if one.may_be(direction)):
            for action in each.rule.actions:
                adds = adds or isinstance(action, AddRecipients)
                if isinstance(action, RemoveRecipients):
                    verdicts.add((str(ActionType.DROP), ""))
                elif isinstance(action, SetVerdict) and (direction == "inbound" or not action.type.inbound_only):
                    own = f" {each.rule.name}" if "%%rule%%" in action.text.lower() else ""
                    (for_all if each.for_all else verdicts).add((str(action.type), action.text + own))
        room, number = MAX_ACTIONS - adds, len(verdicts) + (not for_all <= verdicts)
        if number > room:
            text = (
                f"{number} different verdicts are possible for {direction} mail, and an answer to WorkMail has room for {room}: "
                "if a message meets more, the bounce texts that fewest recipients would get become one general text"
            )
            yield Finding("", text)
            return


def _lists(policy: Policy) -> Iterator[Finding]:
    """Lists that nobody uses."""
    used: set[str] = set()
    waiting = [text[5:] for rule in policy.rules for text in texts(rule.source) if text.startswith("list:")]
    while waiting:
        name = waiting.pop()
        if name in policy.lists and name not in used:
            used.add(name)
            waiting.extend(text[5:] for text in policy.lists[name] if text.startswith("list:"))
    for name in policy.lists:
        if name not in used:
            yield Finding("", f'list "{name}" is used by no rule', Severity.NOTE)
