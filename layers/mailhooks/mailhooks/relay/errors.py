"""Why a message, or its change, is not passed on. The texts, most of them for an SMTP reply, quote no content and no address."""

from mailhooks.errors import MailhooksError, PermanentError


class TryAgain(MailhooksError):
    """The message is not accepted now: the client sends it again later (reply 451; RFC 5321 section 4.2.1).

    Attributes:
        text: for the reply, with an enhanced status code (RFC 3463).
        held: whether a rule holds the message until an approver decides.
    """

    def __init__(self, text: str, *, held: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.held = held


class Refused(MailhooksError):
    """The message is not accepted, now or later.

    Attributes:
        code: of the reply.
        enhanced: the enhanced status code (RFC 3463).
        text: for the reply, without codes.
    """

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(f"{code} {enhanced} {text}")
        self.code = code
        self.enhanced = enhanced
        self.text = text


class CannotPassOn(PermanentError):
    """The next host cannot get the changed message. Its reason is for `Disposition.without_change`."""
