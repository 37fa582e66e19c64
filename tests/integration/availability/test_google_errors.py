"""Errors of Google: every documented error, and servers that do not respond."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mailhooks.availability.backends.google.backend import GoogleBackend
from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    NoAccess,
    ServerBusy,
    TimedOut,
    Unreachable,
)
from mailhooks.availability.model import Schedule
from mailhooks.contract.freebusy import AvailabilityErrorCode
from mailhooks.errors import SettingsError
from tests.support.backends import ask
from tests.support.servers.google import ACCOUNT, Fault, GoogleCloud, api_error, token_error

ANA, BEN = "ana@example.net", "ben@example.net"

Make = Callable[..., GoogleBackend]


REASONS: list[tuple[str, type[LookupFailed], AvailabilityErrorCode]] = [
    ("notFound", MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    ("groupTooBig", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("tooManyCalendarsRequested", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("internalError", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("backendError", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("rateLimitExceeded", ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ("userRateLimitExceeded", ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ("quotaExceeded", ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ("dailyLimitExceeded", ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ("timeRangeTooLong", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("forbidden", NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("somethingNewer", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("names secret@example.com", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
]


@pytest.mark.parametrize("reason, kind, code", REASONS)
def test_an_error_of_one_calendar_does_not_affect_the_others(
    google: GoogleCloud, make_google: Make, reason: str, kind: type[LookupFailed], code: AvailabilityErrorCode
) -> None:
    google.calendars[BEN] = reason
    found = ask(make_google(), ANA, BEN)
    assert isinstance(found[ANA], Schedule)
    failed = found[BEN]
    assert isinstance(failed, kind)
    assert failed.code is code
    assert failed.transient == (reason in {"internalError", "backendError"} or (kind is ServerBusy and reason != "dailyLimitExceeded"))
    assert "example.com" not in str(failed)


FAILURES: list[tuple[Fault, type[LookupFailed], AvailabilityErrorCode]] = [
    (api_error(400, "timeRangeEmpty", "calendar"), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (api_error(403, "rateLimitExceeded", "usageLimits", {"Retry-After": "7"}), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (api_error(403, "userRateLimitExceeded", "usageLimits"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (api_error(403, "quotaExceeded", "usageLimits"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (api_error(403, "dailyLimitExceeded", "usageLimits"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (api_error(429, "dailyLimitExceeded", "usageLimits"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (api_error(403, "accessNotConfigured", "usageLimits"), NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (api_error(403, "insufficientPermissions"), NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (api_error(403, "forbidden"), NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((403, "<html>", {}), NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (api_error(404, "notFound"), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (api_error(429, "rateLimitExceeded", "usageLimits"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ((429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, {}), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (
        (403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": "RATE_LIMIT_EXCEEDED"}]}}, {}),
        ServerBusy,
        AvailabilityErrorCode.SERVER_BUSY,
    ),
    (
        (403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}, {}),
        NoAccess,
        AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED,
    ),
    (api_error(500, "backendError"), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((500, "<html>", {}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((502, "<html>", {}), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (api_error(503, "backendError"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ((504, "", {}), TimedOut, AvailabilityErrorCode.TIMEOUT_EXPIRED),
    ((408, "", {}), TimedOut, AvailabilityErrorCode.TIMEOUT_EXPIRED),
    ((200, "<html>", {}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((200, {"calendars": None}, {}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((200, [], {}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
]


@pytest.mark.parametrize("fault, kind, code", FAILURES)
def test_each_error_of_a_request_has_its_failure(
    google: GoogleCloud, make_google: Make, fault: Fault, kind: type[LookupFailed], code: AvailabilityErrorCode
) -> None:
    google.api_faults = [fault]
    with pytest.raises(kind) as raised:
        ask(make_google(), ANA)
    assert raised.value.code is code
    assert raised.value.transient == ((fault[0] in {408, 500, 504} or kind is ServerBusy) and "dailyLimit" not in str(raised.value))
    assert raised.value.retry_after == (7.0 if fault[2] else None)
    assert "example.com" not in str(raised.value)


TOKEN_FAILURES: list[tuple[Fault, type[LookupFailed], str]] = [
    (token_error(400, "invalid_grant"), AuthenticationFailed, "the key is wrong"),
    (token_error(401, "unauthorized_client"), AuthenticationFailed, "domain-wide delegation is missing"),
    (token_error(401, "invalid_client"), AuthenticationFailed, "the service account is unknown"),
    (token_error(400, "invalid_scope"), AuthenticationFailed, "the scope is not allowed"),
    (token_error(400, "admin_policy_enforced"), AuthenticationFailed, "administrator"),
    (token_error(403, "something_newer"), AuthenticationFailed, "HTTP 403"),
    (token_error(403, "rate_limit_exceeded", {"Retry-After": "9"}), ServerBusy, "rate_limit_exceeded"),
    (token_error(500, "internal_failure"), ServerBusy, "internal_failure"),
    (token_error(400, "temporarily_unavailable"), ServerBusy, "temporarily_unavailable"),
    ((429, "", {}), ServerBusy, "429"),
    (token_error(429, "something_newer"), ServerBusy, "429"),
    ((503, f"<html>{ACCOUNT}</html>", {}), ServerBusy, "503"),
    ((500, f"<html>{ACCOUNT}</html>", {}), GenerationFailed, "500"),
    ((504, "", {}), TimedOut, "504"),
    ((404, f"<html>{ACCOUNT}</html>", {}), GenerationFailed, "404"),
    ((200, f"<html>{ACCOUNT}</html>", {}), GenerationFailed, "cannot be read"),
    ((200, {"token_type": "Bearer"}, {}), GenerationFailed, "cannot be read"),
    ((200, {"access_token": "ya29.x", "expires_in": "soon"}, {}), GenerationFailed, "cannot be read"),
]


@pytest.mark.parametrize("fault, kind, text", TOKEN_FAILURES)
def test_each_error_of_the_token_endpoint_has_its_failure(
    google: GoogleCloud, make_google: Make, caplog: pytest.LogCaptureFixture, fault: Fault, kind: type[LookupFailed], text: str
) -> None:
    google.token_faults = [fault]
    backend = make_google()
    begun = time.monotonic()
    with pytest.raises(LookupFailed, match=text) as raised:
        ask(backend, ANA)
    # google-auth would retry after one and two seconds.
    assert time.monotonic() - begun < 0.9
    assert type(raised.value) is kind
    assert raised.value.retry_after == (9.0 if fault[2] else None)
    assert ACCOUNT not in str(raised.value) + caplog.text
    assert isinstance(ask(backend, ANA)[ANA], Schedule)


def test_a_user_without_delegation_is_an_authentication_failure(make_google: Make) -> None:
    with pytest.raises(AuthenticationFailed, match="domain-wide delegation"):
        ask(make_google(subject="calendar@example.net"), ANA)


def test_the_key_of_another_account_is_an_authentication_failure(google: GoogleCloud, make_google: Make) -> None:
    backend = make_google()
    google.key = rsa.generate_private_key(65537, 2048)
    with pytest.raises(AuthenticationFailed, match="the key is wrong"):
        ask(backend, ANA)


def test_an_error_of_google_auth_is_an_authentication_failure(google: GoogleCloud, make_google: Make) -> None:
    account = google.service_account(universe_domain="example.org")
    with pytest.raises(AuthenticationFailed, match="RefreshError"):
        ask(make_google(serviceAccount=account, subject="calendar@example.net"), ANA)


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
        {"private_key": "-----BEGIN NOTHING-----"},
        {"private_key": None},
    ],
)
def test_an_unreadable_key_is_a_settings_error(google: GoogleCloud, make_google: Make, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="serviceAccount") as raised:
        make_google(serviceAccount=google.service_account(**changes))
    assert "BEGIN" not in str(raised.value)


# Time.


def test_a_slow_response_times_out_at_the_deadline(google: GoogleCloud, make_google: Make) -> None:
    backend = make_google()
    ask(backend, ANA)
    google.delay = 1.0
    begun = time.monotonic()
    with pytest.raises(TimedOut):
        ask(backend, ANA, seconds=0.2)
    assert time.monotonic() - begun < 0.7


def test_a_slow_token_times_out_at_the_deadline_for_all_threads(google: GoogleCloud, make_google: Make) -> None:
    backend = make_google()
    google.token_delay = 1.0

    def one(_: int) -> float:
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            ask(backend, ANA, seconds=0.2)
        return time.monotonic() - begun

    with ThreadPoolExecutor(2) as pool:
        assert max(pool.map(one, range(2))) < 0.7


def test_a_closed_port_is_unreachable(google: GoogleCloud, make_google: Make) -> None:
    nowhere = "http://127.0.0.1:9"
    with pytest.raises(Unreachable):
        ask(make_google(serviceAccount=google.service_account(token_uri=f"{nowhere}/token")), ANA)
    with pytest.raises(Unreachable):
        ask(make_google(endpoint=nowhere), ANA)
