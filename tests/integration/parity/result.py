"""The result of one message on a mail path, in a form that is the same for all paths."""

import email
import email.policy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final

from mailhooks.relay.listener import HeaderField
from mailhooks.relay.replies import bounce_reply

JUNK_FIELD: Final = HeaderField("X-Junk-By-Policy", "YES")
BYPASS_FIELD: Final = HeaderField("X-Clean-By-Policy", "YES")

HELD: Final = "held"
DELIVERED: Final = "delivered"
JUNK: Final = "junk"
BYPASSED: Final = "bypassed"
DROPPED: Final = "dropped"
BOUNCED: Final = "bounced: "
"""Followed by the text."""

DELIVERING: Final = frozenset({DELIVERED, JUNK, BYPASSED})

_FIELD: Final = rb"%s:(?:[^\r\n]|\r?\n[ \t])*\r?\n"
_RECEIVED: Final = re.compile(rb"(>?From [^\n]*\n)?" + _FIELD % b"Received")
"""QUIRK: a line of an mbox file above the header stays there."""
_STAMP: Final = re.compile(rb"(?m)^" + _FIELD % b"X-Mailhooks-(?:Invocation|Checked)")
_REASON: Final = re.compile(r"((?:    \S+@\S+\n)+)\nReason:\n\n((?:    .*\n)+)")


@dataclass(frozen=True)
class Result:
    """What happens to a message.

    Attributes:
        verdicts: by recipient in lower case, with those that rules add.
        content: the message that the next host gets, without trace fields and junk marks; empty if it gets none.
        effects: of `RecordedEffects`.
    """

    verdicts: Mapping[str, str]
    content: bytes = field(repr=False)
    effects: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Passed:
    """A message that the next host gets from an adapter, as the adapter writes it."""

    mail_from: str
    recipients: tuple[str, ...]
    content: bytes


def bounced(text: str) -> str:
    """Return the verdict with a bounce text in the form that a reply of SMTP has."""
    return BOUNCED + " ".join(bounce_reply(text).lines)


def remove_trace_fields(raw: bytes, *, received: bool) -> bytes:
    """Return a message without the fields that only this project writes.

    Args:
        received: whether a Received field of ours is at the top.
    """
    if received:
        found = _RECEIVED.match(raw)
        assert found, "there is no Received field at the top"
        raw = (found[1] or b"") + raw[found.end() :]
    head, rest = _split(raw)
    return _STAMP.sub(b"", head) + rest


def read_passed(messages: list[Passed], recipients: tuple[str, ...], *, received: bool) -> tuple[dict[str, str], bytes]:
    """Return the verdicts that the messages to the next host show, and the content. A recipient who is in none of them is dropped."""
    verdicts = dict.fromkeys(map(str.lower, recipients), DROPPED)
    contents = set()
    for message in messages:
        if not message.mail_from and (found := _read_bounces(message.content)):
            verdicts |= found
            continue
        word, content = _remove_mark(remove_trace_fields(message.content, received=received))
        contents.add(content)
        for each in message.recipients:
            assert verdicts.get(each.lower(), DROPPED) == DROPPED, "a recipient gets the message twice"
            verdicts[each.lower()] = word
    assert len(contents) <= 1, "recipients get different contents"
    return verdicts, next(iter(contents), b"")


def _read_bounces(raw: bytes) -> dict[str, str]:
    """Return the verdicts that a delivery status notification of ours reports."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    if message.get_content_type() != "multipart/report" or "(failure)" not in message["Subject"]:
        return {}
    assert isinstance(message, EmailMessage)
    text = next(message.iter_parts()).get_content().replace("\r\n", "\n")
    return {
        address.lower(): bounced(" ".join(reason.split())) for addresses, reason in _REASON.findall(text) for address in addresses.split()
    }


def _remove_mark(raw: bytes) -> tuple[str, bytes]:
    head, rest = _split(raw)
    for word, (name, value) in ((JUNK, JUNK_FIELD), (BYPASSED, BYPASS_FIELD)):
        line = f"{name}: {value}\r\n".encode()
        if line in head:
            return word, head.replace(line, b"", 1) + rest
    return DELIVERED, raw


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Return the header with its last line end, and the rest."""
    end = raw.find(b"\r\n\r\n") + 2
    return (raw[:end], raw[end:]) if end >= 2 else (raw, b"")
