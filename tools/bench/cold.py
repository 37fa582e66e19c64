"""One process as Lambda starts it: load a function (`rewrite` by default), process its first message, end.

The network is replaced below botocore, which still signs the requests and parses the responses.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

ROOT = Path(__file__).parents[2]

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "REWRITE_BUCKET": "bench-rewrite",
    "SUBJECT_TAG": "[EXTERNAL]",
    "ADD_HEADERS": '{"X-Checked": "yes"}',
    "REMOVE_HEADERS": "X-Mailer",
    "ORGANIZATION_DOMAINS": "example.com",
    "POLICY": str(ROOT / "functions/mailflow/policy.yaml"),
}


class _Body:
    """The part of a urllib3 response that botocore uses."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.closed = False

    def read(self, *_: Any, **__: Any) -> bytes:
        content, self._content = self._content, b""
        return content

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()

    def close(self) -> None:
        self.closed = True

    def release_conn(self) -> None:
        self.close()


@contextmanager
def without_network(message: bytes, puts: list[bytes]) -> Iterator[None]:
    """Let every botocore client of this process read `message`, and collect the bodies of S3 uploads in `puts`."""

    def send(_session: URLLib3Session, request: Any) -> AWSResponse:
        headers = {"Content-Type": "application/json"}
        body = b"{}"
        if request.method == "GET":
            body = message
            headers["Content-Length"] = str(len(message))
        elif request.method == "PUT":
            puts.append(request.body.read() if hasattr(request.body, "read") else request.body)
            headers = {"x-amz-version-id": "v1", "ETag": '"0"'}
            body = b""
        return AWSResponse(request.url, 200, headers, _Body(body))

    real = URLLib3Session.send
    URLLib3Session.send = send
    try:
        yield
    finally:
        URLLib3Session.send = real


def load(function: str = "rewrite") -> ModuleType:
    sys.path[:0] = [str(ROOT / "layers/mailhooks"), str(ROOT / "functions" / function)]
    import app

    return app


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
    return {
        "summaryVersion": "2018-10-10",
        "envelope": {"mailFrom": {"address": "someone@example.net"}, "recipients": [{"address": "user@example.com"}]},
        "subject": "Café and more",
        "messageId": f"00000000-0000-4000-8000-{number:012d}",
        "invocationId": f"{number:032x}",
        "flowDirection": "INBOUND",
        "truncated": False,
    }


if __name__ == "__main__":
    os.environ.update(ENVIRONMENT)
    stored: list[bytes] = []
    with without_network(message(10_000), stored):
        answer = load(*sys.argv[1:]).handler(event(), None)
    if (
        answer != {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
        or b"Subject: [EXTERNAL] =?utf-8?q?" not in stored[0]
    ):
        sys.exit("the first message was not rewritten")
