"""A policy, and messages from files to try it on: what `try`, `replay` and `preview --policy` have in common."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from local.console.style import display_path
from local.errors import InvalidPolicy, NoEnvelope
from local.mail.event_builder import EnvelopeOverrides, event_for, with_crlf
from local.policy_tools.archive_files import kept_event
from local.policy_tools.memory_services import MemoryDirectory, MemoryRates
from mailhooks.content.template_variables import own_values
from mailhooks.contract import ContractError, MailFlowEvent
from mailhooks.hooks.preflight import Rejection, rejections_of_edits
from mailhooks.mime import message as mime
from mailhooks.mime.headers import scan
from mailhooks.policy import Outcome, Policy, PolicyError, Services, Trace, load
from mailhooks.policy.evaluation.apply_changes import Applied, apply_changes


@dataclass(frozen=True, slots=True)
class Setting:
    """What a policy is tried with.

    Attributes:
        wishes: what somebody wants of the envelope.
        domains: the organization's, where the policy does not say.
        now: the moment that counts, where somebody says.
        before: messages that every count begins with.
        groups: members by group.
        truncated: whether the event leaves recipients out.
    """

    wishes: EnvelopeOverrides = field(default_factory=EnvelopeOverrides)
    domains: frozenset[str] = frozenset()
    now: datetime | None = None
    before: int = 0
    groups: Mapping[str, Collection[str]] = field(default_factory=dict)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message and the event that WorkMail would send for it."""

    raw: bytes
    event: MailFlowEvent


class Trial:
    """A policy with what it may ask; messages are counted from one to the next.

    Attributes:
        policy: the policy.
        directory: says which groups nobody gave.
    """

    def __init__(self, policy: Policy, setting: Setting) -> None:
        self.policy = policy
        self.domains = policy.domains or setting.domains
        self.directory = MemoryDirectory(setting.groups, self.domains)
        self._moment = 0.0
        self._services = Services(MemoryRates(lambda: self._moment, setting.before), self.directory)

    def outcome(self, message: Message, now: datetime, trace: Trace | None = None) -> Outcome:
        """What the policy makes of a message. Raises as `Policy.evaluate`."""
        self._moment = now.timestamp()
        return self.policy.evaluate(message.event, message.raw, services=self._services, domains=self.domains, now=now, trace=trace)


def loaded(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        InvalidPolicy: it is refused; the text has a line for each problem.
        OSError: it cannot be read.
    """
    try:
        return load(path)
    except PolicyError as error:
        raise InvalidPolicy(
            "\n".join([f"{display_path(path)} is refused (python -m local check {display_path(path)})", *error.lines()])
        ) from None


def message_of(saved: bytes, setting: Setting, domains: frozenset[str], file: Path | None = None) -> Message:
    """The message of a file; beside a `file` that the action `archive` has written stands its envelope.

    Raises:
        NoEnvelope: its headers do not say who sends to whom, or not such that WorkMail would; the text says which options to give.
        OSError: the envelope cannot be read.
    """
    if file is not None and (kept := kept_event(file, setting.wishes, truncated=setting.truncated)):
        return Message(saved, kept)
    raw = with_crlf(saved)
    try:
        event = event_for(raw, setting.wishes, domains)
    except NoEnvelope as error:
        hint = "" if domains else " (and name the organization's domains with --domains, or in the policy under organization)"
        raise NoEnvelope(f"{error}{hint}") from None
    except RecursionError:
        raise NoEnvelope("the message's headers are nested too deep: give --from and --to") from None
    try:
        return Message(raw, MailFlowEvent.parse({**event, "truncated": setting.truncated or event["truncated"]}))
    except ContractError as error:
        raise NoEnvelope(f"WorkMail would not make this event: {error}") from None


def sent_at(raw: bytes) -> datetime | None:
    """The moment of a message's Date header, with a zone; None where there is none to be read."""
    found = next(scan(raw).named("date"), None)
    if found is None:
        return None
    try:
        moment = parsedate_to_datetime(found.value(raw)[:200].decode("latin-1"))
        # QUIRK: -0000 (RFC 5322 section 3.3) says that the zone is not known: the time is UTC.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment


def changed(message: Message, outcome: Outcome) -> tuple[Applied, list[Rejection]]:
    """The message as the outcome's changes make it, and for what WorkMail might refuse it."""
    content = mime.Message(message.raw)
    applied = apply_changes(content, outcome.changes, own_values(content, message.event.mail_from))
    findings = rejections_of_edits(content, applied.edits, added_parts=applied.added_parts) if applied.edits else []
    return applied, findings
