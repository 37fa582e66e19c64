"""Notifications by webhook: the receiver computes the signature itself; the secret is in moto's Secrets Manager."""

import hashlib
import hmac
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from mailhooks.aws.notifications import Notifier, signature
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, NoTimeLeft, ServiceFailed, Throttled, TransientError
from tests.support.servers.certificates import Authority
from tests.support.servers.feeds import Feeds
from tests.support.servers.hosting import ServerPool
from tests.support.serving import Quiet, answering, serving
from workmail_local.workmail import LocalWorkMail

DOCUMENT = {"rule": "VIP", "messageId": "m-1"}
KEY = "0123456789abcdef0123456789abcdef"
SECRET = "a secret of many \u00e4"


@pytest.fixture
def secret(wm: LocalWorkMail) -> str:
    name: str = wm.client("secretsmanager").create_secret(Name=f"hook-{uuid.uuid4().hex}", SecretString=SECRET)["Name"]
    return name


def send(url: str, secret: str, seconds: float = 20) -> None:
    Notifier().post(url, secret, DOCUMENT, KEY, Deadline.after(seconds))


class Receiver:
    """A receiver of webhooks, which computes the signature itself.

    Attributes:
        url: its address.
        good: bodies with a valid signature.
        keys: the Idempotency-Keys.
        bad: the number of other requests.
    """

    def __init__(self) -> None:
        self.url = ""
        self.good: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.bad = 0

    def judge(self, headers: Any, body: bytes) -> None:
        stamp = headers["X-Mailhooks-Timestamp"]
        expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if hmac.compare_digest(headers["X-Mailhooks-Signature"], f"sha256={expected}") and abs(time.time() - int(stamp)) < 60:
            self.good.append(json.loads(body))
            self.keys.append(headers["Idempotency-Key"])
        else:
            self.bad += 1


@contextmanager
def receiving(status: int = 204, headers: dict[str, str] | None = None, stall: Callable[[Any], None] | None = None) -> Iterator[Receiver]:
    """Run a receiver with an answer; `stall` is called before it, with the connection."""
    receiver = Receiver()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.judge(self.headers, self.body())
            if stall:
                stall(self.wfile)
            self.answer(status, **(headers or {}))

        def do_GET(self) -> None:
            receiver.bad += 1
            self.answer(200)

    with serving(Handler) as url:
        receiver.url = f"{url}/hook?token=t0ken"
        yield receiver


def test_a_webhook_can_verify_a_notice_and_recognise_a_repetition(secret: str) -> None:
    with receiving() as receiver:
        for _ in range(2):
            send(receiver.url, secret)
    assert receiver.bad == 0
    assert [told["rule"] for told in receiver.good] == ["VIP", "VIP"]
    assert receiver.keys == [KEY, KEY]


def test_the_signature_is_the_documented_one() -> None:
    # Computed by: printf '1800000000.{}' | openssl dgst -sha256 -hmac key
    assert signature("key", "1800000000", b"{}") == "sha256=7321475872b03ff21bdc2dfd86ea2d99ec29c479fbe4a77aa6acf4509505493f"


def test_the_secret_is_read_once_in_five_minutes(wm: LocalWorkMail, secret: str) -> None:
    notifier = Notifier()
    with receiving() as receiver:
        for _ in range(3):
            notifier.post(receiver.url, secret, DOCUMENT, KEY, Deadline.after(20))
            # A second read would fail.
            wm.client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    assert len(receiver.good) == 3


def test_a_missing_secret_is_a_configuration_error(wm: LocalWorkMail) -> None:
    with receiving() as receiver:
        with pytest.raises(Misconfigured, match="GetSecretValue: ResourceNotFoundException"):
            send(receiver.url, "no-such-secret")
        assert (receiver.good, receiver.bad) == ([], 0)


@pytest.mark.parametrize(
    "status, code, expected",
    [(400, "AccessDeniedException", Misconfigured), (400, "ThrottlingException", Throttled), (500, "InternalServiceError", ServiceFailed)],
)
def test_an_error_of_the_secret_is_mapped_and_quotes_nothing(
    status: int, code: str, expected: type[MailhooksError], wm: LocalWorkMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status, code) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
        with pytest.raises(expected, match=f"GetSecretValue: {code}") as caught:
            send("https://hook.example/", "a-secret")
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    "status, expected", [(429, Throttled), (500, ServiceFailed), (503, ServiceFailed), (400, Misconfigured), (401, Misconfigured)]
)
def test_the_status_of_a_webhook_selects_the_error(status: int, expected: type[MailhooksError], secret: str) -> None:
    with receiving(status) as receiver, pytest.raises(expected, match=f"HTTP {status}") as caught:
        send(receiver.url, secret)
    assert "t0ken" not in str(caught.value)
    assert len(receiver.good) == 1


def test_a_redirect_is_not_followed(secret: str) -> None:
    with receiving() as other:
        for status in (301, 302, 303, 307, 308):
            with receiving(status, {"Location": other.url}) as receiver, pytest.raises(Misconfigured, match=f"HTTP {status}"):
                send(receiver.url, secret)
        assert (other.good, other.bad) == ([], 0)


def test_a_silent_webhook_is_dropped_at_the_deadline(secret: str) -> None:
    end = threading.Event()
    with receiving(stall=lambda _: end.wait(5) and None) as receiver:
        started = time.monotonic()
        with pytest.raises(TransientError):
            send(receiver.url, secret, seconds=1)
        assert time.monotonic() - started < 2
        end.set()


def test_a_webhook_that_sends_single_octets_is_dropped_at_the_deadline(secret: str) -> None:
    """The header comes in single octets, so that no time-out of a socket is reached."""
    end = threading.Event()

    def drip(stream: Any) -> None:
        try:
            stream.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not end.wait(0.05):
                stream.write(b"x")
                stream.flush()
        except OSError:
            pass

    with receiving(stall=drip) as receiver:
        started = time.monotonic()
        with pytest.raises(NoTimeLeft):
            send(receiver.url, secret, seconds=1)
        assert time.monotonic() - started < 2
        end.set()


def test_the_body_of_a_webhook_s_answer_is_not_read(secret: str) -> None:
    with receiving(200, {"Content-Length": "1000000"}) as receiver:
        send(receiver.url, secret, seconds=5)
    assert len(receiver.good) == 1


def test_a_refused_connection_is_a_transient_error(secret: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/t0ken"
    with pytest.raises(ServiceFailed) as caught:
        send(url, secret)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://hook.example/", "http://localhost.example/", "http://10.0.0.1/", "ftp://127.0.0.1/", "nowhere"])
def test_no_notice_leaves_this_machine_without_tls(url: str, secret: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        send(url, secret)
    assert url not in str(caught.value)


def test_an_untrusted_certificate_gets_no_notice(secret: str, tmp_path: Path) -> None:
    with ServerPool() as pool, pool.host(Feeds(), Authority.new().issue(tmp_path)) as site, pytest.raises(ServiceFailed, match="SSLError"):
        send(site.url, secret)


def test_a_binary_secret_is_a_configuration_error(wm: LocalWorkMail) -> None:
    name = wm.client("secretsmanager").create_secret(Name=f"hook-{uuid.uuid4().hex}", SecretBinary=b"key")["Name"]
    with pytest.raises(Misconfigured, match="no text"):
        send("https://hook.example/", name)
