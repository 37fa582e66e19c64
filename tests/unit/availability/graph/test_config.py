"""The settings of the Graph backend, read from its private attributes because no request is sent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from requests import Session

from mailhooks.availability.backends.graph.backend import GraphBackend
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.function.config import load
from mailhooks.contract.freebusy import BusyType
from mailhooks.contract.schema import check
from mailhooks.errors import SettingsError

TENANT = "contoso.onmicrosoft.com"
MINIMAL = {"type": "graph", "tenantId": TENANT, "clientId": "app", "clientSecret": "secret"}


@pytest.fixture
def session() -> Iterator[Session]:
    with http.create_session() as made:
        yield made


def document(config: dict[str, Any]) -> dict[str, Any]:
    return {"backends": {"cloud": config}, "routes": [{"mailboxes": ["*"], "backend": "cloud"}]}


def backend(session: Session, **settings: Any) -> GraphBackend:
    config = {**MINIMAL, **settings}
    check("availability-config", document(config))
    return GraphBackend(config, session=session)


@pytest.mark.parametrize(
    "settings, authority, scope",
    [
        ({}, f"https://login.microsoftonline.com/{TENANT}", "https://graph.microsoft.com/.default"),
        (
            {"authority": "https://login.microsoftonline.us/", "endpoint": "https://graph.microsoft.us/"},
            f"https://login.microsoftonline.us/{TENANT}",
            "https://graph.microsoft.us/.default",
        ),
        (
            {"authority": "https://login.chinacloudapi.cn", "endpoint": "https://microsoftgraph.chinacloudapi.cn"},
            f"https://login.chinacloudapi.cn/{TENANT}",
            "https://microsoftgraph.chinacloudapi.cn/.default",
        ),
        (
            {"authority": "https://login.microsoftonline.com/Contoso.onmicrosoft.com/"},
            "https://login.microsoftonline.com/Contoso.onmicrosoft.com",
            "https://graph.microsoft.com/.default",
        ),
    ],
)
def test_a_national_cloud_has_its_authority_and_endpoint(session: Session, settings: dict[str, Any], authority: str, scope: str) -> None:
    app = getattr(backend(session, **settings)._tokens._fetch, "__self__")  # noqa: B009 - mypy knows only a function
    assert (app.authority, app.scope) == (authority, scope)


def test_an_authority_without_tls_is_rejected(session: Session) -> None:
    with pytest.raises(SettingsError, match="authority: expected"):
        backend(session, authority="http://login.example.com")


def test_busy_types_are_configurable(session: Session) -> None:
    reader = backend(session, workingElsewhere="TENTATIVE", unknown="FREE", user="free-busy@example.com", maxMailboxes=5)._reader
    assert (reader.working_elsewhere, reader.unknown) == (BusyType.TENTATIVE, BusyType.FREE)


def test_the_configuration_selects_the_backend_by_type() -> None:
    provider = load(json.dumps(document(MINIMAL))).provider
    assert isinstance(provider.backends["cloud"], GraphBackend)


def test_an_unreadable_certificate_is_reported_without_the_key() -> None:
    certificate = {"privateKey": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "thumbprint": "0" * 40}
    config = {"type": "graph", "tenantId": TENANT, "clientId": "app", "certificate": certificate}
    with pytest.raises(SettingsError, match=r"^at /backends/cloud/certificate/privateKey: ") as raised:
        load(json.dumps(document(config)))
    assert "AAAA" not in str(raised.value)
