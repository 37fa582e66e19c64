"""Builds the WorkMail event for a message that has none, such as a saved file."""

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from mailhooks.address_patterns import ascii_domain, canonical
from mailhooks.contract import FlowDirection
from mailhooks.mime.addresses import find_envelope_addresses
from mailhooks.mime.displayed_text import read_field
from mailhooks.mime.mailboxes import find_mailboxes
from mailhooks.mime.message import Message
from workmail_local.errors import NoEnvelope
from workmail_local.mail.addresses import domain_of, list_addresses

MAX_SUBJECT = 256
"""Characters of the subject in an event (guide, "Lambda event data": `subject`)."""

_MAX_FROM_TEXT = 300

MAX_EVENT_BYTES = 128 * 1024
"""Size above which WorkMail omits recipients from an event and sets `truncated` (guide, "Lambda event data": `truncated`)."""


class HeaderSummary(NamedTuple):
    """The header fields that an event contains; each is "" when the message lacks it.

    Attributes:
        author: the first address in From.
        sender: the address in Sender.
        subject: decoded and not cut.
        from_text: the authors in From with their names, of at most `_MAX_FROM_TEXT` characters.
    """

    author: str
    sender: str
    subject: str
    from_text: str = ""

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """Read the header of a message. Never raises."""
        message = Message(raw)
        authors, senders = (find_envelope_addresses(message, name) for name in ("from", "sender"))

        def text(name: str) -> str:
            field = next(message.header.named(name), None)
            return valid_unicode(read_field(message, field)) if field else ""

        from_text = (_describe_authors(message, {*authors}) or text("from"))[:_MAX_FROM_TEXT]
        return cls(next(iter(authors), ""), next(iter(senders), ""), text("subject"), from_text)


def _describe_authors(message: Message, of_envelope: Collection[str]) -> str:
    """Return the mailboxes of From as mail programs show them: each with the first of its names. "" if it has none."""
    shown = []
    for mailbox in find_mailboxes(message, "from"):
        name = next(iter(mailbox.names), "")
        address = next((each for each in mailbox.addresses if each in of_envelope), "")
        shown.append(f"{name} <{address}>" if name and address else name or address)
    return valid_unicode(", ".join(dict.fromkeys(shown)))


@dataclass(frozen=True, slots=True)
class EnvelopeOverrides:
    """The parts of an envelope that the caller sets; None or empty parts come from the header. A text is one recipient."""

    direction: FlowDirection | None = None
    mail_from: str | None = None
    recipients: str | Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """Direction, sender and recipients of a message."""

    direction: FlowDirection
    author: str
    recipients: tuple[str, ...]


def envelope_for(raw: bytes, overrides: EnvelopeOverrides, organization_domains: Collection[str]) -> Envelope:
    """Derive the envelope from the header and the caller's overrides.

    The direction is outbound when the author is in the organization. Of the recipients in the header, inbound mail keeps those in the
    organization.

    Raises:
        NoEnvelope: no sender, or no recipient.
    """
    domains = {ascii_domain(domain) for domain in organization_domains}
    author = overrides.mail_from or HeaderSummary.of(raw).author
    if not author:
        raise NoEnvelope("the message names no sender: give one (mail_from; in a command --from)")
    direction = overrides.direction or (FlowDirection.OUTBOUND if domain_of(author) in domains else FlowDirection.INBOUND)
    given = list_addresses(overrides.recipients)
    recipients = given or tuple(find_envelope_addresses(Message(raw), "to", "cc", "bcc"))
    if direction is FlowDirection.INBOUND and not given:
        recipients = tuple(address for address in recipients if domain_of(address) in domains)
    if not recipients:
        where = f" in {', '.join(sorted(domains))}" if domains and direction is FlowDirection.INBOUND else ""
        raise NoEnvelope(f"the message names no recipient{where}: give one or more (to; in a command --to)")
    return Envelope(direction, author, recipients)


def event_for(raw: bytes, overrides: EnvelopeOverrides, organization_domains: Collection[str]) -> dict[str, Any]:
    """Build the event that WorkMail would send for a message. Raises NoEnvelope as `envelope_for` does."""
    envelope = envelope_for(raw, overrides, organization_domains)
    return build_event(
        uuid.uuid4(), uuid.uuid4(), envelope.direction, HeaderSummary.of(raw)._replace(author=envelope.author), envelope.recipients
    )


def build_event(
    message_id: uuid.UUID, invocation_id: uuid.UUID, direction: FlowDirection, header: HeaderSummary, recipients: Sequence[str]
) -> dict[str, Any]:
    """Build the event for these recipients; an event that is too large omits the last ones and is `truncated`."""
    event: dict[str, Any] = {
        "summaryVersion": "2019-07-28",
        "envelope": {"mailFrom": {"address": header.author}, "recipients": [{"address": address} for address in recipients]},
        "subject": header.subject[:MAX_SUBJECT],
        "messageId": str(message_id),
        "invocationId": invocation_id.hex,
        "flowDirection": str(direction),
        "truncated": False,
    }
    if header.sender and canonical(header.sender) != canonical(header.author):
        event["sender"] = {"address": header.sender}
    listed = event["envelope"]["recipients"]
    excess = len(json.dumps(event)) - MAX_EVENT_BYTES
    while excess > 0 and len(listed) > 1:
        excess -= len(json.dumps(listed.pop())) + len(", ")
        event["truncated"] = True
    return event


def valid_unicode(text: str) -> str:
    """Replace lone surrogates, which JSON, logs and pages cannot contain."""
    return text.encode("utf-8", "replace").decode()


def with_crlf(raw: bytes) -> bytes:
    """Return the message as SMTP transfers it: LF becomes CRLF in a file without any CR; other files stay as they are."""
    return raw if b"\r" in raw else raw.replace(b"\n", b"\r\n")
