"""A policy, or two, over many messages: what each message comes to, one after the other."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from local.errors import NoEnvelope
from local.policy_tools import words
from local.policy_tools.trial import Message, Setting, Trial, message_of, sent_at
from mailhooks.policy import Outcome, Policy, RuleFailed


@dataclass(frozen=True, slots=True)
class Result:
    """What a policy makes of a message, in words.

    Attributes:
        retry: why the invocation would fail, where it would.
        key: two of them are the same outcome where these are.
    """

    rules: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    verdicts: str = ""
    bounces: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    retry: str = ""
    key: Any = None

    @property
    def does(self) -> str:
        """What it does besides verdicts, in short."""
        more = [f"{len(self.added)} added"] if self.added else []
        return "; ".join([*self.changes, *more, *self.effects]) or "-"


@dataclass(frozen=True, slots=True)
class Row:
    """A message.

    Attributes:
        name: of its file, from the folder on.
        direction: of the event.
        recipients: how many.
        new, old: what the policy, and the other one, make of it.
        trouble: why it could not be tried; then there is neither.
    """

    name: str
    direction: str = ""
    recipients: int = 0
    new: Result = field(default_factory=Result)
    old: Result | None = None
    trouble: str = ""

    @property
    def differs(self) -> bool:
        return self.old is not None and self.old.key != self.new.key


@dataclass(slots=True)
class Tally:
    """What came of all messages so far."""

    messages: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    differ: int = 0
    retried: int = 0
    failed: int = 0
    new: Counter[str] = field(default_factory=Counter)
    old: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        self.messages += 1
        if row.trouble:
            self.troubles[row.trouble.partition(":")[0]] += 1
            return
        self.differ += row.differs
        self.retried += bool(row.new.retry)
        self.failed += bool(row.new.failures)
        self.new.update((*row.new.rules, *row.new.reported))
        if row.old is not None:
            self.old.update((*row.old.rules, *row.old.reported))


class Runs:
    """Runs messages through a policy, and through another one to compare with.

    Attributes:
        asked: how many messages came at a moment at which a rule of the policy is active, by its name.
    """

    def __init__(self, policy: Policy, against: Policy | None, setting: Setting) -> None:
        self._setting = setting
        self._new = Trial(policy, setting)
        self._old = Trial(against, setting) if against else None
        self._domains = self._new.domains | (self._old.domains if self._old else frozenset())
        self._now = datetime.now().astimezone()
        self.asked: Counter[str] = Counter()

    @property
    def unknown_groups(self) -> set[str]:
        """Groups that were asked for and not given."""
        return self._new.directory.unknown | (self._old.directory.unknown if self._old else set())

    def rows(self, folder: Path, files: Iterable[Path]) -> Iterator[Row]:
        """A row for each file, whatever is in it."""
        for file in files:
            name = str(file.relative_to(folder))
            try:
                yield self._row(name, file)
            except OSError as error:
                yield Row(name, trouble=f"cannot be read: {error.strerror or type(error).__name__}")
            except NoEnvelope as error:
                yield Row(name, trouble=f"no envelope: {error}")
            except Exception as error:  # noqa: BLE001 - one message of many
                yield Row(name, trouble=f"cannot be tried: {type(error).__name__}: {error}")

    def _row(self, name: str, file: Path) -> Row:
        saved = file.read_bytes()
        if not saved:
            return Row(name, trouble="empty")
        message = message_of(saved, self._setting, self._domains, file)
        now = self._setting.now or sent_at(message.raw) or self._now
        self.asked.update(rule.name for rule in self._new.policy.rules if rule.is_active(now))
        new = _result(self._new, message, now)
        old = _result(self._old, message, now) if self._old else None
        return Row(name, message.event.flow_direction.lower(), len(message.event.recipients), new, old)


def _result(trial: Trial, message: Message, now: datetime) -> Result:
    try:
        outcome = trial.outcome(message, now)
    except RuleFailed as failed:
        return Result(retry=str(failed), verdicts="fails: WorkMail tries again", key=("fails",))
    return Result(
        outcome.matched,
        outcome.reported,
        words.counted(outcome),
        tuple(dict.fromkeys(action.bounce_message for action in outcome.verdicts.values() if action.bounce_message)),
        outcome.added,
        tuple(map(words.change, outcome.changes)),
        tuple(words.effect(wanted.effect) for wanted in outcome.effects),
        tuple(words.failures(outcome)),
        key=_key(outcome),
    )


def _key(outcome: Outcome) -> tuple[Any, ...]:
    """What becomes of the message, whichever rules say so."""
    return (
        outcome.by_recipient,
        {address.lower() for address in outcome.added},
        [wanted.change for wanted in outcome.changes],
        [(wanted.effect, wanted.recipients) for wanted in outcome.effects],
    )
