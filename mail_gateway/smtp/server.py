"""The server of one listener for SMTP or LMTP."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from mail_gateway.config import ListenerConfiguration
from mail_gateway.report import GatewayLog
from mail_gateway.slot import EVALUATION_S, EvaluatorSlot
from mail_gateway.smtp.next_host import DEFAULT_TIMEOUTS, HostLimits, NextHostConnection, Timeouts, Withdrawn
from mail_gateway.smtp.passing_on import FALSE_END, Checked, check_copies
from mail_gateway.smtp.session import GatewaySession, SessionServices
from mail_gateway.sockets import listen, may_connect
from mail_gateway.stopping import end_connections
from mail_gateway.tls import make_client_context, make_server_context
from mailhooks.deadline import Deadline
from mailhooks.relay.errors import Refused
from mailhooks.relay.received import Received
from mailhooks.relay.smtp_data import has_false_end

_NOT_ALLOWED: Final = b"554 5.7.1 This host may not connect here\r\n"
_TOO_MANY: Final = b"421 4.3.2 Too many connections, try again later\r\n"


class SmtpListener:
    """Serves the clients of one listener in the running event loop.

    Args:
        slot: has the evaluator.
        executor: runs evaluations, which may block.

    Attributes:
        port: the TCP port; 0 for a Unix socket.
    """

    def __init__(
        self,
        configuration: ListenerConfiguration,
        slot: EvaluatorSlot,
        executor: Executor,
        log: GatewayLog,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        assert configuration.next_host
        self.configuration = configuration
        self.slot = slot
        self._executor = executor
        self._server_context = make_server_context(configuration)
        self._host_context = make_client_context(configuration.next_host)
        self._timeouts = timeouts
        self._services = SessionServices(self._evaluate, self._connect, log.for_listener(configuration.listener.name), self._admit)
        self._socket = listen(configuration.address)
        self.port = 0 if configuration.address.path else int(self._socket.getsockname()[1])
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Start to answer clients."""
        self._server = await asyncio.get_running_loop().create_server(self._create_session, sock=self._socket)

    async def stop(self, wait_s: float) -> None:
        """End the connections, as `end_connections`, and those to the next host."""
        await end_connections(self._server, self._services.sessions, wait_s)
        await asyncio.gather(*self._services.tasks)

    def _create_session(self) -> GatewaySession:
        return GatewaySession(self.configuration, self._services, self._server_context)

    def _connect(self) -> NextHostConnection:
        configuration = self.configuration
        assert configuration.next_host
        return NextHostConnection(configuration.next_host, configuration.listener.host_name, self._host_context, self._timeouts)

    def _admit(self, peer: object) -> bytes:
        """Return the reply to a client that may not connect; b"" for one that may."""
        if not may_connect(peer, self.configuration.networks):
            self._services.log.warn("a client is refused", "its network is not one of this listener")
            return _NOT_ALLOWED
        return _TOO_MANY if len(self._services.sessions) >= self.configuration.max_connections else b""

    async def _evaluate(self, received: Received, limits: HostLimits, *, split: bool, waits: Callable[[], bool]) -> Checked:
        evaluator = self.slot.evaluator

        def require_client() -> None:
            if not waits():
                raise Withdrawn

        def evaluate() -> Checked:
            require_client()  # it may have gone while other messages were evaluated
            if has_false_end([received.content]):
                raise Refused(FALSE_END.code, FALSE_END.enhanced, *FALSE_END.lines)
            disposition = evaluator.evaluate(received, Deadline.after(EVALUATION_S))
            checked = check_copies(disposition, limits, split=split)
            require_client()  # it sends the message again, which is notified and logged then
            checked.disposition.finish(split=split)
            return checked

        return await asyncio.get_running_loop().run_in_executor(self._executor, evaluate)
