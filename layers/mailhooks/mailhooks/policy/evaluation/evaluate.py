"""Evaluates the rules of a policy, in their order, for one message."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from mailhooks import actions
from mailhooks.actions import ActionType
from mailhooks.address_patterns import canonical
from mailhooks.envelope import Envelope
from mailhooks.errors import Misconfigured, PermanentError, TransientError
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.added_recipients import Addition, find_empty_additions, known_domains, map_added_for
from mailhooks.policy.evaluation.condition_evaluator import ConditionEvaluator
from mailhooks.policy.evaluation.outcome import Failure, Outcome, RuleTrace, Trace, WantedChange, WantedEffect, WantedHold, filter_addable
from mailhooks.policy.facts.message_facts import ContentUnavailable, Facts
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, RecipientSet
from mailhooks.policy.rules.rule import (
    Action,
    AddRecipients,
    Archive,
    Count,
    Hold,
    Notify,
    RemoveRecipients,
    Rule,
    RuleErrorPolicy,
    SetVerdict,
)

_MAX_PASSES: Final = 8
"""After this many passes, all rules that replace each other's recipients are left out together, and not one in each pass."""


_UNSEEN: Final = frozenset({ActionType.DROP, ActionType.BOUNCE, ActionType.MOVE_TO_JUNK})


class Evaluation:
    """One evaluation of a policy. It first needs the envelope alone, and the content only if a condition does."""

    def __init__(self, rules: Sequence[Rule], facts: Facts, trace: Trace | None = None) -> None:
        self._rules = rules
        self._facts = facts
        self._trace = trace
        self._finished: _RulePass | None = None

    def outcome_by_envelope(self) -> Outcome | None:
        """Return the outcome without the rules in report mode, or None if a rule needs the content.

        Raises:
            RuleFailed: a rule failed whose `on_error` is retry.
        """
        self._facts.withholds_content = True
        try:
            self._finished = self._evaluate_rules()
        except ContentUnavailable:
            return None
        finally:
            self._facts.withholds_content = False
        return self._finished.outcome()

    def outcome(self, resolve_holds: Callable[[Outcome], Outcome] | None = None) -> Outcome:
        """Return the outcome. Call it once.

        Args:
            resolve_holds: returns the outcome after the decisions on its holds, or raises StillHeld. By default the holds stay open.

        Raises:
            StillHeld, TransientError: from `resolve_holds`; else as `Policy.evaluate`.
        """
        try:
            rule_pass = self._finished or self._evaluate_rules()
            rule_pass.evaluate_reports()
            outcome = rule_pass.outcome()
            if resolve_holds is not None:
                try:
                    outcome = resolve_holds(outcome)
                except TransientError:
                    rule_pass.withdraw_contacts(outcome.recipients.addresses)
                    raise
            if not self._facts.contact_days:
                return outcome
            notes = rule_pass.record_contacts(outcome)
            return replace(outcome, notes=(*outcome.notes, *notes)) if notes else outcome
        except ContentUnavailable as unavailable:
            raise (unavailable.__cause__ or unavailable) from None

    def _evaluate_rules(self) -> "_RulePass":
        """Evaluate all rules, and again without those whose added recipients would not get the message.

        Such a rule is left out with all its actions. The results of conditions are kept in the facts, so that a pass is cheap.
        """
        failures: list[Failure] = []
        left_out: set[int] = set()
        passes = 0
        while True:
            rule_pass = _RulePass(self._facts, self._trace, left_out, failures)
            for rule in self._rules:
                rule_pass.evaluate(rule)
            empty = rule_pass.find_empty_additions(all_at_once=passes >= _MAX_PASSES)
            if not empty:
                return rule_pass
            failures += [failure for _, failure in empty]
            left_out |= {rule.index for rule, _ in empty}
            passes += 1


class _RulePass:
    """One pass over the rules, with the results of their actions."""

    def __init__(self, facts: Facts, trace: Trace | None, left_out: set[int], failures: Sequence[Failure]) -> None:
        self._facts = facts
        self._trace = trace
        self._left_out = left_out
        self._failures = list(failures)
        self._reports: list[tuple[Rule, RecipientSet, RuleTrace | None]] = []
        self._candidates = facts.recipients.all
        self._all_stopped = False
        self._decided = self._replaced = NO_RECIPIENTS
        self._verdicts: dict[str, actions.Action] = {}
        self._added: dict[str, str] = {}
        self._additions: list[Addition] = []
        self._changes: list[WantedChange] = []
        self._effects: list[WantedEffect] = []
        self._holds: list[WantedHold] = []
        self._matched: list[str] = []
        self._reported: list[str] = []
        self._notes: list[str] = []
        if trace is not None:
            trace.rules.clear()

    def evaluate(self, rule: Rule) -> None:
        """Evaluate a rule and note the results of its actions. A rule in report mode is kept for `evaluate_reports`."""
        skipped = self._skip_reason(rule)
        trace = None
        if self._trace is not None:
            trace = RuleTrace(rule.name, skipped=skipped)
            self._trace.rules.append(trace)
        if skipped:
            return
        if rule.report:
            self._reports.append((rule, self._candidates, trace))
        elif matching := self._find_matching(rule, self._candidates, trace):
            self._matched.append(rule.name)
            self._apply(rule, matching)

    def _skip_reason(self, rule: Rule) -> str:
        if not rule.is_active(self._facts.now):
            return "not active at this moment" if rule.enabled else "not enabled"
        if self._all_stopped:
            return "an earlier rule has stopped for all recipients"
        if rule.index in self._left_out:
            return "left out: none of the recipients that it adds would get the message"
        return ""

    def evaluate_reports(self) -> None:
        """Evaluate the rules in report mode, each for its own candidates. They come last, so that they delay no other rule."""
        for rule, candidates, trace in self._reports:
            if self._find_matching(rule, candidates, trace):
                self._reported.append(rule.name)

    def record_contacts(self, outcome: Outcome) -> list[str]:
        """Record the contact of sender and recipients, also if no rule asked for it in this message, such as outbound mail.

        Mail that a recipient does not see, and forged mail, make no sender known. It is recorded first and then withdrawn, because only a
        conditional write finds the first one of concurrent messages. Return remarks for the log.
        """
        if self._facts.services.contacts is None:
            return []
        try:
            self._facts.record_contacts()
        except Exception as error:  # noqa: BLE001 - a rule that asked for it has handled it by its on_error
            return [f"the contact was not recorded: {type(error).__name__}"]
        return self.withdraw_contacts([address for address, verdict in outcome.verdicts.items() if verdict.type in _UNSEEN])

    def withdraw_contacts(self, unseen: Collection[str]) -> list[str]:
        """Withdraw the recorded contacts with recipients who do not see the message. Return remarks for the log.

        No recipient sees a message that waits for a retry or an approver: a second one does not come from a known sender.
        """
        try:
            self._facts.withdraw_contacts(unseen)
        except Exception as error:  # noqa: BLE001 - a message is not retried for the next one's sake
            return [f"the contact was not withdrawn: {type(error).__name__}"]
        return []

    def _find_matching(self, rule: Rule, candidates: RecipientSet, trace: RuleTrace | None) -> RecipientSet:
        if rule.has_no_condition and trace is None:
            return candidates
        evaluator = ConditionEvaluator(rule, trace)
        matching = evaluator.find_matching(self._facts, candidates)
        self._failures += evaluator.failures
        if trace is not None:
            trace.matching = matching
        return matching

    def find_empty_additions(self, *, all_at_once: bool) -> list[tuple[Rule, Failure]]:
        """Return the rules whose added recipients would not get the message.

        Raises:
            RuleFailed: there is such a rule with `on_error: retry`.
        """
        if not self._additions:
            return []
        empty, notes = find_empty_additions(self._facts, self._additions, self._verdicts, all_at_once=all_at_once)
        for rule, failure in empty:
            if rule.on_error is RuleErrorPolicy.RETRY:
                raise RuleFailed(f'rule "{rule.name}": add_recipients: {failure.error}')
        if not empty:
            self._notes += notes
        return empty

    def _apply(self, rule: Rule, matching: RecipientSet) -> None:
        decided_before, additions_before = self._decided, len(self._additions)
        for action in rule.actions:
            self._apply_action(rule, action, matching)
        if len(self._additions) > additions_before and self._additions[-1].replaces:
            self._replaced |= self._decided - decided_before
        if rule.stop:
            self._candidates -= matching
            self._all_stopped = not self._candidates

    def _apply_action(self, rule: Rule, action: Action, matching: RecipientSet) -> None:
        """Note the result of an action. Nothing is carried out."""
        match action:
            case SetVerdict():
                verdict = self._verdict(rule, action)
                if verdict is not None:
                    self._decide(matching, verdict)
            case RemoveRecipients():
                removed = action.addresses.matching(self._facts.recipients, self._candidates)
                self._decide(removed, actions.Action(ActionType.DROP))
            case AddRecipients():
                self._added.update({address.lower(): address for address in action.addresses})
                self._additions.append(Addition(rule, action.addresses, matching))
            case Archive() | Notify() | Count():
                self._effects.append(WantedEffect(rule, action, matching))
            case Hold():
                self._holds.append(WantedHold(rule, action, matching, self._bounce_values(rule, action.text)))
            case _:
                self._changes.append(WantedChange(rule, action, matching))

    def _decide(self, recipients: RecipientSet, verdict: actions.Action) -> None:
        """Set the verdict of recipients who have none. The first rule with a verdict for a recipient decides."""
        for address in self._facts.recipients.list_addresses(recipients - self._decided):
            self._verdicts[address] = verdict
        self._decided |= recipients

    def _verdict(self, rule: Rule, action: SetVerdict) -> actions.Action | None:
        if action.type.inbound_only and not self._facts.inbound:
            self._notes.append(f'rule "{rule.name}": there is no {action.type} for outbound mail')
            return None
        if action.type is not ActionType.BOUNCE:
            return actions.Action(action.type)
        return actions.Action(ActionType.BOUNCE, action.bounce_text(self._bounce_values(rule, action.text)))

    def _bounce_values(self, rule: Rule, text: str) -> dict[str, str]:
        """Return the values of the variables. The message is fetched only for a text with the author's name or the date."""
        envelope = self._facts.envelope
        values = bounce_values(envelope, rule)
        if "%%fromname%%" not in text.lower() and "%%date%%" not in text.lower():
            return values
        # Late: few policies have such a text, and a cold start does not load the module for the others.
        from mailhooks.content.template import read_values

        try:
            own = read_values(self._facts.message, envelope.mail_from)
        except ContentUnavailable as unavailable:
            if not isinstance(unavailable.__cause__, PermanentError | Misconfigured):
                raise
            # A missing name is no reason to deliver a message that a rule bounces.
            return values
        return values | {name: own[name] for name in ("fromname", "date")}

    def outcome(self) -> Outcome:
        """Return the outcome of the pass."""
        domains = known_domains(self._facts) if self._added else self._facts.configured_domains
        addable = filter_addable(self._facts.envelope, domains, self._added.values(), self._facts.platform)
        outcome = Outcome(
            self._facts.envelope,
            self._facts.recipients,
            domains,
            self._verdicts,
            tuple(addable),
            self._replaced,
            map_added_for(self._additions) if self._additions else {},
            effects=tuple(self._effects),
            matched=tuple(self._matched),
            reported=tuple(self._reported),
            failures=tuple(self._failures),
            notes=tuple(self._notes),
            wanted_changes=tuple(self._changes),
        )
        reached = outcome.reached if self._holds else NO_RECIPIENTS
        holds = tuple(wanted._replace(recipients=both) for wanted in self._holds if (both := wanted.recipients & reached))
        return replace(outcome.with_selected_changes(), holds=holds)


def bounce_values(envelope: Envelope, rule: Rule) -> dict[str, str]:
    """Return the values of the variables of a bounce text without the content: the author's address is the name, and there is no date."""
    return {
        "subject": envelope.subject,
        "fromname": envelope.mail_from,
        "fromaddress": envelope.mail_from,
        "fromdomain": canonical(envelope.mail_from).rpartition("@")[2],
        "date": "",
        "messageid": envelope.message_id,
        "rule": rule.name,
    }
