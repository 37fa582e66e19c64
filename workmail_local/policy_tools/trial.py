"""The evaluation of a policy for messages from files: the common part of `try`, `replay` and `preview --policy`."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from mailhooks.content.template import read_values
from mailhooks.contract import ContractError, MailFlowEvent
from mailhooks.core.content_changes import AppliedChanges, ChangedContent, apply_changes, change_content
from mailhooks.hooks.preflight import Rejection, rejections_of_edits
from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.mime.headers import scan
from mailhooks.mime.message import Message
from mailhooks.policy import Outcome, Policy, Services, Trace
from mailhooks.report_names import HoldState
from workmail_local.errors import NoEnvelope
from workmail_local.mail.event_builder import EnvelopeOverrides, event_for, with_crlf
from workmail_local.policy_tools.memory_services import MemoryContacts, MemoryDirectory, MemoryHolds, MemoryRates


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """The conditions under which a policy is evaluated.

    Attributes:
        overrides: values for the envelope that replace those of the message.
        domains: the organization's domains; not used when the policy has its own.
        now: the time of the evaluation; None for the default of the command.
        earlier_messages: the number of messages that every rate counts in addition.
        groups: members by group.
        people: addresses of the organization's people by display name.
        truncated: whether the event omits recipients.
        known: addresses that no longer make a first contact.
        decision: that of the approvers of each hold; PENDING for no decision.
        reason: of a rejection.
    """

    overrides: EnvelopeOverrides = field(default_factory=EnvelopeOverrides)
    domains: frozenset[str] = frozenset()
    now: datetime | None = None
    earlier_messages: int = 0
    groups: Mapping[str, Collection[str]] = field(default_factory=dict)
    people: Mapping[str, Sequence[str]] = field(default_factory=dict)
    truncated: bool = False
    known: Collection[str] = ()
    decision: HoldState = HoldState.PENDING
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TrialMessage:
    """A message with the event that WorkMail would send."""

    raw: bytes
    event: MailFlowEvent


class Trial:
    """A policy and its services in memory. Rates count all messages of one trial.

    Attributes:
        policy: the policy.
        domains: the organization's domains.
        directory: the groups; its `unknown` lists groups that are missing.
    """

    def __init__(self, policy: Policy, options: TrialOptions) -> None:
        self.policy = policy
        self.domains = policy.domains or options.domains
        self.directory = MemoryDirectory(options.groups, self.domains, options.people)
        self._time = 0.0
        self._holds = None if options.decision is HoldState.PENDING else MemoryHolds(options.decision, options.reason)
        self._services = Services(MemoryRates(lambda: self._time, options.earlier_messages), self.directory, MemoryContacts(options.known))

    def evaluate(self, message: TrialMessage, now: datetime, trace: Trace | None = None) -> Outcome:
        """Evaluate the policy for a message. Holds without a decision stay open in the outcome. Raises as `Policy.evaluate`."""
        self._time = now.timestamp()
        evaluation = self.policy.start_evaluation(
            message.event,
            message.raw,
            platform=WORKMAIL,
            authserv_ids=WORKMAIL.authserv_ids,
            services=self._services,
            domains=self.domains,
            now=now,
            trace=trace,
        )
        return evaluation.outcome(self._holds.decide if self._holds else None)


def make_trial_message(saved: bytes, options: TrialOptions, domains: frozenset[str], file: Path | None = None) -> TrialMessage:
    """Return a saved message with its event.

    Args:
        saved: the message, with CRLF or LF line ends.
        domains: the organization's domains.
        file: the message's file; if the action `archive` wrote it, its folder has the envelope.

    Raises:
        NoEnvelope: the message does not name a sender and a recipient, or not in a way that WorkMail accepts; the error names the options
            to give.
        OSError: the archived envelope cannot be read.
    """
    if file is not None and (archived := _read_archived_event(file, options.overrides, truncated=options.truncated)):
        return TrialMessage(saved, archived)
    raw = with_crlf(saved)
    try:
        event = event_for(raw, options.overrides, domains)
    except NoEnvelope as error:
        hint = "" if domains else " (and name the organization's domains with --domains, or in the policy under organization)"
        raise NoEnvelope(f"{error}{hint}") from None
    try:
        return TrialMessage(raw, MailFlowEvent.parse({**event, "truncated": options.truncated or event["truncated"]}))
    except ContractError as error:
        raise NoEnvelope(f"WorkMail would not send this event: {error}") from None


def _read_archived_event(file: Path, overrides: EnvelopeOverrides, *, truncated: bool) -> MailFlowEvent | None:
    """Return the event of a message that the policy action `archive` stored, with `envelope.json` in its folder; None for another file.

    Args:
        overrides: values that replace those of the archived envelope.
        truncated: whether the event omits recipients, even if the archived one did not.
    """
    envelope = file.with_name("envelope.json")
    if file.name != "message.eml" or not envelope.is_file():
        return None
    try:
        archived = json.loads(envelope.read_bytes())
        return MailFlowEvent.parse(_archived_event(archived, overrides, truncated=truncated))
    except (ContractError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = f": {error}" if isinstance(error, ContractError) else ""
        raise NoEnvelope(f"envelope.json in its folder was not written by `archive`{why}") from None


def _archived_event(archived: dict[str, Any], overrides: EnvelopeOverrides, *, truncated: bool) -> dict[str, Any]:
    author = overrides.mail_from or archived["mailFrom"]
    # The archived Sender acted for the archived author, not for another one.
    sender = None if overrides.mail_from else archived.get("sender")
    return {
        "summaryVersion": "2019-07-28",
        "envelope": {
            "mailFrom": {"address": author} if author else None,
            "recipients": [{"address": address} for address in overrides.recipients or archived["recipients"]],
        },
        "sender": {"address": sender} if sender else None,
        "subject": archived.get("subject"),
        "messageId": archived["messageId"],
        "invocationId": archived["invocationId"],
        "flowDirection": str(overrides.direction) if overrides.direction else archived["flowDirection"],
        "truncated": truncated or bool(archived.get("truncated")),
    }


def read_date(raw: bytes) -> datetime | None:
    """Return the time in a message's Date header, with a zone; None when there is no readable one."""
    found = next(scan(raw).named("date"), None)
    if found is None:
        return None
    try:
        date = parsedate_to_datetime(found.value(raw)[:200].decode("latin-1"))
        # QUIRK: -0000 (RFC 5322 section 3.3) means an unknown zone; the time is UTC.
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date


def change_message(message: TrialMessage, outcome: Outcome) -> tuple[AppliedChanges, list[Rejection]]:
    """Apply the outcome's changes, and return them with the reasons for which WorkMail might reject the changed message."""
    content = Message(message.raw)
    applied = apply_changes(content, outcome.changes, read_values(content, message.event.mail_from))
    rejections = rejections_of_edits(content, applied.change.edits, added_parts=applied.change.added_parts) if applied.change.edits else []
    return applied, rejections


def carry_out_changes(message: TrialMessage, outcome: Outcome) -> ChangedContent:
    """Return the outcome with its changes carried out in memory: one may have no effect, or not be possible."""
    if not outcome.changes:
        return ChangedContent(outcome)
    content = Message(message.raw)
    return change_content(content, outcome, read_values(content, message.event.mail_from), WORKMAIL)
