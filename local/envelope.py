"""Makes a WorkMail event for a message that came without one: a file somebody saved."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import Any

from mailhooks.contract import FlowDirection
from mailhooks.mime import words
from mailhooks.mime.headers import scan

from .errors import NoEnvelope

MAX_SUBJECT = 256
"""Characters at which WorkMail cuts the event's subject (guide, "Lambda event data": `subject`)."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody wants of the envelope; what is None or empty comes from the headers."""

    direction: FlowDirection | None = None
    mail_from: str | None = None
    recipients: Sequence[str] = ()


def event_for(raw: bytes, wishes: Wishes, organization_domains: Collection[str]) -> dict[str, Any]:
    """The event that WorkMail would send for this message.

    Inbound events list only recipients in the organization's domains; those that `wishes` names are taken as they are.

    Raises:
        NoEnvelope: no sender, or nobody to send to.
    """
    headers = BytesHeaderParser().parsebytes(raw)
    author = wishes.mail_from or next(iter(_addresses(headers, "from")), None)
    if not author:
        raise NoEnvelope("the message names no sender: give one with --from")
    direction = wishes.direction or (FlowDirection.OUTBOUND if _domain(author) in organization_domains else FlowDirection.INBOUND)
    recipients = list(wishes.recipients) or _addresses(headers, "to", "cc", "bcc")
    if direction is FlowDirection.INBOUND and not wishes.recipients:
        recipients = [address for address in recipients if _domain(address) in organization_domains]
    if not recipients:
        domains = f" in {', '.join(sorted(organization_domains))}" if organization_domains and direction is FlowDirection.INBOUND else ""
        raise NoEnvelope(f"the message names no recipient{domains}: give one or more with --to")
    event: dict[str, Any] = {
        "summaryVersion": "2019-07-28",
        "envelope": {"mailFrom": {"address": author}, "recipients": [{"address": address} for address in recipients]},
        "subject": _subject(raw)[:MAX_SUBJECT],
        "messageId": str(uuid.uuid4()),
        "invocationId": uuid.uuid4().hex,
        "flowDirection": str(direction),
        "truncated": False,
    }
    sender = next(iter(_addresses(headers, "sender")), author)
    if sender.lower() != author.lower():
        event["sender"] = {"address": sender}
    return event


def with_crlf(raw: bytes) -> bytes:
    """The message as SMTP would have brought it: a file whose lines all end in a bare LF gets CRLF; any other stays as it is."""
    return raw if b"\r" in raw else raw.replace(b"\n", b"\r\n")


def _addresses(headers: Message, *names: str) -> list[str]:
    """The addresses in these headers, in order, none twice."""
    values = [str(value) for name in names for value in headers.get_all(name, [])]
    found: dict[str, str] = {}
    for _, address in getaddresses(values):
        if "@" in address:
            found.setdefault(address.lower(), address)
    return list(found.values())


def _subject(raw: bytes) -> str:
    field = next(scan(raw).named("subject"), None)
    return words.decode(field.value(raw)) if field else ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
