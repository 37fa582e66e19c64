"""The result of one evaluation, for a log line and metrics, which the adapter writes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mailhooks.envelope import Envelope
from mailhooks.errors import PermanentError, StillHeld, TransientError
from mailhooks.mime.message import Message
from mailhooks.relay.errors import Refused


@dataclass(slots=True)
class Record:
    """The result of one evaluation. `MessageEvaluator` fills it in.

    Attributes:
        listener: the name of the listener.
        message: as it was received; if its header is too large, the part that is read.
        envelope: None if the message was refused before it was evaluated.
        verdict: the types of the actions for recipients.
        bytes_written: the size of the changed message; None if no rule changed it.
        refused: why the message is refused, if no rule did that.
        permanent: why the message is passed on unchanged.
        transient: why the client has to send the message again.
        held: which rules hold the message.
        unexpected: the error that ON_ERROR decides on.
        log, counts: of the policy.
        octets: the size of the message if `message` is a part of it.
        started: the time of `time.perf_counter` at its start.
    """

    listener: str
    message: Message
    envelope: Envelope | None = None
    verdict: tuple[str, ...] = ()
    bytes_written: int | None = None
    refused: Refused | None = None
    permanent: PermanentError | None = None
    transient: TransientError | None = None
    held: StillHeld | None = None
    unexpected: BaseException | None = None
    log: Mapping[str, object] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    octets: int | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def bytes_read(self) -> int:
        """The size of the message as it was received."""
        return len(self.message.raw) if self.octets is None else self.octets

    @property
    def error(self) -> BaseException | None:
        """The error to log."""
        return self.unexpected or self.transient or self.permanent or self.refused


class Reporter(Protocol):
    """Writes the log line and the metrics of each message."""

    def report(self, record: Record) -> None:
        """Log and count a record. Never raises: a failing log must delay no message."""
        ...
