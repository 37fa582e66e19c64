"""The Lambda handler of the function `ses`: for the event of a receipt rule, and for the schedule, which attempts what waits.

    +-----+    +-------+    +------+    +----------+    +------------+    +---------------+    +--------+
    | SES |--->| claim |--->| read |--->| evaluate |--->| bounces of |--->| pass on to 50 |--->| record |
    +-----+    |       |    +------+    +----------+    | rules      |    | recipients at |    | and    |
    +----------|       |                     |          +------------+    | a time        |    | tag    |
    | schedule |       |                     v                            +---------------+    +--------+
    +----------+-------+           held, or an error                               |
        ^                                    |                                     v
        +------------- the message waits in the bucket, its event in the table <---+ not accepted now

What is done for a recipient is recorded before the next step. So another attempt, by Lambda's retry, the schedule or an administrator, does
only what is left. docs/ses.md has the consequences of a crash at each step.
"""

import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from mailhooks.aws.client import call
from mailhooks.aws.secrets import SecretReader
from mailhooks.core.evaluator import PolicyEvaluator
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, TransientError
from mailhooks.relay.errors import TryAgain
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.platforms import SES
from mailhooks.ses.bounces import BounceService
from mailhooks.ses.delivery import Delivery, EvaluationRecord, Transport, Undeliverable
from mailhooks.ses.failures import FailureQueue
from mailhooks.ses.listener import make_listener
from mailhooks.ses.message_table import Claim, MessageRecord, MessageTable, State
from mailhooks.ses.object_store import ObjectStore, UnreadableObject
from mailhooks.ses.receipt_event import Receipt
from mailhooks.ses.report import Attempt, AttemptState, SesReporter
from mailhooks.ses.settings import SesSettings
from mailhooks.settings import reject_removed

TASK: Final = {"task": "waiting-mail"}
"""The event of the schedule."""

LAMBDA_RETRIES: Final = 2
"""Of an asynchronous event: after one minute, and after two more. Then the schedule makes the attempts."""

HELD_PAUSE_S: Final = 60.0

_FIRST_PAUSE_S: Final = 300.0
"""Longer than Lambda's pauses, so that the schedule does not come before them."""

_LONGEST_PAUSE_S: Final = 3600.0

_DEFAULT_S: Final = 300.0
"""The time of an invocation without a Lambda context."""

_MARGIN_S: Final = 15.0
"""For the records after an attempt, and the log line."""

_LAST_MARGIN_S: Final = 3.0

_SHORTEST_ATTEMPT_S: Final = 90.0
"""The schedule begins no attempt with less time."""

Handler = Callable[[Any, Any], dict[str, int] | None]


class MailWaits(TransientError):
    """The message waits for another attempt. Lambda makes one, because the function fails; the log line before this has the reason."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: the message waits for another attempt; see the log line before this")


class EventFailed(MailhooksError):
    """An event could not be handled, and nothing is recorded. Lambda makes other attempts, and then keeps the event in the queue."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: see the log line before this")


def ses_handler(
    *,
    settings: SesSettings | None = None,
    transport: Transport | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
) -> Handler:
    """Return the Lambda handler.

    Args:
        settings: None: the environment's.
        transport: the way to the mailboxes; None: that of the settings.
        clock: seconds since 1970.
        sleep: waits for some seconds.

    Returns:
        `handler(event, context)`. It raises `MailWaits` in the first attempts of a message, and `EventFailed`: Lambda then repeats the
        event.
    """
    return _Handler(settings or SesSettings.from_env(os.environ), transport, clock, sleep)


class _Handler:
    def __init__(
        self, settings: SesSettings, transport: Transport | None, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self._settings = settings
        self._given_transport = transport
        self._clock = clock
        self._sleep = sleep
        self._reporter = SesReporter(settings)
        self._marks: tuple[str, MessageEvaluator] | None = None
        self._kept = EvaluationRecord()
        # While Lambda loads the function, it has a whole processor and no message waits. A failure is reported with each message.
        with suppress(Exception):
            _ = self._delivery, self._evaluator

    def __call__(self, event: Any, context: Any = None) -> dict[str, int] | None:
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        seconds = _DEFAULT_S if remaining is None else remaining() / 1000
        invocation = _Invocation(seconds)
        try:
            if event == TASK:
                return self._attempt_waiting(invocation)
            attempt = self._attempt(Receipt.parse(event), invocation)
        except Exception as error:  # noqa: BLE001 - Lambda would log the error's text, which may quote a message
            self._reporter.report_failure(error)
            if event == TASK:
                return None  # the next run is soon; Lambda's queue of failures is for mail
            raise EventFailed(error) from None
        if attempt.state is AttemptState.WAITS and attempt.number <= LAMBDA_RETRIES and attempt.error:
            raise MailWaits(attempt.error)
        return None

    def _attempt_waiting(self, invocation: "_Invocation") -> dict[str, int]:
        """Attempt the messages whose time has come, as long as there is time. Return their numbers."""
        now, oldest = self._clock(), None
        counts = {"waiting": 0, "held": 0, "attempted": 0}
        # First all of them: their numbers are reported also if the attempts use up the time.
        for each in list(self._table.list_open(invocation.deadline)):
            is_held = each.state is State.HELD
            counts["held" if is_held else "waiting"] += 1
            if not is_held:
                oldest = min(oldest or now, each.receipt.received_at)
            if each.due_at <= now and invocation.left() > _SHORTEST_ATTEMPT_S:
                counts["attempted"] += 1
                try:
                    self._attempt(each.receipt, invocation, only_due=True)
                except Exception as error:  # noqa: BLE001 - the next run makes another attempt, and the other messages have theirs now
                    self._reporter.report_failure(error)
        if any(counts.values()):
            self._reporter.report_waiting(**counts, oldest_s=max(0.0, now - oldest) if oldest is not None else 0.0)
        return counts

    def _attempt(self, receipt: Receipt, invocation: "_Invocation", *, only_due: bool = False) -> Attempt:
        """Make an attempt for a message and report it.

        Raises:
            TransientError, Misconfigured: the table of messages cannot be read or written.
        """
        attempt = Attempt(receipt)
        record = self._table.claim(receipt, invocation.id, invocation.claim_s, invocation.deadline, only_due=only_due)
        if isinstance(record, Claim):
            attempt.state = AttemptState.DUPLICATE if record is Claim.DONE else AttemptState.CLAIMED
        else:
            attempt.number = record.attempts
            try:
                evaluator = self._make_evaluator(invocation.deadline)
                self._delivery.run(record, attempt, evaluator, self._kept, invocation.deadline, invocation.last_deadline)
                self._store.tag_as_done(receipt.message_id, invocation.last_deadline)
                self._table.complete(record, invocation.last_deadline)
                attempt.state = AttemptState.DONE
            except Exception as error:  # noqa: BLE001 - no error may lose the mail
                attempt.cause = error
                self._put_off(record, attempt, error, invocation.last_deadline)
        if not (only_due and isinstance(record, Claim)):
            self._reporter.report(attempt)
        return attempt

    def _put_off(self, record: MessageRecord, attempt: Attempt, error: Exception, deadline: Deadline) -> None:
        """End an attempt that leaves work: the message waits, or is given up."""
        now = self._clock()
        if isinstance(error, TryAgain) and error.held:
            attempt.state = AttemptState.HELD
            if attempt.evaluation and attempt.evaluation.envelope:
                self._table.note_held(attempt.evaluation.envelope.message_id, record.receipt, deadline)
            self._table.release(record, State.HELD, now + HELD_PAUSE_S, deadline)
        elif isinstance(error, UnreadableObject | Undeliverable) or now >= record.give_up_at:
            # First into the queue: if this process ends in between, the next attempt gives the message up again.
            self._failures.add(record.receipt, deadline)
            self._table.fail(record, deadline)
            attempt.state = AttemptState.GIVEN_UP
        else:
            self._table.release(record, State.OPEN, now + make_pause(record.attempts), deadline)

    @cached_property
    def _table(self) -> MessageTable:
        self._settings.require_complete()
        return MessageTable(self._settings.messages_table, self._settings.retry_hours * 3600, clock=self._clock, sleep=self._sleep)

    @cached_property
    def _store(self) -> ObjectStore:
        return ObjectStore(self._settings.mail_bucket, self._settings.mail_prefix)

    @cached_property
    def _failures(self) -> FailureQueue:
        return FailureQueue(self._settings.failures_queue)

    @cached_property
    def _delivery(self) -> Delivery:
        settings = self._settings
        bounces = BounceService(settings.bounce_sender, settings.host_name, self._table, clock=self._clock)
        return Delivery(self._store, self._table, bounces, self._given_transport or _make_transport(settings), sleep=self._sleep)

    @cached_property
    def _evaluator(self) -> PolicyEvaluator:
        reject_removed(self._settings)
        return PolicyEvaluator.from_settings(self._settings, SES)

    @cached_property
    def _secrets(self) -> SecretReader:
        return SecretReader()

    def _make_evaluator(self, deadline: Deadline) -> MessageEvaluator:
        """Return the evaluator with the secrets of today.

        Raises:
            PolicyError, SettingsError: there is no valid policy. The message waits.
        """
        self._kept.record = None
        secrets = self._read_mark_secrets(deadline)
        if self._marks is None or self._marks[0] != secrets:
            listener = make_listener(self._settings, secrets)
            evaluator = MessageEvaluator(listener, self._evaluator, self._kept, logs_decision=self._settings.log_decision)
            self._marks = secrets, evaluator
        return self._marks[1]

    def _read_mark_secrets(self, deadline: Deadline) -> str:
        if not self._settings.mark_secret:
            return ""
        text = call("GetSecretValue", lambda: self._secrets.read(self._settings.mark_secret), deadline)
        if not text or not text.split():
            raise Misconfigured("MARK_SECRET: the secret has no text")
        return text


class _Invocation:
    """The ID of an invocation, which no other has, also not Lambda's retry of the same event; and its times.

    Args:
        seconds: until Lambda stops it.
    """

    def __init__(self, seconds: float) -> None:
        self.id = uuid.uuid4().hex
        self.claim_s = seconds + _MARGIN_S
        self.deadline = Deadline.after(max(1.0, seconds - _MARGIN_S))
        self.last_deadline = Deadline.after(max(1.0, seconds - _LAST_MARGIN_S))

    def left(self) -> float:
        return self.deadline.left()


def make_pause(attempts: int) -> float:
    """Return the seconds between an attempt of a number and the next one of the schedule: five minutes, and later up to an hour."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** max(0, min(attempts, 20) - 5))


def _make_transport(settings: SesSettings) -> Transport:
    # Late for the cold start: a function has one of them.
    if settings.next_host:
        from mailhooks.ses.pass_on import NextHost

        return NextHost(settings)
    from mailhooks.ses.send_raw import SesSender

    return SesSender(settings)
