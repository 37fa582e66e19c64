"""The packets of the milter protocol, version 6. Reads and writes bytes, and knows no socket.

No RFC defines the protocol. This module follows the documentation of Sendmail's milter interface, Postfix's MILTER_README, and the page
about the protocol in purepythonmilter's documentation. A packet is a length of four octets (network byte order), a letter, and data; the
length counts the letter. Strings in the data end in NUL.
"""

import struct
from collections.abc import Iterator
from enum import IntFlag
from typing import Final, NamedTuple

VERSION: Final = 6

MAX_PACKET_OCTETS: Final = 1024 * 1024
"""A longer packet is an error. A body chunk has at most `CHUNK_OCTETS`, a header field in Postfix 100 KB (`header_size_limit`)."""

CHUNK_OCTETS: Final = 65_535
"""Octets of a body chunk, in both directions."""

_LENGTH: Final = struct.Struct("!I")
_OPTIONS: Final = struct.Struct("!III")


class ProtocolError(Exception):
    """The MTA sent something that the protocol does not allow. The connection has to be closed."""


class Command:
    """The letters of packets from the MTA."""

    NEGOTIATE: Final = b"O"
    MACROS: Final = b"D"
    CONNECT: Final = b"C"
    HELO: Final = b"H"
    MAIL: Final = b"M"
    RCPT: Final = b"R"
    DATA: Final = b"T"
    UNKNOWN: Final = b"U"
    """The client sent a command that the MTA does not know."""
    HEADER: Final = b"L"
    END_OF_HEADER: Final = b"N"
    BODY: Final = b"B"
    END_OF_MESSAGE: Final = b"E"
    ABORT: Final = b"A"
    """The message ends here; the connection of the client does not."""
    QUIT: Final = b"Q"
    QUIT_NEW_CONNECTION: Final = b"K"
    """The connection of the client ends; the next one uses the same socket."""


class Action(IntFlag):
    """Changes that a milter may ask for, if the MTA offers them."""

    ADD_HEADERS = 0x01
    CHANGE_BODY = 0x02
    ADD_RECIPIENTS = 0x04
    DELETE_RECIPIENTS = 0x08
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20


class Option(IntFlag):
    """Options of the protocol that a milter chooses, if the MTA offers them: packets and replies to leave out, and others."""

    NO_CONNECT = 0x01
    NO_HELO = 0x02
    NO_END_OF_HEADER = 0x40
    NO_REPLY_TO_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    """The MTA understands the reply `SKIP`."""
    NO_REPLY_TO_CONNECT = 0x1000
    NO_REPLY_TO_HELO = 0x2000
    NO_REPLY_TO_MAIL = 0x4000
    NO_REPLY_TO_RCPT = 0x8000
    NO_REPLY_TO_DATA = 0x10000
    NO_REPLY_TO_UNKNOWN = 0x20000
    NO_REPLY_TO_END_OF_HEADER = 0x40000
    NO_REPLY_TO_BODY = 0x80000
    LEADING_SPACE = 0x100000
    """Values of header fields have all octets after the colon. Without it the MTA removes and adds one space there."""


class Packet(NamedTuple):
    """One packet: its letter, and its data."""

    letter: bytes
    data: bytes

    def __bytes__(self) -> bytes:
        return _LENGTH.pack(1 + len(self.data)) + self.letter + self.data


class Negotiation(NamedTuple):
    """The data of a packet NEGOTIATE."""

    version: int
    actions: Action
    options: Option

    def to_packet(self) -> Packet:
        return Packet(Command.NEGOTIATE, _OPTIONS.pack(self.version, self.actions, self.options))


CONTINUE: Final = Packet(b"c", b"")
"""Continue. At the end of a message: pass it, with the changes."""

DISCARD: Final = Packet(b"d", b"")
"""Accept the message from the client, and deliver it to no recipient."""

PROGRESS: Final = Packet(b"p", b"")
"""The answer needs more time: the time-out of the MTA begins again."""

SKIP: Final = Packet(b"s", b"")
"""Send no further body chunks of this message."""


class PacketReader:
    """Cuts a stream of octets into packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def read(self, received: bytes) -> Iterator[Packet]:
        """Yield the packets that are complete with these octets. Read all of them before the next call.

        Raises:
            ProtocolError: a packet has no letter, or is too long.
        """
        buffer = self._buffer
        buffer += received
        start = 0
        try:
            while len(buffer) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(buffer, start)
                if not 1 <= length <= MAX_PACKET_OCTETS:
                    raise ProtocolError(f"a packet has {length} octets; 1 to {MAX_PACKET_OCTETS} are allowed")
                letter = start + _LENGTH.size
                end = letter + length
                if len(buffer) < end:
                    return
                packet = Packet(bytes(buffer[letter : letter + 1]), bytes(buffer[letter + 1 : end]))
                start = end
                yield packet
        finally:
            del buffer[:start]


def read_negotiation(data: bytes) -> Negotiation:
    """Read the data of a packet NEGOTIATE. Unknown actions and options are left out. Raises ProtocolError."""
    if len(data) < _OPTIONS.size:
        raise ProtocolError("the packet that negotiates is too short")
    version, actions, options = _OPTIONS.unpack_from(data)
    return Negotiation(version, Action(actions & sum(Action)), Option(options & sum(Option)))


def read_strings(data: bytes) -> list[bytes]:
    """Read strings that end in NUL each. Raises ProtocolError."""
    if not data.endswith(b"\0"):
        raise ProtocolError("a string does not end in NUL")
    return data[:-1].split(b"\0")


def read_field(data: bytes) -> tuple[bytes, bytes]:
    """Read the name and the value of a packet HEADER. Raises ProtocolError."""
    strings = read_strings(data)
    if len(strings) != 2 or not strings[0]:
        raise ProtocolError("a header field is not a name and a value")
    return strings[0], strings[1]


def add_header(name: bytes, value: bytes) -> Packet:
    """Return the packet that adds a field after the last one."""
    return Packet(b"h", name + b"\0" + value + b"\0")


def insert_header(index: int, name: bytes, value: bytes) -> Packet:
    """Return the packet that inserts a field.

    Args:
        index: the number of fields before it. The MTA counts its own Received field, which it shows to no milter.
    """
    return Packet(b"i", _LENGTH.pack(index) + name + b"\0" + value + b"\0")


def change_header(occurrence: int, name: bytes, value: bytes) -> Packet:
    """Return the packet that changes the value of a field, or deletes the field if the value is empty.

    Args:
        occurrence: 1 for the first field with this name in any case. The MTA's own Received field does not count.
    """
    return Packet(b"m", _LENGTH.pack(occurrence) + name + b"\0" + value + b"\0")


def replace_body(chunk: bytes) -> Packet:
    """Return a packet with one chunk of the new body. All of them follow one another."""
    return Packet(b"b", chunk)


def add_recipient(address: bytes) -> Packet:
    """Return the packet that adds a recipient, in angle brackets."""
    return Packet(b"+", address + b"\0")


def delete_recipient(address: bytes) -> Packet:
    """Return the packet that deletes a recipient, as the MTA has sent it."""
    return Packet(b"-", address + b"\0")


def quarantine(reason: bytes) -> Packet:
    """Return the packet that puts the message into the MTA's quarantine: in Postfix, the hold queue."""
    return Packet(b"q", reason + b"\0")


def reply(text: str) -> Packet:
    """Return the packet with an SMTP reply to the client.

    Args:
        text: ASCII. Each line has the code (RFC 5321 section 4.2.1) and an enhanced code of its class, without which Postfix refuses it.
    """
    # Sendmail uses the reply as a format string, and Postfix reads it so.
    return Packet(b"y", text.replace("%", "%%").encode("ascii") + b"\0")
