"""The failures that EWS response codes mean.

Source: Microsoft's EWS reference, "ResponseCode". GetUserAvailability returns a code for each mailbox, or a SOAP fault with a code for the
whole request.
"""

import re
from typing import Final

from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    NoAccess,
    ServerBusy,
    TimedOut,
)
from mailhooks.contract.freebusy import AvailabilityErrorCode
from mailhooks.errors import MailhooksError


class AvailabilityConfigNotFound(LookupFailed):
    """Exchange has no availability configuration for the mailbox's forest. WorkMail has the same error code."""

    code = AvailabilityErrorCode.CONFIG_NOT_FOUND


KINDS: Final[dict[str, type[LookupFailed]]] = {
    # The mailbox does not exist. ErrorCannotFindUser and ErrorRecipientNotFound exist since Exchange 2013.
    "ErrorMailRecipientNotFound": MailboxNotFound,
    "ErrorNonExistentMailbox": MailboxNotFound,
    "ErrorCannotFindUser": MailboxNotFound,
    "ErrorRecipientNotFound": MailboxNotFound,
    "ErrorInvalidSmtpAddress": MailboxNotFound,
    # Our account may not see its times.
    "ErrorNoFreeBusyAccess": NoAccess,
    "ErrorAccessDenied": NoAccess,
    "ErrorImpersonateUserDenied": NoAccess,
    "ErrorImpersonationDenied": NoAccess,
    "ErrorInvalidOrganizationRelationshipForFreeBusy": NoAccess,
    "ErrorOrganizationAccessBlocked": NoAccess,
    # The server is overloaded or throttles our requests; the reference advises for these: "try your request again later".
    "ErrorServerBusy": ServerBusy,
    "ErrorExceededConnectionCount": ServerBusy,
    "ErrorTooManyObjectsOpened": ServerBusy,
    "ErrorInsufficientResources": ServerBusy,
    "ErrorNotEnoughMemory": ServerBusy,
    "ErrorInternalServerTransientError": ServerBusy,
    "ErrorConnectionFailedTransientError": ServerBusy,
    "ErrorADUnavailable": ServerBusy,
    "ErrorTimeoutExpired": TimedOut,
    # Our account cannot sign in.
    "ErrorPasswordExpired": AuthenticationFailed,
    "ErrorPasswordChangeRequired": AuthenticationFailed,
    "ErrorInvalidAuthorizationContext": AuthenticationFailed,
    "ErrorCallerIsInvalidADAccount": AuthenticationFailed,
    "ErrorAvailabilityConfigNotFound": AvailabilityConfigNotFound,
}
"""Any other code is a `GenerationFailed`: a store that is down or moving, a missing or too large calendar, another site that cannot be
reached, or a mistake in our request."""

_DIVISIBLE: Final = frozenset(
    {
        "ErrorIndividualMailboxLimitReached",
        "ErrorMailboxDataArrayTooBig",
        "ErrorRequestStreamTooBig",
        "ErrorInternalServerError",
        "ErrorInvalidArgument",
        "ErrorInvalidRequest",
        "ErrorSchemaValidation",
    }
    | {code for code, kind in KINDS.items() if kind is MailboxNotFound}
)
"""Codes of faults that one mailbox, or the number of mailboxes, may have caused."""

_SPELLED: Final = {code.lower(): code for code in KINDS.keys() | _DIVISIBLE}

_CODE: Final = re.compile(r"Error[A-Za-z0-9]{1,80}")


class RequestFailed(MailhooksError):
    """A request failed for all of its mailboxes. If it is divisible, a request for fewer mailboxes may succeed."""

    def __init__(self, failure: LookupFailed, *, divisible: bool = False) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.divisible = divisible


def failure_for_code(code: str, back_off_s: float | None = None) -> LookupFailed:
    """Return the failure that a server's response code means, with the pause that the server asks for. Quote only known forms of codes."""
    code = _normalize_code(code)
    kind = KINDS.get(code, GenerationFailed)
    shown = code if _CODE.fullmatch(code) else "an error without a known code"
    return kind(f"the server responded with {shown}", retry_after=back_off_s if kind is ServerBusy else None)


def fault_for_code(code: str, back_off_s: float | None = None) -> RequestFailed:
    """Return the error that a SOAP fault with this code means."""
    return RequestFailed(failure_for_code(code, back_off_s), divisible=_normalize_code(code) in _DIVISIBLE)


def _normalize_code(code: str) -> str:
    """QUIRK: servers other than Exchange write codes with a namespace prefix or in another case."""
    bare = code.rpartition(":")[2].strip()
    return _SPELLED.get(bare.lower(), bare)
