"""The side effects of a policy on AWS, copies in S3 and notifications, and the services that its rules use.

Clients are made, and their modules imported, at the first use: most policies need none of them, and a cold start must be short.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mailhooks.core.mail import Mail
from mailhooks.core.side_effects_base import SideEffects
from mailhooks.deadline import Deadline
from mailhooks.envelope import Envelope
from mailhooks.errors import SettingsError
from mailhooks.mime import encoded_words
from mailhooks.policy.facts.services import Services
from mailhooks.policy.rules.rule import Archive, Notify
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.aws.archive import Archiver
    from mailhooks.aws.notifications import Notifier


def make_services(settings: Settings) -> Services:
    """Return the services that the settings RATES_TABLE and POLICY_DIRECTORY switch on.

    Raises:
        SettingsError: POLICY_DIRECTORY is true, and ORGANIZATION_ID is not set.
    """
    rates = directory = contacts = None
    if settings.rates_table:
        from mailhooks.aws.contact_table import DynamoContacts
        from mailhooks.aws.rate_counter import DynamoRates

        rates, contacts = DynamoRates(settings.rates_table), DynamoContacts(settings.rates_table)
    if settings.policy_directory:
        from mailhooks.aws.directory import WorkMailDirectory

        if not settings.organization_id:
            raise SettingsError("ORGANIZATION_ID: POLICY_DIRECTORY needs the ID of the WorkMail organization")
        directory = WorkMailDirectory(settings.organization_id)
    return Services(rates, directory, contacts)


class AwsSideEffects(SideEffects):
    """Carries out the actions by AWS services."""

    @cached_property
    def _archiver(self) -> "Archiver":
        from mailhooks.aws.archive import Archiver

        return Archiver()

    @cached_property
    def _notifier(self) -> "Notifier":
        from mailhooks.aws.notifications import Notifier

        return Notifier()

    def archive(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:
        """Store the received message and its envelope, once an invocation. Raises as `Archiver.archive`."""
        self._archiver.archive(
            effect.bucket,
            effect.prefix,
            mail.envelope.invocation_id,
            mail.raw,
            make_envelope(mail.envelope),
            retain_days=effect.retain_days,
            lock=effect.lock,
            deadline=deadline,
        )

    def notify(self, effect: Notify, mail: Mail, rule: str, verdicts: Sequence[str], deadline: Deadline) -> None:
        """Send a notification, with the same key in each attempt of an invocation. Raises as `Notifier.post`."""
        identity = f"{mail.envelope.invocation_id} {rule} {effect.sns}{effect.eventbridge}{effect.webhook}"
        key = hashlib.sha256(identity.encode()).hexdigest()[:32]
        send_notification(self._notifier, effect, make_notification(effect, mail, rule, verdicts), key, deadline)


def send_notification(
    notifier: "Notifier", target: Notify, notification: dict[str, Any], key: str, deadline: Deadline, **event: str
) -> None:
    """Send a notification to its target. `event` is for EventBridge: see `Notifier.put_event`. Raises as `Notifier.post`."""
    if target.sns:
        notifier.publish(target.sns, notification, key, deadline)
    elif target.eventbridge:
        notifier.put_event(target.eventbridge, notification, key, deadline, **event)
    else:
        notifier.post(target.webhook, target.secret, notification, key, deadline)


def make_envelope(envelope: Envelope) -> dict[str, Any]:
    """Return the document that is stored with an archived message: the whole envelope."""
    return {
        "messageId": envelope.message_id,
        "invocationId": envelope.invocation_id,
        "flowDirection": str(envelope.flow_direction),
        "mailFrom": envelope.mail_from,
        "sender": envelope.sender,
        "recipients": list(envelope.recipients),
        "truncated": envelope.truncated,
        "subject": envelope.subject,
    }


def make_notification(effect: Notify, mail: Mail, rule: str, verdicts: Sequence[str]) -> dict[str, Any]:
    """Return a notification: identifiers, the verdict, and the parts of the message that the policy includes."""
    return describe_message(effect, mail, rule) | {"verdicts": list(verdicts)}


def describe_message(effect: Notify, mail: Mail, rule: str) -> dict[str, Any]:
    """Return a notification without a verdict."""
    included = ["messageId", "invocationId", "flowDirection"]
    if "subject" in effect.include:
        included.append("subject")
    if "addresses" in effect.include:
        included += ["mailFrom", "sender", "recipients"]
    envelope = make_envelope(mail.envelope)
    notification: dict[str, Any] = {
        "rule": rule,
        "recipientCount": len(mail.envelope.recipients),
        **{name: envelope[name] for name in included},
    }
    if "headers" in effect.include:
        fields = mail.message.header.fields
        notification["headers"] = [{"name": field.name, "value": encoded_words.decode(field.displayed_value(mail.raw))} for field in fields]
    if "content" in effect.include:
        notification["content"] = base64.b64encode(mail.raw).decode("ascii")
    return notification
