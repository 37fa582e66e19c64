"""Sources of free/busy times on the loopback interface, and backends that are configured for them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from requests import Session

from mailhooks.availability.backends.google.backend import GoogleBackend
from mailhooks.availability.backends.graph.backend import GraphBackend
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.tls import create_ssl_context
from tests.support.servers.certificates import Authority, ServerCertificate
from tests.support.servers.ews import EwsServer, calendar
from tests.support.servers.feeds import Feeds
from tests.support.servers.google import GoogleCloud
from tests.support.servers.graph import CLIENT, SECRET, TENANT, MicrosoftCloud, User
from tests.support.servers.hosting import ServerPool

Host = Callable[..., Any]


@pytest.fixture(scope="session")
def servers() -> Iterator[ServerPool]:
    with ServerPool() as pool:
        yield pool


@pytest.fixture
def host(servers: ServerPool) -> Iterator[Host]:
    """`host(site)` or `host(site, certificate)`: hosts the site until the test ends, and returns it."""
    with ExitStack() as stack:
        yield lambda site, certificate=None: stack.enter_context(servers.host(site, certificate))


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="session")
def certificate(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return authority.issue(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def exchange(host: Host) -> EwsServer:
    """An Exchange server with one mailbox, which has no events."""
    return host(EwsServer({"ben@example.org": calendar()}))


@pytest.fixture
def site(host: Host) -> Feeds:
    return host(Feeds())


@pytest.fixture
def google(host: Host) -> GoogleCloud:
    """Google with two calendars: Ana's with one event, and Ben's without."""
    return host(GoogleCloud({"ana@example.net": [("2026-05-04T09:00:00Z", "2026-05-04T10:30:00Z")], "ben@example.net": []}))


@pytest.fixture
def google_session() -> Iterator[Session]:
    with http.create_session() as session:
        yield session


@pytest.fixture
def make_google(google: GoogleCloud, google_session: Session) -> Callable[..., GoogleBackend]:
    """`make_google(subject="a@example.net")`: a backend for `google` with further settings."""
    config = {"serviceAccount": google.service_account(), "endpoint": google.url}
    return lambda **settings: GoogleBackend(config | settings, session=google_session)


@pytest.fixture
def microsoft(host: Host, certificate: ServerCertificate) -> MicrosoftCloud:
    """A tenant of Microsoft 365 with three users."""
    return host(MicrosoftCloud({f"{name}@example.com": User() for name in ("ana", "ben", "cem")}), certificate)


@pytest.fixture
def microsoft_session(authority: Authority) -> Iterator[Session]:
    with http.create_session(create_ssl_context(authority.pem)) as session:
        yield session


@pytest.fixture
def make_graph(microsoft: MicrosoftCloud, microsoft_session: Session) -> Callable[..., GraphBackend]:
    """`make_graph(maxMailboxes=2)`: a backend for `microsoft` with further settings."""
    servers = {"authority": microsoft.url, "endpoint": microsoft.url}
    config = {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": SECRET, **servers}
    return lambda **settings: GraphBackend(config | settings, session=microsoft_session)


@pytest.fixture
def ntlm_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The users file of pyspnego, with the account of `ews.NTLM`."""
    users = tmp_path / "users"
    users.write_text("CORP:svc:pa55\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
