"""`workmail-hooks try`: show each rule's conditions for a message, and the outcome. Nothing is carried out or sent."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from mailhooks.content.change import OnUnmodifiable
from mailhooks.core.content_changes import AppliedChanges
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.hooks.preflight import Rejection
from mailhooks.policy import Outcome, RuleFailed, Trace
from mailhooks.policy.evaluation.action_words import describe_action
from mailhooks.policy.evaluation.explanation import UNLISTED_WORDS, RuleExplanation, describe_result, explain_conditions, explain_rules
from mailhooks.policy.evaluation.outcome import RuleTrace, WantedChange, WantedHold
from mailhooks.policy.facts.recipients import Recipients
from mailhooks.policy.rules.rule import NoDisclaimer, StripAttachments
from mailhooks.report_names import HoldState
from workmail_local.config.policy_file import load_policy
from workmail_local.console.rows import LABEL, format_cell, label_rows, limit_rows
from workmail_local.console.style import WIDTH, Style, display_path, format_count
from workmail_local.console.text_columns import escape_controls, fit
from workmail_local.errors import InvalidPolicy
from workmail_local.policy_tools.descriptions import count_verdicts, describe_failures, describe_holds, is_held
from workmail_local.policy_tools.trial import Trial, TrialMessage, TrialOptions, change_message, make_trial_message
from workmail_local.viewer.diff import LineDiff

_CONDITION = 24
_VALUE = 40
_MAX_RECIPIENTS = 20


def try_policy(file: Path, mail: Path, options: TrialOptions, *, as_json: bool = False) -> int:
    """Print a policy's rules and outcome for the message in `mail`. Return 0, with any outcome.

    Args:
        as_json: print JSON for programs.

    Raises:
        InvalidPolicy: the policy is invalid, or the message is empty.
        NoEnvelope: the message does not name a sender and a recipient.
        OSError: a file cannot be read.
    """
    policy = load_policy(file)
    saved = mail.read_bytes()
    if not saved:
        raise InvalidPolicy(f"{display_path(mail)} is empty")
    trial = Trial(policy, options)
    message = make_trial_message(saved, options, trial.domains)
    style, trace = Style.of(sys.stdout), Trace()
    now = options.now or datetime.now().astimezone()
    if not as_json:
        print(*_head(file, mail, message, now, style), sep="\n")
    try:
        outcome = trial.evaluate(message, now, trace)
    except RuleFailed as failed:
        empty = Outcome(message.event, Recipients(message.event.recipients, truncated=message.event.truncated))
        if as_json:
            print(_to_json(empty, (), failed))
            return 0
        print(*_rules(trace, empty, style), sep="\n")
        print(f"\n{style.bad('FAILS')}  {escape_controls(str(failed))}")
        print("       WorkMail retries the invocation until the flow rule's timeout; then the flow rule's fallback action applies.")
        return 0
    applied, rejections = change_message(message, outcome)
    if as_json:
        print(_to_json(outcome, explain_rules(policy.rules, trace, outcome, applied.applied), applied=applied.applied))
        return 0
    print(*_rules(trace, outcome, style), sep="\n")
    content, notes = _content(message, applied, rejections), _show("Note", _notes(outcome, trial, saved, message))
    print("", *_outcome(outcome, applied, style), *content, *notes, sep="\n")
    return 0


def _to_json(
    outcome: Outcome, rules: Iterable[RuleExplanation], failed: RuleFailed | None = None, applied: Iterable[WantedChange] = ()
) -> str:
    document = {
        "rules": [rule._asdict() | {"conditions": [each._asdict() for each in rule.conditions]} for rule in rules],
        "held": is_held(outcome),
        "holds": [_hold_document(each, outcome) for each in outcome.holds],
        "retry": str(failed) if failed else "",
        "response": None if failed else make_verdict(outcome).to_response(),
        "changes": [{"rule": each.rule.name, "change": describe_action(each.change)} for each in applied],
        "effects": [{"rule": each.rule.name, "effect": describe_action(each.effect)} for each in outcome.effects],
        "failures": [each._asdict() for each in outcome.failures],
        "notes": list(outcome.notes),
    }
    return json.dumps(document, indent=2)


def _hold_document(wanted: WantedHold, outcome: Outcome) -> dict[str, object]:
    hold = wanted.hold
    return {
        "rule": wanted.rule.name,
        "recipients": list(outcome.recipients.list_addresses(wanted.recipients)),
        "approvers": list(hold.approvers),
        "notify": describe_action(hold.target).removeprefix("notify ") if hold.target else "",
        "stateMachine": hold.state_machine,
        "timeoutMinutes": hold.timeout_s // 60,
        "onTimeout": hold.on_timeout,
        "state": outcome.hold_states.get(wanted.rule.name, HoldState.PENDING if is_held(outcome) else "not needed"),
    }


def _head(file: Path, mail: Path, message: TrialMessage, now: datetime, style: Style) -> Iterator[str]:
    event = message.event
    name = fit(escape_controls(mail.name), 40)
    yield f"{style.bold(name)}  ({event.flow_direction}, policy {fit(escape_controls(display_path(file)), 40)})"
    yield from _show("Subject", [event.subject or "(none)"])
    yield from _show("From", [event.mail_from + (f", sent by {event.sender} on their behalf" if event.sender else "")])
    yield from _show("To", limit_rows(event.recipients, 5, "recipients"))
    yield from _show("At", [f"{now:%a} {now.isoformat(timespec='minutes')}"])


def _rules(trace: Trace, outcome: Outcome, style: Style) -> Iterator[str]:
    for rule in trace.rules:
        yield ""
        yield from _rule(rule, outcome, style)


def _rule(rule: RuleTrace, outcome: Outcome, style: Style) -> Iterator[str]:
    name = style.bold(f'Rule "{escape_controls(rule.name)}"')
    result = escape_controls(describe_result(rule, outcome))
    yield f"{name}  {style.good(result) if rule.matching else result}"
    if rule.skipped:
        return
    conditions = list(explain_conditions(rule.conditions, outcome))
    for condition in conditions:
        name = format_cell("  " * min(condition.depth, 8) + condition.condition, _CONDITION, gap=1)
        yield fit(f"  {name}{format_cell(condition.observed, _VALUE, gap=1)}{escape_controls(condition.answer)}", WIDTH).rstrip()
    if not conditions:
        yield "  (no conditions)"


def _outcome(outcome: Outcome, applied: AppliedChanges, style: Style) -> Iterator[str]:
    yield style.bold("Outcome")
    yield from _show("Held" if is_held(outcome) else "Hold", describe_holds(outcome))
    if is_held(outcome):
        yield from _show("", ["Nothing below happens before the approval (--decision shows a rejection, or no decision in time)."])
    verdicts = outcome.by_recipient
    rows = [
        f"{format_cell(address or UNLISTED_WORDS, _VALUE, gap=1)}  {action.type}"
        for address, action in list(verdicts.items())[:_MAX_RECIPIENTS]
    ]
    if len(verdicts) > _MAX_RECIPIENTS:
        rows.append(f"... and {len(verdicts) - _MAX_RECIPIENTS} more: {count_verdicts(outcome)} in all")
    yield from _show("Verdicts", rows)
    yield from _show("Bounce", dict.fromkeys(f'"{action.bounce_message}"' for action in verdicts.values() if action.bounce_message))
    yield from _show("Added", outcome.added)
    yield from _show("Changes", [f'{describe_action(each.change)} (rule "{each.rule.name}")' for each in applied.applied])
    yield from _show("No effect", map(_describe_unneeded, _list_unneeded(outcome, applied)))
    effects = [f'{describe_action(each.effect)} (rule "{each.rule.name}"; not done here)' for each in outcome.effects]
    yield from _show("Effects", effects)
    yield from _show("Mixed", [f'rule "{name}" wants its change for only some recipients who get the message' for name in outcome.mixed])
    yield from _show("Failed", describe_failures(outcome))
    yield from _show("Answer", [f"{format_count(len(make_verdict(outcome).to_response()['actions']), 'action')} for WorkMail"])


def _list_unneeded(outcome: Outcome, applied: AppliedChanges) -> list[WantedChange]:
    """Return the wanted changes that change nothing in this message."""
    refused = [wanted for wanted, _ in applied.refused]
    return [wanted for wanted in outcome.changes if wanted not in applied.applied and wanted not in refused]


def _describe_unneeded(wanted: WantedChange) -> str:
    why = "no attachment matches" if isinstance(wanted.change, StripAttachments) else "the message already has it"
    return f'{describe_action(wanted.change)} (rule "{wanted.rule.name}"): {why}'


def _content(message: TrialMessage, applied: AppliedChanges, rejections: Iterable[Rejection]) -> Iterator[str]:
    """Show the changed lines, or that the content is unchanged."""
    lines = LineDiff(message.raw, applied.content).excerpt(WIDTH - LABEL - 2) if applied.change.edits else []
    size = f"{len(message.raw):,} -> {len(applied.content):,} bytes" if lines else f"{len(message.raw):,} bytes, unchanged"
    yield from _show("Content", [size, *lines, *_refusals(applied), *map(_rejection, rejections)])


def _refusals(applied: AppliedChanges) -> Iterator[str]:
    """Describe the changes that cannot be made, and why."""
    for wanted, error in applied.refused:
        option = wanted.change.on_unmodifiable
        yield f'not made: {wanted.change.name} of rule "{wanted.rule.name}": {error} (on_unmodifiable: {option})'
        allows_delivery = isinstance(error, NoDisclaimer) and error.allows_delivery
        if option in {OnUnmodifiable.BOUNCE, OnUnmodifiable.DROP} and not allows_delivery:
            yield f"so the recipients of this change do not get the message, unlike the verdicts above: {option}"


def _rejection(rejection: Rejection) -> str:
    return f"{'warning' if rejection.warning else 'WorkMail would reject it'}: {rejection}"


def _notes(outcome: Outcome, trial: Trial, saved: bytes, message: TrialMessage) -> Iterator[str]:
    yield from outcome.notes
    for group in sorted(trial.directory.unknown):
        yield f"{group} has no members here: give them with --group {group}=ana@example.com,..."
    if trial.directory.misses_people:
        yield 'no person is known here: give each with --person "Ana Silva=ana@example.com"'
    if not trial.domains:
        yield "the organization's domains are not known, so conditions on them fail: give them with --domains"
    if saved != message.raw:
        yield "the file has LF line ends; the message was evaluated with CRLF, as SMTP sends it"


def _show(label: str, texts: Iterable[str]) -> Iterator[str]:
    return label_rows(label, texts, wrapped=True)
