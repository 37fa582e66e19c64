"""The envelope of a message, as every mail platform gives it."""

from dataclasses import dataclass
from enum import StrEnum


class FlowDirection(StrEnum):
    """The direction of a message: into the organization or out of it."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The envelope of one message at one evaluation.

    Attributes:
        mail_from: the address on whose behalf the message is sent; `""` if there is none, as for a delivery report.
        recipients: the addresses of the recipients, as the platform spells them. Inbound: only addresses in the organization's domains.
        sender: the user who sent the message on behalf of `mail_from`.
        subject: the subject, which the platform may have cut. Rules may match it; never write it back to the message.
        message_id: identifies the message, also in a retry.
        invocation_id: identifies the message for these recipients, also in a retry.
        truncated: whether recipients are missing.
    """

    mail_from: str
    recipients: tuple[str, ...]
    sender: str | None
    subject: str
    message_id: str
    invocation_id: str
    flow_direction: FlowDirection
    truncated: bool = False

    @property
    def token(self) -> str:
        """Hexadecimal digits that name the invocation without its ID."""
        # Late for the cold start: the functions for free/busy need no digest here.
        from hashlib import sha256

        return sha256(f"mailhooks {self.invocation_id} {self.message_id}".encode()).hexdigest()[:32]
