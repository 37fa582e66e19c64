"""Failures of a look-up, each with its WorkMail error code.

Guide, "Building a Custom Availability Provider Lambda function", "Error". Texts are logged. They contain no address, no credential and no
text of a server."""

from typing import ClassVar

from mailhooks.contract.freebusy import AvailabilityErrorCode
from mailhooks.errors import MailhooksError


class LookupFailed(MailhooksError):
    """A calendar could not be read. A backend raises it for all mailboxes of a look-up, or returns it for one mailbox.

    Attributes:
        code: the error code for WorkMail.
        transient: whether a retry may succeed; by default the value of the class.
        backend_wide: whether the failure concerns the whole backend, so that the circuit breaker counts it.
        retry_after: seconds after which the server accepts a retry; None if it names none.
    """

    code: ClassVar[AvailabilityErrorCode] = AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED
    transient: bool = False
    backend_wide: ClassVar[bool] = False

    def __init__(self, text: str, *, retry_after: float | None = None, transient: bool | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        if transient is not None:
            self.transient = transient


class MailboxNotFound(LookupFailed):
    """The calendar system has no such mailbox."""

    code = AvailabilityErrorCode.MAILBOX_NOT_FOUND


class NotRouted(LookupFailed):
    """The configuration names no backend for the mailbox's domain, or there is no configuration."""

    code = AvailabilityErrorCode.CONFIG_NOT_FOUND


class NoAccess(LookupFailed):
    """Our account may not see the mailbox's free/busy times."""


class GenerationFailed(LookupFailed):
    """Any other error of the calendar system, or a response that cannot be read."""


class AuthenticationFailed(LookupFailed):
    """The server rejects the credentials. The configuration is then read again, because they may have been rotated."""

    backend_wide = True


class ServerBusy(LookupFailed):
    """The server throttles our requests or is overloaded."""

    code = AvailabilityErrorCode.SERVER_BUSY
    transient = True
    backend_wide = True


class Unreachable(LookupFailed):
    """There is no connection to the server, or its certificate is not trusted."""

    transient = True
    backend_wide = True


class TimedOut(LookupFailed):
    """The server did not respond in time."""

    code = AvailabilityErrorCode.TIMEOUT_EXPIRED
    backend_wide = True
