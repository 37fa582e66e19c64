"""One message of a test: sent by swaks, and found again behind Postfix."""

import re
from itertools import count
from typing import Final

from tests.e2e.postfix.mail_path import MailPath
from tests.support.postfix import Transcript, send_by_swaks
from tests.support.smtp_sink import Received

NORA: Final = "nora@example.net"

_TRACE: Final = re.compile(rb"^(?:Received|X-Mailhooks-Checked): .*\r\n(?:[ \t].*\r\n)*", re.IGNORECASE | re.MULTILINE)
_numbers = count(1)


def remove_trace_fields(content: bytes) -> bytes:
    """Remove the fields that Postfix and the gateway add to each message."""
    header, separator, body = content.partition(b"\r\n\r\n")
    return _TRACE.sub(b"", header + b"\r\n").removesuffix(b"\r\n") + separator + body


class Case:
    """A message of one test. Its Message-ID is unique, so that bounces of others are not counted."""

    def __init__(self, path: MailPath, way: str, word: str, body: bytes = b"Hello\r\n", fields: bytes = b"") -> None:
        self.path = path
        self.way = way
        self.id = f"<{next(_numbers)}.{way}@example.net>".encode()
        head = b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n"
        self.content = head + b"Message-ID: " + self.id + b"\r\n" + fields + f"Subject: {word}\r\n\r\n".encode() + body

    def send(self, *to: str, sender: str = NORA) -> Transcript:
        return send_by_swaks(self.path.listeners[self.way], self.content, sender=sender, to=to)

    def read(self) -> list[Received]:
        """Return the copies of the message that arrived."""
        return self.path.read_arrived(b"Message-ID: " + self.id)

    def read_bounces(self) -> list[Received]:
        """Return the bounces for the message."""
        self.path.wait()
        return self.path.sink.find_bounces(self.id)

    def read_content(self) -> bytes:
        """Return the content of the one copy that arrived, without trace fields."""
        [arrived] = self.read()
        return remove_trace_fields(arrived.content)
