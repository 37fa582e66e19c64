"""`python -m local preview --policy`: what a policy would make of a message, part by part."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from local.console.style import display_path
from local.errors import InvalidPolicy
from local.policy_tools import words
from local.policy_tools.trial import Message, Setting, Trial, changed, loaded, message_of
from local.viewer.part_changes import describe_changes, describe_unchanged
from local.viewer.preview import Preview
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime import message as mime
from mailhooks.policy import RuleFailed
from mailhooks.policy.evaluation.apply_changes import Applied


def policy_tried(file: Path, setting: Setting) -> Callable[[str, bytes], Preview]:
    """Makes the result of a message's file, by its name and content.

    Raises:
        InvalidPolicy: the policy is refused.
        OSError: it cannot be read.
    """
    policy = loaded(file)

    def tried(name: str, saved: bytes) -> Preview:
        trial = Trial(policy, setting)
        message = message_of(saved, setting, trial.domains)
        return _tried(name, f"{message.event.flow_direction}, policy {display_path(file)}", message, trial, setting)

    return tried


def _tried(name: str, heading: str, message: Message, trial: Trial, setting: Setting) -> Preview:
    try:
        outcome = trial.outcome(message, setting.now or datetime.now().astimezone())
    except RuleFailed as failed:
        raise InvalidPolicy(f"the function would fail, and WorkMail try again: {failed}") from None
    applied, findings = changed(message, outcome)
    rows = (
        ("Rules", list(outcome.matched) or ["none applies"]),
        ("Verdicts", [words.counted(outcome)]),
        ("Added", list(outcome.added)),
        ("Changes", [f'{words.change(each)} (rule "{each.rule.name}")' for each in outcome.changes]),
        ("Beside", [f'{words.effect(each.effect)} (rule "{each.rule.name}"; not done here)' for each in outcome.effects]),
    )
    before = mime.Message(message.raw)
    after = mime.Message(applied.content) if applied.edits else before
    kept = describe_unchanged(before)
    return Preview(
        name,
        heading,
        before,
        after,
        _in_words(applied),
        [replace(row, notes=()) for row in kept] if applied.edits else kept,
        describe_changes(before, after, applied.edits) if applied.edits else kept,
        findings,
        [*words.failures(outcome), *outcome.notes],
        rows,
    )


def _in_words(applied: Applied) -> str:
    declined = [f"{wanted.change.name} declined: {_why(trouble)}" for wanted, trouble in applied.refusals]
    return "; ".join([*(["changed"] if applied.edits else []), *declined]) or "nothing to do"


def _why(trouble: CannotChangeSafely) -> str:
    return str(getattr(trouble, "obstacle", trouble))
