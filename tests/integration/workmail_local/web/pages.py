"""The pages on a real server, over HTTP and in a browser. One server serves all tests of a module."""

import socket
import threading

import requests
from playwright.sync_api import Browser, Page

from tests.integration.workmail_local.web.fakes import FakeActions, FakeHistory
from workmail_local.servers import HttpServer
from workmail_local.web import create_app

PLAIN = b"From: Clara <clara@example.org>\r\nTo: ana@example.com\r\nSubject: Hello\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n\r\nHello\r\n"
ALTERNATIVE = (
    b"From: clara@example.org\r\nTo: ana@example.com\r\nSubject: Both\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n--b--\r\n"
)
CHANGED = ALTERNATIVE.replace(b"<p>Hello</p>", b"<p>Hello</p><p>Example GmbH</p>").replace(b"Subject: ", b"X-Seen: yes\r\nSubject: [X] ")

FROM_CLARA = b"From: Clara <clara@example.org>\r\nTo: ana@example.com\r\nMIME-Version: 1.0\r\n"
OFFER = FROM_CLARA + b"Subject: Offer\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Our offer</p>\r\n"
OFFER_AFTER = OFFER + b"<p>Example GmbH</p>\r\n"


class Site:
    """The pages on a server, and the fakes behind them."""

    def __init__(self) -> None:
        self.history = FakeHistory()
        self.actions = FakeActions(self.history)
        self.server = HttpServer(create_app(self.history, self.actions), 0)
        self.server.start()
        self.url = self.server.url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **options: object) -> requests.Response:
        return self.session.get(self.url + path, timeout=30, allow_redirects=False, **options)

    def post(self, path: str, **options: object) -> requests.Response:
        return self.session.post(self.url + path, timeout=60, allow_redirects=False, **options)

    def clear(self) -> None:
        """Remove the messages and calls of an earlier test."""
        self.history.clear()
        self.actions.clear()

    def close(self) -> None:
        self.session.close()
        self.server.stop()


class Trap:
    """A server in place of all other servers; it counts connections."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


class Visit:
    """A browser's page on a site.

    Attributes:
        requests: the URLs of all requests.
        messages: texts of dialogs, console messages and script errors.
    """

    def __init__(self, browser: Browser, site: Site) -> None:
        self.site = site
        self.history, self.actions, self.url = site.history, site.actions, site.url
        self.context = browser.new_context()
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.context.on("dialog", lambda dialog: (self.messages.append(dialog.message), dialog.dismiss()))
        self.context.on("console", lambda message: self.messages.append(message.text))
        self.context.on("weberror", lambda error: self.messages.append(str(error.error)))
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(30_000)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def set_text_size(self, percent: int) -> None:
        """Set the text size of the browser, as a user does in its settings."""
        self.context.new_cdp_session(self.page).send("Page.setFontSizes", {"fontSizes": {"standard": 16 * percent // 100}})

    @property
    def requests_elsewhere(self) -> list[str]:
        return [url for url in self.requests if not url.startswith((self.url, "data:", "about:srcdoc", "about:blank"))]

    def clear(self) -> None:
        """Leave the page, and remove the data of an earlier test."""
        self.page.goto("about:blank")
        self.page.set_viewport_size({"width": 1280, "height": 720})
        self.page.emulate_media(color_scheme="null")
        self.set_text_size(100)
        self.site.clear()
        self.requests.clear()
        self.messages.clear()

    def close(self) -> None:
        self.context.close()
