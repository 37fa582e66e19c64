"""Carries out the decision on one message: bounces, and passing it on, with a record of what is done for each recipient."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Protocol, Self

from mailhooks.deadline import Deadline
from mailhooks.errors import PermanentError, TransientError
from mailhooks.relay.disposition import Copy, Disposition
from mailhooks.relay.dsn import may_bounce
from mailhooks.relay.errors import CannotPassOn, Refused
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.received import Received
from mailhooks.relay.report import Record
from mailhooks.relay.trace_fields import Client
from mailhooks.ses.answer import Answer
from mailhooks.ses.bounces import BounceService
from mailhooks.ses.message_table import MessageRecord, MessageTable
from mailhooks.ses.object_store import ObjectStore
from mailhooks.ses.reasons import Reason
from mailhooks.ses.report import Attempt

MAX_RECIPIENTS: Final = 50
"""Of one transaction: the limit of SES (SES developer guide, "Service quotas"); each SMTP server accepts at least 100."""

_EVALUATION_S: Final = 60.0
"""For the evaluation, of the time of an invocation: the rest is for the next host."""

_REFUSED: Final = Answer(550, "5.7.1 The mail server of this recipient refused the message.")
"""Without the reply of the next host, which may have the address of another recipient."""

_PAUSES_S: Final = (0.2, 0.5, 1, 2, 5)
"""Between attempts to record what the next host has accepted."""

_CLIENT: Final = Client("amazonses.com", "", "HTTP")
"""For the Received field: the message comes from SES, by the API of S3."""


class NotAccepted(TransientError):
    """The next host does not accept the message for some recipients now. The log has its replies."""


class Undeliverable(PermanentError):
    """The message can be neither passed on nor bounced."""


class Connection(Protocol):
    """Sends messages, in one transaction each. A context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None, /) -> None: ...

    def refuse(self, pieces: Sequence[bytes | memoryview]) -> Answer | None:
        """Return why no recipient can get this message, before it is sent; None if that is not known."""
        ...

    def send(self, mail_from: str, recipients: Sequence[str], pieces: Sequence[bytes | memoryview]) -> dict[str, Answer]:
        """Send a message to at most `MAX_RECIPIENTS`. Return the answer for each recipient. Raises TransientError or Misconfigured."""
        ...


class Transport(Protocol):
    """The way to the mailboxes: the next host, or SES."""

    def connect(self, deadline: Deadline) -> Connection:
        """Return a connection. Raises TransientError or Misconfigured."""
        ...


class EvaluationRecord:
    """Keeps the record of an evaluation for the log line of the attempt."""

    def __init__(self) -> None:
        self.record: Record | None = None

    def report(self, record: Record) -> None:
        self.record = record


class Delivery:
    """Makes attempts to deliver messages.

    Args:
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        store: ObjectStore,
        table: MessageTable,
        bounces: BounceService,
        transport: Transport,
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._store = store
        self._table = table
        self._bounces = bounces
        self._transport = transport
        self._sleep = sleep

    def run(
        self,
        record: MessageRecord,
        attempt: Attempt,
        evaluator: MessageEvaluator,
        kept: EvaluationRecord,
        deadline: Deadline,
        last_deadline: Deadline,
    ) -> None:
        """Do what is left for a message. When it returns, nothing is left.

        Args:
            attempt: gets the numbers for the log line.
            evaluator: reports to `kept`.
            last_deadline: for the records of what was done until the deadline.

        Raises:
            TryAgain: the policy cannot decide now, or holds the message.
            UnreadableObject, Undeliverable: another attempt would not help.
            TransientError, Misconfigured: see `mailhooks.errors`. What is done is recorded.
        """
        receipt = record.receipt
        content = self._store.read(receipt.message_id, deadline)
        attempt.bytes_read = len(content)
        work = _Work(self, record, attempt, content, deadline, last_deadline)
        received = Received(receipt.mail_from, receipt.recipients, content, _CLIENT)
        try:
            disposition = evaluator.evaluate(received, Deadline.after(min(_EVALUATION_S, deadline.left() / 2)))
            if not record.is_reported:
                disposition.finish(split=True)
        except Refused as error:
            attempt.evaluation = kept.record
            work.refuse(error)
            return
        except Exception:
            attempt.evaluation = kept.record
            raise
        if not record.is_reported:
            attempt.evaluation = kept.record
            self._table.mark_as_reported(record, deadline)
        work.bounce({each: Reason.of_rule(text) for each, text in disposition.bounced.items()})
        work.pass_on(disposition)
        work.end()

    def _record(self, record: MessageRecord, recipients: Iterable[str], deadline: Deadline) -> None:
        """Record recipients for whom the message is passed on, as long as there is time: they would get it twice without the record."""
        for pause in (*_PAUSES_S, None):
            try:
                self._table.add_passed(record, recipients, deadline)
            except TransientError:
                if pause is None or pause > deadline.left():
                    raise
                self._sleep(pause)
            else:
                return


class _Work:
    """The steps of one attempt. An error of a step does not keep the next step from its recipients; the first one is raised at the end."""

    def __init__(
        self,
        delivery: Delivery,
        record: MessageRecord,
        attempt: Attempt,
        content: bytes,
        deadline: Deadline,
        last_deadline: Deadline,
    ) -> None:
        self._delivery = delivery
        self._record = record
        self._attempt = attempt
        self._content = content
        self._deadline = deadline
        self._last_deadline = last_deadline
        self._problems: list[Exception] = []

    @contextmanager
    def _collect(self, recipients: Iterable[str]) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised by `end`
            self._problems.append(error)
            self._attempt.left += len(self._open(recipients))

    def _open(self, recipients: Iterable[str]) -> list[str]:
        return [each for each in recipients if not self._record.is_settled(each)]

    def refuse(self, error: Refused) -> None:
        """Bounce a message that is in a loop.

        Raises:
            Undeliverable: its sender gets no bounce message.
        """
        receipt = self._record.receipt
        if not may_bounce(receipt.mail_from, self._content):
            raise Undeliverable(f"{error}, and its sender gets no bounce message")
        answer = Answer(error.code, f"{error.enhanced} {error.text}")
        self.bounce(dict.fromkeys(receipt.recipients, Reason.of_refusal(answer)))
        self.end()

    def bounce(self, reasons: Mapping[str, Reason]) -> None:
        """Inform the sender of the recipients who do not get the message."""
        wanted = {each: reasons[each] for each in self._open(reasons)}
        if not wanted:
            return
        with self._collect(wanted):
            for recipients in self._delivery._bounces.bounce(self._record.receipt, wanted, self._content, self._deadline):
                self._delivery._table.add_bounced(self._record, recipients, self._last_deadline)
                self._attempt.bounced += len(recipients)

    def pass_on(self, disposition: Disposition) -> None:
        """Pass the copies on, and bounce them for the recipients whom the next host does not accept."""
        copies = disposition.copies(split=True)
        wanted = [each for copy in copies for each in self._open(copy.recipients)]
        if not wanted:
            return
        refused: dict[str, Answer] = {}
        with self._collect(wanted), self._delivery._transport.connect(self._deadline) as connection:
            if problem := _find_problem_of_change(disposition, copies, connection):
                disposition = disposition.without_change(CannotPassOn(problem))
                copies = disposition.copies(split=True)
                self._attempt.notes.append(f"a change is left out: the next host answers {problem}")
            for copy in copies:
                for batch in _split(self._open(copy.recipients)):
                    refused |= self._send(connection, copy, batch)
        # Without its change, a rule may bounce the message.
        self.bounce({each: Reason.of_rule(text) for each, text in disposition.bounced.items()})
        known = {each.lower() for each in self._record.receipt.recipients}
        self.bounce({each: Reason.of_answer(answer) for each, answer in refused.items() if each.lower() in known})
        if added := [each for each in refused if each.lower() not in known]:
            # The sender did not write to them, but perhaps to a recipient in whose place they would get the message.
            before = [each for each in disposition.deliver if each.lower() in self._record.bounced]
            self.bounce(dict.fromkeys(disposition.list_lost([*before, *added]), Reason.of_refusal(_REFUSED)))
            self._attempt.notes.append(f"the next host does not accept {len(added)} recipients whom rules add")
            with self._collect(added):
                self._delivery._table.add_bounced(self._record, added, self._last_deadline)

    def _send(self, connection: Connection, copy: Copy, recipients: Sequence[str]) -> dict[str, Answer]:
        """Send a copy to recipients, and record who has it. Return the permanent answers."""
        answers = connection.send(self._record.receipt.mail_from, recipients, copy.pieces())
        if accepted := [each for each, answer in answers.items() if answer.is_accepted]:
            self._delivery._record(self._record, accepted, self._last_deadline)
            self._attempt.passed_on += len(accepted)
        for answer in answers.values():
            if not answer.is_accepted:
                self._attempt.replies[answer.code] = self._attempt.replies.get(answer.code, 0) + 1
        if late := [each for each, answer in answers.items() if not answer.is_accepted and not answer.is_permanent]:
            codes = ", ".join(sorted({str(answers[each].code) for each in late}))
            self._problems.append(NotAccepted(f"the next host does not accept the message for {len(late)} recipients now: {codes}"))
            self._attempt.left += len(late)
        return {each: answer for each, answer in answers.items() if answer.is_permanent}

    def end(self) -> None:
        """Raise the first error of the steps, if there is one."""
        if self._problems:
            raise self._problems[0]


def _find_problem_of_change(disposition: Disposition, copies: Sequence[Copy], connection: Connection) -> str:
    """Return why the next host cannot get the changed message, although it could get the received one; "" if it can."""
    if not disposition.is_changed:
        return ""
    refusals = (connection.refuse(copy.pieces()) for copy in copies)
    refusal = next(filter(None, refusals), None)
    return "" if refusal is None or connection.refuse([disposition.received.content]) else refusal.reply


def _split(recipients: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(recipients), MAX_RECIPIENTS):
        yield recipients[start : start + MAX_RECIPIENTS]
