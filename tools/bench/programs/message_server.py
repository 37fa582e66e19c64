"""Serve messages for the calls of a hook, over HTTP on 127.0.0.1, in a process of its own.

python message_server.py FILE...

The digits at the end of a message ID are the number of its file; with one file, all IDs have it. The server prints its port. It answers
GetRawMessageContent (GET), PutObject (PUT) and PutRawMessageContent (POST), keeps connections open, and answers `Expect: 100-continue`,
which botocore sends with each PutObject. A GET of /puts returns the number of messages that were stored and whose subject has the tag: a
benchmark checks by it that it has not measured an error.
"""

import socket
import sys
import threading
from pathlib import Path
from typing import BinaryIO

TAG = b"Subject: [EXTERNAL] "


class MessageServer:
    """Answers the calls of any number of connections, each in a thread."""

    def __init__(self, messages: list[bytes]) -> None:
        self._messages = messages
        self._puts = 0
        self._lock = threading.Lock()

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of a connection until the client closes it."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as stream:
            while request := stream.readline():
                fields = _read_fields(stream)
                if fields.get(b"expect", b"").lower() == b"100-continue":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = _read_body(stream, fields)
                connection.sendall(self._answer(request, body))

    def _answer(self, request: bytes, body: bytes) -> bytes:
        method, path, _ = request.split(b" ", 2)
        if path == b"/puts":
            return _response(b"%d" % self._puts, b"Content-Type: text/plain\r\n")
        if method == b"GET":
            number = int(path[-12:]) if len(self._messages) > 1 else 0
            return _response(self._messages[number], b"Content-Type: message/rfc822\r\nx-amzn-requestid: 1\r\n")
        if method == b"PUT":
            with self._lock:
                self._puts += TAG in body
            return _response(b"", b'x-amz-version-id: v1\r\nETag: "0"\r\n')
        return _response(b"{}", b"Content-Type: application/json\r\n")


def _response(body: bytes, fields: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (fields, len(body), body)


def _read_fields(stream: BinaryIO) -> dict[bytes, bytes]:
    fields = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.strip()
    return fields


def _read_body(stream: BinaryIO, fields: dict[bytes, bytes]) -> bytes:
    if fields.get(b"transfer-encoding") != b"chunked":
        return stream.read(int(fields.get(b"content-length", b"0")))
    chunks = []
    while size := int(stream.readline().partition(b";")[0], 16):
        chunks.append(stream.read(size))
        stream.readline()
    _read_fields(stream)
    return b"".join(chunks)


def main(paths: list[str]) -> None:
    server = MessageServer([Path(path).read_bytes() for path in paths])
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=server.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1:])
