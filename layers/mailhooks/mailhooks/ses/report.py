"""Writes one log line and one set of metrics for each attempt to pass a message on, and for each run of the schedule with waiting mail."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final

from mailhooks.core.message_reporter import MessageReporter
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.errors import PermanentError, StillHeld, TransientError
from mailhooks.mime.message import Message
from mailhooks.relay.errors import TryAgain
from mailhooks.relay.report import Record
from mailhooks.report_names import LogKey
from mailhooks.ses.receipt_event import Receipt
from mailhooks.settings import Settings

HOOK: Final = "ses"
"""The dimension and log field `hook`."""


class SesMetric(StrEnum):
    """The metrics of the function `ses`, apart from those of all functions for mail, with the same dimensions."""

    PASSED_ON = "PassedOn"
    """Recipients for whom the next host, or SES, has accepted a message."""
    BOUNCED = "Bounced"
    """Recipients who do not get a message, and whose sender is informed."""
    GIVEN_UP = "GivenUp"
    """Messages whose event is in the queue of failures."""
    WAITING = "Waiting"
    """Messages that are not held and wait for another attempt, at a run of the schedule."""
    OLDEST_WAITING = "OldestWaiting"
    """Seconds since the receipt of the oldest of them."""


class SesLogKey(StrEnum):
    """The fields of the log line of the function `ses`, apart from those of all functions for mail."""

    SES_MESSAGE_ID = "sesMessageId"
    """The ID that SES gave to the message: its key in the bucket, after the prefix."""
    STATE = "state"
    """An `AttemptState`."""
    ATTEMPT = "attempt"
    """The number of the attempt, from 1."""
    PASSED_ON = "passedOn"
    """Recipients for whom the next host has accepted the message in this attempt."""
    BOUNCED = "bounced"
    """Recipients whose sender was informed in this attempt."""
    LEFT = "left"
    """Recipients for whom another attempt is needed."""
    REPLIES = "replies"
    """The codes of the next host's replies that accept no message, with their numbers."""
    WAITING = "waiting"
    HELD = "held"
    ATTEMPTED = "attempted"


class AttemptState(StrEnum):
    """The state of a message after an attempt."""

    DONE = "done"
    DUPLICATE = "duplicate"
    """It was done before."""
    CLAIMED = "claimed"
    """Another invocation has it now."""
    WAITS = "waits"
    HELD = "held"
    GIVEN_UP = "given-up"


@dataclass(slots=True)
class Attempt:
    """The result of one attempt, for its log line and metrics.

    Attributes:
        evaluation: None in an attempt that does not report the evaluation again.
        number: 1 for the first attempt.
        replies: numbers by the code of a reply.
        notes: for the log.
    """

    receipt: Receipt
    state: AttemptState = AttemptState.WAITS
    evaluation: Record | None = None
    bytes_read: int | None = None
    number: int = 0
    passed_on: int = 0
    bounced: int = 0
    left: int = 0
    replies: dict[int, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    cause: Exception | None = None
    """The error that ended the attempt."""
    started: float = field(default_factory=time.perf_counter)

    @property
    def envelope(self) -> Envelope:
        if self.evaluation and self.evaluation.envelope:
            return self.evaluation.envelope
        receipt = self.receipt
        return Envelope(
            receipt.mail_from, receipt.recipients, None, "", receipt.message_id, receipt.message_id, flow_direction=FlowDirection.INBOUND
        )

    @property
    def message(self) -> Message | None:
        return self.evaluation.message if self.evaluation else None

    @property
    def verdict(self) -> tuple[str, ...]:
        return self.evaluation.verdict if self.evaluation else ()

    @property
    def bytes_written(self) -> int | None:
        return self.evaluation.bytes_written if self.evaluation else None

    @property
    def held(self) -> StillHeld | None:
        return self.evaluation.held if self.evaluation else None

    @property
    def permanent(self) -> PermanentError | None:
        return self.evaluation.permanent if self.evaluation and self.cause is None else None

    @property
    def transient(self) -> TransientError | None:
        return self.error if isinstance(self.error, TransientError) else None

    @property
    def unexpected(self) -> BaseException | None:
        """Every error but a transient one that ended the attempt, and one that ON_ERROR decided on."""
        if self.held or self.transient:
            return None
        return self.error if self.cause else self.evaluation.unexpected if self.evaluation else None

    @property
    def error(self) -> BaseException | None:
        """The error that ended the attempt, or that of the policy: a `TryAgain` has none of its own."""
        of_policy = self.evaluation.error if self.evaluation else None
        if self.cause is None or (isinstance(self.cause, TryAgain) and of_policy):
            return of_policy
        return self.cause

    @property
    def log(self) -> Mapping[str, object]:
        of_policy = self.evaluation.log if self.evaluation else {}
        if not self.notes:
            return of_policy
        known = of_policy.get(LogKey.NOTES)
        return {**of_policy, LogKey.NOTES: [*(known if isinstance(known, list) else ()), *self.notes]}

    @property
    def counts(self) -> Mapping[str, int]:
        return self.evaluation.counts if self.evaluation else {}


class SesReporter(MessageReporter[Attempt]):
    """Logs and counts attempts. No method raises: a failing log must delay no message."""

    failed: ClassVar[str] = "the message was not passed on"
    retried: ClassVar[str] = "the message waits for another attempt"
    unchanged: ClassVar[str] = "the message is passed on unchanged"

    def __init__(self, settings: Settings) -> None:
        super().__init__(HOOK, settings)
        self._function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")

    def report(self, record: Attempt) -> None:
        """Log an attempt, and count it unless the event is a duplicate."""
        if record.state in {AttemptState.DUPLICATE, AttemptState.CLAIMED}:
            self.log_alone("the event is a duplicate", record, {LogKey.DUPLICATE: True})
        else:
            super().report(record)

    def make_line(self, record: Attempt, milliseconds: float) -> dict[str, Any]:
        """Return the fields that do not depend on the kind of the result."""
        return super().make_line(record, milliseconds) | {
            LogKey.FUNCTION_VERSION: self._function_version,
            SesLogKey.SES_MESSAGE_ID: record.receipt.message_id,
            SesLogKey.STATE: str(record.state),
            SesLogKey.ATTEMPT: record.number or None,
            SesLogKey.PASSED_ON: record.passed_on,
            SesLogKey.BOUNCED: record.bounced,
            SesLogKey.LEFT: record.left,
            SesLogKey.REPLIES: {str(code): number for code, number in sorted(record.replies.items())} or None,
        }

    def count_more(self, record: Attempt) -> dict[str, int]:
        """Return metrics that only this function has."""
        return {
            SesMetric.PASSED_ON: record.passed_on,
            SesMetric.BOUNCED: record.bounced,
            SesMetric.GIVEN_UP: int(record.state is AttemptState.GIVEN_UP),
        }

    def report_waiting(self, *, waiting: int, held: int, attempted: int, oldest_s: float) -> None:
        """Log and count a run of the schedule that found messages."""
        line: dict[str, object] = {SesLogKey.WAITING: waiting, SesLogKey.HELD: held, SesLogKey.ATTEMPTED: attempted}
        self.report_event(
            "mail waits for its next attempt", line, {SesMetric.WAITING: waiting, SesMetric.OLDEST_WAITING: oldest_s}, FlowDirection.INBOUND
        )

    def report_failure(self, error: BaseException) -> None:
        """Log and count an error of no message: of an event that cannot be read, or of the table."""
        self.report_event("the event was not handled", {}, {}, FlowDirection.INBOUND, error)
