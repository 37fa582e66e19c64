"""What EWS's response codes mean for a look-up: the one table of them.

Source: Microsoft's EWS reference, "ResponseCode". GetUserAvailability gives a code for each mailbox, or a SOAP fault's for the whole
request. The 200 or so that are not here can befall other operations only, or say no more than that it did not work: `GenerationFailed`.
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
    """Exchange itself knows no place to ask for the mailbox's forest. WorkMail has this very code."""

    code = AvailabilityErrorCode.CONFIG_NOT_FOUND


KINDS: Final[dict[str, type[LookupFailed]]] = {
    # There is no such mailbox. ErrorCannotFindUser and ErrorRecipientNotFound are Exchange 2013's and later.
    "ErrorMailRecipientNotFound": MailboxNotFound,
    "ErrorNonExistentMailbox": MailboxNotFound,
    "ErrorCannotFindUser": MailboxNotFound,
    "ErrorRecipientNotFound": MailboxNotFound,
    "ErrorInvalidSmtpAddress": MailboxNotFound,
    # There is, and we may not see its times.
    "ErrorNoFreeBusyAccess": NoAccess,
    "ErrorAccessDenied": NoAccess,
    "ErrorImpersonateUserDenied": NoAccess,
    "ErrorImpersonationDenied": NoAccess,
    "ErrorInvalidOrganizationRelationshipForFreeBusy": NoAccess,
    "ErrorOrganizationAccessBlocked": NoAccess,
    # Too much is asked of the server, by us or by all; "try your request again later" is what the reference says of these.
    "ErrorServerBusy": ServerBusy,
    "ErrorExceededConnectionCount": ServerBusy,
    "ErrorTooManyObjectsOpened": ServerBusy,
    "ErrorInsufficientResources": ServerBusy,
    "ErrorNotEnoughMemory": ServerBusy,
    "ErrorInternalServerTransientError": ServerBusy,
    "ErrorConnectionFailedTransientError": ServerBusy,
    "ErrorADUnavailable": ServerBusy,
    "ErrorTimeoutExpired": TimedOut,
    # Our own account.
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
"""As a fault: one mailbox may be to blame, or their number."""

_SPELLED: Final = {code.lower(): code for code in KINDS.keys() | _DIVISIBLE}

_CODE: Final = re.compile(r"Error[A-Za-z0-9]{1,80}")


class RequestFailed(MailhooksError):
    """The answer to a request is of no use for any of its mailboxes.

    Attributes:
        failure: what is the matter.
        divisible: whether fewer mailboxes at once may fare better.
    """

    def __init__(self, failure: LookupFailed, *, divisible: bool = False) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.divisible = divisible


def failure_for_code(code: str, back_off_s: float | None = None) -> LookupFailed:
    """What a response code means.

    Args:
        code: as the server sends it; one that looks like none is not quoted.
        back_off_s: seconds that the server wants to be left alone.
    """
    code = _as_documented(code)
    kind = KINDS.get(code, GenerationFailed)
    shown = code if _CODE.fullmatch(code) else "an error without a known code"
    return kind(f"the server answers {shown}", retry_after=back_off_s if kind is ServerBusy else None)


def fault_for_code(code: str, back_off_s: float | None = None) -> RequestFailed:
    """The same for a SOAP fault."""
    return RequestFailed(failure_for_code(code, back_off_s), divisible=_as_documented(code) in _DIVISIBLE)


def _as_documented(code: str) -> str:
    """QUIRK: servers that are not Exchange write codes with a namespace's prefix, or in other letters."""
    bare = code.rpartition(":")[2].strip()
    return _SPELLED.get(bare.lower(), bare)
