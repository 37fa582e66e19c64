"""Sends messages on by SES, where there is no next host that accepts SMTP.

SES sends only from an identity that it has verified, so the message gets a From address of the organization's own, with the display name of
the author, and the author's addresses as Reply-To. Each other octet stays, except some fields (`_REMOVED`).
"""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from mailhooks.address_patterns import canonical
from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, SettingsError
from mailhooks.mime.addresses import parse_addresses, parse_display_name
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.headers import scan
from mailhooks.ses.answer import Answer
from mailhooks.ses.settings import SesSettings

_REMOVED: Final = frozenset({"dkim-signature", "return-path", "sender", "delivered-to"})
"""The signature is of a message with another From. SES rejects a second one, Return-Path, Delivered-To, and a Sender that it has not
verified."""

_CONTROL_PREFIX: Final = "x-ses-"
"""SES obeys fields such as X-SES-SOURCE-ARN and X-SES-CONFIGURATION-SET: a message from outside must not have them."""

_MAX_OCTETS: Final = 40 * 1024 * 1024
"""Of a message (SES developer guide, "Service quotas")."""

MAX_DESTINATIONS: Final = 50
"""Of one call of SendEmail."""

_ACCEPTED: Final = Answer(250, "2.0.0 accepted by SES")
_KEPT: Final = Answer(250, "2.0.0 kept: a report on a message from FORWARD_FROM is not sent on")
_TOO_LARGE: Final = Answer(552, "5.3.4 the message is larger than SES accepts")
_UNKNOWN: Final = Answer(550, "5.1.1 no mailbox with this address")

_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_SPACES: Final = re.compile(r"[\0-\x20\x7f]+")
_ESCAPED: Final = re.compile(r'["\\]')


class ForwardingAddresses:
    """The addresses that get the mail of a recipient.

    Args:
        pairs: the setting FORWARD_TO, such as `*@example.com=*@example.net, ana@example.com=ana@example.org`.
        own_domains: the organization's, in lower case: SES receives their mail.

    Raises:
        SettingsError: mail for a target would come back to this function.
    """

    def __init__(self, pairs: str, own_domains: Collection[str]) -> None:
        self._own_domains = own_domains
        self._targets: dict[str, list[str]] = {}
        for pair in filter(None, map(str.strip, pairs.split(","))):
            pattern, _, target = pair.partition("=")
            if target.rpartition("@")[2].lower() in own_domains:
                raise SettingsError("FORWARD_TO: a target is in ORGANIZATION_DOMAINS: its mail would come back to this function")
            self._targets.setdefault(pattern.lower(), []).append(target)

    def find(self, recipient: str) -> tuple[str, ...]:
        """Return the addresses for a recipient: those of its own pairs, or else those of its domain; none if it has no pair.

        An address of another organization, which a rule adds, needs no pair.
        """
        local, _, domain = recipient.rpartition("@")
        targets = self._targets.get(recipient.lower()) or self._targets.get(f"*@{domain.lower()}", [])
        if not targets and local and domain.lower() not in self._own_domains:
            return (recipient,)
        return tuple(target.replace("*", local, 1) for target in targets)


class SesSender:
    """Sends a message by SES (SES API v2, SendEmail with raw content, which needs the right ses:SendRawEmail)."""

    def __init__(self, settings: SesSettings) -> None:
        self._from = settings.forward_from
        self._forwarding = ForwardingAddresses(settings.forward_to, settings.organization_domains)
        self._client: Any = aws.make_client("sesv2", aws.SEND_CONFIG)

    def connect(self, deadline: Deadline) -> "SesConnection":
        """Return an object that sends messages until the deadline."""
        return SesConnection(self._client, self._from, self._forwarding, deadline)


class SesConnection:
    """Sends messages as `mailhooks.ses.pass_on.Connection` does, by SES. A context manager."""

    def __init__(self, client: Any, sender: str, forwarding: ForwardingAddresses, deadline: Deadline) -> None:
        self._client = client
        self._from = sender
        self._forwarding = forwarding
        self._deadline = deadline

    def __enter__(self) -> "SesConnection":
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: SES has no connection to end."""

    def refuse(self, pieces: Sequence[bytes | memoryview]) -> Answer | None:
        """Return why SES cannot get a message; None if its size is none of the reasons."""
        return _TOO_LARGE if sum(map(len, pieces)) > _MAX_OCTETS else None

    def send(self, mail_from: str, recipients: Sequence[str], pieces: Sequence[bytes | memoryview]) -> dict[str, Answer]:
        """Send a message to the addresses of at most 50 recipients. Return the answer for each recipient.

        Raises:
            TransientError: SES does not answer now.
            Misconfigured: SES rejects the sender, or in its sandbox a recipient.
        """
        answers: dict[str, Answer] = {}
        for each in recipients:
            if not mail_from and canonical(each) == canonical(self._from):
                # It would come back again and again: each report that is sent on has this sender, and may cause a report.
                answers[each] = _KEPT
            elif not self._forwarding.find(each):
                answers[each] = _UNKNOWN
        if wanted := [each for each in recipients if each not in answers]:
            answers |= self._send(wanted, rewrite_sender(b"".join(pieces), self._from))
        return answers

    def _send(self, recipients: Sequence[str], raw: bytes) -> dict[str, Answer]:
        targets = list(dict.fromkeys(target for each in recipients for target in self._forwarding.find(each)))
        alone = len(recipients) == 1
        if alone or len(targets) <= MAX_DESTINATIONS:
            answer = self._send_to(targets, raw)
            if alone or not answer.is_permanent:
                return dict.fromkeys(recipients, answer)
        # SES rejects a message to all addresses if it does not accept one of them.
        half = len(recipients) // 2
        answers = self._send(recipients[:half], raw)
        try:
            return answers | self._send(recipients[half:], raw)
        except MailhooksError as error:
            if not any(answer.is_accepted for answer in answers.values()):
                raise
            # The answers for those who have the message are not lost with the error.
            return answers | dict.fromkeys(recipients[half:], Answer(451, f"4.3.0 {type(error).__name__}"))

    def _send_to(self, targets: Sequence[str], raw: bytes) -> Answer:
        request = {"FromEmailAddress": self._from, "Destination": {"BccAddresses": list(targets)}, "Content": {"Raw": {"Data": raw}}}
        try:
            aws.call("SendEmail", lambda: self._client.send_email(**request), self._deadline, map_own=_map_rejection)
        except Rejected as error:
            return error.answer
        return _ACCEPTED


class Rejected(MailhooksError):
    """SES does not accept a message, now or later."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reply)
        self.answer = answer


def rewrite_sender(raw: bytes, address: str) -> bytes:
    """Return a message with another From address, with the author in Reply-To, and without the fields that SES rejects or obeys.

    Args:
        address: for From. The display name stays.
    """
    header = scan(raw)
    authors = list(header.named("from"))
    edits = [Edit(each.start, each.end, b"") for each in header.fields if _is_removed(each.lname)]
    edits += [Edit(each.start, each.end, b"") for each in authors[1:]]
    name = _make_display_name(authors[0].displayed_value(raw) if authors else b"")
    new = b"From:%s <%s>%s" % (b" " + name if name else b"", address.encode("ascii"), header.newline)
    if not authors:
        return splice(raw, [*edits, header.appended(new)])
    if not any(header.named("reply-to")) and parse_addresses(authors[0].displayed_value(raw).decode("latin-1")):
        new += b"Reply-To:" + raw[authors[0].body : authors[0].end].rstrip(b"\r\n") + header.newline
    return splice(raw, [*edits, Edit(authors[0].start, authors[0].end, new)])


def _is_removed(name: str) -> bool:
    return name in _REMOVED or name.startswith(_CONTROL_PREFIX)


def _make_display_name(value: bytes) -> bytes:
    """Return the display name of the first mailbox as a phrase (RFC 5322 section 3.2.5), its address without one; b"" if it has none."""
    # Octets that are not UTF-8 stay as they are. In Latin-1, parts of some letters would be spaces.
    text = value.decode("utf-8", "surrogateescape")
    name = _SPACES.sub(" ", parse_display_name(text)).strip()
    if not name:
        name = next(iter(parse_addresses(text)), "").replace("@", " at ")
    if _PHRASE.fullmatch(name):
        return name.encode("ascii")
    return b'"' + _ESCAPED.sub(r"\\\g<0>", name).encode("utf-8", "surrogateescape") + b'"'


def _map_rejection(code: str, text: str) -> MailhooksError | None:
    if code == "MessageRejected":
        if "not verified" in text.lower():
            return Misconfigured(
                "SendEmail: MessageRejected: verify FORWARD_FROM in SES, and in its sandbox each address of FORWARD_TO too"
            )
        return Rejected(Answer(554, "5.7.1 SES rejects the message"))
    if code in {"BadRequestException", "InvalidParameterValue"}:
        return Rejected(Answer(554, "5.6.0 SES does not accept the message, or an address"))
    return None
