"""Helpers for tests of what the gateway, the milter and the function `ses` share: a listener with a policy, and its records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.core.mail import Mail
from mailhooks.core.side_effects_base import Holds, SideEffects
from mailhooks.deadline import Deadline
from mailhooks.envelope import FlowDirection
from mailhooks.platform import Platform
from mailhooks.policy.rules.rule import Archive, Notify
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.listener import HeaderField, Listener
from mailhooks.relay.platforms import GATEWAY
from mailhooks.relay.received import Received
from mailhooks.relay.report import Record
from mailhooks.relay.trace_fields import Client
from tests.support.policies import make_policy

WHEN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CLIENT = Client("mail.example.net", "192.0.2.7", "ESMTPS")
INBOUND = Listener(
    name="inbound",
    flow_direction=FlowDirection.INBOUND,
    host_name="gateway.example.com",
    postmaster="postmaster@example.com",
    organization_domains=frozenset({"example.com"}),
    junk_field=HeaderField("X-Spam-Flag", "YES"),
    bypass_field=HeaderField("X-Skip-Filter", "yes"),
    mark_secrets=(b"a secret of the organization",),
)
OUTBOUND = replace(INBOUND, name="outbound", flow_direction=FlowDirection.OUTBOUND)
TAG = {"do": {"subject_tag": "[EXT]"}}


@dataclass
class Effects(SideEffects):
    """Side effects that are noted, or fail with `error`."""

    error: Exception | None = None
    archived: list[tuple[str, bytes]] = field(default_factory=list)
    notified: list[tuple[str, list[str]]] = field(default_factory=list)

    def archive(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:
        if self.error:
            raise self.error
        self.archived.append((mail.envelope.invocation_id, mail.raw))

    def notify(self, effect: Notify, mail: Mail, rule: str, verdicts: Sequence[str], deadline: Deadline) -> None:
        if self.error:
            raise self.error
        self.notified.append((mail.envelope.invocation_id, list(verdicts)))


@dataclass
class Records:
    """A reporter that keeps the records."""

    records: list[Record] = field(default_factory=list)

    def report(self, record: Record) -> None:
        self.records.append(record)


@dataclass
class Relay:
    """A listener with a policy of some rules."""

    rules: Sequence[dict[str, Any]] = ({"do": {"count": "Mail"}},)
    listener: Listener = INBOUND
    platform: Platform = GATEWAY
    effects: Effects = field(default_factory=Effects)
    make_holds: Callable[[], Holds] | None = None
    reports: Records = field(default_factory=Records)
    policy: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        policy = FixedPolicy(make_policy(*self.rules, **self.policy))
        evaluator = PolicyEvaluator(policy, self.platform, self.effects, make_holds=self.make_holds)
        self.evaluator = MessageEvaluator(self.listener, evaluator, self.reports, clock=lambda: WHEN)

    def evaluate(self, content: bytes, *recipients: str, mail_from: str = "ana@example.net", client: Client | None = None) -> Disposition:
        received = Received(mail_from, recipients or ("bo@example.com",), content, client)
        return self.evaluator.evaluate(received, Deadline.after(60))

    def pass_on(self, content: bytes, *recipients: str, **received: Any) -> bytes:
        """Evaluate a message and return it as it is passed on to all recipients."""
        disposition = self.evaluate(content, *recipients, **received)
        disposition.finish()
        return b"".join(disposition.pieces())

    @property
    def record(self) -> Record:
        """The only record."""
        [record] = self.reports.records
        return record
