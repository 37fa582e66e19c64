"""`python -m local try`: what each rule of a policy sees of a message, and what comes of it. Nothing is done, nothing is sent."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from local.console.rows import LABEL, cell, first_rows, labelled_rows
from local.console.style import WIDTH, Style, display_path, number_of
from local.console.text_columns import fit, printable
from local.errors import InvalidPolicy
from local.policy_tools import words
from local.policy_tools.trial import Message, Setting, Trial, changed, loaded, message_of
from local.viewer.diff import diff_messages
from mailhooks.content.change import OnUnmodifiable
from mailhooks.hooks.preflight import Rejection
from mailhooks.policy import Outcome, RuleFailed, Trace
from mailhooks.policy.evaluation.apply_changes import Applied
from mailhooks.policy.evaluation.trace import RuleSeen, Seen
from mailhooks.policy.facts.recipients import Recipients
from mailhooks.policy.rules.actions import NoDisclaimer

_CONDITION = 24
_SAW = 40
_MAX_RECIPIENTS = 20


def try_policy(file: Path, mail: Path, setting: Setting) -> int:
    """Prints what becomes of the message in `mail`.

    Returns:
        0, whatever becomes of it.

    Raises:
        InvalidPolicy: the policy is refused, or the message is empty.
        NoEnvelope: the message does not say who sends to whom.
    """
    policy = loaded(file)
    saved = mail.read_bytes()
    if not saved:
        raise InvalidPolicy(f"{display_path(mail)} is empty")
    trial = Trial(policy, setting)
    message = message_of(saved, setting, trial.domains)
    style, trace = Style.of(sys.stdout), Trace()
    now = setting.now or datetime.now().astimezone()
    print(*_head(file, mail, message, now, style), sep="\n")
    try:
        outcome = trial.outcome(message, now, trace)
    except RuleFailed as failed:
        recipients = Recipients.of(message.event.recipients, truncated=message.event.truncated)
        print(*_rules(trace, Outcome(message.event, recipients), style), sep="\n")
        print(f"\n{style.bad('FAILS')}  {printable(str(failed))}")
        print("       WorkMail tries the invocation again, and in the end takes its own rule's fallback action.")
        return 0
    print(*_rules(trace, outcome, style), sep="\n")
    print("", *_outcome(outcome, style), *_content(message, outcome), *_show("Note", _notes(outcome, trial, saved, message)), sep="\n")
    return 0


def _head(file: Path, mail: Path, message: Message, now: datetime, style: Style) -> Iterator[str]:
    event = message.event
    name = fit(printable(mail.name), 40)
    yield f"{style.bold(name)}  ({event.flow_direction}, policy {fit(printable(display_path(file)), 40)})"
    yield from _show("Subject", [event.subject or "(none)"])
    yield from _show("From", [event.mail_from + (f", sent by {event.sender} on their behalf" if event.sender else "")])
    yield from _show("To", first_rows(event.recipients, 5, "recipients"))
    yield from _show("At", [f"{now:%a} {now.isoformat(timespec='minutes')}"])


def _rules(trace: Trace, outcome: Outcome, style: Style) -> Iterator[str]:
    reported = frozenset(outcome.reported)
    for rule in trace.rules:
        yield ""
        yield from _rule(rule, outcome, style, report=rule.name in reported)


def _rule(rule: RuleSeen, outcome: Outcome, style: Style, *, report: bool) -> Iterator[str]:
    name = style.bold(f'Rule "{printable(rule.name)}"')
    if rule.skipped:
        yield f"{name}  not asked: {rule.skipped}"
        return
    said = f"applies to {words.addresses(outcome, rule.matched)}" if rule.matched else "does not apply"
    word = (style.good if rule.matched else str)(printable(said))
    yield f"{name}  {word}{' (report mode: it changes nothing)' if report and rule.matched else ''}"
    # All that is under `when` stands in a group of its own, which says nothing.
    within = bool(rule.conditions) and rule.conditions[0].condition == "when"
    conditions = rule.conditions[within:]
    depth = 0
    for before, seen in zip([None, *conditions], conditions, strict=False):
        if before is not None and before.condition == seen.condition == "unless" and before.depth < seen.depth:
            depth = seen.depth  # so do several exceptions
        elif seen.depth > depth > 0:
            yield _condition(seen, seen.depth - within - 1, outcome)
        else:
            depth = 0
            yield _condition(seen, seen.depth - within, outcome)
    if not conditions:
        yield "  (no conditions)"


def _condition(seen: Seen, depth: int, outcome: Outcome) -> str:
    name = cell("  " * min(depth, 8) + seen.condition, _CONDITION, gap=1)
    return fit(f"  {name}{cell(seen.saw, _SAW, gap=1)}{printable(_held(seen, outcome))}", WIDTH).rstrip()


def _held(seen: Seen, outcome: Outcome) -> str:
    """For whom a condition held, in words."""
    if seen.error:
        return f"could not be told: {seen.error}" if seen.error != "not told" else "could not be told"
    exception = seen.condition == "unless"
    if seen.held == seen.among:
        return "no exception" if exception else "yes"
    if not seen.held:
        return "an exception" if exception else "no"
    word = "no exception for" if exception else "yes for"
    return f"{word} {seen.held.bit_count()} of {seen.among.bit_count()}: {words.addresses(outcome, seen.held, 2)}"


def _outcome(outcome: Outcome, style: Style) -> Iterator[str]:
    yield style.bold("Outcome")
    verdicts = outcome.by_recipient
    rows = [
        f"{cell(address or words.UNLISTED, _SAW, gap=1)}  {action.type}" for address, action in list(verdicts.items())[:_MAX_RECIPIENTS]
    ]
    if len(verdicts) > _MAX_RECIPIENTS:
        rows.append(f"... and {len(verdicts) - _MAX_RECIPIENTS} more: {words.counted(outcome)} in all")
    yield from _show("Verdicts", rows)
    yield from _show("Bounce", dict.fromkeys(f'"{action.bounce_message}"' for action in verdicts.values() if action.bounce_message))
    yield from _show("Added", outcome.added)
    wanted = [f'{words.change(each)} (rule "{each.rule.name}")' for each in outcome.changes]
    yield from _show("Changes", wanted)
    effects = [f'{words.effect(each.effect)} (rule "{each.rule.name}"; not done here)' for each in outcome.effects]
    yield from _show("Beside", effects)
    yield from _show("Mixed", [f'rule "{name}" wants its change for some of those who get the message' for name in outcome.mixed])
    yield from _show("Failed", words.failures(outcome))
    yield from _show("Answer", [f"{number_of(len(outcome.verdict().to_response()['actions']), 'action')} for WorkMail"])


def _content(message: Message, outcome: Outcome) -> Iterator[str]:
    """What the changes make of the message."""
    if not outcome.changes:
        yield from _show("Content", [f"{len(message.raw):,} bytes, unchanged"])
        return
    applied, findings = changed(message, outcome)
    yield from _show("Content", content_lines(message.raw, applied, findings))


def content_lines(raw: bytes, applied: Applied, findings: Iterable[Rejection]) -> Iterator[str]:
    """The changed message in a few lines, and what stands in the way."""
    lines = diff_messages(raw, applied.content).excerpt(WIDTH - LABEL - 2)
    yield f"{len(raw):,} -> {len(applied.content):,} bytes" if lines else f"{len(raw):,} bytes, unchanged: all of it is there already"
    yield from lines
    yield from refusal_lines(applied, findings)


def refusal_lines(applied: Applied, findings: Iterable[Rejection]) -> Iterator[str]:
    """The changes that cannot be made, and why; and for what WorkMail might refuse the others."""
    for wanted, trouble in applied.refusals:
        way = wanted.change.on_unmodifiable
        yield f'not made: {wanted.change.name} of rule "{wanted.rule.name}": {trouble} (on_unmodifiable: {way})'
        may_go_on = isinstance(trouble, NoDisclaimer) and trouble.may_go_on
        if way in {OnUnmodifiable.BOUNCE, OnUnmodifiable.DROP} and not may_go_on:
            yield f"and so those for whom the rule wants it do not get the message, other than the verdicts say: {way}"
    for finding in findings:
        yield f"{'warning' if finding.warning else 'WorkMail would refuse it'}: {finding}"


def _notes(outcome: Outcome, trial: Trial, saved: bytes, message: Message) -> Iterator[str]:
    yield from outcome.notes
    for group in sorted(trial.directory.unknown):
        yield f"{group} has no members here: give them with --group {group}=ana@example.com,..."
    if not trial.domains:
        yield "the organization's domains are not known, so that everybody is external: give them with --domains"
    if saved != message.raw:
        yield "the file's line ends are LF; made CRLF, as SMTP would bring it"


def _show(label: str, texts: Iterable[str]) -> Iterator[str]:
    return labelled_rows(label, texts, wrapped=True)
