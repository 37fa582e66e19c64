"""What a policy does beside a message, on AWS: copies in S3, notices by SNS, EventBridge or a webhook; and what its rules may ask there.

Clients are made when they are first needed: most policies need none of them, and a cold start is no time for it.
"""

import base64
import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mailhooks.contract import Verdict
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError
from mailhooks.hooks.invocation import Mail
from mailhooks.mime import encoded_words
from mailhooks.policy.facts.services import Services
from mailhooks.policy.rules.actions import Archive, Notify
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.aws.archive import Archiver
    from mailhooks.aws.notifications import Notifier


def services(settings: Settings) -> Services:
    """What there is by the settings RATES_TABLE and POLICY_DIRECTORY.

    Raises:
        SettingsError: a directory is wanted, and ORGANIZATION_ID is not set.
    """
    rates = directory = None
    if settings.rates_table:
        from mailhooks.aws.rate_counter import DynamoRates

        rates = DynamoRates(settings.rates_table)
    if settings.policy_directory:
        from mailhooks.aws.directory import WorkMailDirectory

        if not settings.organization_id:
            raise SettingsError("ORGANIZATION_ID: POLICY_DIRECTORY takes the ID of the WorkMail organization")
        directory = WorkMailDirectory(settings.organization_id)
    return Services(rates, directory)


class AwsEffects:
    """Does them."""

    @cached_property
    def _archiver(self) -> "Archiver":
        from mailhooks.aws.archive import Archiver

        return Archiver()

    @cached_property
    def _notifier(self) -> "Notifier":
        from mailhooks.aws.notifications import Notifier

        return Notifier()

    def keep(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:
        """Keeps the message as it came and its envelope, once an invocation. Raises as `Archiver.archive`."""
        self._archiver.archive(
            effect.bucket,
            effect.prefix,
            mail.event.invocation_id,
            mail.raw,
            envelope(mail),
            retain_days=effect.retain_days,
            lock=effect.lock,
            deadline=deadline,
        )

    def tell(self, effect: Notify, mail: Mail, rule: str, verdict: Verdict, deadline: Deadline) -> None:
        """Tells of the message, with the same key for each try of an invocation. Raises as `Notifier.send`."""
        from mailhooks.aws.notifications import EventBridgeTarget, SnsTarget, WebhookTarget

        target = (
            SnsTarget(effect.sns)
            if effect.sns
            else EventBridgeTarget(effect.eventbridge)
            if effect.eventbridge
            else WebhookTarget(effect.webhook, effect.secret)
        )
        told = f"{mail.event.invocation_id} {rule} {effect.sns}{effect.eventbridge}{effect.webhook}"
        key = hashlib.sha256(told.encode()).hexdigest()[:32]
        self._notifier.send(target, notice(effect, mail, rule, verdict), key, deadline)


def envelope(mail: Mail) -> dict[str, Any]:
    """What is kept beside an archived message: all that WorkMail says of it."""
    event = mail.event
    return {
        "messageId": event.message_id,
        "invocationId": event.invocation_id,
        "flowDirection": str(event.flow_direction),
        "mailFrom": event.mail_from,
        "sender": event.sender,
        "recipients": list(event.recipients),
        "truncated": event.truncated,
        "subject": event.subject,
    }


def notice(effect: Notify, mail: Mail, rule: str, verdict: Verdict) -> dict[str, Any]:
    """What a notice says: identifiers and verdict, and of the message only what the policy includes."""
    told = ["messageId", "invocationId", "flowDirection"]
    if "subject" in effect.include:
        told.append("subject")
    if "addresses" in effect.include:
        told += ["mailFrom", "sender", "recipients"]
    whole = envelope(mail)
    document: dict[str, Any] = {
        "rule": rule,
        "recipientCount": len(mail.event.recipients),
        "verdicts": list(verdict.types),
        **{name: whole[name] for name in told},
    }
    if "headers" in effect.include:
        fields = mail.message.header.fields
        document["headers"] = [{"name": field.name, "value": encoded_words.decode(field.value(mail.raw))} for field in fields]
    if "content" in effect.include:
        document["content"] = base64.b64encode(mail.raw).decode("ascii")
    return document
