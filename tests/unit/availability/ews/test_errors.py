"""The failures of all documented EWS response codes."""

import pytest
from exchangelib import errors

from mailhooks.availability.backends.ews.errors import KINDS, AvailabilityConfigNotFound, RequestFailed
from mailhooks.availability.backends.ews.response import Result, read_response
from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    NoAccess,
    ServerBusy,
    TimedOut,
)
from tests.support.servers.ews import answer, back_off, error, fault, m, t
from tests.support.tables import check_rows


def read(response: str) -> Result:
    (result,) = read_response(answer(response), 1)
    return result


CODES = {
    MailboxNotFound: """ErrorMailRecipientNotFound ErrorNonExistentMailbox ErrorCannotFindUser ErrorRecipientNotFound
        ErrorInvalidSmtpAddress""",
    NoAccess: """ErrorNoFreeBusyAccess ErrorAccessDenied ErrorImpersonateUserDenied ErrorImpersonationDenied
        ErrorInvalidOrganizationRelationshipForFreeBusy ErrorOrganizationAccessBlocked""",
    ServerBusy: """ErrorServerBusy ErrorExceededConnectionCount ErrorTooManyObjectsOpened ErrorInsufficientResources ErrorNotEnoughMemory
        ErrorInternalServerTransientError ErrorConnectionFailedTransientError ErrorADUnavailable""",
    TimedOut: "ErrorTimeoutExpired",
    AuthenticationFailed: """ErrorPasswordExpired ErrorPasswordChangeRequired ErrorInvalidAuthorizationContext
        ErrorCallerIsInvalidADAccount""",
    AvailabilityConfigNotFound: "ErrorAvailabilityConfigNotFound",
}
TOLD = {
    MailboxNotFound: "MailboxNotFound",
    NoAccess: "ErrorFreeBusyGenerationFailed",
    ServerBusy: "ErrorServerBusy",
    TimedOut: "ErrorTimeoutExpired",
    AuthenticationFailed: "ErrorFreeBusyGenerationFailed",
    AvailabilityConfigNotFound: "ErrorAvailabilityConfigNotFound",
    GenerationFailed: "ErrorFreeBusyGenerationFailed",
}


def every_documented_code() -> list[str]:
    """Return the names of exchangelib's errors, which are the codes."""
    return sorted({name for name in vars(errors) if name.startswith("Error")} | KINDS.keys())


def kind_of(code: str) -> type[LookupFailed]:
    return next((kind for kind, codes in CODES.items() if code in codes.split()), GenerationFailed)


def check_code(code: str) -> None:
    result = read(error(code, "for ben@example.org", back_off(1500)))
    assert isinstance(result, LookupFailed)
    assert type(result) is kind_of(code)
    assert result.code == TOLD[type(result)]
    assert str(result) == f"the server responded with {code}"
    assert result.retry_after == (1.5 if type(result) is ServerBusy else None)
    with pytest.raises(RequestFailed) as refused:
        read_response(fault(code), 3)
    assert type(refused.value.failure) is kind_of(code)


def test_every_documented_code_is_a_failure_of_a_mailbox_and_of_a_request() -> None:
    check_rows(every_documented_code(), check_code)


def test_the_library_knows_these_codes_and_no_others() -> None:
    assert set(KINDS) == {code for codes in CODES.values() for code in codes.split()}


def test_an_inner_code_applies() -> None:
    inner = t("MessageXml", '<t:Value Name="InnerErrorResponseCode">ErrorNoFreeBusyAccess</t:Value>')
    assert type(read(error("ErrorInternalServerError", more=inner))) is NoAccess


def test_a_fault_without_details_is_read_by_its_faultcode() -> None:
    with pytest.raises(RequestFailed) as refused:
        read_response(fault("ErrorServerBusy").replace(b"ResponseCode", b"Code"), 1)
    assert type(refused.value.failure) is ServerBusy


@pytest.mark.parametrize("code", ["", "busy, ben@example.org!", "Error" + "x" * 500])
def test_an_invalid_code_is_not_quoted(code: str) -> None:
    result = read(error(code))
    assert isinstance(result, GenerationFailed)
    assert str(result) == "the server responded with an error without a known code"


def test_an_error_outside_of_the_array_is_a_failure_of_the_request() -> None:
    message = m("ResponseMessage", m("ResponseCode", "ErrorServerBusy"), back_off(1000), attributes=' ResponseClass="Error"')
    with pytest.raises(RequestFailed) as refused:
        read_response(answer().replace(b"<m:FreeBusyResponseArray></m:FreeBusyResponseArray>", message.encode()), 1)
    assert (type(refused.value.failure), refused.value.failure.retry_after) == (ServerBusy, 1.0)
