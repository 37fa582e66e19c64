"""A message that was sent to a real SMTP server on request."""

from enum import StrEnum
from typing import NamedTuple


class ReleaseOutcome(StrEnum):
    """What became known about one recipient."""

    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The connection, or this program, ended before the server's reply."""


class ReleaseResult(NamedTuple):
    """The outcome for one recipient, with the server's reply or another reason; "" for none."""

    recipient: str
    outcome: ReleaseOutcome
    reply: str = ""


class Release(NamedTuple):
    """One release of a message.

    Attributes:
        id: unique.
        message_id: of the rule run whose content was sent.
        released: seconds since the epoch.
        server: host and port.
        mail_from: the sender of the envelope.
        outcomes: one for each recipient.
    """

    id: str
    message_id: str
    released: float
    server: str
    mail_from: str
    outcomes: tuple[ReleaseResult, ...]

    @property
    def may_have_arrived(self) -> bool:
        """Whether the message may have reached a recipient."""
        return any(result.outcome is not ReleaseOutcome.REFUSED for result in self.outcomes)

    def find(self, outcome: ReleaseOutcome) -> tuple[str, ...]:
        """Return the recipients with an outcome."""
        return tuple(result.recipient for result in self.outcomes if result.outcome is outcome)
