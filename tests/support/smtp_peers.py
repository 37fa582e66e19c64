"""Both sides of the SMTP server for its tests: an acceptor that stores mail in memory, and a client that sends raw octets."""

import asyncio
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from mailhooks.contract import FlowDirection
from workmail_local.mail.submission import NO_RELAYING, NOT_A_USER, NOT_YOUR_ADDRESS, UNKNOWN_USER, Submission, TemporarilyRefused
from workmail_local.smtp.server import SmtpServer

USERS = {"ana@example.com", "bo@example.com", "ünal@example.com"}
DOMAINS = {"example.com"}


class MemoryAcceptor:
    """Stores messages in memory. `accept` waits while `gate` is cleared, and raises `error` if there is one."""

    def __init__(self) -> None:
        self.stored: list[Submission] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def refuse_sender(self, direction: FlowDirection, address: str, user: str) -> str | None:
        if direction is FlowDirection.INBOUND:
            return None
        if address.lower() not in USERS:
            return NOT_A_USER
        return NOT_YOUR_ADDRESS if user and user.lower() != address.lower() else None

    def accepts_login(self, user: str, password: str) -> bool:
        return user.lower() in USERS and password != "wrong"

    def refuse_recipient(self, direction: FlowDirection, address: str) -> str | None:
        local, _, domain = address.lower().rpartition("@")
        if not local:
            return None
        if direction is FlowDirection.INBOUND and domain not in DOMAINS:
            return NO_RELAYING
        known = address.lower() in USERS or local.startswith("user") or domain not in DOMAINS
        return None if known else UNKNOWN_USER

    async def accept(self, submission: Submission) -> int:
        self.entered.set()
        while not self.gate.is_set():
            await asyncio.sleep(0.002)
        if self.error:
            raise self.error
        self.stored.append(submission)
        return len(self.stored)


class Client:
    """A connection on which EHLO was sent already."""

    def __init__(self, port: int, hello: bytes = b"EHLO client.example.net") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.replies = self.socket.makefile("rb")
        self.greeting = self.reply()
        if hello:
            self.say(hello)

    def reply(self) -> str:
        """Return the next reply with all its lines; "" when the server has closed the connection."""
        lines = []
        for line in self.replies:
            assert line.endswith(b"\r\n"), line
            assert len(line) <= 512
            lines.append(line.decode("ascii").rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    def say(self, *lines: bytes) -> str:
        """Send lines at once and return the reply to the last one."""
        self.socket.sendall(b"".join(line + b"\r\n" for line in lines))
        return [self.reply() for _ in lines][-1]

    def begin(self, recipient: bytes = b"ana@example.com", sender: bytes = b"from@example.net") -> str:
        """Begin a message and return the reply to DATA."""
        return self.say(b"MAIL FROM:<" + sender + b">", b"RCPT TO:<" + recipient + b">", b"DATA")

    def send(self, content: bytes) -> str:
        """Send a message and return the reply to its end."""
        assert self.begin().startswith("354")
        self.socket.sendall(stuffed(content) + b".\r\n")
        return self.reply()

    def send_for_ever(self, octets: bytes, *, pause_s: float) -> NoReturn:
        """Send octets in a loop without reading the replies."""
        while True:
            self.socket.sendall(octets)
            time.sleep(pause_s)

    def close(self) -> None:
        self.replies.close()
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stuffed(content: bytes) -> bytes:
    """Add a dot to each line that begins with one (RFC 5321 section 4.5.2). Only CRLF ends a line."""
    assert content.endswith(b"\r\n") or not content
    return (b"." if content.startswith(b".") else b"") + content.replace(b"\r\n.", b"\r\n..")


def plain(user: str, password: str = "x") -> bytes:
    """The initial response of AUTH PLAIN (RFC 4616)."""
    return b64encode(f"\0{user}\0{password}".encode())


@contextmanager
def smtp(acceptor: MemoryAcceptor, direction: FlowDirection = FlowDirection.INBOUND, timeout_s: float = 300.0) -> Iterator[SmtpServer]:
    server = SmtpServer(direction, acceptor, timeout_s=timeout_s)
    server.start()
    try:
        yield server
    finally:
        acceptor.gate.set()
        server.stop()


def refusal_with_address() -> TemporarilyRefused:
    return TemporarilyRefused("the disk is full, and ana@example.com must not be in the reply")
