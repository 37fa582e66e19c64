"""Asks the rules of a policy, in their order, about one message."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mailhooks import contract
from mailhooks.contract import ActionType
from mailhooks.errors import Misconfigured, PermanentError
from mailhooks.mime.message import Message
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.added_recipients import Adding, Empty, added_for, empty_additions, known_domains
from mailhooks.policy.evaluation.outcome import Failure, Outcome, WantedChange, WantedEffect, addable
from mailhooks.policy.evaluation.trace import RuleSeen, Seen, Trace
from mailhooks.policy.facts.message_facts import ContentFailed, Facts
from mailhooks.policy.rules.actions import Action, AddRecipients, Archive, Count, Notify, RemoveRecipients, SetVerdict
from mailhooks.policy.rules.conditions import Condition
from mailhooks.policy.rules.rule import Mixed, Rule, RuleErrorPolicy

_TURNS: Final = 8
"""After which rules that put each other's recipients in place of their own are left out together, lest each cost a turn of its own."""


class _Skipped(Exception):
    """A condition failed whose rule is to be skipped."""


class Evaluation:
    """One evaluation of a policy. It first needs the event alone, and the content only if a condition does.

    Args:
        rules: in their order.
        facts: of the message.
        trace: records what each rule read.
    """

    def __init__(self, rules: Sequence[Rule], facts: Facts, trace: Trace | None = None) -> None:
        self._rules = rules
        self._facts = facts
        self._trace = trace
        self._finished: _Run | None = None

    def outcome_by_event(self) -> Outcome | None:
        """Return the outcome if no rule needs the content, without the rules in report mode; None if a rule needs it.

        Raises:
            RuleFailed: a rule failed whose `on_error` is retry.
        """
        content, self._facts.content = self._facts.content, _withhold_content
        try:
            self._finished = self._ask_rules()
        except ContentFailed:
            return None
        finally:
            self._facts.content = content
        return self._finished.outcome()

    def outcome(self) -> Outcome:
        """Return the outcome. Call it once. Raises as `Policy.evaluate`."""
        try:
            run = self._finished or self._ask_rules()
            run.ask_reports()
            return run.outcome()
        except ContentFailed as failed:
            raise (failed.__cause__ or failed) from None

    def _ask_rules(self) -> "_Run":
        # Rules whose addition comes to nothing are left out, with all that they would have done, and the others are asked again: what they
        # have found out is kept in the facts.
        failures: list[Failure] = []
        left_out: set[int] = set()
        turn = 0
        while True:
            run = _Run(self._facts, self._trace, frozenset(left_out), list(failures))
            if self._trace is not None:
                self._trace.rules.clear()
            for rule in self._rules:
                run.ask_rule(rule)
            empty = run.added_nobody(all_at_once=turn >= _TURNS)
            if not empty:
                return run
            failures += [each.failure for each in empty]
            left_out |= {each.rule.index for each in empty}
            turn += 1


def _withhold_content() -> Message:
    raise ContentFailed


@dataclass
class _Run:
    """One evaluation as it goes."""

    facts: Facts
    trace: Trace | None
    left_out: frozenset[int] = frozenset()
    failures: list[Failure] = field(default_factory=list)
    asked: Rule | None = None
    seen: RuleSeen = field(default_factory=lambda: RuleSeen(""))
    adding: list[Adding] = field(default_factory=list)
    reports: list[tuple[Rule, int, RuleSeen]] = field(default_factory=list)
    stopped: int = 0
    decided: int = 0
    replaced: int = 0
    verdicts: dict[str, contract.Action] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    changes: list[WantedChange] = field(default_factory=list)
    effects: list[WantedEffect] = field(default_factory=list)
    matched: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    negated: bool = False
    depth: int = 0

    def ask_rule(self, rule: Rule) -> None:
        seen = RuleSeen(rule.name)
        if self.trace is not None:
            self.trace.rules.append(seen)
        among = self.facts.everybody & ~self.stopped
        if not rule.is_active(self.facts.now):
            seen.skipped = "not active at this moment" if rule.enabled else "not enabled"
            return
        if not among and (self.facts.everybody or self.stopped):
            seen.skipped = "an earlier rule has stopped for all recipients"
            return
        if rule.index in self.left_out:
            seen.skipped = "left out: none of those whom it adds would get the message"
            return
        if rule.report:
            self.reports.append((rule, among, seen))
            return
        seen.matched = self._matched(rule, among, seen)
        if seen.matched:
            self._apply(rule, seen.matched)

    def ask_reports(self) -> None:
        """Rules in report mode come last, each for those for whom it would have been asked: what they cost is at nobody's expense."""
        for rule, among, seen in self.reports:
            seen.matched = self._matched(rule, among, seen)
            if seen.matched:
                self.reported.append(rule.name)

    def _matched(self, rule: Rule, among: int, seen: RuleSeen) -> int:
        """For whom a rule applies."""
        self.asked, self.seen, self.negated, self.depth = rule, seen, False, 0
        try:
            return self.ask(rule.condition, self.facts, among)
        except _Skipped:
            return 0
        except ContentFailed as failed:
            # A rule that only reports must not be why the message is had, and why the invocation fails.
            if not rule.report:
                raise
            self.failures.append(Failure(rule.name, "content", type(failed.__cause__).__name__, ""))
            return 0

    def _apply(self, rule: Rule, matched: int) -> None:
        self.matched.append(rule.name)
        before, additions = self.decided, len(self.adding)
        for action in rule.actions:
            self.take(rule, action, matched)
        if len(self.adding) > additions and self.adding[-1].replaces:
            self.replaced |= self.decided & ~before
        if rule.stop:
            self.stopped |= matched

    def added_nobody(self, *, all_at_once: bool) -> list[Empty]:
        """Rules whose addition comes to nothing.

        Raises:
            RuleFailed: there is one, and it says retry.
        """
        if not self.adding:
            return []
        empty, notes = empty_additions(self.facts, self.adding, self.verdicts, all_at_once=all_at_once)
        for each in empty:
            if each.rule.on_error is RuleErrorPolicy.RETRY:
                raise RuleFailed(f'rule "{each.rule.name}": add_recipients: {each.failure.error}')
        if not empty:
            self.notes += notes
        return empty

    def ask(self, condition: Condition, facts: Facts, among: int, *, negated: bool = False) -> int:
        """Asks a condition, and says what follows when it cannot be told."""
        before = self.negated
        self.negated = before ^ negated
        place = self._begin(condition)
        error = ""
        try:
            held = condition.mask(facts, among, self.ask)
        except (_Skipped, RuleFailed):
            raise
        except ContentFailed as failed:
            # What may pass is for the next try. What does not is the rule's affair, as any other failure.
            cause = failed.__cause__
            if (self.asked and self.asked.report) or not isinstance(cause, PermanentError | Misconfigured):
                raise
            error = type(cause).__name__
            held = self._after_failure(condition, cause, among)
        except Exception as trouble:  # noqa: BLE001 - each rule says what its failures mean
            error = type(trouble).__name__
            held = self._after_failure(condition, trouble, among)
        finally:
            self.negated = before
            self.depth -= 1
        if place is not None:
            self._end(place, condition, among, held, error)
        return held

    def _begin(self, condition: Condition) -> int | None:
        self.depth += 1
        if self.trace is None:
            return None
        conditions = self.seen.conditions
        conditions.append(Seen(condition.name, self.depth - 1, "", 0, 0, "not told"))
        return len(conditions) - 1

    def _end(self, place: int, condition: Condition, among: int, held: int, error: str) -> None:
        saw = "" if error else condition.saw(self.facts)
        self.seen.conditions[place] = Seen(condition.name, self.depth, saw, held, among, error)

    def _after_failure(self, condition: Condition, trouble: Exception, among: int) -> int:
        rule = self.asked
        assert rule is not None
        failure = Failure.of(rule.name, condition.name, trouble)
        self.failures.append(failure)
        if rule.on_error is RuleErrorPolicy.RETRY and not rule.report:
            raise RuleFailed(f'rule "{rule.name}": {failure.what}: {failure.error}: {failure.detail}'.rstrip(": ")) from None
        if rule.on_error is RuleErrorPolicy.SKIP or rule.report:
            raise _Skipped
        return 0 if self.negated else among

    def take(self, rule: Rule, action: Action, bits: int) -> None:
        """Notes down what an action means; nothing is done yet."""
        match action:
            case SetVerdict():
                self._decide(bits, self._said(rule, action))
            case RemoveRecipients():
                others = self.facts.everybody & ~self.stopped
                self._decide(action.addresses.mask(self.facts.recipients, others), contract.Action(ActionType.DROP))
            case AddRecipients():
                self.added.update({address.lower(): address for address in action.addresses})
                self.adding.append(Adding(rule, action.addresses, bits))
            case Archive() | Notify() | Count():
                self.effects.append(WantedEffect(rule, action, bits))
            case _:
                self.changes.append(WantedChange(rule, action, bits))

    def _decide(self, bits: int, action: contract.Action | None) -> None:
        """The first rule with a verdict for a recipient decides."""
        if action is None:
            return
        for _, address in self.facts.recipients.named(bits & ~self.decided):
            self.verdicts[address] = action
        self.decided |= bits

    def _said(self, rule: Rule, action: SetVerdict) -> contract.Action | None:
        if action.type.inbound_only and not self.facts.inbound:
            self.notes.append(f'rule "{rule.name}": there is no {action.type} for outbound mail')
            return None
        if action.type is not ActionType.BOUNCE:
            return contract.Action(action.type)
        return contract.Action(ActionType.BOUNCE, action.bounce_text({**self._values(action), "rule": rule.name}))

    def _values(self, action: SetVerdict) -> dict[str, str]:
        """The variables' values. Name and date are in the message only, which is not fetched for a text that does not have them."""
        wants = action.text.lower()
        values = {
            "subject": self.facts.event.subject,
            "fromaddress": self.facts.event.mail_from,
            "fromdomain": self.facts.author.rpartition("@")[2],
            "messageid": self.facts.event.message_id,
        }
        if "%%fromname%%" in wants or "%%date%%" in wants:
            from mailhooks.content.template import read_values

            try:
                own = read_values(self.facts.message, self.facts.event.mail_from)
            except ContentFailed as failed:
                if not isinstance(failed.__cause__, PermanentError | Misconfigured):
                    raise
                # A name is no reason to let through what is to be bounced.
                own = {"fromname": self.facts.event.mail_from, "date": ""}
            values |= {name: own[name] for name in ("fromname", "date")}
        return values

    def outcome(self) -> Outcome:
        domains = known_domains(self.facts) if self.added else self.facts.stated_domains
        good, _ = addable(self.facts.event, domains, self.added.values())
        outcome = Outcome(
            self.facts.event,
            self.facts.recipients,
            domains,
            self.verdicts,
            tuple(good),
            self.replaced,
            added_for(self.adding) if self.adding else {},
            effects=tuple(self.effects),
            matched=tuple(self.matched),
            reported=tuple(self.reported),
            failures=tuple(self.failures),
            notes=tuple(self.notes),
        )
        changes, mixed = self._for_all(outcome)
        return replace(outcome, changes=changes, mixed=mixed)

    def _for_all(self, outcome: Outcome) -> tuple[tuple[WantedChange, ...], tuple[str, ...]]:
        """What of the changes those who get the message shall see, as there is one for all; and the rules that wanted it for some."""
        delivering = outcome.delivering
        chosen, mixed = [], []
        for wanted in self.changes:
            concerned = wanted.recipients & delivering
            # Whom the message is passed on to in place of its recipients sees it as these would have.
            if not concerned and not (outcome.added and not delivering):
                continue
            if concerned != delivering:
                mixed.append(wanted.rule.name)
                if wanted.rule.mixed is Mixed.NONE:
                    continue
            chosen.append(wanted)
        return tuple(chosen), tuple(dict.fromkeys(mixed))
