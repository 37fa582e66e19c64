"""A message, and a passage of it, as they are worked on: what is told of them in `local.mail.history`, and what only the work needs."""

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from local.mail.event_builder import HeaderSummary
from local.mail.history import RuleRun
from mailhooks.contract import Action, FlowDirection
from mailhooks.contract.verdict import DEFAULT


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message as it came.

    Attributes:
        number: see `Line`.
        received: seconds since the epoch.
        token: a UUID from which the IDs of its passages are made: they are the same after a restart.
        direction, mail_from, recipients: of the SMTP conversation.
        heads: what its header says.
    """

    number: int
    received: float
    token: uuid.UUID
    direction: FlowDirection
    mail_from: str
    recipients: tuple[str, ...]
    heads: HeaderSummary


@dataclass(slots=True)
class DeliveryJob:
    """A passage, as it is worked on.

    Attributes:
        number: the message's.
        received: when the message was accepted, seconds since the epoch.
        mail_from: the message's reverse-path.
        passage: what is told of it.
        event: what the function is called with; None when there is no function.
        fallback: the rule's fallback action.
        timeout_s: the rule's timeout.
        elapsed_s: how much of the rule's timeout has gone by: attempts, and what WorkMail would have waited between them.
        delivered: whether what was decided has been done.
        action: what the rule itself says; with a function that is waited for, the response says more.
        gateway: whether the rule routes to an SMTP gateway.
        content: what is to be delivered; None when it is still to be read.
    """

    number: int
    received: float
    mail_from: str
    passage: RuleRun
    event: dict[str, Any] | None = None
    fallback: Action = field(default=DEFAULT)
    timeout_s: float = 0.0
    elapsed_s: float = 0.0
    delivered: bool = False
    action: Action = field(default=DEFAULT)
    gateway: bool = False
    content: bytes | None = None

    def tell(self, **changes: Any) -> None:
        """Changes what is told of the passage."""
        self.passage = replace(self.passage, **changes)

    def note(self, *texts: str) -> None:
        self.tell(notes=tuple(dict.fromkeys((*self.passage.notes, *texts))))

    def trouble(self, *texts: str) -> None:
        self.tell(problems=tuple(dict.fromkeys((*self.passage.problems, *texts))))
