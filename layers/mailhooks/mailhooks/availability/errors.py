"""Why a look-up failed, each with the code that WorkMail is told (guide, "Building a Custom Availability Provider Lambda function").

No text here holds an address, a credential or an answer of a server: texts are logged.
"""

from typing import ClassVar

from mailhooks.contract.freebusy import AvailabilityErrorCode
from mailhooks.errors import MailhooksError


class LookupFailed(MailhooksError):
    """A mailbox's calendar could not be read. Raised by a backend it stands for all mailboxes asked, returned for one it is that one's.

    Attributes:
        code: what WorkMail is told.
        transient: whether the same look-up may succeed in a moment.
        counts: whether it speaks for the state of the whole backend, so that one which keeps failing so is left alone for a while.
        retry_after: seconds after which the server wants to be asked again; None where it does not say.
    """

    code: ClassVar[AvailabilityErrorCode] = AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED
    transient: ClassVar[bool] = False
    counts: ClassVar[bool] = False

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class MailboxNotFound(LookupFailed):
    """The source knows no such mailbox."""

    code = AvailabilityErrorCode.MAILBOX_NOT_FOUND


class NotRouted(LookupFailed):
    """The configuration names no backend for the mailbox's domain, or there is no configuration."""

    code = AvailabilityErrorCode.CONFIG_NOT_FOUND


class NoAccess(LookupFailed):
    """The source has the mailbox but does not let our account see its free/busy times."""


class GenerationFailed(LookupFailed):
    """Whatever else a source says against a look-up, or an answer that cannot be read."""


class AuthenticationFailed(LookupFailed):
    """The credentials are refused. The configuration is then read anew: they may have been rotated."""

    counts = True


class ServerBusy(LookupFailed):
    """The source is throttling us, or is overloaded."""

    code = AvailabilityErrorCode.SERVER_BUSY
    transient = True
    counts = True


class Unreachable(LookupFailed):
    """No connection: the name does not resolve, the connection is refused or breaks, the certificate is not trusted."""

    transient = True
    counts = True


class TimedOut(LookupFailed):
    """No answer in time."""

    code = AvailabilityErrorCode.TIMEOUT_EXPIRED
    counts = True
