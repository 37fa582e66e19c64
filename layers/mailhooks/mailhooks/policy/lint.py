"""What is odd about a policy that can be loaded: rules that are never reached, verdicts that never count, conditions that never hold."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ..contract import ActionType
from .actions import AddRecipients, Decide, RemoveRecipients
from .measures import least_and_most
from .model import Mixed, Policy, Rule
from .outcome import MAX_ACTIONS
from .said import Said, Term, is_within, named, texts


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
    """A rule that is not switched off, and when it applies."""

    rule: Rule
    said: Said

    def always_with(self, other: Rule) -> bool:
        """Whether it is active whenever the other rule is."""
        begins = self.rule.begins is None or (other.begins is not None and self.rule.begins <= other.begins)
        return begins and (self.rule.ends is None or (other.ends is not None and other.ends <= self.rule.ends))

    def may_be(self, direction: str) -> bool:
        return all(term.value == direction for term in self.said.terms("direction"))


def lint(policy: Policy, *, domains: Collection[str] = (), now: datetime | None = None) -> tuple[Finding, ...]:
    """Everything that is odd about a policy, in the order of its rules; what is about none of them comes last.

    Args:
        domains: the organization's, where the policy does not say.
        now: the moment that tells which rules are over; else this one.
    """
    now = now or datetime.now(UTC)
    own = policy.domains or frozenset(domain.lower() for domain in domains)
    asked = [_Asked(rule, Said.of(rule, policy.lists)) for rule in policy.rules if rule.enabled]
    found = [*_over(asked, now), *_unreached(asked), *_undecided(asked)]
    for each in asked:
        found += [_of(each.rule, text) for text in _never(each.said)]
        found += _of_actions(each, own)
    found.sort(key=lambda finding: finding.line)
    by_name = {rule.name: rule.index for rule in policy.rules}
    found.sort(key=lambda finding: by_name[finding.rule])
    return (*found, *_verdicts(asked), *_lists(policy))


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


def _undecided(asked: Iterable[_Asked]) -> Iterator[Finding]:
    """Verdicts before which another rule has always decided."""
    deciding: list[_Asked] = []
    for each in asked:
        verdicts = [action for action in each.rule.actions if isinstance(action, Decide)]
        if not verdicts or each.rule.report:
            continue
        before = _around(each, each.said, [one for one in deciding if not one.rule.stop])
        if before is not None:
            yield _of(each.rule, f'its verdict never counts: rule "{before.rule.name}" has decided before, and the first to decide counts')
        elif len(verdicts) > 1 and not (verdicts[0].type.inbound_only and each.may_be("outbound")):
            yield _of(each.rule, "its second verdict never counts: the first one has decided")
        for_inbound = all(verdict.type.inbound_only for verdict in verdicts)
        deciding.append(_Asked(each.rule, each.said.with_value("direction", "inbound")) if for_inbound else each)


def _around(each: _Asked, said: Said, earlier: Iterable[_Asked]) -> _Asked | None:
    """The earlier rule, or the last of those, that together apply wherever this one does."""
    able = {id(one.said): one for one in earlier if one.always_with(each.rule)}
    found = is_within(said, [one.said for one in able.values()])
    return able[id(found)] if found is not None else None


_IMPOSSIBLE = (
    ("direction", ("inbound",), "recipient_scope", ("external",), "inbound mail has recipients in the organization only"),
    ("direction", ("inbound",), "audience", ("external", "mixed"), "inbound mail has recipients in the organization only"),
    ("recipient_scope", ("external",), "audience", ("internal",), "no recipient is external where all are internal"),
    ("recipient_scope", ("internal",), "audience", ("external",), "no recipient is internal where all are external"),
)
_ONE_VALUE = frozenset({"direction", "sender_scope", "recipient_scope", "on_behalf", "audience", "importance"})


def _never(said: Said) -> Iterator[str]:
    """Why a rule's conditions never hold."""
    for index, term in enumerate(said.holds):
        for other in said.holds[:index]:
            if term.name == other.name in _ONE_VALUE and not (term.alternatives or frozenset()) & (other.alternatives or frozenset()):
                yield f"never applies: {term.name} cannot be both {other.text} and {term.text}"
        for other in said.fails:
            if term.implies(other):
                yield f"never applies: what `when` asks of {term.name} is an exception under `unless`"
        if _is_empty(term):
            yield f"never applies: {term.name} allows no number"
    for one, its, another, others, why in _IMPOSSIBLE:
        if said.only(one, *its) and said.only(another, *others):
            yield f"never applies: {one} {its[0]} with {another} {' or '.join(others)}, and {why}"


def _is_empty(term: Term) -> bool:
    if term.name not in {"recipient_count", "attachment_count", "size"}:
        return False
    least, most = least_and_most(term.value)
    return most is not None and least > most


def _of_actions(each: _Asked, domains: frozenset[str]) -> Iterator[Finding]:
    """What is odd about a rule by itself."""
    rule, said = each.rule, each.said
    for action in rule.actions:
        if isinstance(action, Decide) and action.type.inbound_only and each.may_be("outbound"):
            word = "junk" if action.type is ActionType.MOVE_TO_JUNK else "bypass_spam_check"
            if said.terms("direction"):
                yield _of(rule, f"{word} does nothing: it exists for inbound mail only, and the rule is for outbound mail")
            elif not said.only("sender_scope", "external"):
                yield _of(rule, f"{word} does nothing for outbound mail, which the rule is for too (direction: inbound)", Severity.NOTE)
        elif isinstance(action, AddRecipients) and each.may_be("inbound"):
            yield from _added(rule, action, domains)
    if each.may_be("outbound") and said.terms("direction"):
        if said.only("sender_scope", "external"):
            text = "direction outbound with sender_scope external: outbound mail comes from the organization; are its domains complete?"
            yield _of(rule, text, Severity.NOTE)
        if any(name == "authentication" for name, _ in named(rule.source.get("when", {}))):
            yield _of(rule, "authentication on outbound mail: Amazon SES notes its results on inbound mail only", Severity.NOTE)
    if rule.changes_content and rule.condition.per_recipient:
        yield _of(rule, _MIXED[rule.mixed], Severity.NOTE)


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
    outside = [address for address in action.addresses if address.rpartition("@")[2].lower() not in domains]
    if outside:
        more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
        yield _of(rule, f"WorkMail adds nobody outside of the organization's domains to inbound mail: {outside[0]}{more}")


def _verdicts(asked: Iterable[_Asked]) -> Iterator[Finding]:
    """An answer to WorkMail has at most 10 different actions."""
    enforced = [each for each in asked if not each.rule.report]
    for direction in ("inbound", "outbound"):
        verdicts, adds = {(str(ActionType.DEFAULT), "")}, False
        for each in (one for one in enforced if one.may_be(direction)):
            for action in each.rule.actions:
                adds = adds or isinstance(action, AddRecipients)
                if isinstance(action, RemoveRecipients):
                    verdicts.add((str(ActionType.DROP), ""))
                elif isinstance(action, Decide) and (direction == "inbound" or not action.type.inbound_only):
                    own = f" {each.rule.name}" if "%%rule%%" in action.text.lower() else ""
                    verdicts.add((str(action.type), action.text + own))
        room = MAX_ACTIONS - adds
        if len(verdicts) > room:
            text = (
                f"{len(verdicts)} different verdicts are possible for {direction} mail, and an answer to WorkMail has room for {room}: "
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
