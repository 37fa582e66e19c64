"""A reverse proxy, as `proxy_pass` of nginx: it passes each request on, and the answer while it arrives."""

import http.client
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade"}


class Proxy:
    """The proxy of one server, at the path `/mail/`; elsewhere it answers 404.

    Args:
        strips: whether it removes the path.
        keeps_host: whether it passes `Host` on. Otherwise it writes the server's address.
    """

    def __init__(self, server: str, *, strips: bool, keeps_host: bool) -> None:
        target = urlsplit(server).netloc
        self.paths: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                proxy.paths.append(self.path)
                if not self.path.startswith("/mail/"):
                    self.send_error(404)
                    return
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_A_CONNECTION}
                headers |= {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "far.example.net", "X-Forwarded-Proto": "https"}
                if not keeps_host:
                    headers["Host"] = target
                with closing(http.client.HTTPConnection(target)) as connection:
                    connection.request(self.command, self.path[len("/mail") :] if strips else self.path, body or None, headers)
                    answer = connection.getresponse()
                    self.send_response(answer.status)
                    for name, value in answer.getheaders():
                        if name.lower() not in _OF_A_CONNECTION:
                            self.send_header(name, value)
                    self.end_headers()
                    try:
                        while part := answer.read1(65536):
                            self.wfile.write(part)
                    except (OSError, http.client.IncompleteRead):  # the browser has closed the page, or the server stops
                        self.close_connection = True

            do_POST = do_HEAD = do_GET  # noqa: N815 - http.server finds the methods by these names

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
