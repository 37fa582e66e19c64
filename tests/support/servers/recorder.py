"""A server that records each byte of the requests, and answers by a script."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from tests.support.servers.certificates import ServerCertificate

Socket = socket.socket | ssl.SSLSocket


@dataclass(frozen=True)
class Reply:
    """The server's part in one request.

    Attributes:
        data: the bytes of the response.
        expect: the answer to "Expect: 100-continue". Without it the server waits for the body, as old servers do.
        early: whether the response is sent instead of 100 Continue, and the body not read.
        body_limit: the number of the body's bytes after which the connection is reset.
        end: "keep" the connection, "close" or "reset" it after the response.
        pause_s: the time between two bytes of the response.
    """

    data: bytes = b""
    expect: bytes = b"HTTP/1.1 100 Continue\r\n\r\n"
    early: bool = False
    body_limit: int | None = None
    end: str = "keep"
    pause_s: float = 0


def respond(
    status: int, body: bytes = b"", *headers: str, length: int | None = None, early: bool = False, end: str = "keep", pause_s: float = 0
) -> Reply:
    """Return the reply with a complete response; `length` replaces the right Content-Length."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body) if length is None else length}", *headers]
    return Reply("\r\n".join([*lines, "", ""]).encode() + body, early=early, end=end, pause_s=pause_s)


@dataclass
class Recorder:
    """Requests in their order, and the replies that follow; the last reply is repeated."""

    url: str
    replies: list[Reply] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._ended.set()

    def wait_for_end(self) -> None:
        """Wait until the connection is closed that the last reply ends, so that the client finds it closed."""
        self._ended.wait(60)

    def script(self, *replies: Reply) -> None:
        self.replies, self.requests, self.connections = list(replies), [], 0

    def serve(self, connection: Socket) -> None:
        self.connections += 1
        stream = connection.makefile("rb")
        while (head := _read_head(stream)) and (reply := self._next()):
            self.requests.append(head)
            if reply.end == "keep" and not reply.early and reply.body_limit is None:
                self._ended.set()
            else:
                self._ended.clear()
            if b"expect: 100-continue" in head.lower():
                if reply.early:
                    connection.sendall(reply.data)
                    return
                connection.sendall(reply.expect)
            self.requests[-1] += _read_body(stream, head, reply.body_limit)
            if reply.body_limit is not None:
                _reset_at_close(connection)
                return
            for piece in [bytes([octet]) for octet in reply.data] if reply.pause_s else [reply.data]:
                connection.sendall(piece)
                time.sleep(reply.pause_s)
            if reply.end == "reset":
                _reset_at_close(connection)
            if reply.end != "keep":
                return

    @contextmanager
    def closing(self, connection: socket.socket) -> Iterator[None]:
        try:
            with connection:
                yield
        finally:
            self._ended.set()

    def _next(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def recording(certificate: ServerCertificate | None = None) -> Iterator[Recorder]:
    """Run the server on the loopback interface, with TLS if it has a certificate."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    recorder = Recorder(f"{'https' if certificate else 'http'}://127.0.0.1:{listener.getsockname()[1]}")

    def serve(plain: socket.socket) -> None:
        with suppress(OSError, ValueError), recorder.closing(plain):
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if certificate is None:
                recorder.serve(plain)
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.key)
            with context.wrap_socket(plain, server_side=True) as secure:
                recorder.serve(secure)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _read_head(stream: BinaryIO) -> bytes:
    head = b""
    while line := stream.readline():
        head += line
        if line == b"\r\n":
            return head
    return b""


def _read_body(stream: BinaryIO, head: bytes, limit: int | None) -> bytes:
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    if limit is not None:
        return stream.read(limit)
    if fields.get(b"transfer-encoding") != b"chunked":
        return stream.read(int(fields.get(b"content-length", 0)))
    lines = [stream.readline()]
    while size := int(lines[-1], 16):
        lines += [stream.read(size + 2), stream.readline()]
    return b"".join(lines) + stream.readline()


def _reset_at_close(connection: Socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
