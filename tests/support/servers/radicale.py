"""The CalDAV server Radicale on the loopback interface, with storage in a folder and users with passwords."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import radicale
import radicale.config
import requests

USER, PASSWORD = "svc@example.net", "a password with ü"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: without a path.
    """

    url: str

    def make(self, path: str, *events: str) -> None:
        """Create a calendar at a path, with events as calendar data."""
        made = requests.request("MKCALENDAR", f"{self.url}{path}", auth=_auth(), timeout=10)
        assert made.status_code == 201, made.text
        for number, event in enumerate(events):
            text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{event}END:VCALENDAR\r\n"
            self.put(f"{path}{number}.ics", text.encode())

    def put(self, path: str, content: bytes) -> None:
        """Store a calendar object."""
        put = requests.put(f"{self.url}{path}", content, auth=_auth(), timeout=10)
        assert put.status_code == 201, put.text


def _auth() -> tuple[bytes, bytes]:
    return USER.encode(), PASSWORD.encode()


def event(uid: str, start: str, end: str, *more: str) -> str:
    """Return the calendar data of an event."""
    lines = ["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", start, end, *more, "END:VEVENT", ""]
    return "\r\n".join(lines)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(folder: Path, **reporting: str) -> Iterator[Server]:
    """Run Radicale with one user.

    Args:
        reporting: settings of the section `reporting`.
    """
    users = folder / "users"
    users.write_text(f"{USER}:{PASSWORD}\n", "utf-8")
    configuration = radicale.config.load()
    configuration.update(
        {
            "auth": {"type": "htpasswd", "htpasswd_filename": str(users), "htpasswd_encryption": "plain"},
            "rights": {"type": "owner_only"},
            "storage": {"filesystem_folder": str(folder / "collections")},
            "logging": {"level": "critical"},
            "reporting": reporting,
        },
        "test",
        privileged=True,
    )
    with make_server("127.0.0.1", 0, radicale.Application(configuration), handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield Server(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
