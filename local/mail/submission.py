"""What an SMTP server asks of the one who takes the mail in, and what it hands over. Plain values."""

from dataclasses import dataclass
from typing import Protocol

from local.errors import LocalError
from mailhooks.contract import FlowDirection


class TemporarilyRefused(LocalError):
    """The message cannot be kept now. The client is told 451 and tries again; the text is not sent to it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that refuses.

    Attributes:
        code: three digits, 400 to 599 (RFC 5321 section 4.2.1).
        enhanced: the enhanced status code (RFC 3463), such as "5.1.1"; its class is the code's first digit (RFC 2034 section 4).
        text: for people; one line.
    """

    code: int
    enhanced: str
    text: str

    @property
    def reply(self) -> str:
        """The line that is sent, without its line end."""
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
        direction: by which port it came.
        mail_from: the reverse-path; "" for the null one.
        recipients: as the client wrote them, none twice; at least one.
        raw: the octets between DATA and the final dot, dot-unstuffed (RFC 5321 section 4.5.2); nothing is added or changed.
    """

    direction: FlowDirection
    mail_from: str
    recipients: tuple[str, ...]
    raw: bytes


class Acceptor(Protocol):
    """Who takes the mail in. All of it is called in the event loop of the server that asks: two servers are two threads.

    Any other exception is a defect of the acceptor; the client gets 451 all the same, so that no mail is lost.
    """

    def refuse_sender(self, direction: FlowDirection, address: str, user: str) -> Refusal | None:
        """Whether a reverse-path is refused.

        Args:
            direction: of the server.
            address: "" for the null reverse-path.
            user: who has logged in; "" for nobody. A login is tried by asking for this user's own address as sender: whoever may send as
                himself is known, and any password will do.

        Raises:
            TemporarilyRefused: cannot be told now.
        """
        ...

    def refuse_recipient(self, direction: FlowDirection, address: str) -> Refusal | None:
        """Whether a recipient is refused. `address` may be "postmaster" in any case, without a domain (RFC 5321 section 4.5.1).

        Raises:
            TemporarilyRefused: cannot be told now.
        """
        ...

    async def accept(self, submission: Submission) -> int:
        """Returns the message's number once it is on disk.

        Runs to its end even when the client has hung up meanwhile; is cancelled only when a server that is stopped waits no longer.

        Raises:
            TemporarilyRefused: it is not kept.
        """
        ...
