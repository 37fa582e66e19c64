"""A small model of an MTA: sends a message to a milter, and applies the operations that come back.

It is written from the documentation of Sendmail and Postfix, not from our own code, and checked against a real Postfix in `make e2e`.
"""

import re
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

RECEIVED: Final = b"Received: from client.example.net by mx.example.com; Mon, 4 May 2026 08:00:00 +0000\r\n"
"""The field that the MTA adds at the top. It shows it to no milter."""

_FIELD: Final = re.compile(rb"([!-9;-~]+):((?:[^\r]|\r(?!\n)|\r\n[ \t])*+)\r\n")
_FINAL: Final = frozenset(b"acdrty")


class Kind(NamedTuple):
    """An MTA, as far as MTAs differ.

    Attributes:
        actions, options: what it offers.
        counts_deleted: whether a field that a milter has deleted still counts for later operations.
        fold: the line end of a fold in the values that it sends.
    """

    actions: int = 0x1FF
    options: int = 0x1FFFFF
    counts_deleted: bool = False
    fold: bytes = b"\n"


POSTFIX: Final = Kind()
SENDMAIL: Final = Kind(counts_deleted=True)
OLD: Final = Kind(actions=0x3F, options=0x7F, counts_deleted=True)
"""Sendmail before version 8.14: a reply for each packet, no leading space."""

KINDS: Final = {"Postfix": POSTFIX, "Sendmail": SENDMAIL, "an old Sendmail": OLD}


@dataclass(slots=True)
class Field:
    name: bytes
    value: bytes
    is_deleted: bool = False


@dataclass(slots=True)
class Result:
    """The result of one message.

    Attributes:
        reply: the letter of the decision: `c` or `a` to accept, `d` to discard, `t` for 451, `y` for the reply in `text`.
        recipients: as they are after the operations.
        content: the changed message, without the MTA's own Received field; None if the MTA does not accept it.
        operations: the letters of the operations, in their order.
    """

    reply: str
    text: str
    recipients: list[bytes]
    content: bytes | None
    quarantine: bytes | None
    operations: str


def read_by_mta(raw: bytes) -> bytes:
    """Return a message as an MTA reads it: lines end in CRLF, and an empty line follows the header.

    A line that is no field ends the header. Postfix writes `From ` at the start as a field X-Mailbox-Line; here it begins the body.
    """
    raw = re.sub(rb"\r*\n", b"\r\n", raw)
    end = 0
    while (found := _FIELD.match(raw, end)) and b"\0" not in found[0]:
        end = found.end()
    return raw if raw.startswith(b"\r\n", end) else raw[:end] + b"\r\n" + raw[end:]


def pack(letter: bytes, data: bytes = b"") -> bytes:
    return struct.pack("!I", 1 + len(data)) + letter + data


def negotiate(kind: Kind = POSTFIX, version: int = 6) -> bytes:
    return pack(b"O", struct.pack("!III", version, kind.actions, kind.options))


class Transaction:
    """One message at an MTA, from MAIL to the milter's decision."""

    def __init__(
        self,
        content: bytes,
        recipients: Sequence[bytes] = (b"<ana@example.com>",),
        sender: bytes = b"<nora@example.net>",
        kind: Kind = POSTFIX,
        chunk: int = 65_535,
    ) -> None:
        """Begin a message that is as `read_by_mta` returns it."""
        self.kind = kind
        self.recipients = list(recipients)
        self._sender = sender
        self._chunk = chunk
        head, _, self._body = content.partition(b"\r\n\r\n") if not content.startswith(b"\r\n") else (b"", b"", content[2:])
        self.fields = [Field(found[1], found[2]) for found in _FIELD.finditer(head + b"\r\n")] if head else []
        self._new_body: list[bytes] | None = None
        self._quarantine: bytes | None = None
        self._operations = ""
        self._options = 0

    def packets(self, options: int) -> list[bytes]:
        """Return the packets of the message, with these negotiated options: one after which the milter has to reply, or not."""
        self._options = options
        leading = bool(options & 0x100000)
        found = [pack(b"D", b"Mi\0" + b"QUEUEID\0"), pack(b"M", self._sender + b"\0SIZE=1000\0")]
        found += [pack(b"R", recipient + b"\0") for recipient in self.recipients]
        found += [pack(b"T")] * (not options & 0x200)
        for each in self.fields:
            value = each.value.replace(b"\r\n", self.kind.fold)
            found.append(pack(b"L", each.name + b"\0" + (value if leading else value.removeprefix(b" ")) + b"\0"))
        found += [pack(b"N")] * (not options & 0x40)
        found += [pack(b"B", self._body[at : at + self._chunk]) for at in range(0, len(self._body), self._chunk)]
        return [*found, pack(b"E")]

    def apply(self, replies: Iterable[tuple[bytes, bytes]]) -> Result:
        """Apply the packets that a milter sends at the end of a message, up to its decision."""
        for letter, data in replies:
            if letter[0] in _FINAL:
                accepts = letter in {b"c", b"a"}
                content = self._content() if accepts else None
                text = data.rstrip(b"\0").decode().replace("%%", "%")
                return Result(letter.decode(), text, self.recipients, content, self._quarantine, self._operations)
            self._apply(letter, data)
        raise AssertionError("the milter has sent no decision")

    def _apply(self, letter: bytes, data: bytes) -> None:
        if letter == b"p":
            return
        assert letter == b"b" or self._new_body is None, "Postfix accepts no other operation after the first chunk of a body"
        self._operations += letter.decode()
        match letter:
            case b"b":
                assert len(data) <= 65_535
                self._new_body = [*(self._new_body or []), data]
            case b"+" | b"-":
                self._change_recipients(letter, data)
            case b"q":
                self._quarantine = data.rstrip(b"\0")
            case b"h":
                self.fields.append(Field(*self._read(data)))
            case b"i":
                (index,), (name, value) = struct.unpack_from("!I", data), self._read(data[4:])
                assert index > 0, "the field would be above the MTA's own Received field"
                self.fields.insert(self._place(index - 1), Field(name, value))
            case b"m":
                (occurrence,) = struct.unpack_from("!I", data)
                self._change(occurrence, *self._read(data[4:]))
            case _:
                raise AssertionError(f"unknown operation {letter!r}")

    def _change_recipients(self, letter: bytes, data: bytes) -> None:
        address = data.removesuffix(b"\0")
        assert b"\0" not in address
        if letter == b"-":
            assert address in self.recipients
            self.recipients = [each for each in self.recipients if each != address]
        else:
            self.recipients.append(address)

    def _read(self, data: bytes) -> tuple[bytes, bytes]:
        name, value, rest = data.split(b"\0")
        assert name
        assert rest == b""
        assert b"\r\n" not in value
        if not self._options & 0x100000 and value:
            value = b" " + value
        return name, value.replace(b"\n", b"\r\n")

    def _counted(self) -> list[Field]:
        return [each for each in self.fields if self.kind.counts_deleted or not each.is_deleted]

    def _place(self, index: int) -> int:
        """Return the place in the list before the field with this number, or at the end."""
        counted = self._counted()
        return next(at for at, each in enumerate(self.fields) if each is counted[index]) if index < len(counted) else len(self.fields)

    def _change(self, occurrence: int, name: bytes, value: bytes) -> None:
        same = [each for each in self._counted() if each.name.lower() == name.lower()]
        assert 1 <= occurrence <= len(same), "the MTA would add the field, or do nothing"
        # Sendmail keeps the name of the field.
        same[occurrence - 1].value = value
        same[occurrence - 1].is_deleted = value == b""

    def _content(self) -> bytes:
        header = b"".join(each.name + b":" + each.value + b"\r\n" for each in self.fields if not each.is_deleted)
        return header + b"\r\n" + (self._body if self._new_body is None else b"".join(self._new_body))


@dataclass(slots=True)
class Client:
    """A connection of the model to a real milter, by a socket."""

    connection: socket.socket
    kind: Kind = POSTFIX
    options: int = 0
    actions: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def negotiate(self) -> None:
        self.connection.sendall(negotiate(self.kind))
        letter, data = self.read()
        assert letter == b"O"
        version, self.actions, self.options = struct.unpack("!III", data)
        assert version == 6
        assert self.actions | self.kind.actions == self.kind.actions
        assert self.options | self.kind.options == self.kind.options
        if not self.options & 0x01:
            self.connection.sendall(pack(b"C", b"client.example.net\x004" + struct.pack("!H", 40000) + b"192.0.2.1\0"))
            self._wait(b"C")

    def send(self, transaction: Transaction) -> Result:
        """Send a message and return its result."""
        skipped = b""
        for packet in transaction.packets(self.options):
            letter = packet[4:5]
            if letter != skipped:
                self.connection.sendall(packet)
                skipped = letter if self._wait(letter) == b"s" else b""
        return transaction.apply(self.replies())

    def replies(self) -> Iterator[tuple[bytes, bytes]]:
        while True:
            yield self.read()

    def read(self) -> tuple[bytes, bytes]:
        """Read a packet. Raises EOFError when the milter has closed the connection."""
        length = struct.unpack("!I", self._read(4))[0]
        return self._read(1), self._read(length - 1)

    def _read(self, octets: int) -> bytes:
        while len(self._buffer) < octets:
            received = self.connection.recv(65_536)
            if not received:
                raise EOFError
            self._buffer += received
        found = bytes(self._buffer[:octets])
        del self._buffer[:octets]
        return found

    def _wait(self, letter: bytes) -> bytes:
        """Return the letter of the reply to a packet that has one."""
        unless = {b"C": 0x1000, b"M": 0x4000, b"R": 0x8000, b"T": 0x10000, b"L": 0x80, b"N": 0x40000, b"B": 0x80000}
        if letter in unless and not self.options & unless[letter]:
            return self.read()[0]
        return b""
