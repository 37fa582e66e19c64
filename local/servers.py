"""Servers on the loopback interface, each in a thread of its own: started when ready, gone when stopped.

What costs time to import (moto, uvicorn) is imported when a server is made, so that nothing else pays for it.
"""

import logging
import os
import socket
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from local.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from starlette.applications import Starlette

HOST = "127.0.0.1"
_START_TIMEOUT_S = 20.0
BACKLOG = 256


def listen(port: int, host: str = HOST) -> socket.socket:
    """A listening socket, on the loopback interface unless told otherwise. Port 0 lets the system choose.

    Bound before its server starts: a taken port is an error here and now, not in a thread that nobody watches.

    Raises:
        ServerError: the port is taken or not allowed.
    """
    # The protocol by name, not 0: asyncio turns Nagle's algorithm off only where it sees TCP, and with it each answer takes 40 ms longer.
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        found.close()
        raise ServerError(f"port {port} on {host} cannot be used: {error}") from error
    return found


class HttpServer:
    """WorkMail's own APIs, or the pages, on uvicorn."""

    def __init__(self, app: "Starlette", port: int, *, host: str = HOST, name: str = "message-flow-api") -> None:
        import uvicorn

        self._socket = listen(port, host)
        self.url = _url(self._socket)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        # A client that went away in the middle of a delayed answer is no news.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name=name, daemon=True)

    def start(self) -> None:
        """Returns when the server answers.

        Raises:
            ServerError: it did not come up.
        """
        self._thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise ServerError(f"the server {self._thread.name} did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """Returns when the thread has ended; calls that are still waiting are cut off after a second."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()


class S3Server:
    """S3, and every other service that moto has, on moto's server.

    Not moto's own ThreadedMotoServer: that one waits for ever when its port is taken.
    """

    def __init__(self, port: int) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

        class Dispatcher(DomainDispatcherApplication):
            """moto looks at some two hundred folders to find out, for each call, whose host a name is: once is enough."""

            @lru_cache(maxsize=256)  # noqa: B019 - one dispatcher a server
            def get_backend_for_host(self, host: "str | None") -> Any:
                return super().get_backend_for_host(host)

        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        _make_session()
        with listen(port) as bound:
            self.url = _url(bound)
            # werkzeug duplicates the descriptor.
            self._server = make_server(
                HOST,
                bound.getsockname()[1],
                _atomic(Dispatcher(create_backend_app)),
                threaded=True,
                request_handler=MotoRequestHandler,
                fd=bound.fileno(),
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="local-s3", daemon=True)

    def start(self) -> None:
        """The socket listens already, so that calls wait until the thread is up."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _make_session() -> None:
    """moto keeps one session a process, for the names of regions, and fails where the developer's AWS_PROFILE names none that is there."""
    from moto.core.base_backend import AccountSpecificBackend

    profile = os.environ.pop("AWS_PROFILE", None)
    try:
        AccountSpecificBackend.get_session().get_available_partitions()
    finally:
        if profile is not None:
            os.environ["AWS_PROFILE"] = profile


def _atomic(app: "WSGIApplication") -> "WSGIApplication":
    """moto reads an item, checks its condition and writes it in three steps; in DynamoDB nothing comes in between."""
    lock = threading.Lock()

    def one_at_a_time(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            with lock:
                return app(environ, start_response)
        return app(environ, start_response)

    return one_at_a_time


def preferred(port: int, host: str = HOST) -> int:
    """The port, or 0 where another program has it."""
    try:
        listen(port, host).close()
    except ServerError:
        return 0
    return port


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{host}:{port}"
