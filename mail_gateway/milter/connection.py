"""One connection of an MTA over a socket: reads its packets, and writes the answers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from mail_gateway.milter.protocol import PROGRESS, Option, Packet, PacketReader
from mail_gateway.milter.session import MilterMessage, MilterSession
from mail_gateway.smtp.next_host import Withdrawn

_READ_OCTETS: Final = 256 * 1024

NEGOTIATION_S: Final = 60.0
"""Seconds until the first packet."""

IDLE_S: Final = 7_210.0
"""Seconds between two packets, as in Sendmail's own library: a client may need long for its message."""

PROGRESS_S: Final = 10.0
"""Seconds after which the MTA is informed that the answer needs more time. Postfix waits for 300 seconds (`milter_content_timeout`)."""

WRITE_S: Final = 300.0
"""Seconds in which the MTA has to read a packet."""

Answerer = Callable[[MilterMessage, Option, Callable[[], bool]], Awaitable[Iterable[Packet]]]
"""Makes the packets that answer a message, with the negotiated options. The function returns whether the MTA still waits for them."""


class MilterConnection:
    """A connection. Its messages are answered one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: MilterSession, answer: Answerer) -> None:
        self._is_answering = False
        self._reader = reader
        self._writer = writer
        self._session = session
        self._answer = answer
        self._next_read: asyncio.Task[bytes] | None = None
        self._is_ending = False
        self._task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """End the connection: now, or when the message that is being evaluated has its answer."""
        self._is_ending = True
        if not self._is_answering:
            self.cut_off()

    def cut_off(self) -> None:
        """End the connection now."""
        if self._task:
            self._task.cancel()

    async def run(self) -> None:
        """Answer the packets until the connection ends, or is ended.

        Raises:
            ProtocolError: see `MilterSession.receive`.
            TimeoutError: the MTA neither sends nor reads.
            OSError: the connection broke.
        """
        # A task of its own: asyncio logs an error when the task that it has made for a connection is cancelled.
        self._task = asyncio.ensure_future(self._run())
        try:
            await asyncio.wait({self._task})
        finally:
            self._task.cancel()
        if not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        packets = PacketReader()
        timeout = NEGOTIATION_S
        try:
            while not (self._session.is_closed or self._is_ending):
                received = await asyncio.wait_for(self._begin_read(), timeout)
                self._next_read = None
                timeout = IDLE_S
                if not received:
                    return
                for packet in packets.read(received):
                    await self._process(packet)
        finally:
            if self._next_read:
                self._next_read.cancel()

    async def _process(self, packet: Packet) -> None:
        result = self._session.receive(packet)
        if isinstance(result, MilterMessage):
            await self._answer_message(result)
        elif result is not None:
            await self._write(result)

    def _begin_read(self) -> asyncio.Task[bytes]:
        self._next_read = self._next_read or asyncio.ensure_future(self._reader.read(_READ_OCTETS))
        return self._next_read

    def _is_waiting(self) -> bool:
        """Return whether the MTA waits for an answer. It sends nothing while it waits, so a read that ends is the end of its patience."""
        return not self._begin_read().done() and not self._writer.is_closing()

    async def _answer_message(self, message: MilterMessage) -> None:
        self._is_answering = True
        work = asyncio.ensure_future(self._answer(message, self._session.options, self._is_waiting))
        try:
            while not (await asyncio.wait({work}, timeout=PROGRESS_S))[0]:
                if self._is_waiting():
                    await self._write(PROGRESS)
            for packet in work.result():
                await self._write(packet)
        except Withdrawn:
            pass
        finally:
            work.cancel()
            self._is_answering = False

    async def _write(self, packet: Packet) -> None:
        self._writer.write(bytes(packet))
        await asyncio.wait_for(self._writer.drain(), WRITE_S)
