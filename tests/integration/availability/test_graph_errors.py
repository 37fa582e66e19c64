"""Errors of Microsoft Graph: every documented error, tokens, and servers that do not respond."""

import time
from collections.abc import Callable

import pytest
from requests import Session

from mailhooks.availability import answer
from mailhooks.availability.backends.graph.backend import GraphBackend
from mailhooks.availability.backends.http import client as http
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
from tests.support.backends import ask, look_up, request
from tests.support.servers.graph import CLIENT, SECRET, TENANT, Fault, MicrosoftCloud, User, entra_error, graph_error

ANA, BEN, CEM = "ana@example.com", "ben@example.com", "cem@example.com"

Make = Callable[..., GraphBackend]


FAILURES: list[tuple[Fault, type[LookupFailed], AvailabilityErrorCode]] = [
    (graph_error(403, "ErrorAccessDenied"), NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (graph_error(403, "Authorization_RequestDenied"), NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (graph_error(404, "ErrorItemNotFound"), MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    (graph_error(404, "ResourceNotFound"), MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    (graph_error(404, "Request_ResourceNotFound"), MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    (graph_error(404, "ErrorInvalidUser"), MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    (graph_error(404, "MailboxNotEnabledForRESTAPI"), MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    (graph_error(400, "ErrorNonExistentMailbox"), MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
]
"""Errors of the user in the path, which are results of that mailbox and not exceptions."""

RAISED: list[tuple[Fault, type[LookupFailed], AvailabilityErrorCode]] = [
    ((404, "<html>no such page</html>", {}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (graph_error(400, "ErrorInvalidTimeInterval"), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (graph_error(400, "BadRequest"), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (graph_error(429, "ApplicationThrottled", headers={"Retry-After": "7"}), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (graph_error(429, "UnknownError"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (graph_error(500, "ErrorInternalServerTransientError"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (graph_error(500, "UnknownError"), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((502, "<html>Bad gateway</html>", {}), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (graph_error(503, "serviceNotAvailable"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    (graph_error(504, "UnknownError"), TimedOut, AvailabilityErrorCode.TIMEOUT_EXPIRED),
    ((408, "", {}), TimedOut, AvailabilityErrorCode.TIMEOUT_EXPIRED),
    (graph_error(509, "UnknownError"), ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ((302, "", {"Location": "https://example.com/"}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((200, "<html>", {}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((200, {"value": None}, {}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ((200, [], {}), GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
]


@pytest.mark.parametrize("fault, kind, code", FAILURES)
def test_each_error_of_the_user_in_the_path_has_its_failure(
    microsoft: MicrosoftCloud, make_graph: Make, fault: Fault, kind: type[LookupFailed], code: AvailabilityErrorCode
) -> None:
    microsoft.graph_faults = [fault]
    failed = ask(make_graph(), ANA)[ANA]
    assert type(failed) is kind
    assert failed.code is code
    assert "example.com" not in str(failed)


@pytest.mark.parametrize("fault, kind, code", RAISED)
def test_each_error_of_a_request_has_its_failure(
    microsoft: MicrosoftCloud, make_graph: Make, fault: Fault, kind: type[LookupFailed], code: AvailabilityErrorCode
) -> None:
    microsoft.graph_faults = [fault]
    with pytest.raises(LookupFailed) as raised:
        ask(make_graph(), ANA)
    assert type(raised.value) is kind
    assert raised.value.code is code
    assert raised.value.retry_after == (7.0 if fault[2].get("Retry-After") else None)
    assert "example.com" not in str(raised.value)


@pytest.mark.parametrize(
    "fault, transient",
    [
        (graph_error(500, "UnknownError"), True),
        ((500, "<html>", {}), True),
        (graph_error(504, "UnknownError"), True),
        ((504, "", {}), True),
        ((408, "", {}), True),
        (graph_error(500, "ErrorInvalidUser"), False),
        (graph_error(400, "BadRequest"), False),
        ((501, "", {}), False),
    ],
)
def test_an_internal_error_and_a_gateways_time_out_are_transient(
    microsoft: MicrosoftCloud, make_graph: Make, fault: Fault, transient: bool
) -> None:
    microsoft.graph_faults = [fault]
    failed = look_up(make_graph(), ANA)
    assert isinstance(failed, LookupFailed)
    assert failed.transient is transient


@pytest.mark.parametrize("fault", [(504, "", {}), (500, "", {}), (502, "", {}), (503, "", {}), (429, "", {"Retry-After": "0"})])
def test_a_request_is_sent_again_after_a_transient_error(microsoft: MicrosoftCloud, make_graph: Make, fault: Fault) -> None:
    # Case 578: 504 at once, without Retry-After.
    microsoft.graph_faults = [fault]
    [mailbox] = answer(request(ANA), {"*": make_graph()})["mailboxes"]
    assert mailbox["events"] == []
    assert microsoft.calls.count(f"POST {ANA}") == 2


def test_the_number_of_attempts_is_limited(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.graph_faults = [(504, "", {})] * 20
    [mailbox] = answer(request(ANA), {"*": make_graph()}, budget_s=1.5)["mailboxes"]
    assert mailbox["error"] == "ErrorTimeoutExpired"
    assert microsoft.calls.count(f"POST {ANA}") == 2


@pytest.mark.parametrize("fault", [(504, "", {}), (500, "<html>", {})])
def test_an_error_of_the_token_endpoint_is_transient_too(microsoft: MicrosoftCloud, make_graph: Make, fault: Fault) -> None:
    microsoft.token_faults = [fault]
    failed = look_up(make_graph(), ANA)
    assert isinstance(failed, LookupFailed)
    assert failed.transient


def test_the_innermost_known_code_applies(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    error = {"code": "ErrorAccessDenied", "innerError": {"code": "ErrorServerBusy", "innererror": {"code": "SomethingNewer"}}}
    microsoft.graph_faults = [(400, {"error": error}, {})]
    with pytest.raises(ServerBusy, match="ErrorServerBusy"):
        ask(make_graph(), ANA)


# Users that Graph rejects


def test_after_three_unknown_users_the_search_ends(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    mailboxes = [f"m{number}@example.com" for number in range(20)]
    found = ask(make_graph(), *mailboxes)
    assert list(found) == mailboxes
    assert {type(found[mailbox]) for mailbox in mailboxes[:3]} == {MailboxNotFound}
    # The other mailboxes were not queried.
    assert {type(found[mailbox]) for mailbox in mailboxes[3:]} == {GenerationFailed}
    assert "`user`" in str(found[mailboxes[3]])
    assert microsoft.calls[2:] == [f"POST {mailbox}" for mailbox in mailboxes[:3]]


def test_after_two_unknown_users_the_search_continues(make_graph: Make) -> None:
    found = ask(make_graph(), "unknown@example.com", "noone@example.com", ANA, BEN)
    assert [type(result) for result in found.values()] == [MailboxNotFound, MailboxNotFound, Schedule, Schedule]


def test_hidden_and_unknown_users_are_counted_separately(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.users |= {ANA: User(hidden=True), BEN: User(hidden=True)}
    mailboxes = [ANA, BEN, *(f"m{number}@example.com" for number in range(9))]
    kinds = [type(result) for result in ask(make_graph(), *mailboxes).values()]
    assert kinds == [NoAccess] * 2 + [MailboxNotFound] * 3 + [GenerationFailed] * 6


# Tokens.

TOKEN_FAILURES: list[tuple[Fault, type[LookupFailed], str]] = [
    (entra_error(401, "invalid_client", 7000215), AuthenticationFailed, "AADSTS7000215"),
    (entra_error(401, "invalid_client", 7000222), AuthenticationFailed, "AADSTS7000222"),
    (entra_error(400, "unauthorized_client", 700016), AuthenticationFailed, "AADSTS700016"),
    (entra_error(400, "invalid_request", 90002), AuthenticationFailed, "AADSTS90002"),
    (entra_error(400, "temporarily_unavailable", 90033), ServerBusy, "temporarily_unavailable"),
    (entra_error(503, "temporarily_unavailable", 90033, {"Retry-After": "9"}), ServerBusy, "temporarily_unavailable"),
    (entra_error(429, "invalid_request", 90055), ServerBusy, "429"),
    ((503, "<html>Secret Contoso page</html>", {}), ServerBusy, "503"),
    ((504, "", {}), TimedOut, "504"),
    ((408, "", {}), TimedOut, "408"),
    ((500, "<html>Secret Contoso page</html>", {}), GenerationFailed, "500"),
    ((404, "<html>Secret Contoso page</html>", {}), GenerationFailed, "404"),
    ((200, "<html>Secret Contoso page</html>", {}), GenerationFailed, "cannot be read"),
    ((200, {"token_type": "Bearer"}, {}), GenerationFailed, "cannot be read"),
]


@pytest.mark.parametrize("fault, kind, text", TOKEN_FAILURES)
def test_each_error_of_the_token_endpoint_has_its_failure(
    microsoft: MicrosoftCloud, make_graph: Make, caplog: pytest.LogCaptureFixture, fault: Fault, kind: type[LookupFailed], text: str
) -> None:
    microsoft.token_faults = [fault]
    backend = make_graph()
    with pytest.raises(LookupFailed, match=text) as raised:
        ask(backend, ANA)
    assert type(raised.value) is kind
    assert raised.value.retry_after == (9.0 if fault[2] else None)
    for secret in ("Contoso", "Trace", SECRET):
        assert secret not in str(raised.value) + caplog.text
    # msal does not cache the failure.
    assert isinstance(ask(backend, ANA)[ANA], Schedule)


def test_a_wrong_secret_app_or_tenant_is_an_authentication_failure(make_graph: Make) -> None:
    for wrong in ({"clientSecret": "other"}, {"clientId": "other"}, {"tenantId": "other.onmicrosoft.com"}):
        with pytest.raises(AuthenticationFailed):
            ask(make_graph(**wrong), ANA)


def test_an_invalid_authority_is_not_an_authentication_failure(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    with pytest.raises(GenerationFailed):
        ask(make_graph(authority=f"{microsoft.url}/v1.0/users"), ANA)


def test_a_slow_response_times_out_at_the_deadline(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    backend = make_graph()
    ask(backend, ANA)
    microsoft.delay = 1.0
    begun = time.monotonic()
    with pytest.raises(TimedOut):
        ask(backend, ANA, seconds=0.2)
    assert time.monotonic() - begun < 0.7


def test_a_thread_waits_for_anothers_token_until_its_deadline(make_graph: Make) -> None:
    backend = make_graph()
    with backend._tokens._lock, pytest.raises(TimedOut):
        ask(backend, ANA, seconds=0.1)


def test_a_closed_port_is_unreachable(microsoft_session: Session) -> None:
    nowhere = "https://127.0.0.1:9"
    config = {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": SECRET, "authority": nowhere, "endpoint": nowhere}
    with pytest.raises(Unreachable):
        ask(GraphBackend(config, session=microsoft_session), ANA)


def test_an_untrusted_certificate_is_unreachable(microsoft: MicrosoftCloud) -> None:
    config = {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": SECRET, "authority": microsoft.url, "endpoint": microsoft.url}
    with http.create_session() as public, pytest.raises(Unreachable, match="not trusted"):
        ask(GraphBackend(config, session=public), ANA)


def test_a_revoked_token_is_renewed_once(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    backend = make_graph()
    ask(backend, ANA)
    microsoft.tokens.clear()
    assert isinstance(ask(backend, ANA)[ANA], Schedule)
    assert microsoft.calls[3:] == [f"POST {ANA}", "POST token", f"POST {ANA}"]


def test_a_second_rejection_is_an_authentication_failure(microsoft: MicrosoftCloud, make_graph: Make) -> None:
    microsoft.graph_faults = [graph_error(401, "InvalidAuthenticationToken")] * 2
    with pytest.raises(AuthenticationFailed) as raised:
        ask(make_graph(), ANA)
    assert "secret@example.com" not in str(raised.value)
    assert microsoft.calls.count(f"POST {ANA}") == 2
