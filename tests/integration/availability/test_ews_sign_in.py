"""How the EWS backend signs in with a name and a password."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailhooks.availability.backends.ews.backend import EwsBackend
from mailhooks.availability.errors import AuthenticationFailed, LookupFailed, TimedOut
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline
from tests.support.servers.ews import Basic, EwsServer, Ntlm, Reply, answer, calendar

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
BEN = "ben@example.org"


@pytest.fixture
def server() -> Iterator[EwsServer]:
    with EwsServer({BEN: calendar()}) as running:
        yield running


def backend(url: str, auth: dict[str, str] | None = None) -> EwsBackend:
    return EwsBackend.from_config({"type": "ews", "url": url, "auth": auth or basic()})


def basic(user: str = "svc", password: str = "pw") -> dict[str, str]:
    return {"type": "basic", "username": user, "password": password}


def look_up(ews: EwsBackend, seconds: float = 5) -> Schedule | LookupFailed:
    return ews.look_up([BEN], WINDOW, Deadline.after(seconds))[BEN]


@pytest.mark.parametrize("user, password", [("svc", "pw"), ("CORP\\svc", "p:w"), ("svc@corp.example", "päßwörd €")])
def test_basic_credentials_go_with_the_first_request(server: EwsServer, user: str, password: str) -> None:
    server.sign_in = Basic(user, password)
    assert look_up(backend(server.url, basic(user, password))) == Schedule()
    assert len(server.asked) == 1


def test_two_backends_of_one_server_sign_in_each_for_itself(server: EwsServer) -> None:
    server.sign_in = Basic("svc", "new")
    old, new = backend(server.url, basic(password="old")), backend(server.url, basic(password="new"))
    for _ in range(2):
        assert type(look_up(old)) is AuthenticationFailed
        assert look_up(new) == Schedule()


def test_a_netrc_file_changes_nothing(server: EwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.sign_in = Basic("svc", "pw")
    assert look_up(backend(server.url)) == Schedule()


@pytest.fixture
def ntlm(server: EwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ntlm:
    users = tmp_path / "users"
    users.write_text("CORP:svc:pa55\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    server.sign_in = Ntlm()
    return server.sign_in


def test_ntlm_signs_in_a_connection_once(server: EwsServer, ntlm: Ntlm) -> None:
    ews = backend(server.url, {"type": "ntlm", "username": "CORP\\svc", "password": "pa55"})
    assert look_up(ews) == Schedule()
    assert len(server.asked) == 3
    assert list(ntlm.signed_in.values()) == ["CORP\\svc"]
    assert look_up(ews) == Schedule()
    assert len(server.asked) == 4
    assert len({asked.connection for asked in server.asked}) == 1


def test_ntlm_with_a_wrong_password_is_refused(server: EwsServer, ntlm: Ntlm) -> None:
    ews = backend(server.url, {"type": "ntlm", "username": "CORP\\svc", "password": "wrong"})
    assert type(look_up(ews)) is AuthenticationFailed
    assert type(look_up(ews)) is AuthenticationFailed
    assert not ntlm.signed_in


def test_ntlm_signs_in_each_connection_of_several_threads(server: EwsServer, ntlm: Ntlm) -> None:
    ews = backend(server.url, {"type": "ntlm", "username": "CORP\\svc", "password": "pa55"})
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
def test_a_handshake_that_goes_wrong_is_a_failure(server: EwsServer, replies: list[Reply], kind: type[LookupFailed]) -> None:
    server.replies = replies
    ews = backend(server.url, {"type": "ntlm", "username": "CORP\\svc", "password": "pa55"})
    assert isinstance(look_up(ews, 1), kind)
    server.replies = []
    assert look_up(ews) == Schedule()


def test_a_slow_handshake_is_over_at_the_deadline(server: EwsServer) -> None:
    """Each of its three requests gets what the others left of the time."""
    server.replies = [Reply(status=401, headers={"WWW-Authenticate": "NTLM"}, after_s=0.4), Reply(answer(calendar()), after_s=2)]
    ews = backend(server.url, {"type": "ntlm", "username": "CORP\\svc", "password": "pa55"})
    begun = datetime.now(UTC)
    assert type(look_up(ews, 0.6)) is TimedOut
    assert datetime.now(UTC) - begun < timedelta(seconds=1)
