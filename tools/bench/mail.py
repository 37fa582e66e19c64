"""The message and the event of the benchmarks of functions."""

from typing import Any


def message(size: int) -> bytes:
    """Return a message of about `size` bytes, with the header fields of a large mail service."""
    hops = b"".join(
        b"Received: from mx%d.example.net (mx%d.example.net [192.0.2.%d])\r\n\tby mx%d.example.com with ESMTPS id %08x;\r\n"
        b"\tMon, 4 May 2026 08:00:0%d +0000\r\n" % (n, n, n, n + 1, n, n)
        for n in range(1, 7)
    )
    head = (
        b"From: Someone <someone@example.net>\r\nTo: Someone Else <user@example.com>\r\nSubject: =?utf-8?q?Caf=C3=A9_and_more?=\r\n"
        b"Date: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: <bench@example.net>\r\nMIME-Version: 1.0\r\nX-Mailer: a mailer 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    line = b"The quick brown fox jumps over the lazy dog, again and again.\r\n"
    return hops + head + line * ((size - len(hops) - len(head)) // len(line))


def event(number: int = 0) -> dict[str, Any]:
    """Return the event of an inbound message to one recipient."""
    return {
        "summaryVersion": "2018-10-10",
        "envelope": {"mailFrom": {"address": "someone@example.net"}, "recipients": [{"address": "user@example.com"}]},
        "subject": "Café and more",
        "messageId": f"00000000-0000-4000-8000-{number:012d}",
        "invocationId": f"{number:032x}",
        "flowDirection": "INBOUND",
        "truncated": False,
    }
