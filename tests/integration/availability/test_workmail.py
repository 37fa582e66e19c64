"""The backend `workmail`: the impersonation role, its token, and EWS requests on behalf of each owner."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailhooks.availability.backends.workmail import WorkMailBackend
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
from mailhooks.aws.session import open_session
from mailhooks.contract.schema import check
from mailhooks.deadline import Deadline
from tests.support.backends import BEN, WINDOW, look_up
from tests.support.servers.ews import Bearer, EwsRequest, EwsServer, Reply, calendar, event, fault
from tests.support.servers.workmail import ORGANIZATION, ROLE, WorkMailApi


@pytest.fixture
def api(host: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> WorkMailApi:
    api = host(WorkMailApi())
    for name, value in {"ENDPOINT_URL_WORKMAIL": api.url, "ACCESS_KEY_ID": "local", "SECRET_ACCESS_KEY": "local"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return api


@pytest.fixture
def exchange(api: WorkMailApi, exchange: EwsServer) -> EwsServer:
    """Accepts the tokens that the API issues, for requests on behalf of the mailbox's owner."""
    exchange.sign_in, exchange.refuse = Bearer(api.tokens), _without_a_name
    return exchange


def _without_a_name(asked: EwsRequest) -> str | None:
    return None if (asked.impersonated,) == asked.mailboxes else "ErrorImpersonateUserDenied"


def backend(exchange: EwsServer, **config: Any) -> WorkMailBackend:
    role = {"type": "workmail", "organizationId": ORGANIZATION, "impersonationRoleId": ROLE, "region": "eu-west-1"}
    return WorkMailBackend({**role, "url": exchange.endpoint, **config})


def test_a_request_impersonates_the_mailboxs_owner(api: WorkMailApi, exchange: EwsServer) -> None:
    exchange.mailboxes[BEN] = calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z"))
    result = look_up(backend(exchange))
    assert isinstance(result, Schedule)
    assert len(result.events) == 1
    ((operation, parameters, signature),) = api.calls
    assert operation == "WorkMailService.AssumeImpersonationRole"
    assert parameters == {"OrganizationId": ORGANIZATION, "ImpersonationRoleId": ROLE}
    assert "/eu-west-1/workmail/aws4_request" in signature
    (asked,) = exchange.requests
    assert (asked.impersonated, asked.mailboxes) == (BEN, (BEN,))
    assert asked.headers["authorization"] == "Bearer token-1"
    assert asked.version == "Exchange2010_SP2"


def test_each_mailbox_has_its_own_request(exchange: EwsServer) -> None:
    workmail = backend(exchange)
    assert (workmail.limits.mailboxes, workmail.limits.span, workmail.limits.at_once) == (1, timedelta(days=42), 8)
    exchange.mailboxes["cleo@example.org"] = calendar()
    found = workmail.look_up([BEN, "cleo@example.org", "dan@example.org"], WINDOW, Deadline.after(5))
    assert [type(result) for result in found.values()] == [Schedule, Schedule, MailboxNotFound]
    assert [asked.impersonated for asked in exchange.requests] == [BEN, "cleo@example.org", "dan@example.org"]


def test_the_url_depends_on_the_region(api: WorkMailApi) -> None:
    config = {"type": "workmail", "organizationId": ORGANIZATION, "impersonationRoleId": ROLE, "region": "us-west-2"}
    check("availability-config", {"backends": {"there": config}, "routes": [{"mailboxes": ["example.org"], "backend": "there"}]})
    workmail = WorkMailBackend(config)
    assert workmail._client._connection.protocol.service_endpoint == "https://ews.mail.us-west-2.awsapps.com/EWS/Exchange.asmx"
    assert not api.calls


def test_one_token_is_used_for_many_look_ups_and_threads(api: WorkMailApi, exchange: EwsServer) -> None:
    workmail = backend(exchange)
    api.after_s = 0.2
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: look_up(workmail), range(16))) == [Schedule()] * 16
    assert len(api.calls) == 1


def test_an_expiring_token_is_renewed(api: WorkMailApi, exchange: EwsServer) -> None:
    api.lifetime_s = 0
    workmail = backend(exchange)
    assert [look_up(workmail) for _ in range(2)] == [Schedule()] * 2
    assert [asked.headers["authorization"] for asked in exchange.requests] == ["Bearer token-1", "Bearer token-2"]


def test_a_revoked_token_is_renewed_once(api: WorkMailApi, exchange: EwsServer) -> None:
    workmail = backend(exchange)
    look_up(workmail)
    api.tokens[0] = "revoked"
    assert look_up(workmail) == Schedule()
    exchange.sign_in = Bearer(set())
    assert type(look_up(workmail)) is AuthenticationFailed
    assert len(api.calls) == 3


@pytest.mark.parametrize(
    "name, status, kind",
    [
        ("ResourceNotFoundException", 400, GenerationFailed),
        ("OrganizationNotFoundException", 400, GenerationFailed),
        ("OrganizationStateException", 400, GenerationFailed),
        ("InvalidParameterException", 400, GenerationFailed),
        ("SomethingNew", 400, GenerationFailed),
        ("AccessDeniedException", 400, AuthenticationFailed),
        ("AccessDenied", 403, AuthenticationFailed),
        ("UnrecognizedClientException", 400, AuthenticationFailed),
        ("ExpiredTokenException", 400, AuthenticationFailed),
        ("ThrottlingException", 400, ServerBusy),
        ("TooManyRequestsException", 429, ServerBusy),
        ("InternalFailure", 500, ServerBusy),
        ("ServiceUnavailable", 503, ServerBusy),
        ("SomethingNew", 500, ServerBusy),
    ],
)
def test_each_error_of_the_role_has_its_failure(
    api: WorkMailApi, exchange: EwsServer, name: str, status: int, kind: type[LookupFailed]
) -> None:
    api.error = name, status
    result = look_up(backend(exchange))
    assert type(result) is kind
    assert name in str(result)
    assert "ana@" not in str(result)
    assert not exchange.requests


def test_a_role_of_another_organization_is_not_found(api: WorkMailApi, exchange: EwsServer) -> None:
    assert type(look_up(backend(exchange, impersonationRoleId="role-2"))) is GenerationFailed


def test_an_invalid_role_is_a_failure(api: WorkMailApi, exchange: EwsServer) -> None:
    assert str(look_up(backend(exchange, impersonationRoleId=""))) == "AssumeImpersonationRole: ParamValidationError"
    assert not api.calls


@pytest.mark.parametrize(
    "code, kind",
    [("ErrorImpersonateUserDenied", NoAccess), ("ErrorNonExistentMailbox", MailboxNotFound), ("ErrorServerBusy", ServerBusy)],
)
def test_a_failure_of_one_mailbox_is_not_repeated(exchange: EwsServer, code: str, kind: type[LookupFailed]) -> None:
    exchange.replies = [Reply(fault(code), 500)]
    workmail = backend(exchange)
    assert type(look_up(workmail)) is kind
    assert look_up(workmail) == Schedule()


def test_a_silent_api_times_out_at_the_deadline(api: WorkMailApi, exchange: EwsServer) -> None:
    workmail = backend(exchange)
    api.after_s = 1
    begun = datetime.now(UTC)
    assert type(look_up(workmail, seconds=0.3)) is TimedOut
    assert datetime.now(UTC) - begun < timedelta(seconds=0.8)


def test_a_missing_api_is_unreachable(exchange: EwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_WORKMAIL", "http://127.0.0.1:1")
    assert type(look_up(backend(exchange))) is Unreachable


def test_missing_aws_credentials_are_an_authentication_failure(exchange: EwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    open_session.cache_clear()  # it keeps the credentials of other tests
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert type(look_up(backend(exchange))) is AuthenticationFailed


def test_a_failure_does_not_quote_the_organization_id(api: WorkMailApi, exchange: EwsServer) -> None:
    api.error = "OrganizationStateException", 400
    assert ORGANIZATION not in json.dumps(str(look_up(backend(exchange))))
