"""Asks the approvers of a held message: each by a mail or a notification with a link of its own."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from mailhooks.aws.approval_mail import SUBJECT, ApprovalMailer, ApprovalRequest
from mailhooks.aws.client import call
from mailhooks.aws.hold_table import HoldRecord
from mailhooks.aws.notifications import Notifier
from mailhooks.aws.secrets import SecretReader
from mailhooks.core.holds.approval_links import make_link
from mailhooks.core.holds.approval_marks import has_valid_mark, make_mark
from mailhooks.core.mail import Mail
from mailhooks.core.side_effects import describe_message, send_notification
from mailhooks.deadline import Deadline
from mailhooks.envelope import FlowDirection
from mailhooks.errors import Misconfigured, PermanentError, TransientError
from mailhooks.policy.evaluation.outcome import Failure, WantedHold
from mailhooks.settings import Settings

_PARALLEL: Final = 4
"""Mails that are sent in parallel: SES limits the mails of a second."""

_DETAIL_TYPE: Final = "Mail is held for approval"


def require(settings: Settings, name: str) -> str:
    """Return the value of a setting that holds need.

    Raises:
        Misconfigured: it is empty.
    """
    value: str = getattr(settings, name)
    if not value:
        raise Misconfigured(f"{name.upper()}: not set: deploy the stack with hold in PolicyNeeds, for approvers also with ApprovalSender")
    return value


class ApprovalRequests:
    """Asks approvers, and recognizes the mail that asks them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _mailer(self) -> ApprovalMailer:
        return ApprovalMailer(require(self._settings, "approval_sender"))

    @cached_property
    def _notifier(self) -> Notifier:
        return Notifier()

    @cached_property
    def _secrets(self) -> SecretReader:
        return SecretReader()

    def _read_secret(self, deadline: Deadline) -> str:
        name = require(self._settings, "approval_secret")
        secret = call("GetSecretValue", lambda: self._secrets.read(name), deadline)
        if secret is None:
            raise Misconfigured("APPROVAL_SECRET: the secret has no text")
        return secret

    def is_approval_mail(self, mail: Mail, now: float) -> bool:
        """Return whether a message is the mail to an approver. It is fetched only if its subject is that of such a mail.

        SES sends that mail, so that it is always inbound: a colleague who has a copy of its mark cannot send mail out by it.

        Raises:
            TransientError, Misconfigured: the message or the secret cannot be read.
        """
        is_possible = SUBJECT in mail.envelope.subject and mail.envelope.flow_direction is FlowDirection.INBOUND
        if not is_possible or not self._settings.approval_sender:
            return False
        try:
            message = mail.message
        except PermanentError:
            return False
        return has_valid_mark(message, self._read_secret(mail.deadline), self._settings.approval_sender, now)

    def ask(self, mail: Mail, wanted: WantedHold, record: HoldRecord, deadline: Deadline) -> tuple[list[int], list[Failure]]:
        """Ask the approvers of a record who are to be asked. Return the positions of those to ask again, and the failures.

        Raises:
            TransientError, Misconfigured: none of all approvers was asked.
        """
        secret, url = self._read_secret(deadline), require(self._settings, "approval_url")

        def ask(position: int) -> Exception | None:
            approver = record.approvers[position]
            link = make_link(url, secret, record.key, position, record.timeout_at)
            try:
                if "@" in approver:
                    mark = make_mark(secret, approver, record.timeout_at)
                    self._mailer.send(approver, link, mark, _make_request(mail, wanted, record), deadline)
                else:
                    self._notify(mail, wanted, record, link, deadline)
            except Exception as error:  # noqa: BLE001 - another approver may be asked
                return error
            return None

        with ThreadPoolExecutor(_PARALLEL) as pool:
            results = list(zip(record.to_ask, pool.map(ask, record.to_ask), strict=True))
        errors = [error for _, error in results if error]
        if len(errors) == len(record.approvers):
            raise next((error for error in errors if isinstance(error, TransientError)), errors[0])
        missed = [position for position, error in results if isinstance(error, TransientError)]
        return missed, [Failure.of(wanted.rule.name, wanted.hold.name, error) for error in errors]

    def _notify(self, mail: Mail, wanted: WantedHold, record: HoldRecord, link: str, deadline: Deadline) -> None:
        target = wanted.hold.target
        if target is None:
            raise Misconfigured("notify: the rule has no target now")
        notification = describe_message(target, mail, record.rule) | {
            "approvalUrl": link,
            "timeoutAt": datetime.fromtimestamp(record.timeout_at, UTC).isoformat(),
            "onTimeout": str(wanted.hold.on_timeout),
        }
        identity = f"{mail.envelope.invocation_id} {record.rule} hold {target.sns}{target.eventbridge}{target.webhook}"
        key = hashlib.sha256(identity.encode()).hexdigest()[:32]
        send_notification(self._notifier, target, notification, key, deadline, detail_type=_DETAIL_TYPE)


def _make_request(mail: Mail, wanted: WantedHold, record: HoldRecord) -> ApprovalRequest:
    return ApprovalRequest(
        rule=record.rule,
        sender=mail.envelope.sender or mail.envelope.mail_from,
        recipients=record.recipients,
        is_truncated=mail.envelope.truncated,
        subject=mail.envelope.subject,
        timeout_at=record.timeout_at,
        on_timeout=str(wanted.hold.on_timeout),
    )
