"""The server of a listener for the milter protocol."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Final

from mail_gateway.config import ListenerConfiguration
from mail_gateway.milter.answers import Answer, make_answer, to_received
from mail_gateway.milter.connection import MilterConnection
from mail_gateway.milter.notifications import SenderNotifier
from mail_gateway.milter.protocol import Option, Packet, ProtocolError, reply
from mail_gateway.milter.session import MilterMessage, MilterSession
from mail_gateway.report import GatewayLog
from mail_gateway.slot import EVALUATION_S, EvaluatorSlot
from mail_gateway.smtp.next_host import DEFAULT_TIMEOUTS, Timeouts, Withdrawn
from mail_gateway.smtp.replies import TOO_LARGE, make_reply, reply_to_error
from mail_gateway.sockets import listen, may_connect
from mail_gateway.stopping import end_connections
from mailhooks.deadline import Deadline
from mailhooks.relay.errors import Refused, TryAgain
from mailhooks.relay.replies import Reply

_TRY_AGAIN: Final = make_reply(451, "4.3.0", "The message cannot be checked now, try again later")


class MilterListener:
    """Serves the mail servers of one listener in the running event loop.

    Args:
        slot: has the evaluator.
        executor: runs evaluations, which may block.
    """

    def __init__(
        self,
        configuration: ListenerConfiguration,
        slot: EvaluatorSlot,
        executor: Executor,
        log: GatewayLog,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        """Bind the address.

        Raises:
            GatewayError: the address cannot be used, or the next host's certificates.
        """
        self.configuration = configuration
        self.slot = slot
        self._executor = executor
        self._log = log.for_listener(configuration.listener.name)
        self._notifier = SenderNotifier(configuration, self._log, timeouts)
        self._connections: set[MilterConnection] = set()
        self._socket = listen(configuration.address)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The TCP port; 0 for a Unix socket."""
        return 0 if self.configuration.address.path else int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Start to answer mail servers."""
        if self.configuration.address.path:
            self._server = await asyncio.start_unix_server(self._serve, sock=self._socket)
        else:
            self._server = await asyncio.start_server(self._serve, sock=self._socket)

    async def stop(self, wait_s: float) -> None:
        """End the connections, as `end_connections`. A mail server without an answer asks its client to try again."""
        await end_connections(self._server, self._connections, wait_s)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, and close it."""
        connection = MilterConnection(reader, writer, MilterSession(self.configuration.max_message_octets), self._answer)
        try:
            if not may_connect(writer.get_extra_info("peername"), self.configuration.networks):
                self._log.warn("a mail server is refused", "its network is not one of this listener")
            elif len(self._connections) >= self.configuration.max_connections:
                self._log.warn("a mail server is refused", "there are too many connections")
            else:
                self._connections.add(connection)
                await connection.run()
        except ProtocolError as error:
            self._log.warn("a connection is closed", str(error))
        except TimeoutError:
            self._log.warn("a connection is closed", "the mail server neither sends nor reads")
        except OSError as error:
            self._log.warn("a connection is closed", type(error).__name__)
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _answer(self, message: MilterMessage, options: Option, is_waiting: Callable[[], bool]) -> Iterable[Packet]:
        """Return the packets that answer a message. Raises Withdrawn."""
        try:
            return await self._carry_out(message, options, is_waiting)
        except Withdrawn:
            self._log.warn("a message is not answered", "the mail server did not wait")
            raise
        except (TryAgain, Refused) as error:
            return [_to_packet(reply_to_error(error))]
        except Exception as error:  # noqa: BLE001 - the client keeps the message after any error
            self._log.warn("a message is not accepted", type(error).__name__)
            return [_to_packet(_TRY_AGAIN)]

    async def _carry_out(self, message: MilterMessage, options: Option, is_waiting: Callable[[], bool]) -> Iterable[Packet]:
        if message.is_too_large:
            self._log.warn("a message is refused", "it is too large")
            return [_to_packet(TOO_LARGE)]
        run = asyncio.get_running_loop().run_in_executor
        evaluator = self.slot.evaluator

        def evaluate() -> Answer:
            disposition = evaluator.evaluate(to_received(message), Deadline.after(EVALUATION_S))
            return make_answer(disposition, message, options)

        answer = await run(self._executor, evaluate)
        # Without an answer the client sends the message again: it is notified and logged then.
        if not is_waiting():
            raise Withdrawn
        await run(self._executor, answer.disposition.finish)
        refusal = await self._notifier.notify(answer.disposition, answer.reported, is_waiting)
        if not is_waiting():
            raise Withdrawn
        return [_to_packet(refusal)] if refusal else answer.packets


def _to_packet(text: Reply) -> Packet:
    return reply(str(text))
