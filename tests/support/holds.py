"""Helpers for tests of held messages: a table and approvers in memory, and a company in which a policy holds mail."""

import email
import email.policy
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mailhooks.aws.approval_mail import ApprovalRequest, make_mail
from mailhooks.aws.hold_table import HoldKey, HoldRecord
from mailhooks.contract import MailFlowEvent
from mailhooks.core.evaluator import FixedPolicy
from mailhooks.core.holds.approval_links import Link, read_link
from mailhooks.core.holds.aws_holds import AwsHolds
from mailhooks.deadline import Deadline
from mailhooks.hooks.invocation import Mail, Reply
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.policy import Policy
from mailhooks.report_names import HoldState
from mailhooks.settings import Settings
from tests.support.hooks import MESSAGE, Memory
from tests.support.mail import parsed
from tests.support.policies import make_policy
from workmail_local.config.functions import ROOT
from workmail_local.workmail import LocalWorkMail

SECRET = "0123456789abcdef" * 4
SENDER = "hold@example.com"
SETTINGS = Settings(holds_table="holds", approval_url="https://approve.example.com/", approval_secret="approval", approval_sender=SENDER)
START = 1_800_000_000
HOLD: dict[str, Any] = {"approvers": ["boss@example.com", "deputy@example.com"], "timeout": "2h", "on_timeout": "bounce"}

_NUMBERS = count()


def make_holds_table(workmail: LocalWorkMail) -> str:
    """Create a table as in the template, and return its name."""
    name = f"holds-{next(_NUMBERS)}"
    workmail.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
    )
    return name


_FLOW = """
organization = {{ domains = ["example.com"] }}
[functions.flow]
path = "{folder}"
[[rules]]
name = "Policy"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "flow"
timeout-minutes = 240
"""


def write_flow(folder: Path, policy: str) -> str:
    """Write mailflow with a policy into a folder. Return the configuration of a local WorkMail whose inbound mail passes it."""
    shutil.copy(ROOT / "functions" / "mailflow" / "app.py", folder)
    (folder / "policy.yaml").write_text(policy, "utf-8")
    return _FLOW.format(folder=folder.as_posix())


def hold_policy(*rules: dict[str, Any], **top: Any) -> Policy:
    """Return a policy of these rules; by default of one that holds every message."""
    return make_policy(*(rules or ({"name": "four eyes", "do": {"hold": HOLD}},)), **top)


def link_of(raw: bytes) -> Link:
    """Return the link in a mail to an approver, which is the same in its text and its HTML."""
    mail = parse_mail(raw)
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
    links = {url.replace("&amp;", "&") for part in parts if part for url in re.findall(r"https://[^\s\"<]+", part.get_content())}
    [url] = links
    return _read(url)


def _read(url: str) -> Link:
    return read_link(parse_qs(urlsplit(url).query)["token"][0], SECRET)


def parse_mail(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


@dataclass
class MemoryTable:
    """A `HoldTable` in memory. `before` and `after` are called with the name of each call.

    tests/integration/aws/test_hold_table.py has the same behaviour on DynamoDB's API.
    """

    records: dict[HoldKey, HoldRecord] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    calls: list[str] = field(default_factory=list)

    def _call(self, name: str, work: Callable[[], Any]) -> Any:
        self.calls.append(name)
        self.before(name)
        result = work()
        self.after(name)
        return result

    def list_of_invocation(self, invocation: str, deadline: Deadline) -> list[HoldRecord]:
        return self._call("list", lambda: [record for key, record in self.records.items() if key.invocation == invocation])

    def create(self, record: HoldRecord, deadline: Deadline) -> HoldRecord | None:
        def create() -> HoldRecord | None:
            existing = self.records.get(record.key)
            self.records.setdefault(record.key, record)
            return existing

        return self._call("create", create)

    def mark_notified(self, key: HoldKey, missed: Sequence[int], now: int, deadline: Deadline) -> None:
        def mark() -> None:
            self.records[key] = replace(self.records[key], notified_at=now, missed=tuple(missed))

        self._call("mark", mark)

    def decide(
        self, key: HoldKey, state: HoldState, *, reason: str = "", decided_by: str, now: int, deadline: Deadline
    ) -> HoldRecord | None:
        def decide() -> HoldRecord | None:
            record = self.records.get(key)
            if record and record.state is HoldState.PENDING:
                self.records[key] = replace(record, state=state, reason=reason, decided_by=decided_by, decided_at=now)
            return self.records.get(key)

        return self._call("decide", decide)


@dataclass
class ApproverMail:
    """A mail to an approver, as it was ordered."""

    approver: str
    link: str
    mark: str
    request: ApprovalRequest

    @cached_property
    def raw(self) -> bytes:
        return make_mail(SENDER, self.approver, self.link, self.mark, self.request)


@dataclass
class Outbox:
    """The mail to approvers. Those in `rejected` get none, with this error."""

    mails: list[ApproverMail] = field(default_factory=list)
    rejected: dict[str, Exception] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None

    def send(self, approver: str, link: str, mark: str, request: ApprovalRequest, deadline: Deadline) -> None:
        self.before("send")
        if approver in self.rejected:
            raise self.rejected[approver]
        self.mails.append(ApproverMail(approver, link, mark, request))
        self.after("send")

    @property
    def asked(self) -> list[str]:
        return [mail.approver for mail in self.mails]


@dataclass
class Secrets:
    def read(self, name: str) -> str:
        return SECRET


@dataclass
class Company:
    """A hook with a policy that holds mail, its table, its approvers and its clock."""

    policy: Policy = field(default_factory=hold_policy)
    settings: Settings = SETTINGS
    table: MemoryTable = field(default_factory=MemoryTable)
    outbox: Outbox = field(default_factory=Outbox)
    content: Memory = field(default_factory=Memory)
    now: float = START
    targets: list[tuple[Any, ...]] = field(default_factory=list)

    def attempt(self, event: MailFlowEvent | None = None, raw: bytes = MESSAGE, policy: Policy | None = None) -> Reply:
        """Run one attempt of an invocation, in a new process."""
        found = event or parsed()
        self.content.messages.setdefault(found.message_id, raw)
        hook = PolicyHook(FixedPolicy(policy or self.policy), make_holds=self.make_holds)
        return hook(Mail(found, lambda: self.content, Deadline.after(20), self.settings, writable=True))

    def make_holds(self) -> AwsHolds:
        holds = AwsHolds(self.settings, clock=lambda: self.now)
        services: Any = holds
        if self.settings.holds_table:
            services.table = self.table
        if self.settings.approval_sender:
            services.requests._mailer = self.outbox
        services.requests._notifier = self
        services.requests._secrets = Secrets()
        return holds

    def publish(self, *notification: Any) -> None:
        self.targets.append(notification)

    def decide(self, state: HoldState, reason: str = "", approver: int = 0) -> HoldRecord:
        """Decide by the link of the last mail to an approver, as the page does."""
        mail = self.outbox.mails[approver]
        found = self.table.decide(
            HoldKey(*_read(mail.link).hold_key),
            state,
            reason=reason,
            decided_by=mail.approver,
            now=int(self.now),
            deadline=Deadline.after(5),
        )
        assert found is not None
        return found
