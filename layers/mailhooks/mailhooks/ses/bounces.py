"""Informs senders that a message was not delivered: by SendBounce of SES, or by an own report where SendBounce cannot."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured
from mailhooks.relay.dsn import may_bounce, write_bounce
from mailhooks.ses.message_table import MessageTable
from mailhooks.ses.reasons import Reason
from mailhooks.ses.receipt_event import Receipt

SEND_BOUNCE_S: Final = 24 * 3600
"""After the receipt of a message, SendBounce accepts its ID for this time (SES API reference)."""

_MARGIN_S: Final = 600


class CannotBounce(MailhooksError):
    """SES does not accept the message's ID or a recipient."""


class BounceService:
    """Sends bounce messages, at most one a second (SES API reference, SendBounce).

    Args:
        sender: the From address of the bounce messages, which SES has verified.
        host_name: of this mail system, in own reports.
        table: keeps the distance of a second between the calls of all invocations.
    """

    def __init__(self, sender: str, host_name: str, table: MessageTable, *, clock: Callable[[], float] = time.time) -> None:
        self._sender = sender
        self._host_name = host_name
        self._table = table
        self._clock = clock
        self._ses: Any = aws.make_client("ses", aws.SEND_CONFIG)
        self._sesv2: Any = aws.make_client("sesv2", aws.SEND_CONFIG)

    def bounce(self, receipt: Receipt, reasons: Mapping[str, Reason], content: bytes, deadline: Deadline) -> Iterator[tuple[str, ...]]:
        """Bounce a message for recipients. Yield the recipients whose sender is informed, after each call.

        The sender gets one bounce message for each reason. A sender who must get none (RFC 5321 section 6.1, RFC 3834) gets none: the
        recipients are yielded all the same.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        if not may_bounce(receipt.mail_from, content):
            yield tuple(reasons)
            return
        groups: dict[Reason, list[str]] = {}
        for recipient, reason in reasons.items():
            groups.setdefault(reason, []).append(recipient)
        for reason, recipients in groups.items():
            self._send(receipt, reason, recipients, content, deadline)
            yield tuple(recipients)

    def _send(self, receipt: Receipt, reason: Reason, recipients: Sequence[str], content: bytes, deadline: Deadline) -> None:
        if self._clock() < receipt.received_at + SEND_BOUNCE_S - _MARGIN_S:
            try:
                self._send_bounce(receipt, reason, recipients, deadline)
            except CannotBounce:
                pass
            else:
                return
        self._send_report(receipt, reason, recipients, content, deadline)

    def _send_bounce(self, receipt: Receipt, reason: Reason, recipients: Sequence[str], deadline: Deadline) -> None:
        fields = {"Action": "failed", "Status": reason.status, "DiagnosticCode": reason.diagnostic}
        request = {
            "OriginalMessageId": receipt.message_id,
            "BounceSender": self._sender,
            "Explanation": reason.text,
            "BouncedRecipientInfoList": [{"Recipient": each, "RecipientDsnFields": fields} for each in recipients],
        }
        self._table.wait_for_turn("SendBounce", 1, deadline)
        aws.call("SendBounce", lambda: self._ses.send_bounce(**request), deadline, map_own=_map_refusal)

    def _send_report(self, receipt: Receipt, reason: Reason, recipients: Sequence[str], content: bytes, deadline: Deadline) -> None:
        report = write_bounce(
            content,
            reverse_path=receipt.mail_from,
            recipients=[(each, reason.text) for each in recipients],
            reporting_mta=self._host_name,
            postmaster=self._sender,
            message_id=f"<{receipt.message_id}.{reason.digest}@{self._host_name}>",
            date=datetime.fromtimestamp(self._clock(), UTC),
        )
        request = {
            "FromEmailAddress": self._sender,
            "Destination": {"ToAddresses": [receipt.mail_from]},
            "Content": {"Raw": {"Data": report}},
        }
        aws.call("SendEmail", lambda: self._sesv2.send_email(**request), deadline, map_own=_map_error)


def _map_refusal(code: str, _text: str) -> MailhooksError | None:
    # MessageRejected has each cause of SendBounce; if it is the sender, the report is rejected too.
    return CannotBounce(f"SendBounce: {code}") if code in {"MessageRejected", "InvalidParameterValue"} else None


def _map_error(code: str, _text: str) -> MailhooksError | None:
    if code == "MessageRejected":
        return Misconfigured("SES: MessageRejected: verify BOUNCE_SENDER in SES, and request production access")
    return None
