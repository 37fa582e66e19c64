"""SMTP in: a server for mail from the world, and one for users of the organization who send. RFC 5321, on aiosmtpd."""

import asyncio
import contextlib
import logging
import threading

from local.errors import ServerError
from local.mail.submission import NO_RELAYING, NOT_A_USER, NOT_YOUR_ADDRESS, UNKNOWN_USER, Acceptor, Refusal, Submission, TemporarilyRefused
from local.servers import BACKLOG, listen
from local.smtp.handler import GOODBYE_S, Conversation
from mailhooks.contract import FlowDirection

__all__ = [
    "NOT_A_USER",
    "NOT_YOUR_ADDRESS",
    "NO_RELAYING",
    "UNKNOWN_USER",
    "Acceptor",
    "Refusal",
    "SmtpServer",
    "Submission",
    "TemporarilyRefused",
]

TIMEOUT_S = 300.0
"""RFC 5321 section 4.5.3.2.7: at least five minutes for the next command."""

STOP_S = 10.0
"""How long a server that is stopped waits for messages that are being accepted."""


class SmtpServer:
    """One port, in a thread of its own with an event loop of its own, in which the intake is called.

    Args:
        direction: INBOUND is a port for the world: no AUTH. OUTBOUND is one for submission: AUTH PLAIN and LOGIN, not required.
        intake: says who may send to whom, and takes the mail in.
        host: the loopback interface unless somebody knows better: nothing here is encrypted, and any password will do.
        port: 0 lets the system choose.
        timeout_s: seconds without a valid command, or without content behind DATA, before a client is let go.

    Attributes:
        port: on which it listens, as soon as it is made.

    Raises:
        ServerError: the port is taken or not allowed.
    """

    def __init__(
        self, direction: FlowDirection, intake: Acceptor, *, host: str = "127.0.0.1", port: int = 0, timeout_s: float = TIMEOUT_S
    ) -> None:
        # aiosmtpd tells of every address at level INFO, and warns of its own old names.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        self._socket = listen(port, host)
        self.port: int = self._socket.getsockname()[1]
        self.closing = False
        self._direction = direction
        self._intake = intake
        self._timeout_s = timeout_s
        self._stop_s = STOP_S
        self._conversations: set[Conversation] = set()
        self._accepting: set[asyncio.Task[int]] = set()
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=f"smtp-{direction.value.lower()}", daemon=True)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._conversations)

    def start(self) -> None:
        """Returns when clients are answered.

        Raises:
            ServerError: it did not come up.
        """
        self._thread.start()
        self._ready.wait()
        if self._loop is None:
            raise ServerError("the SMTP server did not start")

    def stop(self, *, wait_s: float = STOP_S) -> None:
        """Returns when the thread has ended. Messages that are being accepted are accepted and answered for; all other clients get 421.

        Args:
            wait_s: how long to wait for the former; those that last longer have no 250, and are kept or not.
        """
        self._stop_s = wait_s
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop is closed: it was stopped before.
                self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()

    # -- For conversations --

    def entered(self, conversation: Conversation) -> None:
        """A client has connected."""
        self._conversations.add(conversation)

    def left(self, conversation: Conversation) -> None:
        """A connection is gone."""
        self._conversations.discard(conversation)
        self._changed.set()

    async def accept(self, submission: Submission) -> int:
        """As `Acceptor.accept`; goes on when the caller is cancelled, for its client has hung up."""
        task = asyncio.ensure_future(self._intake.accept(submission))
        self._accepting.add(task)
        task.add_done_callback(self._accepted)
        return await asyncio.shield(task)

    def _accepted(self, task: asyncio.Task[int]) -> None:
        self._accepting.discard(task)
        self._changed.set()
        if not task.cancelled():
            task.exception()  # Looked at here, in case nobody waits for it any more.

    # -- The thread --

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._converse, sock=self._socket, backlog=BACKLOG)
        self._loop = loop
        self._ready.set()
        await self._stopping.wait()
        self.closing = True
        server.close()
        for conversation in tuple(self._conversations):
            conversation.dismiss("421 4.3.2 Shutting down")
        await self._until_empty(self._accepting, self._stop_s)
        if not self._accepting:
            await self._until_empty(self._conversations, GOODBYE_S)
        for conversation in tuple(self._conversations):
            conversation.abort()
        await self._until_empty(self._conversations, GOODBYE_S)

    async def _until_empty(self, some: set[Conversation] | set[asyncio.Task[int]], timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while some:
                    self._changed.clear()
                    await self._changed.wait()

    def _converse(self) -> Conversation:
        return Conversation(self._direction, self._intake, self, self._timeout_s)
