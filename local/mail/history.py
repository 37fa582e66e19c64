"""What is told of a message: how it came, which rule it met, what the function did, and what became of it for each recipient.

Plain values. `local.storage.spool` keeps them, `local.queue.workers` makes them, the web page and `LocalWorkMail` show them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from local.mail.verdict import Origin
from mailhooks.contract import ActionType, FlowDirection


class State(StrEnum):
    """How far a message, or one rule's part of it, has come."""

    ACCEPTED = "accepted"
    """On disk; nothing has been done with it yet."""
    RETRYING = "retrying"
    """An attempt failed; the next one is due at a known time."""
    DECIDED = "decided"
    """It is known what becomes of it; that is being done."""
    DONE = "done"


class Destination(StrEnum):
    """Where a message ended for one recipient."""

    INBOX = "Inbox"
    JUNK = "Junk"
    OUTGOING = "Outgoing"
    """The spool of mail for other organizations."""
    GATEWAY = "SMTP gateway"
    """Likewise, by the rule action that routes to an SMTP gateway."""
    INBOUND = "Inbound rules"
    """Outbound mail to the organization itself: it goes on through the inbound rules, as a message of its own."""
    BOUNCED = "Bounced"
    DROPPED = "Dropped"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of a function.

    Attributes:
        number: 1 for the first.
        started: seconds since the epoch.
        milliseconds: from the call to the answer, as seen from outside.
        cold: whether a process was started for it.
        problem: why its answer does not count; "" when it does.
        response: what it returned, as JSON; "" when it returned nothing.
        log: what it printed.
    """

    number: int
    started: float
    milliseconds: float
    cold: bool
    problem: str
    response: str
    log: str


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """What became of the message for one recipient.

    Attributes:
        recipient: the address.
        action: what was done.
        origin: why.
        place: where it ended.
        note: what else somebody would want to know, such as a bounce's text; "" for nothing.
    """

    recipient: str
    action: ActionType
    origin: Origin
    place: Destination
    note: str = ""


@dataclass(frozen=True, slots=True)
class RuleRun:
    """A message's way through one rule: its part for the recipients for whom that rule won.

    Attributes:
        message_id, invocation_id: of the event; the content is asked for by `message_id`.
        direction: of the event.
        rule: the rule's name; "" when none matched.
        why: why that rule won, a sentence.
        function: the function's name; "" when the rule runs none.
        synchronous: whether WorkMail waits for it.
        recipients: those of the event.
        state: how far it has come.
        due: seconds since the epoch of the next attempt; None when there is none.
        attempts: in order.
        fates: one for each recipient once it is decided, then those that the response adds.
        notes: what somebody who writes a hook will want to know.
        problems: what went wrong.
        changed: whether the content was changed.
    """

    message_id: str
    invocation_id: str
    direction: FlowDirection
    rule: str
    why: str
    function: str
    synchronous: bool
    recipients: tuple[str, ...]
    state: State
    due: float | None = None
    attempts: tuple[Attempt, ...] = ()
    fates: tuple[RecipientResult, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    changed: bool = False


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """A message in the list.

    Attributes:
        number: counts up from 1 in the order in which messages were accepted.
        received: seconds since the epoch.
        direction: by which SMTP port it came.
        mail_from: the reverse-path; "" for the null one.
        recipients: those that were accepted.
        author, subject: as the header has them, decoded; "" when it does not.
        size: bytes.
        state: `DONE` when all its passages are.
        rules: names of the rules that it met.
        places: where it ended, and for how many recipients.
        changed: whether any function changed it.
        trouble: whether anything went wrong.
    """

    number: int
    received: float
    direction: FlowDirection
    mail_from: str
    recipients: tuple[str, ...]
    author: str
    subject: str
    size: int
    state: State
    rules: tuple[str, ...] = ()
    places: tuple[tuple[Destination, int], ...] = ()
    changed: bool = False
    trouble: bool = False


@dataclass(frozen=True, slots=True)
class MessageTrace:
    """Everything about one message."""

    line: MessageSummary
    passages: tuple[RuleRun, ...]


class History(Protocol):
    """What can be read of the messages. Safe to call from any thread."""

    def count(self) -> int:
        """How many messages there are."""
        ...

    def lines(self, *, before: int | None = None, limit: int = 50, text: str = "") -> Sequence[MessageSummary]:
        """The newest first.

        Args:
            before: only messages with a lower number; None for the newest.
            limit: how many at most.
            text: only those in whose subject, sender or recipients this stands, in any case.
        """
        ...

    def story(self, number: int) -> MessageTrace | None:
        """One message; None when there is none of this number."""
        ...

    def original(self, number: int) -> bytes | None:
        """The bytes as they were accepted; None when there is no such message."""
        ...

    def content(self, message_id: str) -> bytes | None:
        """The bytes of a passage as they are now; None when there is no such passage."""
        ...

    def version(self) -> int:
        """Another number whenever something has changed since the last call; cheap."""
        ...
