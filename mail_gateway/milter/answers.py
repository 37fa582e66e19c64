"""The answer to a message at its end: a disposition as packets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from mail_gateway.milter.operations import CannotExpress, plan_operations
from mail_gateway.milter.protocol import CONTINUE, DISCARD, Option, Packet, add_recipient, delete_recipient, quarantine, reply
from mail_gateway.milter.session import MilterMessage
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.received import Received
from mailhooks.relay.replies import bounce_reply

_MAX_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of the milter to one message.

    Attributes:
        disposition: what it carries out.
        reported: the recipients who are in a delivery status notification of our own, because the client gets no reply for them.
        packets: the operations, and the decision at their end.
    """

    disposition: Disposition
    reported: tuple[str, ...]
    packets: Iterable[Packet]


def to_received(message: MilterMessage) -> Received:
    """Return a message as a policy reads it. The mail server adds the Received field."""
    return Received(
        mail_from=_read_path(message.mail_from),
        recipients=tuple(map(_read_path, message.recipients)),
        content=message.content,
        client=None,
    )


def make_answer(disposition: Disposition, message: MilterMessage, options: Option) -> Answer:
    """Return the answer that carries out a disposition. A change that the protocol cannot express is left out.

    A message is rejected in the dialogue if all its recipients are bounced: nothing was accepted then. If only some are, the client gets a
    positive reply, and its sender a notification: a mail server sends none for recipients that a milter deletes.

    Args:
        options: the result of the negotiation.

    Raises:
        TryAgain: a rule requires its change.
    """
    bounced = disposition.bounced
    if bounced and not disposition.deliver and not disposition.dropped:
        # Rules may have different texts for the recipients.
        texts = dict.fromkeys(bounce_reply(text) for text in bounced.values())
        lines = tuple(line for each in texts for line in each.lines)
        return Answer(disposition, (), (reply(str(next(iter(texts))._replace(lines=lines))),))
    # A mail server that names no recipients to the milter delivers to them all the same.
    if message.recipients and not disposition.deliver:
        return Answer(disposition, tuple(bounced), (DISCARD,))
    try:
        operations = plan_operations(message.fields, message.content, disposition.pieces(), leading_space=Option.LEADING_SPACE in options)
    except CannotExpress as error:
        return make_answer(disposition.without_change(error), message, options)
    packets = chain(_change_recipients(disposition, message), _hold(disposition), operations.packets(), (CONTINUE,))
    return Answer(disposition, tuple(bounced), packets)


def _change_recipients(disposition: Disposition, message: MilterMessage) -> Iterator[Packet]:
    paths = {path: _read_path(path) for path in message.recipients}
    # As the mail server has sent them: Stalwart compares the octets.
    yield from (delete_recipient(path) for path, address in paths.items() if address not in disposition.deliver)
    known = frozenset(paths.values())
    yield from (add_recipient(_write_path(address)) for address in disposition.deliver if address not in known)


def _hold(disposition: Disposition) -> Iterator[Packet]:
    if rules := disposition.quarantined_by:
        names = ", ".join(rules).encode("ascii", "replace").decode()
        text = "".join(character if character.isprintable() else "?" for character in names)
        yield quarantine(f"Held by {text[:_MAX_REASON]}".encode("ascii"))


def _read_path(path: bytes) -> str:
    """Return the address in a path. Octets that are not UTF-8 are kept, as everywhere in `mailhooks.relay`."""
    address = path[1:-1] if path.startswith(b"<") and path.endswith(b">") else path
    return address.decode("utf-8", "surrogateescape")


def _write_path(address: str) -> bytes:
    return b"<" + address.encode("utf-8", "surrogateescape") + b">"
