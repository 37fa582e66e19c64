"""The operations for random edits, applied by a real Postfix and by the small model of an MTA: both make exactly the changed bytes."""

import asyncio
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mail_gateway.milter.connection import MilterConnection
from mail_gateway.milter.operations import CannotExpress, plan_operations
from mail_gateway.milter.protocol import CONTINUE, Option, Packet
from mail_gateway.milter.session import MilterMessage, MilterSession
from mailhooks.mime.edits import Edit, splice, splice_pieces
from tests.support.event_loop import loop_thread
from tests.support.mail import CORPUS
from tests.support.milter_mta import Transaction, read_by_mta
from tests.support.postfix import smtp_server, start_postfix
from tests.support.servers.caldav.debian import Missing
from tests.support.servers.caldav.processes import find_port
from tests.support.smtp_peers import Client
from tests.support.smtp_sink import run_sink
from tests.support.waiting import wait_until

MESSAGES = 60
NUMBER = re.compile(rb"X-Number:(\d+)\r\n")
NEW = (b"", b"Subject: new\r\n", b"X-Mark: 4\r\n", b"From:\r\n", b"x", b" ", b"a:b\r\n\tx\r\n", b"Received: r\r\n", b"To: t\r\n")


@dataclass
class Editor:
    """A milter that makes random edits, and keeps the bytes that have to arrive.

    Attributes:
        expected: the changed message by its number.
        by_model: the same, as the model of an MTA makes it.
    """

    random: random.Random
    expected: dict[bytes, bytes] = field(default_factory=dict)
    by_model: dict[bytes, bytes | None] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await MilterConnection(reader, writer, MilterSession(10**8), self.answer).run()
        finally:
            writer.close()

    async def answer(self, message: MilterMessage, _options: Option, _is_waiting: Callable[[], bool]) -> Iterable[Packet]:
        number = find_number(message.content)
        while True:
            edits = self.draw_edits(message.content)
            try:
                operations = plan_operations(message.fields, message.content, splice_pieces(message.content, edits))
            except CannotExpress:
                continue
            changed = splice(message.content, edits)
            if NUMBER.search(changed.partition(b"\r\n\r\n")[0] + b"\r\n") and b"\n" not in changed.replace(b"\r\n", b""):
                break
        self.expected[number] = changed
        model = Transaction(message.content)
        model.packets(0x100000)
        self.by_model[number] = model.apply([*operations.packets(), CONTINUE]).content
        return [*operations.packets(), CONTINUE]

    def draw_edits(self, content: bytes) -> list[Edit]:
        end = content.index(b"\r\n\r\n") + 2
        if self.random.random() < 0.1:
            return [Edit(end + 2, len(content), b"")]
        lines = [at for at in range(end) if at == 0 or content.startswith(b"\r\n", at - 2)]
        places = [self.random.choice([self.random.choice([*lines, end]), self.random.randrange(len(content) + 1)]) for _ in range(6)]
        marks = sorted(places[: self.random.randrange(7)])
        return [Edit(start, stop, self.random.choice(NEW)) for start, stop in zip(marks[::2], marks[1::2], strict=False)]


def find_number(content: bytes) -> bytes:
    found = NUMBER.search(content)
    assert found
    return found[1]


def test_postfix_and_the_model_make_exactly_the_changed_bytes(folder: Path) -> None:
    editor = Editor(random.Random(20))
    milter, port = find_port(), find_port()
    with loop_thread() as loop, run_sink() as sink:
        server = loop.run(asyncio.start_server(editor.serve, "127.0.0.1", milter))
        main = {
            "relayhost": f"[127.0.0.1]:{sink.port}",
            "local_header_rewrite_clients": "",
            "smtpd_milters": f"inet:127.0.0.1:{milter}",
            "milter_default_action": "tempfail",
            "smtp_line_length_limit": "0",
        }
        try:
            with start_postfix(folder / "operations", main, [smtp_server(port)]), Client(port) as client:
                for number in range(MESSAGES):
                    content = read_by_mta(CORPUS[number % len(CORPUS)].read_bytes())
                    assert client.send(b"X-Number:%d\r\n" % number + content + b"\r\n").startswith("250")
                wait_until(lambda: len(sink.received) == MESSAGES)
        except Missing as missing:
            pytest.skip(str(missing))
        finally:
            server.close()
    arrived = {find_number(each.content): remove_received(each.content) for each in sink.received}
    assert arrived == editor.expected
    assert editor.by_model == editor.expected


def remove_received(content: bytes) -> bytes:
    """Remove the Received field of Postfix."""
    return re.sub(rb"\AReceived: [^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", content)
