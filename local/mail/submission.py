"""The values and the interface between an SMTP server and the part that stores the mail."""

from dataclasses import dataclass
from typing import Protocol

from local.errors import LocalError
from mailhooks.contract import FlowDirection


class TemporarilyRefused(LocalError):
    """The message cannot be stored now. The client gets 451 and tries again; the error's text is not sent to it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that refuses a command.

    Attributes:
        code: three digits, 400 to 599 (RFC 5321 section 4.2.1).
        enhanced: the enhanced status code (RFC 3463), such as "5.1.1"; its class is the code's first digit (RFC 2034 section 4).
        text: one line for people.
    """

    code: int
    enhanced: str
    text: str

    @property
    def reply(self) -> str:
        """The reply line, without its line end."""
        return f"{self.code} {self.enhanced} {self.text}"


UNKNOWN_USER = Refusal(550, "5.1.1", "No such user here")
"""RFC 3463 section 3.2, "Bad destination mailbox address"."""

NO_RELAYING = Refusal(550, "5.7.1", "Relaying denied: not a domain of this organization")
"""RFC 3463 section 3.8, "Delivery not authorized, message refused"."""

NOT_A_USER = Refusal(550, "5.7.1", "The sender is not a user of this organization")
NOT_YOUR_ADDRESS = Refusal(553, "5.7.1", "The sender is not an address of the user who has logged in")


@dataclass(frozen=True, slots=True)
class Submission:
    """One accepted mail transaction.

    Attributes:
        direction: of the port.
        mail_from: the reverse-path; "" for the null one.
        recipients: at least one, each once, as the client wrote them.
        raw: the octets between DATA and the final dot, dot-unstuffed (RFC 5321 section 4.5.2) and otherwise unchanged.
    """

    direction: FlowDirection
    mail_from: str
    recipients: tuple[str, ...]
    raw: bytes


class Acceptor(Protocol):
    """Decides who may send to whom, and stores the mail. Called in the event loop of a server; each server has its own thread.

    Any exception gives the client 451, so that no mail is lost; one other than `TemporarilyRefused` is logged as a defect.
    """

    def refuse_sender(self, direction: FlowDirection, address: str, user: str) -> Refusal | None:
        """Return why a reverse-path is refused, or None.

        Args:
            direction: of the port.
            address: "" for the null reverse-path.
            user: the one who has logged in, or "". A login succeeds, with any password, if the user may send from an address of his own.

        Raises:
            TemporarilyRefused: the answer is not known now.
        """
        ...

    def refuse_recipient(self, direction: FlowDirection, address: str) -> Refusal | None:
        """Return why a recipient is refused, or None.

        Args:
            direction: of the port.
            address: may be "postmaster" in any case, without a domain (RFC 5321 section 4.5.1).

        Raises:
            TemporarilyRefused: the answer is not known now.
        """
        ...

    async def accept(self, submission: Submission) -> int:
        """Store a message on disk and return its number.

        Is cancelled only by a server that is stopped and has waited long enough, never because the client has hung up.

        Raises:
            TemporarilyRefused: the message is not stored.
        """
        ...
