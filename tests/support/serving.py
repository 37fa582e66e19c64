"""Servers in place of services that moto does not emulate as a test needs them."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Quiet:
    """A mixin for `BaseHTTPRequestHandler` that logs no requests, and reads and answers in one call each."""

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def body(self: Any) -> bytes:
        content: bytes = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return content

    def answer(self: Any, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer a request. Header names have `_` for `-`."""
        self.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **given}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def accepting(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a TCP server on the loopback interface. `serve` handles one connection at a time, which is then closed. Yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                serve(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server on the loopback interface. Yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def answering(status: int, code: str, seconds: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """Run a service of AWS that answers each call with an error, after a delay. Yields its URL and the received requests."""
    asked: list[bytes] = []
    closing = threading.Event()

    class Answer(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked.append(self.body())
            closing.wait(seconds)
            self.answer(status, json.dumps({"__type": code, "message": "ordered by a test, for ana@example.com"}).encode())

    with serving(Answer) as url:
        try:
            yield url, asked
        finally:
            closing.set()
