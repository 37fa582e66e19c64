"""The preview of a policy for one message: its outcome, and the changed message part by part."""

from datetime import datetime
from pathlib import Path

from mailhooks.core.content_changes import AppliedChanges
from mailhooks.mime.message import Message
from mailhooks.policy import RuleFailed
from mailhooks.policy.evaluation.action_words import describe_action
from workmail_local.config.policy_file import load_policy
from workmail_local.console.style import display_path
from workmail_local.errors import InvalidPolicy
from workmail_local.policy_tools.descriptions import count_verdicts, describe_failures, describe_holds
from workmail_local.policy_tools.trial import Trial, TrialOptions, change_message, make_trial_message
from workmail_local.viewer.part_changes import describe_changes
from workmail_local.viewer.preview import Preview


def preview_policy(name: str, saved: bytes, file: Path, options: TrialOptions) -> Preview:
    """Return the preview of a policy for one message.

    Args:
        name: the name of the message's file.
        saved: the message.
        file: the policy.

    Raises:
        InvalidPolicy: the policy is invalid, or cannot be evaluated.
        NoEnvelope: the message does not name a sender and a recipient.
        OSError: the policy cannot be read.
    """
    trial = Trial(load_policy(file), options)
    message = make_trial_message(saved, options, trial.domains)
    try:
        outcome = trial.evaluate(message, options.now or datetime.now().astimezone())
    except RuleFailed as failed:
        raise InvalidPolicy(f"the function would fail, and WorkMail would retry: {failed}") from None
    applied, rejections = change_message(message, outcome)
    before = Message(message.raw)
    after = Message(applied.content) if applied.change.edits else before
    return Preview(
        name,
        f"{message.event.flow_direction}, policy {display_path(file)}",
        before,
        after,
        _describe(applied),
        describe_changes(before, after, applied.change.edits),
        rejections,
        [*describe_failures(outcome), *outcome.notes],
        (
            ("Rules", list(outcome.matched) or ["none applies"]),
            ("Hold", list(describe_holds(outcome))),
            ("Verdicts", [count_verdicts(outcome)]),
            ("Added", list(outcome.added)),
            ("Changes", [f'{describe_action(each.change)} (rule "{each.rule.name}")' for each in applied.applied]),
            ("Effects", [f'{describe_action(each.effect)} (rule "{each.rule.name}"; not done here)' for each in outcome.effects]),
        ),
    )


def _describe(applied: AppliedChanges) -> str:
    declined = [f"{wanted.change.name} declined: {getattr(error, 'obstacle', error)}" for wanted, error in applied.refused]
    return "; ".join([*(["changed"] if applied.change.edits else []), *declined]) or "nothing to do"
