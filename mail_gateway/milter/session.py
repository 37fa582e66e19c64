"""One connection of an MTA: its packets in, its messages and our replies out. Knows no socket and no policy."""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from mail_gateway.milter.protocol import (
    CONTINUE,
    SKIP,
    VERSION,
    Action,
    Command,
    Negotiation,
    Option,
    Packet,
    ProtocolError,
    read_field,
    read_negotiation,
    read_strings,
)

_REQUIRED: Final = Action(sum(Action))
"""Without one of these a verdict could not be carried out."""

_REPLIED: Final = {
    Command.CONNECT: Option.NO_REPLY_TO_CONNECT,
    Command.HELO: Option.NO_REPLY_TO_HELO,
    Command.MAIL: Option.NO_REPLY_TO_MAIL,
    Command.RCPT: Option.NO_REPLY_TO_RCPT,
    Command.DATA: Option.NO_REPLY_TO_DATA,
    Command.UNKNOWN: Option.NO_REPLY_TO_UNKNOWN,
    Command.HEADER: Option.NO_REPLY_TO_HEADER,
    Command.END_OF_HEADER: Option.NO_REPLY_TO_END_OF_HEADER,
    Command.BODY: Option.NO_REPLY_TO_BODY,
}
"""Packets that the MTA waits for a reply to, unless this option was negotiated."""

_WANTED: Final = (
    Option.NO_CONNECT | Option.NO_HELO | Option.NO_UNKNOWN | Option.NO_DATA | Option.NO_END_OF_HEADER | Option.SKIP
    | Option.LEADING_SPACE
    | Option.NO_REPLY_TO_MAIL | Option.NO_REPLY_TO_RCPT | Option.NO_REPLY_TO_HEADER | Option.NO_REPLY_TO_BODY
)  # fmt: skip
"""The milter decides at the end of a message alone, so no other packet needs a reply."""

_MAX_RECIPIENTS: Final = 10_000
"""Of one message. Postfix accepts 1,000 (`smtpd_recipient_limit`)."""

_MAX_FIELDS: Final = 50_000
"""Header fields of one message: each needs much more memory than its octets."""


@dataclass(frozen=True, slots=True)
class MilterMessage:
    """One message at its end, as the MTA sent it.

    Attributes:
        mail_from: the reverse-path as the MTA wrote it, such as `<nora@example.net>` or `<>`.
        recipients: the forward-paths likewise, in their order.
        fields: the header fields, each with its name, its value, and its CRLF, as in `content`.
        content: the message with lines that end in CRLF. The empty line after the header is always there.
        is_too_large: whether the message has more octets or header fields than the milter accepts. `content` is empty then.
    """

    mail_from: bytes
    recipients: tuple[bytes, ...]
    fields: tuple[tuple[bytes, bytes], ...]
    content: bytes
    is_too_large: bool


@dataclass(slots=True)
class _Message:
    """A message that is being received."""

    mail_from: bytes
    recipients: list[bytes] = field(default_factory=list)
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    content: BytesIO = field(default_factory=BytesIO)
    in_body: bool = False
    octets: int = 0
    is_too_large: bool = False


class MilterSession:
    """The state of one connection. Give it each packet in order.

    Attributes:
        is_closed: whether the MTA has ended the connection.
        actions, options: the results of the negotiation.
    """

    def __init__(self, max_message_octets: int) -> None:
        """Begin with a new connection.

        Args:
            max_message_octets: of header and body; what exceeds them is counted, not stored.
        """
        self.is_closed = False
        self.actions = Action(0)
        self.options = Option(0)
        self._max_octets = max_message_octets
        self._negotiated = False
        self._message: _Message | None = None
        self._handlers: dict[bytes, Callable[[bytes], Packet | MilterMessage | None]] = {
            Command.NEGOTIATE: self._negotiate,
            Command.MACROS: self._skip,
            Command.CONNECT: self._skip,
            Command.HELO: self._skip,
            Command.MAIL: self._begin,
            Command.RCPT: self._add_recipient,
            Command.DATA: self._skip,
            Command.UNKNOWN: self._skip,
            Command.HEADER: self._add_field,
            Command.END_OF_HEADER: self._skip,
            Command.BODY: self._add_chunk,
            Command.END_OF_MESSAGE: self._finish,
            Command.ABORT: self._abort,
            Command.QUIT: self._quit,
            Command.QUIT_NEW_CONNECTION: self._abort,
        }

    def receive(self, packet: Packet) -> Packet | MilterMessage | None:
        """Process a packet. Return the reply, the message if it is complete, or None if the MTA waits for no reply.

        Raises:
            ProtocolError: the packet is unknown, broken, or not expected here.
        """
        letter, data = packet
        if letter not in self._handlers:
            raise ProtocolError("a packet has an unknown letter")
        if letter != Command.NEGOTIATE and not self._negotiated:
            raise ProtocolError("the first packet does not negotiate")
        result = self._handlers[letter](data)
        if result is None and letter in _REPLIED and _REPLIED[letter] not in self.options:
            return CONTINUE
        return result

    def _negotiate(self, data: bytes) -> Packet:
        offer = read_negotiation(data)
        if missing := _REQUIRED & ~offer.actions:
            raise ProtocolError(f"the MTA does not offer all that a milter needs: {missing.name} is missing")
        self.actions = _REQUIRED
        self.options = offer.options & _WANTED
        self._negotiated = True
        return Negotiation(min(offer.version, VERSION), self.actions, self.options).to_packet()

    def _skip(self, data: bytes) -> None:
        """Skip a packet that decides nothing. Some come although they were not asked for, such as macros."""

    def _abort(self, _data: bytes) -> None:
        self._message = None

    def _quit(self, _data: bytes) -> None:
        self._message = None
        self.is_closed = True

    def _begin(self, data: bytes) -> None:
        # A new MAIL ends the message before it, which the client has given up by RSET or EHLO.
        self._message = _Message(read_strings(data)[0])

    def _add_recipient(self, data: bytes) -> None:
        recipients = self._current().recipients
        if len(recipients) == _MAX_RECIPIENTS:
            raise ProtocolError(f"a message has more than {_MAX_RECIPIENTS} recipients")
        recipients.append(read_strings(data)[0])

    def _current(self) -> _Message:
        if self._message is None:
            raise ProtocolError("a packet of a message came before MAIL")
        return self._message

    def _add_field(self, data: bytes) -> None:
        message = self._current()
        if message.in_body:
            raise ProtocolError("a header field came after the body")
        name, value = read_field(data)
        if Option.LEADING_SPACE not in self.options:
            value = b" " + value
        # Postfix and Sendmail write a fold as LF, Stalwart as CRLF and with the field's own line end.
        line = name + b":" + value.replace(b"\r\n", b"\n").rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n"
        message.is_too_large |= len(message.fields) == _MAX_FIELDS
        message.fields.append((name, line))
        self._store(message, line)

    def _add_chunk(self, data: bytes) -> Packet | None:
        """Add a chunk. With a reply for each, the rest of a message that is too large is not sent."""
        message = self._current()
        self._add_body(message, data)
        may_skip = Option.SKIP in self.options and Option.NO_REPLY_TO_BODY not in self.options
        return SKIP if message.is_too_large and may_skip else None

    def _add_body(self, message: _Message, data: bytes) -> None:
        if not message.in_body:
            message.in_body = True
            self._store(message, b"\r\n")
        self._store(message, data)

    def _store(self, message: _Message, octets: bytes) -> None:
        """Add octets to the content. A message that is too large needs no memory any more."""
        message.octets += len(octets)
        message.is_too_large |= message.octets > self._max_octets
        if message.is_too_large:
            message.content = BytesIO()
            message.fields.clear()
        else:
            message.content.write(octets)

    def _finish(self, data: bytes) -> MilterMessage:
        # The last chunk may be in the packet that ends the message.
        message, self._message = self._current(), None
        self._add_body(message, data)
        return MilterMessage(
            message.mail_from,
            tuple(message.recipients),
            tuple(message.fields),
            # CPython returns the buffer of a BytesIO that is not written any more: no second copy of a large message.
            message.content.getvalue(),
            message.is_too_large,
        )
