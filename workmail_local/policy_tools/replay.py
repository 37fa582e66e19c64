"""A policy, or two to compare, evaluated for many messages one after the other."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mailhooks.core.content_changes import ChangedContent
from mailhooks.policy import Policy, RuleFailed
from mailhooks.policy.evaluation.action_words import describe_action
from workmail_local.errors import NoEnvelope
from workmail_local.policy_tools.descriptions import count_verdicts, describe_failures
from workmail_local.policy_tools.trial import Trial, TrialMessage, TrialOptions, carry_out_changes, make_trial_message, read_date

_MAILDIR = frozenset({"cur", "new"})


@dataclass(frozen=True, slots=True)
class OutcomeSummary:
    """A policy's outcome for one message, in words.

    Attributes:
        holds: why the message is held before all else.
        changes: those that change the message: not a tag that it already has, nor the removal of attachments that it does not have.
        changing: the rules whose changes these are.
        retry: why the invocation would fail, so that WorkMail retries it; "" when it would not fail.
        key: equal for outcomes that have the same result for the message, whichever rules caused it.
    """

    rules: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    verdicts: str = ""
    bounces: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    retry: str = ""
    key: Any = None

    @property
    def actions(self) -> str:
        """The holds, changes, added recipients and effects, in short."""
        added = [f"{len(self.added)} added"] if self.added else []
        return "; ".join([*self.holds, *self.changes, *added, *self.effects]) or "-"


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One message of a replay.

    Attributes:
        name: the file's path within the folder.
        direction: the event's flow direction, in lower case.
        recipients: the number of recipients.
        new, old: the outcome of the policy, and of the other policy.
        error: why the policy could not be evaluated for the message; then there is no outcome.
    """

    name: str
    direction: str = ""
    recipients: int = 0
    new: OutcomeSummary = field(default_factory=OutcomeSummary)
    old: OutcomeSummary | None = None
    error: str = ""

    @property
    def differs(self) -> bool:
        return self.old is not None and self.old.key != self.new.key


class Replay:
    """Evaluates a policy for a folder of messages, and compares it with another policy.

    Attributes:
        messages: the number of messages so far.
        errors: the messages without an outcome, by kind of error.
        differ, held, retried, failed: the messages with another outcome, a hold, a failing invocation, a condition or action that failed.
        applied, applied_old: for each rule of the policy, and of the other policy, the messages that it applies to.
        changed, changed_old: for each rule, the messages whose content it changes.
        active: for each rule of the policy, the messages at whose time the rule is active.
    """

    def __init__(self, policy: Policy, against: Policy | None, options: TrialOptions) -> None:
        self._options = options
        self._new = Trial(policy, options)
        self._old = Trial(against, options) if against else None
        self._domains = self._new.domains | (self._old.domains if self._old else frozenset())
        self._now = datetime.now().astimezone()
        self.messages = self.differ = self.held = self.retried = self.failed = 0
        self.errors: Counter[str] = Counter()
        self.applied: Counter[str] = Counter()
        self.applied_old: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.changed_old: Counter[str] = Counter()
        self.active: Counter[str] = Counter()

    @property
    def unknown_groups(self) -> set[str]:
        """Groups that a policy asked for and the options do not have."""
        return self._new.directory.unknown | (self._old.directory.unknown if self._old else set())

    @property
    def misses_people(self) -> bool:
        """Whether a policy asked for people and the options have none."""
        return self._new.directory.misses_people or bool(self._old and self._old.directory.misses_people)

    def rows(self, folder: Path) -> Iterator[ReplayRow]:
        """Yield a row for each message below a folder. A file that cannot be used has a row with an error."""
        for file in _find_messages(folder):
            name = str(file.relative_to(folder))
            try:
                row = self._evaluate(name, file)
            except OSError as error:
                row = ReplayRow(name, error=f"cannot be read: {error.strerror or type(error).__name__}")
            except NoEnvelope as error:
                row = ReplayRow(name, error=f"no envelope: {error}")
            except Exception as error:  # noqa: BLE001 - one message must not end the replay of the others
                row = ReplayRow(name, error=f"cannot be evaluated: {type(error).__name__}: {error}")
            self._count(row)
            yield row

    def _evaluate(self, name: str, file: Path) -> ReplayRow:
        saved = file.read_bytes()
        if not saved:
            return ReplayRow(name, error="empty")
        message = make_trial_message(saved, self._options, self._domains, file)
        now = self._options.now or read_date(message.raw) or self._now
        self.active.update(rule.name for rule in self._new.policy.rules if rule.is_active(now))
        new = _summarize(self._new, message, now)
        old = _summarize(self._old, message, now) if self._old else None
        return ReplayRow(name, message.event.flow_direction.lower(), len(message.event.recipients), new, old)

    def _count(self, row: ReplayRow) -> None:
        self.messages += 1
        if row.error:
            self.errors[row.error.partition(":")[0]] += 1
        self.differ += row.differs
        self.held += bool(row.new.holds)
        self.retried += bool(row.new.retry)
        self.failed += bool(row.new.failures)
        self.applied.update((*row.new.rules, *row.new.reported))
        self.changed.update(row.new.changing)
        if row.old is not None:
            self.applied_old.update((*row.old.rules, *row.old.reported))
            self.changed_old.update(row.old.changing)


def _find_messages(folder: Path) -> Iterator[Path]:
    """Yield the message files below a folder in the order of their paths: `*.eml`, and all files in a Maildir's `cur` and `new`.

    Links to folders are not followed, because they may form a circle. Outlook's `.msg` files are not messages of RFC 5322.
    """
    for place, folders, names in os.walk(folder):
        folders.sort()
        in_maildir = Path(place).name in _MAILDIR
        for name in sorted(names):
            lower = name.lower()
            if lower.endswith(".eml") or (in_maildir and not lower.endswith(".msg") and not name.startswith(".")):
                yield Path(place, name)


def _summarize(trial: Trial, message: TrialMessage, now: datetime) -> OutcomeSummary:
    try:
        content = carry_out_changes(message, trial.evaluate(message, now))
    except RuleFailed as failed:
        return OutcomeSummary(retry=str(failed), verdicts="fails: WorkMail retries", key=("fails",))
    outcome = content.outcome
    return OutcomeSummary(
        outcome.matched,
        outcome.reported,
        tuple(describe_action(wanted.hold) for wanted in outcome.holds),
        count_verdicts(outcome),
        tuple(dict.fromkeys(action.bounce_message for action in outcome.verdicts.values() if action.bounce_message)),
        outcome.added,
        tuple(describe_action(wanted.change) for wanted in content.applied),
        tuple(dict.fromkeys(wanted.rule.name for wanted in content.applied)),
        tuple(describe_action(wanted.effect) for wanted in outcome.effects),
        tuple(describe_failures(outcome)),
        key=_result_key(content),
    )


def _result_key(content: ChangedContent) -> tuple[Any, ...]:
    """Return the results of an outcome without the rules that caused them."""
    outcome = content.outcome
    return (
        outcome.by_recipient,
        {address.lower() for address in outcome.added},
        [wanted.change for wanted in content.applied],
        [(wanted.effect, wanted.recipients) for wanted in outcome.effects],
        [(wanted.hold, wanted.recipients) for wanted in outcome.holds],
    )
