"""An SMTP server that keeps envelopes and the exact octets of content: the next host after a gateway or after Postfix.

aiosmtpd changes or rejects odd content (long lines, for example), so that it cannot prove that content is unchanged.
"""

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_EXTENSIONS: Final = ("PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "XFORWARD NAME ADDR PROTO HELO SOURCE")
_LINE: Final = re.compile(rb"\n")
_END: Final = re.compile(rb"\r\n\.\r\n")
_LENIENT_END: Final = re.compile(rb"(?:\r\n|\n|\r)\0?\.\0?(?:\r\n|\n|\r)")
_LONGEST_END: Final = len(b"\r\n\0.\0\r\n")


class Step(StrEnum):
    """A moment of a transaction: before the reply to a command, within the content, and after acceptance but before its reply."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Received:
    """A message that the server accepted.

    Attributes:
        parameters: of MAIL, such as `BODY=8BITMIME`.
        content: its exact octets; dot-stuffing alone is undone.
    """

    mail_from: str
    recipients: tuple[str, ...]
    content: bytes
    parameters: tuple[str, ...] = ()

    @property
    def fields(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[0]


@dataclass
class Sink:
    """The messages that arrived, and how to answer the next ones.

    Attributes:
        refused: replies to RCPT by address, such as `550 5.1.1 No such user`.
        extensions: of the reply to EHLO.
        lenient: whether a bare CR or LF around a dot ends content too, also with NUL, as in servers open to SMTP smuggling.
        context: of STARTTLS; None to offer none.
        replies: to a step, in place of the usual one; "" closes the connection. A message with a negative last reply is not kept.
        commands: that arrived, without QUIT.
        on_step: called in each step, in a thread of its own.
    """

    lenient: bool = False
    extensions: tuple[str, ...] = _EXTENSIONS
    refused: dict[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    replies: dict[Step, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    on_step: Callable[[Step], None] | None = None
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def find(self, text: bytes) -> list[Received]:
        """Return the messages with a text in the content, without bounces, which quote it."""
        return [each for each in self.received if text in each.content and each.mail_from]

    def find_bounces(self, text: bytes) -> list[Received]:
        return [each for each in self.received if text in each.content and not each.mail_from]


@contextmanager
def run_sink(sink: Sink | None = None) -> Iterator[Sink]:
    """Run a server on a free port of the loopback interface."""
    sink = sink or Sink()
    loop = asyncio.new_event_loop()
    listener = socket.socket()
    # Small, so that a client cannot end a large message before the server reads it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    listener.bind(("127.0.0.1", 0))
    server = loop.run_until_complete(asyncio.start_server(lambda *streams: _serve(sink, *streams), sock=listener))
    sink.port = listener.getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield sink
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    sessions = asyncio.all_tasks() - {asyncio.current_task()}
    for each in sessions:
        each.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)


async def _serve(sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sink.connections += 1
    try:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await _Session(sink, reader, writer).run()
    finally:
        writer.close()


class _Session:
    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sink = sink
        self._reader = reader
        self._writer = writer
        self._mail_from = ""
        self._parameters: tuple[str, ...] = ()
        self._recipients: list[str] = []
        self._buffer = bytearray()

    async def run(self) -> None:
        await self._reply("220 sink.example.net ESMTP")
        while True:
            line = await self._read_until(_LINE)
            self._sink.commands += [] if line.upper().startswith(b"QUIT") else [line.decode("utf-8", "surrogateescape").rstrip("\r\n")]
            verb, _, rest = line.decode("utf-8", "surrogateescape").strip().partition(" ")
            match verb.upper():
                case "EHLO" | "LHLO":
                    await self._greet()
                case "STARTTLS" if self._sink.context:
                    await self._reply("220 2.0.0 Ready")
                    await self._writer.start_tls(self._sink.context)
                case "MAIL":
                    await self._begin(rest)
                case "RCPT":
                    await self._add_recipient(rest)
                case "DATA":
                    await self._read_message()
                case "QUIT":
                    await self._reply("221 2.0.0 Bye")
                    return
                case "HELO" | "NOOP" | "XFORWARD" | "RSET":
                    self._recipients = []
                    await self._reply("250 2.0.0 Ok")
                case _:
                    await self._reply("500 5.5.2 Unknown command")

    async def _greet(self) -> None:
        encrypted = self._writer.get_extra_info("ssl_object") is not None
        offered = ["sink.example.net", *self._sink.extensions, *(["STARTTLS"] if self._sink.context and not encrypted else [])]
        await self._reply("\r\n".join([*(f"250-{each}" for each in offered[:-1]), f"250 {offered[-1]}"]))

    async def _begin(self, argument: str) -> None:
        self._mail_from, self._parameters = _read_path(argument)
        self._recipients = []
        await self._reply("250 2.1.0 Ok", Step.MAIL)

    async def _add_recipient(self, argument: str) -> None:
        address, _ = _read_path(argument)
        if refusal := self._sink.refused.get(address):
            await self._reply(refusal, Step.RCPT)
            return
        self._recipients.append(address)
        await self._reply("250 2.1.5 Ok", Step.RCPT)

    async def _read_message(self) -> None:
        if not self._recipients:
            await self._reply("554 5.5.1 No valid recipients")
            return
        await self._reply("354 Go ahead", Step.DATA)
        if not self._sink.replies.get(Step.DATA, "354").startswith("354"):
            return
        content = await self._read_content()
        if self._sink.replies.get(Step.ACCEPTED, "2").startswith("2"):
            self._sink.received.append(Received(self._mail_from, tuple(self._recipients), content, self._parameters))
        self._recipients = []
        await self._reply("250 2.0.0 Accepted", Step.ACCEPTED)

    async def _read_content(self) -> bytes:
        # As the end of the command's line, because a lone dot right after DATA ends an empty message.
        self._buffer[:0] = b"\r\n"
        content = await self._read_until(_LENIENT_END if self._sink.lenient else _END, Step.CONTENT)
        lines = content[:-3] if content.endswith(b"\r\n.\r\n") else _LENIENT_END.sub(b"\r\n", content)
        return lines.replace(b"\r\n.", b"\r\n")[2:]

    async def _read_until(self, end: re.Pattern[bytes], step: Step | None = None) -> bytes:
        """Read up to and including an end, which is the given step if it does not arrive at once.

        Raises:
            IncompleteReadError: the client closed the connection before it.
        """
        searched = 0
        while not (found := end.search(self._buffer, searched)):
            searched = max(0, len(self._buffer) - _LONGEST_END)
            octets = await self._reader.read(1 << 18)
            if not octets:
                raise asyncio.IncompleteReadError(bytes(self._buffer), None)
            self._buffer += octets
            if step and not end.search(self._buffer, searched):
                await self._notify(step)
                step = None
        octets = bytes(self._buffer[: found.end()])
        del self._buffer[: found.end()]
        return octets

    async def _notify(self, step: Step) -> None:
        if self._sink.on_step:
            await asyncio.get_running_loop().run_in_executor(None, self._sink.on_step, step)

    async def _reply(self, text: str, step: Step | None = None) -> None:
        if step:
            await self._notify(step)
            text = self._sink.replies.get(step, text)
            if not text:
                raise ConnectionResetError
        self._writer.write(f"{text}\r\n".encode())
        await self._writer.drain()


def _read_path(argument: str) -> tuple[str, tuple[str, ...]]:
    """Return the address and the parameters of MAIL or RCPT."""
    address, _, parameters = argument.partition("<")[2].partition(">")
    return address, tuple(parameters.split())
