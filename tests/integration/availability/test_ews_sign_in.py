"""The EWS backend with a user name and a password."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailhooks.availability.errors import AuthenticationFailed, LookupFailed, TimedOut
from mailhooks.availability.model import Schedule
from tests.support.backends import look_up
from tests.support.servers.ews import NTLM, Basic, EwsServer, Ntlm, Reply, answer, calendar, ews_backend


def basic(user: str = "svc", password: str = "pw") -> dict[str, str]:
    return {"type": "basic", "username": user, "password": password}


@pytest.mark.parametrize("user, password", [("svc", "pw"), ("CORP\\svc", "p:w"), ("svc@corp.example", "päßwörd €")])
def test_basic_credentials_are_sent_with_the_first_request(exchange: EwsServer, user: str, password: str) -> None:
    exchange.sign_in = Basic(user, password)
    assert look_up(ews_backend(exchange.endpoint, basic(user, password))) == Schedule()
    assert len(exchange.requests) == 1


def test_two_backends_of_one_server_sign_in_separately(exchange: EwsServer) -> None:
    exchange.sign_in = Basic("svc", "new")
    old, new = ews_backend(exchange.endpoint, basic(password="old")), ews_backend(exchange.endpoint, basic(password="new"))
    for _ in range(2):
        assert type(look_up(old)) is AuthenticationFailed
        assert look_up(new) == Schedule()


def test_the_netrc_file_is_ignored(exchange: EwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    exchange.sign_in = Basic("svc", "pw")
    assert look_up(ews_backend(exchange.endpoint)) == Schedule()


@pytest.fixture
def ntlm(exchange: EwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ntlm:
    users = tmp_path / "users"
    users.write_text("CORP:svc:pa55\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    exchange.sign_in = Ntlm()
    return exchange.sign_in


def test_ntlm_signs_in_a_connection_once(exchange: EwsServer, ntlm: Ntlm) -> None:
    ews = ews_backend(exchange.endpoint, NTLM)
    assert look_up(ews) == Schedule()
    assert len(exchange.requests) == 3
    assert list(ntlm.signed_in.values()) == ["CORP\\svc"]
    assert look_up(ews) == Schedule()
    assert len(exchange.requests) == 4
    assert len({asked.connection for asked in exchange.requests}) == 1


def test_ntlm_with_a_wrong_password_is_an_authentication_failure(exchange: EwsServer, ntlm: Ntlm) -> None:
    ews = ews_backend(exchange.endpoint, {"type": "ntlm", "username": "CORP\\svc", "password": "wrong"})
    assert type(look_up(ews)) is AuthenticationFailed
    assert type(look_up(ews)) is AuthenticationFailed
    assert not ntlm.signed_in


def test_ntlm_signs_in_the_connection_of_each_thread(exchange: EwsServer, ntlm: Ntlm) -> None:
    ews = ews_backend(exchange.endpoint, NTLM)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: look_up(ews), range(8))) == [Schedule()] * 8


CHALLENGE = Reply(status=401, headers={"WWW-Authenticate": "NTLM"})


@pytest.mark.parametrize(
    "replies, kind",
    [
        ([CHALLENGE, Reply(status=401)], AuthenticationFailed),
        ([CHALLENGE, CHALLENGE], AuthenticationFailed),
        ([CHALLENGE, Reply(status=401, headers={"WWW-Authenticate": "NTLM TlRM"})], AuthenticationFailed),
        ([CHALLENGE, Reply(status=401, headers={"WWW-Authenticate": "NTLM é"})], LookupFailed),
        ([CHALLENGE, Reply(status=503)], AuthenticationFailed),
        ([Reply(status=401, headers={"WWW-Authenticate": "Kerberos"})], AuthenticationFailed),
        ([CHALLENGE, Reply(after_s=2)], TimedOut),
    ],
)
def test_a_failed_handshake_is_a_failure(exchange: EwsServer, replies: list[Reply], kind: type[LookupFailed]) -> None:
    exchange.replies = replies
    ews = ews_backend(exchange.endpoint, NTLM)
    assert isinstance(look_up(ews, seconds=1), kind)
    exchange.replies = []
    assert look_up(ews) == Schedule()


def test_a_slow_handshake_times_out_at_the_deadline(exchange: EwsServer) -> None:
    """The deadline is for all three requests together."""
    exchange.replies = [Reply(status=401, headers={"WWW-Authenticate": "NTLM"}, after_s=0.4), Reply(answer(calendar()), after_s=2)]
    ews = ews_backend(exchange.endpoint, NTLM)
    begun = datetime.now(UTC)
    assert type(look_up(ews, seconds=0.6)) is TimedOut
    assert datetime.now(UTC) - begun < timedelta(seconds=1)
