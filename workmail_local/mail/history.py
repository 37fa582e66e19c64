"""The trace of a message: how it arrived, the rules it met, what the functions answered, and where it ended for each recipient.

Plain values: `workmail_local.queue` creates them, `workmail_local.storage.spool` stores them; the page, `run`, `LocalWorkMail` show them.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from mailhooks.contract import ActionType, FlowDirection
from mailhooks.policy.evaluation.explanation import RuleExplanation
from workmail_local.mail.search_query import ALL, SearchQuery
from workmail_local.mail.verdict import Origin

HELD: Final = "held: an approver has not decided yet"
"""The problem of an attempt of a function that holds the message."""


class State(StrEnum):
    """The progress of a message, or of its run through one rule."""

    ACCEPTED = "accepted"
    """On disk; no rule has been applied yet."""
    RETRYING = "retrying"
    """An attempt failed; the next one has a due time."""
    HELD = "held"
    """A rule of the policy holds the message until an approver decides; the next attempt has a due time."""
    DECIDED = "decided"
    """The action for each recipient is stored; delivery is under way."""
    DONE = "done"


class Destination(StrEnum):
    """Where a message ended for one recipient."""

    INBOX = "Inbox"
    JUNK = "Junk"
    OUTGOING = "Outgoing"
    """The folder of mail for other organizations."""
    GATEWAY = "SMTP gateway"
    """The folder of mail that a rule routes to an SMTP gateway."""
    INBOUND = "Inbound rules"
    """Outbound mail to the organization itself: it enters the inbound rules as a message of its own."""
    BOUNCED = "Bounced"
    DROPPED = "Dropped"


class Attempt(NamedTuple):
    """One call of a function; see `Invocation`.

    Attributes:
        number: 1 for the first.
        started: seconds since the epoch.
        problem: why WorkMail rejects the response; "" when it accepts it.
        response: the function's response as JSON; "" when it returned none.
        log: the function's output, without the decision.
        decision: the rules of its policy and their conditions in words; empty for a function without a policy.
    """

    number: int
    started: float
    milliseconds: float
    cold: bool
    problem: str
    response: str
    log: str
    decision: tuple[RuleExplanation, ...] = ()

    @property
    def held(self) -> bool:
        """Whether the function holds the message until an approver decides, which is no failure."""
        return self.problem == HELD


class RecipientResult(NamedTuple):
    """Where the message ended for one recipient, by which action; `note` has details such as the text of a bounce, "" for none."""

    recipient: str
    action: ActionType
    origin: Origin
    destination: Destination
    note: str = ""


class RuleRun(NamedTuple):
    """A message's run through one rule, for the recipients for whom that rule won.

    Attributes:
        message_id, invocation_id: those of the event; `message_id` opens the content.
        rule: the rule's name; "" when no rule matched.
        why: why that rule won, as a sentence.
        function: the function's name; "" when the rule runs none.
        synchronous: whether WorkMail waits for the function.
        recipients: those of the event.
        due: time of the next attempt in seconds since the epoch; None when there is none.
        results: once decided, one for each recipient, then those that the response adds.
        notes: hints for the author of the hook; `problems` are errors.
        failures: the problems that the function caused.
        changed: whether the function changed the content.
        puts: how many Puts WorkMail accepted.
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
    results: tuple[RecipientResult, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    changed: bool = False
    puts: int = 0
    failures: tuple[str, ...] = ()


class MessageSummary(NamedTuple):
    """One line of the message list.

    Attributes:
        number: counts up from 1, in the order of acceptance.
        received: seconds since the epoch.
        direction, mail_from, recipients: of the SMTP transaction; `mail_from` is "" for the null reverse-path.
        author, subject: the decoded header fields; "" when missing.
        size: bytes.
        state: `DONE` when all its rule runs are.
        rules: names of the rules that matched.
        destinations: where the message ended, and for how many recipients.
        undelivered: whether it is not delivered yet to a recipient, because a function has not given a valid response.
        has_attachments: apart from pictures in the text.
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
    destinations: tuple[tuple[Destination, int], ...] = ()
    changed: bool = False
    has_problems: bool = False
    undelivered: bool = False
    has_attachments: bool = False


class MessageTrace(NamedTuple):
    """Everything known about one message."""

    summary: MessageSummary
    rule_runs: tuple[RuleRun, ...]


class History(Protocol):
    """Reads stored messages. Safe to call from any thread."""

    def count(self, query: SearchQuery = ALL) -> int:
        """Return the number of messages that match."""

    def count_unindexed(self) -> int:
        """Return the number of messages whose texts are not searched yet, because many have arrived."""

    def summaries(self, *, before: int | None = None, limit: int = 50, query: SearchQuery = ALL) -> Sequence[MessageSummary]:
        """Return messages, newest first.

        Args:
            before: return only messages with a lower number; None for no limit.
            limit: return at most this many.
            query: return only messages that match.
        """

    def find_neighbours(self, number: int) -> tuple[int | None, int | None]:
        """Return the numbers of the next older and of the next newer message; None when there is none."""

    def trace(self, number: int) -> MessageTrace | None:
        """Return a message's trace; None when no message has this number."""

    def original(self, number: int) -> bytes | None:
        """Return a message's bytes as accepted; None when no message has this number."""

    def content(self, message_id: str) -> bytes | None:
        """Return the current bytes of a rule run; None when no rule run has this ID."""

    def version(self) -> int:
        """Return a number that differs after every change. Cheap to call."""
