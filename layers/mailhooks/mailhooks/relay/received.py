"""A message as a listener receives it, with the envelope that a policy reads."""

from dataclasses import dataclass
from typing import Final

from mailhooks.address_patterns import canonical
from mailhooks.envelope import Envelope
from mailhooks.mime.addresses import find_envelope_addresses
from mailhooks.mime.displayed_text import read_field
from mailhooks.mime.message import Message
from mailhooks.relay.listener import Listener
from mailhooks.relay.trace_fields import Client, StableIds

MAX_SUBJECT: Final = 256
"""Characters of the subject in an envelope, as in WorkMail's event: the same rule matches the same subjects."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message as a listener receives it.

    Attributes:
        mail_from: the reverse-path of SMTP; `""` for the null reverse-path.
        recipients: as the client wrote them, in its order.
        content: the message. Its octets are never changed or copied.
        client: for our Received field; None to add none, as a milter's mail server adds its own.
    """

    mail_from: str
    recipients: tuple[str, ...]
    content: bytes
    client: Client | None = None


def make_envelope(received: Received, message: Message, listener: Listener, ids: StableIds) -> Envelope:
    """Return the envelope that a policy reads: as in WorkMail's event, `mail_from` is the author in From.

    The reverse-path of SMTP is often an address that a mailing list or a provider makes for each recipient. It counts if From has no
    address. A null reverse-path counts always: a delivery report has no sender.

    Args:
        message: the received message, without forged marks.
    """
    author = sender = ""
    if received.mail_from:
        author, sender = (next(iter(find_envelope_addresses(message, name)), "") for name in ("from", "sender"))
    field = next(message.header.named("subject"), None)
    subject = read_field(message, field) if field else ""
    return Envelope(
        mail_from=author or received.mail_from,
        recipients=received.recipients,
        sender=sender if sender and canonical(sender) != canonical(author) else None,
        subject=subject.encode("utf-8", "replace").decode()[:MAX_SUBJECT],
        message_id=ids.message_id,
        invocation_id=ids.invocation_id,
        flow_direction=listener.flow_direction,
    )
