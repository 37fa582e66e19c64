"""Sends the mail that asks an approver to decide on a held message, by Amazon SES.

The mail has the envelope and the subject of the message, and nothing else of it: the rest is on the page behind the link. It is sent raw
(permission ses:SendRawEmail), because only a raw mail can have `Auto-Submitted` and the mark of `mailhooks.core.holds.approval_marks`.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from mailhooks.address_patterns import canonical
from mailhooks.aws import client as aws
from mailhooks.aws.hold_table import AT_TIMEOUT
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured

SUBJECT: Final = "Approve or reject:"
"""The begin of the subject."""

MARK: Final = "X-Mailhooks-Approval"
"""The header field with the mark."""

_MAX_RECIPIENTS: Final = 10
"""Recipients that the mail names; the page has all."""

_MAX_CHARACTERS: Final = 200
"""Characters of a subject or an address that the mail shows."""

_TH: Final = 'style="text-align: left; vertical-align: top; padding-right: 16px"'
_HTML: Final = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5">
<p>{intro}</p>
<table style="border-spacing: 0 4px">
{rows}
</table>
<p><a href="{link}" style="display: inline-block; padding: 8px 16px; border: 1px solid; border-radius: 4px">Read it and decide</a></p>
<p>{outro}</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """The facts about a held message that its approvers get.

    Attributes:
        sender: `""` for mail without a sender.
        is_truncated: whether the event omits recipients.
        timeout_at: seconds since 1970.
        on_timeout: `deliver`, `bounce` or `drop`.
    """

    rule: str
    sender: str
    recipients: Sequence[str]
    is_truncated: bool
    subject: str
    timeout_at: int
    on_timeout: str


class ApprovalMailer:
    """Sends mail to approvers.

    Args:
        sender: an address that is verified in SES.
    """

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._client = aws.make_client("sesv2")

    def send(self, approver: str, link: str, mark: str, request: ApprovalRequest, deadline: Deadline) -> None:
        """Send one approver the link that is only for this approver.

        Raises:
            TransientError: SES does not answer now.
            Misconfigured: SES rejects the mail, such as for an address that its sandbox does not know.
        """
        raw = make_mail(self._sender, approver, link, mark, request)
        mail = {"FromEmailAddress": self._sender, "Destination": {"ToAddresses": [canonical(approver)]}, "Content": {"Raw": {"Data": raw}}}
        aws.call("SendEmail", lambda: self._client.send_email(**mail), deadline, map_own=_map_rejection)


def make_mail(sender: str, approver: str, link: str, mark: str, request: ApprovalRequest) -> bytes:
    """Return the mail to one approver. Control characters of the message's values become spaces."""
    rows = _list_rows(request)
    intro = "A rule holds this message until an approver approves or rejects it."
    outro = "The link is only for you: do not forward it. Opening it decides nothing. The first decision counts."
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = canonical(approver)
    mail["Date"] = datetime.now(UTC)
    # QUIRK: the email package decodes an encoded word here, and old versions write its line ends into the header.
    subject = _to_line(request.subject).replace("=?", "= ?")
    mail["Subject"] = f"{SUBJECT} {subject or 'a message without a subject'}"
    mail["Auto-Submitted"] = "auto-generated"
    mail[MARK] = mark
    table = "\n".join(f"{name + ':':<13}{value}" for name, value in rows)
    mail.set_content(f"{intro}\n\n{table}\n\nRead it and decide:\n{link}\n\n{outro}\n", cte="quoted-printable")
    cells = "\n".join(f'<tr><th scope="row" {_TH}>{name}</th><td>{html.escape(value)}</td></tr>' for name, value in rows)
    page = _HTML.format(title="Approve or reject", intro=intro, rows=cells, link=html.escape(link), outro=outro)
    mail.add_alternative(page, subtype="html", cte="quoted-printable")
    return mail.as_bytes()


def _list_rows(request: ApprovalRequest) -> list[tuple[str, str]]:
    """Return the names and values of the mail's table, each value as one line."""
    shown = [_to_line(address) for address in request.recipients[:_MAX_RECIPIENTS]]
    if more := len(request.recipients) - len(shown):
        shown.append(f"and {more} more")
    if request.is_truncated:
        shown.append("and others that WorkMail does not name")
    until = datetime.fromtimestamp(request.timeout_at, UTC)
    return [
        ("Rule", _to_line(request.rule)),
        ("Sender", _to_line(request.sender) or "none: a delivery report"),
        ("Recipients", ", ".join(shown)),
        ("Subject", _to_line(request.subject)),
        ("Decide by", f"{until.day} {until:%B %Y, %H:%M} UTC. Without a decision, the message {AT_TIMEOUT[request.on_timeout]}."),
    ]


def _to_line(text: str) -> str:
    """Return a text of one line, without control characters and characters that change the direction of writing."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text[: 4 * _MAX_CHARACTERS]).split())
    return line if len(line) <= _MAX_CHARACTERS else f"{line[: _MAX_CHARACTERS - 1]}…"


def _map_rejection(code: str, _text: str) -> MailhooksError | None:
    if code == "MessageRejected":
        return Misconfigured("SendEmail: MessageRejected: verify the sender in SES, and in its sandbox each approver too")
    return None
