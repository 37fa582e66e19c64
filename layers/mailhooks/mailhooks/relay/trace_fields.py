"""The trace fields of a message (RFC 5321 section 4.4): their number, our own one, and IDs that do not depend on them."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256
from typing import Final, NamedTuple

from mailhooks.address_patterns import canonical
from mailhooks.mime.headers import Field, HeaderBlock, scan
from mailhooks.mime.message import Message
from mailhooks.relay import mark

MAX_RECEIVED: Final = 50
"""Received fields of a message that is passed on, at most: a loop has more (RFC 5321 section 6.3)."""

_TRACE: Final = frozenset(
    {
        "received",
        "x-received",
        "return-path",
        "delivered-to",
        "received-spf",
        "authentication-results",
        mark.FIELD_NAME.lower(),
    }
)
_TRACE_PREFIX: Final = "arc-"

_GREETING: Final = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,255}")
"""The argument of HELO or EHLO (RFC 5321 section 4.1.1.1), which is text from outside: in another form it is not written."""


@dataclass(frozen=True, slots=True)
class Client:
    """The SMTP client that sent a message, for the Received field.

    Attributes:
        greeting: the argument of its HELO, EHLO or LHLO.
        address: its IP address; `""` if it has none, as on a Unix socket.
        protocol: as in the field, such as ESMTPS or LMTP (RFC 3848).
    """

    greeting: str
    address: str
    protocol: str


class StableIds(NamedTuple):
    """IDs that a message keeps in a retry: in hexadecimal digits."""

    message_id: str
    """Of the content and its sender."""
    invocation_id: str
    """Of the content for these recipients."""


def count_received(header: HeaderBlock) -> int:
    """Return the number of Received fields."""
    return sum(1 for _ in header.named("received"))


def write_received(client: Client, host_name: str, message_id: str, when: datetime, newline: bytes) -> bytes:
    """Write the Received field of this host, with its line end. It names no recipient, as one may be in Bcc.

    Args:
        when: aware, or in UTC.
    """
    greeting = client.greeting if _GREETING.fullmatch(client.greeting) else "unknown"
    source = f" ([{_literal(client.address)}])" if client.address else ""
    lines = (
        f"Received: from {greeting}{source}",
        f"\tby {host_name} (mailhooks) with {client.protocol} id {message_id[:32]};",
        f"\t{format_datetime(when)}",
    )
    return b"".join(line.encode("ascii") + newline for line in lines)


def make_ids(message: Message, *, listener: str, mail_from: str, recipients: Collection[str]) -> StableIds:
    """Return the IDs of a message. Other trace fields, and another order or spelling of its recipients, give the same ones."""
    digest = sha256(_join([listener, mail_from]))
    for start, end in _without_trace_fields(message):
        digest.update(memoryview(message.raw)[start:end])
    message_id = digest.hexdigest()
    return StableIds(message_id, sha256(_join([message_id, *sorted({canonical(each) for each in recipients})])).hexdigest())


def _without_trace_fields(message: Message) -> Iterator[tuple[int, int]]:
    done = 0
    for field in message.header.fields:
        if (field.lname in _TRACE or field.lname.startswith(_TRACE_PREFIX)) and not _is_disputed(message, field):
            yield done, field.start
            done = field.end
    yield done, len(message.raw)


def _is_disputed(message: Message, field: Field) -> bool:
    """Return whether programs read a field in different ways, such as one that ends the header for some of them: it is content."""
    return bool(message.header.options and scan(message.raw[field.start : field.end]).options)


def _join(texts: Iterable[str]) -> bytes:
    """Return texts in a form from which they can be read again, so that others have another form."""
    return b"".join(b"%d:%s" % (len(octets), octets) for octets in (text.encode("utf-8", "surrogateescape") for text in texts))


def _literal(address: str) -> str:
    """Return an IP address as in an address literal (RFC 5321 section 4.1.3)."""
    return f"IPv6:{address}" if ":" in address else address
