"""Connections to AWS: one TLS context for all clients, and the settings that choose authorities."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

from mailhooks.aws import tls
from mailhooks.aws.amazon_roots import write_amazon_roots
from mailhooks.aws.client import make_client, make_config
from mailhooks.aws.message_flow import make_client as make_message_client
from mailhooks.aws.session import open_session
from mailhooks.settings import env
from tests.support.servers.certificates import Authority
from tests.support.serving import Quiet, accepting, serving
from tools.bench.tls_server import tls_server

ONCE = make_config(attempts=1)
Serve = Callable[[Authority], AbstractContextManager[str]]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process without sessions, contexts, and settings of AWS."""
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "TLS_ROOTS", "HTTPS_PROXY", "https_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "ACCESS_KEY_ID": "x",
        "SECRET_ACCESS_KEY": "x",
        "DEFAULT_REGION": "eu-west-1",
        "CONFIG_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    caches = (open_session, tls._load, env)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """`with serve(authority)`: WorkMail with a certificate of an authority. Clients call it."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(200, b"Subject: x\r\n\r\n")

        def do_POST(self) -> None:
            self.body()
            self.answer(200, b'{"Groups": []}')

    @contextmanager
    def run(authority: Authority) -> Iterator[str]:
        with serving(Handler) as plain, tls_server(int(plain.rsplit(":", 1)[1]), authority.issue(tmp_path / "server")) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            yield url

    return run


@pytest.fixture
def loads() -> Iterator[list[Any]]:
    """The files that contexts load authorities from."""
    found: list[Any] = []
    original = ssl.SSLContext.load_verify_locations

    def load(context: ssl.SSLContext, cafile: Any = None, *more: Any, **keywords: Any) -> None:
        found.append(str(cafile))
        original(context, cafile, *more, **keywords)

    with patch.object(ssl.SSLContext, "load_verify_locations", load):
        yield found


def list_groups(config: Config = ONCE) -> Any:
    return make_client("workmail", config).list_groups(OrganizationId="m-" + "0" * 32)["Groups"]


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority in the place of those of botocore."""
    authority = Authority.new("Public")
    (tmp_path / "public.pem").write_text(authority.pem)
    for module in ("mailhooks.aws.tls", "botocore.httpsession"):
        monkeypatch.setattr(f"{module}.get_cert_path", lambda verify: str(tmp_path / "public.pem") if verify is True else verify)
    return authority


@pytest.fixture
def amazon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority in the place of those of Amazon. The setting TLS_ROOTS=amazon is on."""
    authority = Authority.new("Amazon")
    (tmp_path / "amazon.pem").write_text(authority.pem)
    monkeypatch.setattr(tls, "AMAZON_ROOTS", tmp_path / "amazon.pem")
    monkeypatch.setenv("TLS_ROOTS", "amazon")
    return authority


def test_all_connections_of_all_clients_share_one_context(serve: Serve, public: Authority, loads: list[str]) -> None:
    with serve(public):
        for _ in range(3):
            assert list_groups() == []
    assert [Path(file).name for file in loads if "public" in file] == ["public.pem"]


def test_botocore_loads_authorities_for_each_connection_without_it(serve: Serve, public: Authority, loads: list[str]) -> None:
    """When this fails, botocore does it itself and `tls` is superfluous."""
    with serve(public):
        for _ in range(3):
            botocore.session.Session().create_client("workmail").list_groups(OrganizationId="m-" + "0" * 32)
    assert len([file for file in loads if "public" in file]) == 3


def test_another_authority_is_rejected(serve: Serve, public: Authority) -> None:
    with serve(Authority.new("Unknown")), pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        list_groups()


def test_another_host_name_is_rejected(serve: Serve, public: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(public) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url.replace("127.0.0.1", "localhost"))
        with pytest.raises(SSLError, match="doesn't match"):
            list_groups()


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "the configuration file"])
@pytest.mark.parametrize("roots", ["all", "amazon"])
def test_a_bundle_of_the_user_is_the_only_one(
    serve: Serve, public: Authority, amazon: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, roots: str
) -> None:
    monkeypatch.setenv("TLS_ROOTS", roots)
    own, file = Authority.new("Own"), tmp_path / "own.pem"
    file.write_text(own.pem)
    if variable.endswith("BUNDLE"):
        monkeypatch.setenv(variable, str(file))
    else:
        (tmp_path / "config").write_text(f"[default]\nca_bundle = {file}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with serve(own):
        assert list_groups() == []
    for authority in (public, amazon):
        with serve(authority), pytest.raises(SSLError):
            list_groups()


def test_a_bundle_that_cannot_be_read_is_botocores_error(serve: Serve, public: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nonexistent.pem")
    errors = []
    with serve(public):
        for client in (make_client("workmail", ONCE), botocore.session.Session().create_client("workmail", config=ONCE)):
            with pytest.raises(Exception) as error:  # noqa: PT011 - the same error, whichever it is
                client.list_groups(OrganizationId="m-" + "0" * 32)
            errors.append((type(error.value), str(error.value)))
    assert errors[0] == errors[1]


def test_amazons_authorities_are_enough(serve: Serve, public: Authority, amazon: Authority, loads: list[str]) -> None:
    with serve(amazon):
        assert list_groups() == list_groups() == []
    assert [Path(file).name for file in loads] == ["amazon.pem"]


def test_other_authorities_are_loaded_when_amazons_are_not_enough(
    serve: Serve, public: Authority, amazon: Authority, loads: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with serve(public):
        assert list_groups() == list_groups() == []
    assert [Path(file).name for file in loads] == ["amazon.pem", "public.pem"]
    assert [(record.name, record.levelno) for record in caplog.records if record.name.startswith("mailhooks")] == [
        ("mailhooks.aws.tls", logging.WARNING)
    ]
    with serve(amazon):
        assert list_groups() == []
    with serve(Authority.new("Unknown")), pytest.raises(SSLError):
        list_groups()


@pytest.mark.parametrize("roots", [None, "", "half"])
def test_all_authorities_are_loaded_if_the_file_of_amazons_is_missing_or_damaged(
    serve: Serve, public: Authority, amazon: Authority, loads: list[str], tmp_path: Path, roots: str | None
) -> None:
    tls.AMAZON_ROOTS.unlink()
    if roots is not None:
        tls.AMAZON_ROOTS.write_text(roots and amazon.pem[: len(amazon.pem) // 2])
    with serve(public):
        assert list_groups() == list_groups() == []
    assert [Path(file).name for file in loads] == ["amazon.pem", "public.pem"]


def test_a_connection_that_connects_again_falls_back_to_all_authorities(
    serve: Serve, public: Authority, amazon: Authority, tmp_path: Path
) -> None:
    """urllib3 does so with a kept connection that the server has closed."""
    connection = tls._Connection("127.0.0.1", ca_certs=str(tmp_path / "public.pem"), cert_reqs="CERT_REQUIRED")
    for authority in (amazon, public, amazon):
        with serve(authority) as url:
            connection.port = int(url.rsplit(":", 1)[1])
            connection.connect()
            connection.close()
    with serve(Authority.new("Unknown")) as url:
        connection.port = int(url.rsplit(":", 1)[1])
        with pytest.raises(ssl.SSLCertVerificationError):
            connection.connect()


@pytest.mark.parametrize("authority", ["amazon", "public"])
def test_the_light_client_trusts_the_same_authorities(
    serve: Serve,
    public: Authority,
    amazon: Authority,
    loads: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    authority: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AWS_CONFIG_FILE")
    with serve({"amazon": amazon, "public": public}[authority]):
        client = make_message_client("workmailmessageflow", "light")
        for _ in range(2):
            assert client.get_raw_message_content(messageId="0")["messageContent"].read() == b"Subject: x\r\n\r\n"
    assert type(client).__name__ == "LightClient"
    assert [Path(file).name for file in loads] == ["amazon.pem", "public.pem"][: 1 if authority == "amazon" else 2]
    with serve(Authority.new("Unknown")), pytest.raises(SSLError):
        make_message_client("workmailmessageflow", "light").get_raw_message_content(messageId="0")


def test_a_client_certificate_is_not_shared(serve: Serve, public: Authority, tmp_path: Path, loads: list[str]) -> None:
    own = Authority.new("Own").issue(tmp_path / "client")
    both = tmp_path / "both.pem"
    both.write_text(own.pem + own.key.read_text())
    with serve(public):
        assert list_groups(ONCE.merge(Config(client_cert=str(both)))) == []
        assert list_groups() == []
    assert len(loads) == 2


def test_a_proxy_has_a_context_of_its_own(serve: Serve, public: Authority, loads: list[str]) -> None:
    tunnels = []

    def relay(client: socket.socket) -> None:
        request = client.recv(4096).split()
        tunnels.append(request[0])
        host, _, port = request[1].decode().partition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            thread = threading.Thread(target=copy, args=(server, client))
            thread.start()
            copy(client, server)
            thread.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    with serve(public), accepting(relay) as port:
        client = make_client("workmail", ONCE.merge(Config(proxies={"https": f"http://127.0.0.1:{port}"})))
        assert client.list_groups(OrganizationId="m-" + "0" * 32)["Groups"] == []
        client.close()
    assert tunnels == [b"CONNECT"]
    assert len(loads) == 2


def test_the_authorities_of_amazon_are_in_botocores_bundle(tmp_path: Path) -> None:
    write_amazon_roots(tmp_path / "roots.pem")
    context = ssl.create_default_context(cafile=tmp_path / "roots.pem")
    assert len(context.get_ca_certs()) == 5


def test_a_missing_authority_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bundle.pem").write_text(Authority.new("Amazon Root CA 1").pem)
    with pytest.raises(ValueError, match=r"lack Amazon Root CA 2, Amazon Root CA 3, Amazon Root CA 4, Starfield"):
        write_amazon_roots(tmp_path / "roots.pem", tmp_path / "bundle.pem")
