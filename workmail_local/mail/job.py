"""A queued message, and the delivery job for one of its rule runs."""

from typing import Any, NamedTuple, Self

from mailhooks.actions import DEFAULT
from mailhooks.contract import Action, FlowDirection
from workmail_local.mail.event_builder import HeaderSummary
from workmail_local.mail.history import RuleRun


class QueuedMessage(NamedTuple):
    """A message as it was accepted.

    Attributes:
        number: see `MessageSummary`.
        received: seconds since the epoch.
        direction, mail_from, recipients: of the SMTP transaction.
        header: the fields that an event contains.
        has_attachments: see `MessageSummary`.
    """

    number: int
    received: float
    direction: FlowDirection
    mail_from: str
    recipients: tuple[str, ...]
    header: HeaderSummary
    has_attachments: bool = False


class DeliveryJob(NamedTuple):
    """The working state of one rule run, including what the trace does not show.

    Attributes:
        number, received, mail_from: see `QueuedMessage`.
        run: the part that the trace shows.
        event: the function's event; None when the rule runs no function.
        fallback: the rule's fallback action.
        timeout_s: the rule's timeout in seconds.
        elapsed_s: the used part of that timeout: attempts, and the pauses of WorkMail between them.
        delivered: whether the decision has been carried out.
        action: the rule's own action; with a synchronous function the response decides.
        gateway: the name of the SMTP gateway to which the rule's action or fallback action routes; "" for one that only stores mail, None
            if neither does.
        content: the bytes to deliver; None when they are still to be read from the spool.
    """

    number: int
    received: float
    mail_from: str
    run: RuleRun
    event: dict[str, Any] | None = None
    fallback: Action = DEFAULT
    timeout_s: float = 0.0
    elapsed_s: float = 0.0
    delivered: bool = False
    action: Action = DEFAULT
    gateway: str | None = None
    content: bytes | None = None

    @property
    def is_asynchronous(self) -> bool:
        """Whether the job calls a function after delivery."""
        return bool(self.run.function) and not self.run.synchronous

    def with_run(self, **changes: Any) -> Self:
        """Return a job whose rule run has these changes."""
        return self._replace(run=self.run._replace(**changes))

    def with_notes(self, *texts: str) -> Self:
        """Return a job with further notes; a repeated note is kept once."""
        return self.with_run(notes=tuple(dict.fromkeys((*self.run.notes, *texts)))) if texts else self

    def with_problems(self, *texts: str) -> Self:
        """Return a job with further problems; a repeated problem is kept once."""
        return self.with_run(problems=tuple(dict.fromkeys((*self.run.problems, *texts)))) if texts else self

    def with_failures(self, *texts: str) -> Self:
        """Return a job with further problems that the function caused; a repeated one is kept once."""
        failures = tuple(dict.fromkeys((*self.run.failures, *texts)))
        return self.with_problems(*texts).with_run(failures=failures) if texts else self
