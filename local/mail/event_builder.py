"""Makes a WorkMail event for a message that came without one: a file somebody saved."""

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from local.errors import NoEnvelope
from mailhooks.contract import FlowDirection
from mailhooks.mime import encoded_words
from mailhooks.mime.addresses import find_addresses
from mailhooks.mime.message import Message

MAX_SUBJECT = 256
"""Characters at which WorkMail cuts the event's subject (guide, "Lambda event data": `subject`)."""

_MAX_SHOWN = 300

MAX_EVENT_BYTES = 128 * 1024
"""Of an event with more, WorkMail leaves recipients out and says `truncated` (guide, "Lambda event data": `truncated`)."""


@dataclass(frozen=True, slots=True)
class HeaderSummary:
    """What the envelope of an event takes from a message's header. Each is "" where the header does not say.

    Attributes:
        author: the first address in From.
        sender: the address in Sender.
        subject: decoded, not cut.
        written_by: From as it is shown to people, decoded, at most `_MAX_SHOWN` characters.
    """

    author: str
    sender: str
    subject: str
    written_by: str = ""

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """Never raises, whatever the message is."""
        message = Message(raw)
        author, sender = (next(iter(find_addresses(message, name)), "") for name in ("from", "sender"))

        def text(name: str) -> str:
            field = next(message.header.named(name), None)
            return valid_unicode(encoded_words.decode(field.value(raw))) if field else ""

        return cls(author, sender, text("subject"), text("from")[:_MAX_SHOWN])


@dataclass(frozen=True, slots=True)
class Identity:
    """The IDs of an event."""

    message_id: str
    invocation_id: str

    @classmethod
    def new(cls) -> Self:
        return cls(str(uuid.uuid4()), uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class EnvelopeOverrides:
    """What somebody wants of the envelope; what is None or empty comes from the headers."""

    direction: FlowDirection | None = None
    mail_from: str | None = None
    recipients: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends to whom: `author` is in the organization when the direction is outbound."""

    direction: FlowDirection
    author: str
    recipients: tuple[str, ...]


def envelope_for(raw: bytes, wishes: EnvelopeOverrides, organization_domains: Collection[str]) -> Envelope:
    """The envelope that somebody wishes; what is not said comes from the header.

    Inbound mail has only recipients in the organization's domains; those that `wishes` names are taken as they are.

    Raises:
        NoEnvelope: no sender, or nobody to send to.
    """
    author = wishes.mail_from or HeaderSummary.of(raw).author
    if not author:
        raise NoEnvelope("the message names no sender: give one with --from")
    direction = wishes.direction or (FlowDirection.OUTBOUND if _domain(author) in organization_domains else FlowDirection.INBOUND)
    recipients = list(wishes.recipients) or find_addresses(Message(raw), "to", "cc", "bcc")
    if direction is FlowDirection.INBOUND and not wishes.recipients:
        recipients = [address for address in recipients if _domain(address) in organization_domains]
    if not recipients:
        domains = f" in {', '.join(sorted(organization_domains))}" if organization_domains and direction is FlowDirection.INBOUND else ""
        raise NoEnvelope(f"the message names no recipient{domains}: give one or more with --to")
    return Envelope(direction, author, tuple(recipients))


def event_for(raw: bytes, wishes: EnvelopeOverrides, organization_domains: Collection[str]) -> dict[str, Any]:
    """The event that WorkMail would send for this message. Raises NoEnvelope as `envelope_for`."""
    envelope = envelope_for(raw, wishes, organization_domains)
    return event(Identity.new(), envelope.direction, replace(HeaderSummary.of(raw), author=envelope.author), envelope.recipients)


def event(identity: Identity, direction: FlowDirection, heads: HeaderSummary, recipients: Sequence[str]) -> dict[str, Any]:
    """The event for these recipients; of too many the last ones are left out, and it says so."""
    found: dict[str, Any] = {
        "summaryVersion": "2019-07-28",
        "envelope": {"mailFrom": {"address": heads.author}, "recipients": [{"address": address} for address in recipients]},
        "subject": heads.subject[:MAX_SUBJECT],
        "messageId": identity.message_id,
        "invocationId": identity.invocation_id,
        "flowDirection": str(direction),
        "truncated": False,
    }
    if heads.sender and heads.sender.lower() != heads.author.lower():
        found["sender"] = {"address": heads.sender}
    listed = found["envelope"]["recipients"]
    too_many = len(json.dumps(found)) - MAX_EVENT_BYTES
    while too_many > 0 and len(listed) > 1:
        too_many -= len(json.dumps(listed.pop())) + len(", ")
        found["truncated"] = True
    return found


def valid_unicode(text: str) -> str:
    """The text without lone surrogates, which no JSON, log or page can hold."""
    return text.encode("utf-8", "replace").decode()


def with_crlf(raw: bytes) -> bytes:
    """The message as SMTP would have brought it: a file whose lines all end in a bare LF gets CRLF; any other stays as it is."""
    return raw if b"\r" in raw else raw.replace(b"\n", b"\r\n")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
