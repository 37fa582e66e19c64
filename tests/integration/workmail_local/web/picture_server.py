"""A server for pictures that tries everything a server can: cookies, redirects, and links to other servers in its header."""

import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

from tests.integration.workmail_local.web.test_browser_mail import PNG
from tests.support.servers.certificates import ServerCertificate

OTHER: Final = "http://other.example.net"
_LINKS: Final = f"<{OTHER}>; rel=preconnect, <{OTHER}/a.css>; rel=preload; as=style, <{OTHER}/b.png>; rel=preload; as=image"


class PictureRequest(NamedTuple):
    """A GET as it arrived; the names of the fields are in lower case. Another method is answered 501."""

    path: str
    fields: Mapping[str, str]


class PictureServer:
    """A running server that answers every path with a picture, and `/moved` with a redirect to another server."""

    def __init__(self, certificate: ServerCertificate | None = None) -> None:
        self.requests: list[PictureRequest] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(PictureRequest(self.path, {name.lower(): value for name, value in self.headers.items()}))
                moved = self.path == "/moved"
                self.send_response(302 if moved else 200)
                for name, value in {
                    "Content-Type": "image/png",
                    "Content-Length": "0" if moved else str(len(PNG)),
                    "Cache-Control": "no-store",
                    "Set-Cookie": "seen=1; SameSite=None; Secure",
                    "Link": _LINKS,
                    **({"Location": f"{OTHER}/after"} if moved else {}),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if moved else PNG)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
