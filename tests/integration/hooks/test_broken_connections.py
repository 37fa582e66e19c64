"""A connection that breaks while the body of a message is read: a transient error, so that no mail is delivered unread."""

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailhooks.errors import ServiceFailed, TransientError
from tests.integration.conftest import Load
from tests.integration.hooks.test_functions import Remaining, arrive, logged
from tests.support.servers.certificates import Authority
from tests.support.serving import accepting
from workmail_local.workmail import LocalWorkMail

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
KNOWN_LENGTH = HEAD + b"Content-Length: 4000\r\n\r\nFrom: from@example.net\r\n"

Ending = Callable[[ssl.SSLSocket, socket.socket], None]


def broken_record(_secure: ssl.SSLSocket, plain: socket.socket) -> None:
    plain.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))


def alert(_secure: ssl.SSLSocket, plain: socket.socket) -> None:
    plain.sendall(b"\x15\x03\x03\x00\x02\x02\x28")


def no_tls(_secure: ssl.SSLSocket, plain: socket.socket) -> None:
    plain.sendall(b"To: user@example.com\r\n" * 20)


def reset(_secure: ssl.SSLSocket, plain: socket.socket) -> None:
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def end(_secure: ssl.SSLSocket, _plain: socket.socket) -> None:
    pass


def closed_by_tls(secure: ssl.SSLSocket, _plain: socket.socket) -> None:
    secure.unwrap()


ENDINGS: dict[str, tuple[bytes, Ending]] = {
    "a broken TLS record": (KNOWN_LENGTH, broken_record),
    "a TLS alert": (KNOWN_LENGTH, alert),
    "plain text behind TLS": (KNOWN_LENGTH, no_tls),
    "a reset connection": (KNOWN_LENGTH, reset),
    "an end without TLS's close": (KNOWN_LENGTH, end),
    "an early end": (KNOWN_LENGTH, closed_by_tls),
    "a chunk without a length": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nFrom: from@example.net\r\n", closed_by_tls),
    "a broken record between chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nFrom\r\n", broken_record),
    "no HTTP response": (b"220 mail.example.com ESMTP\r\n", closed_by_tls),
    "a header without an end": (HEAD, broken_record),
}


@contextmanager
def breaking_server(certificate: tuple[Path, Path], start: bytes, ending: Ending) -> Iterator[str]:
    """Run a server that answers each request with the start of a response and breaks the connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def serve(plain: socket.socket) -> None:
        with plain.dup() as below, context.wrap_socket(plain, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(start)
            ending(secure, below)

    with accepting(serve) as port:
        yield f"https://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.mark.parametrize("name", ENDINGS)
def test_a_connection_that_breaks_in_the_content_is_a_transient_error(
    name: str, workmail: LocalWorkMail, load: Load, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "authority.pem").write_text(authority.pem)
    issued = authority.issue(tmp_path)
    document = arrive(workmail)
    with breaking_server((issued.chain, issued.key), *ENDINGS[name]) as url:
        variables = {"AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW": url, "AWS_CA_BUNDLE": str(tmp_path / "authority.pem"), "AWS_MAX_ATTEMPTS": "1"}
        handler = load("rewrite", SUBJECT_TAG="[X]", **variables).handler
        with pytest.raises(ServiceFailed, match="GetRawMessageContent"):
            handler(document, Remaining(14))
    assert logged(capsys)["reason"] == "ServiceFailed"
    assert workmail.store.puts(document["messageId"]) == 0


EXECUTABLE = (
    b"From: from@example.net\r\nTo: user@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello.\r\n'
    b'--b\r\nContent-Type: application/octet-stream; name="a.exe"\r\n\r\nMZ\r\n--b--\r\n'
)
STRIP = "{ strip_attachments: { extensions: [exe] } }"

CALLS = {
    "S3": STRIP,
    "DYNAMODB": STRIP,
    "SNS": "{ notify: { sns: 'arn:aws:sns:us-east-1:123456789012:t' } }",
    "EVENTBRIDGE": "{ notify: { eventbridge: bus } }",
    "SECRETS_MANAGER": "{ notify: { webhook: 'https://hooks.example.com/', secret: s } }",
}
"""An action that calls each service; DynamoDB is called by the condition."""


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("name", ["a broken TLS record", "a TLS alert", "no HTTP response", "a header without an end"])
def test_no_executable_is_delivered_while_another_service_breaks_its_connections(
    name: str, service: str, workmail: LocalWorkMail, load: Load, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "authority.pem").write_text(authority.pem)
    issued = authority.issue(tmp_path)
    when = "    when: { rate: { more_than: 1, minutes: 5 } }\n" if service == "DYNAMODB" else ""
    (tmp_path / "policy.yaml").write_text(
        f"version: 1\norganization: {{ domains: [example.com] }}\ndefaults: {{ on_error: retry, mixed: all }}\n"
        f"rules:\n  - name: first\n{when}    do: {CALLS[service]}\n  - name: executables\n    do: {STRIP}\n"
    )
    document = arrive(workmail, EXECUTABLE)
    with breaking_server((issued.chain, issued.key), *ENDINGS[name]) as url:
        variables = {f"AWS_ENDPOINT_URL_{service}": url, "AWS_CA_BUNDLE": str(tmp_path / "authority.pem"), "AWS_MAX_ATTEMPTS": "1"}
        handler = load("mailflow", POLICY=str(tmp_path / "policy.yaml"), **variables).handler
        with pytest.raises(TransientError):
            handler(document, Remaining(14))
