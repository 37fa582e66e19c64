"""The values and the interface between an SMTP server and the part that stores the mail."""

from dataclasses import dataclass
from typing import Protocol

from mailhooks.contract import FlowDirection
from workmail_local.errors import LocalError


class TemporarilyRefused(LocalError):
    """The message cannot be stored now. The client gets 451 and tries again; the error's text is not sent to it."""


# Replies that refuse a command (RFC 5321 section 4.2), with an enhanced status code (RFC 3463 section 3).
UNKNOWN_USER = "550 5.1.1 No such user here"
NO_RELAYING = "550 5.7.1 Relaying denied: not a domain of this organization"
NOT_A_USER = "550 5.7.1 The sender is not a user of this organization"
NOT_YOUR_ADDRESS = "553 5.7.1 The sender is not an address of the user who has logged in"


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

    def refuse_sender(self, direction: FlowDirection, address: str, user: str) -> str | None:
        """Return the reply that refuses a reverse-path; None to accept it.

        Args:
            direction: of the port.
            address: "" for the null reverse-path.
            user: the one who has logged in, or "".
        """
        ...

    def accepts_login(self, user: str, password: str) -> bool:
        """Return whether a user may log in with a password."""
        ...

    def refuse_recipient(self, direction: FlowDirection, address: str) -> str | None:
        """Return the reply that refuses a recipient; None to accept it.

        Args:
            direction: of the port.
            address: may be "postmaster" in any case, without a domain (RFC 5321 section 4.5.1).
        """
        ...

    async def accept(self, submission: Submission) -> int:
        """Store a message on disk and return its number.

        Only a server that stops, and has waited long enough, cancels this; a client that hangs up does not.
        """
        ...
