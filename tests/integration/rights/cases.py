"""Each function with each optional right, and a use of it."""

import itertools
import time
from typing import Any, Final
from urllib.parse import urlencode

from mailhooks.aws.hold_table import HoldKey, HoldRecord
from mailhooks.core.holds.approval_links import PARAMETER, make_link
from tests.integration.rights.deployment import KEY, POLICY, Case, Run
from tests.support.approvals import SECRET, URL, make_event, put_record
from tests.support.backends import request
from tests.support.mail import event
from tests.support.servers.workmail import ROLE

RAW: Final = (
    b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b"Message-ID: <1@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBuy now.\r\n"
)

_WHOLE_POLICY: Final = """
version: 1
defaults: {{ mixed: all }}
rules:
  - name: storm
    when: {{ rate: {{ more_than: 100, minutes: 5 }} }}
    do: drop
  - name: first
    when: {{ first_contact: true }}
    do: {{ count: First }}
  - name: board
    when: {{ recipient_in_group: board@example.com }}
    do: {{ count: Board }}
  - name: own
    when: {{ sender_scope: external }}
    do: {{ count: External }}
  - name: not for ben
    when: {{ recipient: ben@example.com, header: {{ name: Subject, regex: "^Offer" }} }}
    do: {{ bounce: "Not for ben" }}
  - name: all
    do:
      - subject_tag: "[X]"
      - archive: {{ bucket: {archive}, prefix: mail/, lock: governance, retain_days: 1 }}
      - notify: {{ sns: "{topic}" }}
      - notify: {{ eventbridge: "{bus}" }}
      - notify: {{ webhook: "{webhook}", secret: "{secret}" }}
"""

MACHINE: Final = "arn:aws:states:us-east-1:123456789012:stateMachine:approvals"
_HOLDING_POLICY: Final = f"""{POLICY.rstrip()}
  - name: approval
    do: {{ hold: {{ approvers: [boss@example.com], timeout: 2h, on_timeout: bounce }} }}
  - name: second approval
    do: {{ hold: {{ state_machine: "{MACHINE}", timeout: 2h, on_timeout: bounce }} }}
"""

_INVOCATIONS = itertools.count(1)


def arrive(run: Run, direction: str = "INBOUND", raw: bytes = RAW) -> dict[str, Any]:
    """Add a message in transit from a new sender to ana and ben, and return its event."""
    run.messages.append(run.account.workmail.store.add(raw, direction=direction))
    number = next(_INVOCATIONS)
    document = event("ana@example.com", "ben@example.com", messageId=run.messages[-1], invocationId=f"{number:032x}", direction=direction)
    document["envelope"]["mailFrom"]["address"] = f"nora-{number}@example.net"
    return document


def _read(run: Run) -> None:
    run.start()
    run.invoke(arrive(run))


def _read_and_fail(run: Run) -> None:
    _read(run)
    run.send_dead_letter()


def _replace(run: Run) -> None:
    """Replace a message by the short setting, and another by a policy in the function's folder, with a retry."""
    _read(run)
    _retry(run, POLICY)


def _retry(run: Run, policy: str = "") -> None:
    """Replace a message by a policy and repeat the invocation, as WorkMail does when the answer is lost."""
    run.start(**({"policy": policy} if policy else {}))
    document = arrive(run)
    run.invoke(document)
    run.invoke(document)


def _run_whole_policy(run: Run) -> None:
    own = run.account
    _retry(run, _WHOLE_POLICY.format(archive=own.archive, topic=own.topic, bus=own.bus, webhook=own.webhook, secret=own.webhook_secret))


def _hold(run: Run) -> None:
    """Hold a message until an approver and a state machine approve it; the answer to the last attempt is lost."""
    run.start(policy=_HOLDING_POLICY)
    document = arrive(run)
    run.invoke(document)
    dynamodb = run.account.workmail.client("dynamodb")
    approved = {"state": {"Value": {"S": "approved"}}, "decidedBy": {"Value": {"S": "boss@example.com"}}}
    for item in dynamodb.scan(TableName=run.account.holds)["Items"]:
        if item["state"]["S"] == "pending":
            dynamodb.update_item(TableName=run.account.holds, Key={"pk": item["pk"], "sk": item["sk"]}, AttributeUpdates=approved)
    run.invoke(document)
    run.invoke(document)


def _look_up(run: Run) -> None:
    run.start()
    run.invoke(request("ben@example.org"))


def _decide(run: Run) -> None:
    """Show a held message to an approver, who rejects it."""
    run.start()
    arrive(run)
    record = HoldRecord(
        key=HoldKey("0" * 32, "rule"),
        rule="rule",
        message_id=run.messages[-1],
        direction="INBOUND",
        mail_from="nora@example.net",
        recipients=("ana@example.com",),
        approvers=("ben@example.com",),
        created_at=int(time.time()),
        timeout_at=int(time.time()) + 3600,
        on_timeout="bounce",
    )
    put_record(run.account.workmail, run.account.holds, record)
    token = make_link(URL, SECRET, record.key, 0, record.timeout_at).partition("=")[2]
    form = urlencode({PARAMETER: token, "decision": "reject", "reason": "No"})
    for request_event in (
        make_event("GET", query=f"{PARAMETER}={token}"),
        make_event("POST", body=form, content_type="application/x-www-form-urlencoded"),
    ):
        page = run.invoke(request_event)
        # Not its times.
        run.outcome[-1] = page["statusCode"], "Buy now." in page["body"], "was rejected by you" in page["body"]


def _make(function: str, **parameters: str) -> dict[str, str]:
    return {"Functions": function, "KmsKeyArn": KEY, "Tracing": "Active", **parameters}


def _make_sourced(source: str) -> dict[str, str]:
    return _make("mailflow", PolicySource=source, PolicyNeeds="none")


CASES: Final = {
    "bounce": Case(
        "bounce",
        lambda _: _make("bounce", BounceRules='[{"action": "DROP", "senders": ["*"], "recipients": ["ben@example.com"]}]'),
        _read,
    ),
    "observe": Case("observe", lambda _: _make("observe"), _read_and_fail),
    "rewrite": Case("rewrite", lambda _: _make("rewrite"), _replace),
    "disclaimer": Case("disclaimer", lambda _: _make("disclaimer", DisclaimerText="Confidential."), _replace),
    "mailflow": Case(
        "mailflow",
        lambda own: _make(
            "mailflow",
            PolicyNeeds="counting,directory",
            PolicyResourceArns=",".join((f"arn:aws:s3:::{own.archive}/*", own.topic, own.bus, own.webhook_secret)),
        ),
        _run_whole_policy,
    ),
    "mailflow with S3": Case("mailflow", lambda own: _make_sourced(f"s3://{own.archive}/policy.yaml"), _retry),
    "mailflow with SSM": Case("mailflow", lambda own: _make_sourced(f"ssm:/{own.archive}"), _retry),
    "mailflow with AppConfig": Case("mailflow", lambda _: _make_sourced("appconfig:a1b2/c3d4/e5f6"), _retry),
    "mailflow with hold": Case(
        "mailflow",
        lambda _: _make("mailflow", PolicyNeeds="hold", ApprovalSender="approvals@example.com", PolicyResourceArns=MACHINE),
        _hold,
    ),
    "approve": Case("approve", lambda _: _make("mailflow", PolicyNeeds="hold"), _decide),
    "availability": Case(
        "availability",
        lambda own: _make(
            "none",
            AvailabilitySecretArn=own.availability_secret,
            AvailabilityImpersonationRoleId=ROLE,
            AvailabilityNetwork="subnet-01234567/sg-01234567",
        ),
        _look_up,
    ),
}
"""All parameters that add rights are set in a case. A policy has one source at a time."""
