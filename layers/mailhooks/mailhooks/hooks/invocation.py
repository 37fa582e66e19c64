"""One invocation: the message for the hook (`Mail`), its answer (`Reply`), and the result for the log (`Record`)."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mailhooks.content.change import Change
from mailhooks.contract import MailFlowEvent, Verdict
from mailhooks.core.mail import Mail as CoreMail
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, PermanentError, StillHeld, TransientError
from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.mime.edits import Edit
from mailhooks.mime.message import Message
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.core.prepared_change import PreparedChange, Rejection


class ContentStore(Protocol):
    """Reads and writes messages in transit: `mailhooks.aws.message_flow.MessageFlow`, or a test's own."""

    def get(self, message_id: str, deadline: Deadline) -> bytes: ...

    def put(self, message_id: str, pieces: Sequence[bytes | memoryview], deadline: Deadline) -> None: ...


@runtime_checkable
class DecisionStore(Protocol):
    """A `ContentStore` that also stores decisions, so that a retry, which reads the changed message, returns the same verdict."""

    def save_decision(self, key: str, text: str, deadline: Deadline) -> None: ...

    def load_decision(self, key: str, deadline: Deadline) -> str | None: ...


class Mail(CoreMail):
    """One message in transit, with the event and the deadline of its invocation."""

    def __init__(
        self,
        event: MailFlowEvent,
        content: Callable[[], ContentStore],
        deadline: Deadline,
        settings: Settings,
        *,
        writable: bool,
    ) -> None:
        super().__init__(
            event,
            lambda: content().get(event.message_id, deadline),
            deadline,
            organization_domains=settings.organization_domains,
            authserv_ids=WORKMAIL.authserv_ids,
            logs_decision=settings.log_decision,
            is_writable=writable,
        )
        self.event = event
        self._content = content
        self._change: Change | PreparedChange | None = None

    def edit(self, edits: Iterable[Edit], *, added_parts: int = 0, wraps: bool = False) -> None:
        """Set the change of the message, in place of an earlier one. The runtime writes it after the hook, if it changes a byte.

        Closing delimiters that the message lacks are added, as WorkMail rejects changed content without them.

        Args:
            edits: in offsets of `raw`.
            added_parts: how many parts the edits add. The pre-flight rejects a change that adds another number.
            wraps: whether the edits put the whole message, as it is, into a new one.
        """
        if not self.is_writable:
            raise TypeError("an asynchronous hook cannot change the message: WorkMail delivers it in the meantime")
        _ = self.message  # raises here, in the hook, if the message cannot be read
        self._change = Change(list(edits), added_parts, wraps)

    def replace(self, content: bytes) -> None:
        """Set the new content of the message, as one edit."""
        if not content:
            raise ValueError("a message cannot be replaced by nothing: drop or bounce it instead")
        self.edit([Edit(0, len(self.raw), content)])

    @property
    def change(self) -> "Change | PreparedChange | None":
        """The change that was set by `edit` or `replace`, checked if `rejections` was called."""
        return self._change

    def rejections(self) -> "tuple[Rejection, ...]":
        """Return why WorkMail would reject the change that was set (see `mailhooks.hooks.preflight`); empty if it would accept it."""
        if self._change is None:
            return ()
        # Late for the cold start, here and in the other modules: a hook that changes nothing needs no pre-flight.
        from mailhooks.hooks.preflight import prepare_change

        self._change = prepare_change(self.message, self._change)
        return self._change.rejections

    refusals = rejections
    """Old name, kept for one release (docs/api.md)."""

    def verdict(self) -> Verdict:
        """Return a new verdict, which delivers to all recipients."""
        return Verdict(self.event, self.organization_domains)

    @property
    def decision_store(self) -> DecisionStore | None:
        """The store of decisions; None if the content store is none."""
        content = self._content()
        return content if isinstance(content, DecisionStore) else None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a hook to one message. The runtime checks it, writes the change, and reports.

    Attributes:
        verdict: None to deliver to all recipients.
        change: of the message; None to leave it unchanged.
        log: fields for the log line: identifiers, counts and kinds, never a word or an address of the message.
        counts: values for the metrics.
        skip_reason: why the hook did not change the message as it should; reported as a permanent error.
        unexpected_error: an error that the hook worked around; the runtime raises it if ON_ERROR is retry.
        on_put_rejected: returns the reply to use if the change cannot be written; None to keep this one.
        after_write: called when the change is written and the verdict is final. Its reply has the log fields and counts to report.
    """

    verdict: Verdict | None = None
    change: "Change | PreparedChange | None" = None
    log: Mapping[str, object] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    skip_reason: PermanentError | None = None
    unexpected_error: Exception | None = None
    on_put_rejected: "Callable[[PermanentError | Misconfigured], Reply] | None" = None
    after_write: "Callable[[], Reply] | None" = None


@dataclass(slots=True)
class Record:
    """The result of one invocation, for its log line and metrics. The runtime fills it in."""

    response: dict[str, Any] | None
    """The response so far, to return if the hook fails."""
    event: MailFlowEvent | None = None
    verdict: tuple[str, ...] = ()
    duplicate: bool = False
    message: Message | None = None
    """As it was received; None if the hook has not read it."""
    bytes_written: int | None = None
    permanent: PermanentError | None = None
    transient: TransientError | None = None
    held: StillHeld | None = None
    unexpected: BaseException | None = None
    log: Mapping[str, object] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @property
    def envelope(self) -> MailFlowEvent | None:
        """The event, whose envelope the log line shows."""
        return self.event

    @property
    def bytes_read(self) -> int | None:
        return None if self.message is None else len(self.message.raw)

    @property
    def error(self) -> BaseException | None:
        return self.unexpected or self.transient or self.permanent


def to_reply(mail: Mail, returned: object) -> Reply:
    """Return the reply of a hook that returns a `Reply`, or a verdict or None and changes the message by `mail.edit`.

    Raises:
        TypeError: the hook returned another object.
    """
    if isinstance(returned, Reply):
        return returned
    if returned is None or isinstance(returned, Verdict):
        return Reply(returned, mail.change)
    raise TypeError("a hook returns a Verdict, a Reply or None")
