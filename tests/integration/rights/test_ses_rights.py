"""Least privilege of the stack for mail that SES receives: its functions need each right of their roles, and no other."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from mailhooks.aws.hold_table import HoldKey
from mailhooks.aws.session import open_session
from mailhooks.core.holds.approval_links import PARAMETER, make_link
from mailhooks.hooks.functions.approve import approve_handler
from mailhooks.ses.handler import TASK, ses_handler
from mailhooks.ses.held_messages import HeldMessages
from mailhooks.ses.receipt_event import Receipt
from mailhooks.settings import env
from tests.infrastructure.stack import Stack, read_template
from tests.integration.rights.cases import MACHINE
from tests.integration.rights.deployment import KEY, POLICY, REGION, Account
from tests.integration.rights.test_rights import OF_LAMBDA
from tests.support.approvals import SECRET, URL
from tests.support.approvals import make_event as make_page_event
from tests.support.servers.access_control import ACCOUNT, Right, Role, list_rights
from tests.support.ses import MESSAGE, REQUIRED, TEMPLATE, Clock, Context, make_event
from tests.support.smtp_sink import Sink, run_sink

_HEAD: Final = "version: 1\nrules:\n"
_COUNTING: Final = """  - name: storm
    when: {{ rate: {{ more_than: 100, minutes: 5 }} }}
    do: drop
  - name: first
    when: {{ first_contact: true }}
    do: {{ count: First }}
"""
_APPROVAL: Final = """  - name: approval
    when: {{ header: {{ name: Subject, regex: "^Hold" }} }}
    do: {{ hold: {{ approvers: [boss@example.com], timeout: 2h, on_timeout: bounce }} }}
"""
_OTHERS: Final = """  - name: second approval
    when: {{ header: {{ name: Subject, regex: "^Hold" }} }}
    do: {{ hold: {{ state_machine: "{machine}", timeout: 2h, on_timeout: bounce }} }}
  - name: not for ben
    when: {{ recipient: ben@example.com }}
    do: {{ bounce: "Not for ben" }}
  - name: all
    do:
      - subject_tag: "[X]"
      - archive: {{ bucket: {archive}, prefix: mail/, lock: governance, retain_days: 1 }}
      - notify: {{ sns: "{topic}" }}
      - notify: {{ eventbridge: "{bus}" }}
      - notify: {{ webhook: "{webhook}", secret: "{secret}" }}
"""

_OFFER: Final = "Offer"
"""The subject of mail that the policies bounce for ben."""
_HELD: Final = "Hold"


class Deployment:
    """The stack in an account, with one bucket, queue and tables for all runs.

    Attributes:
        sink: the next host.
    """

    def __init__(self, account: Account, patch: pytest.MonkeyPatch, folder: Path, sink: Sink) -> None:
        self.account = account
        self.sink = sink
        self._patch = patch
        self._folder = folder
        self._name = f"ses-{uuid4().hex[:12]}"
        with self._client("s3") as s3:
            s3.create_bucket(Bucket=self._name)
        with self._client("dynamodb") as dynamodb:
            table = self.make_stack().of_type("AWS::DynamoDB::Table")["MessagesTable"]
            names = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
            dynamodb.create_table(TableName=self._name, **{each: table[each] for each in names})
        with self._client("secretsmanager") as secrets:
            self._mark = secrets.create_secret(Name=f"{self._name}-m", SecretString="a-secret-of-the-tests")["ARN"]
            self.login = secrets.create_secret(Name=f"{self._name}-l", SecretString='{"username": "a", "password": "b"}')["ARN"]

    def make_stack(self, **parameters: str) -> Stack:
        more = {"KmsKeyArn": KEY, "Tracing": "Active", **parameters}
        more |= {} if "ForwardFrom" in more else {"NextHost": f"127.0.0.1:{self.sink.port}"}
        return Stack(read_template(TEMPLATE), name="ses", region=REGION, **{**REQUIRED, "NextHostTls": "none", **more})

    def resolve(self, document: Any) -> Any:
        """Return a document with the physical names of the stack's resources."""
        text, here, account = json.dumps(document), f"{REGION}:{ACCOUNT}", self.account
        for name, value in {
            "ses-MailBucket.Arn": f"arn:aws:s3:::{self._name}",
            "ses-MailBucket": self._name,
            "ses-MessagesTable.Arn": f"arn:aws:dynamodb:{here}:table/{self._name}",
            "ses-MessagesTable": self._name,
            "ses-RatesTable.Arn": f"arn:aws:dynamodb:{here}:table/{account.workmail.rates_table}",
            "ses-RatesTable": account.workmail.rates_table,
            "ses-HoldsTable.Arn": f"arn:aws:dynamodb:{here}:table/{account.holds}",
            "ses-HoldsTable": account.holds,
            "ses-FailureQueue.Arn": f"arn:aws:sqs:{here}:{account.queue.rpartition('/')[2]}",
            "ses-FailureQueue": account.queue,
            "ses-ApprovalSecret": account.approval_secret,
            "ses-MarkSecret": self._mark,
            "ses-LogGroup.Arn": f"arn:aws:logs:{here}:log-group:/aws/lambda/ses:*",
        }.items():
            text = text.replace(name, value)
        return json.loads(text)

    def list_rights(self, stack: Stack, function: str) -> list[Right]:
        return list_rights(self.resolve(stack.statements(function)))

    def start(self, stack: Stack, function: str, rights: list[Right], policy: str) -> Role:
        """Set the environment of a function whose role has some rights. Return the role."""
        role = Role(function, rights, KEY)
        self.account.control.roles = {function: role}
        open_session.cache_clear()
        env.cache_clear()
        (self._folder / "policy.yaml").write_text(policy, "utf-8")
        self._patch.chdir(self._folder)
        for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO"))]:
            self._patch.delenv(name)
        keys = {"AWS_ACCESS_KEY_ID": function, "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        own = {"POWERTOOLS_SERVICE_NAME": f"rights-{uuid4().hex[:8]}", "AWS_ENDPOINT_URL": self.account.control.url}
        for name, value in {**self.resolve(stack.variables(function)), **keys, **own}.items():
            self._patch.setenv(name, value)
        return role

    def store(self, message_id: str, content: bytes) -> None:
        with self._client("s3") as s3:
            s3.put_object(Bucket=self._name, Key=f"incoming/{message_id}", Body=content)

    def is_done(self, message_id: str) -> bool:
        with self._client("s3") as s3:
            return bool(s3.get_object_tagging(Bucket=self._name, Key=f"incoming/{message_id}")["TagSet"])

    def approve(self) -> None:
        """Approve all held messages, as the page does."""
        approved = {"state": {"Value": {"S": "approved"}}, "decidedBy": {"Value": {"S": "boss@example.com"}}}
        with self._client("dynamodb") as dynamodb:
            for item in self.list_pending():
                key = {"pk": item["pk"], "sk": item["sk"]}
                dynamodb.update_item(TableName=self.account.holds, Key=key, AttributeUpdates=approved)

    def list_pending(self) -> list[dict[str, Any]]:
        with self._client("dynamodb") as dynamodb:
            items: list[dict[str, Any]] = dynamodb.scan(TableName=self.account.holds)["Items"]
        return [each for each in items if each["state"]["S"] == "pending"]

    def _client(self, service: str) -> closing[Any]:
        return closing(self.account.workmail.client(service))


@pytest.fixture
def deployment(account: Account, tmp_path: Path) -> Iterator[Deployment]:
    with pytest.MonkeyPatch.context() as patch, run_sink() as sink:
        yield Deployment(account, patch, tmp_path, sink)
        env.cache_clear()


def receive(own: Deployment, *subjects: str, later: bool = False) -> list[str]:
    """Run the function for messages to ana and ben, and for one that is not in the bucket. Return the IDs of those in the bucket.

    Args:
        later: whether held mail is approved, and after a day one more message has an event of today.
    """
    clock = Clock(Receipt.parse(make_event()).received_at + 5)
    handler = ses_handler(clock=clock, sleep=clock.sleep)
    ids = []

    def run(subject: str) -> None:
        ids.append(uuid4().hex)
        # A hold knows a message by its content.
        own.store(ids[-1], MESSAGE.replace(b"Hi", subject.encode()).replace(b"<1@", f"<{ids[-1]}@".encode()))
        _try(lambda: handler(make_event("ana@example.com", "ben@example.com", message_id=ids[-1]), Context()))

    for each in subjects:
        run(each)
    _try(lambda: handler(make_event("ana@example.com", message_id=uuid4().hex), Context()))
    if later:
        own.approve()
        clock.sleep(25 * 3600)  # SendBounce accepts the IDs no longer
        run(subjects[0])
    clock.sleep(400)
    for _ in range(2):
        _try(lambda: handler(TASK, Context()))
    return ids


def _try(call: Callable[[], Any]) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - Lambda reports each
        print(type(error).__name__)


def run_whole_policy(own: Deployment, without: Right | None = None) -> tuple[Role, list[str]]:
    account = own.account
    resources = (f"arn:aws:s3:::{account.archive}/*", account.topic, account.bus, account.webhook_secret, MACHINE)
    stack = own.make_stack(
        PolicyNeeds="counting,hold",
        ApprovalSender="approvals@example.com",
        PolicyResourceArns=",".join(resources),
        NextHostNetwork="subnet-01234567/sg-01234567",
    )
    policy = (_HEAD + _COUNTING + _APPROVAL + _OTHERS).format(
        machine=MACHINE,
        archive=account.archive,
        topic=account.topic,
        bus=account.bus,
        webhook=account.webhook,
        secret=account.webhook_secret,
    )
    rights = [each for each in own.list_rights(stack, "SesFunction") if each != without]
    role = own.start(stack, "SesFunction", rights, policy)
    return role, receive(own, _OFFER, _HELD, later=True)


def run_source(own: Deployment, **parameters: str) -> tuple[Role, list[str]]:
    """Run the function with a short policy, and other parameters."""
    stack = own.make_stack(**parameters)
    role = own.start(stack, "SesFunction", own.list_rights(stack, "SesFunction"), POLICY)
    return role, receive(own, _OFFER, later=True)


def list_unused(role: Role) -> list[Right]:
    return [right for right in role.rights if right not in role.used and right.action not in OF_LAMBDA]


def test_the_function_uses_each_right_of_its_role_and_needs_no_other(deployment: Deployment) -> None:
    role, ids = run_whole_policy(deployment)

    assert role.denied == []
    assert list_unused(role) == []
    assert (deployment.account.control.unknown, role.doubtful) == ([], [])
    assert len(deployment.sink.received) == len(ids)
    assert all(map(deployment.is_done, ids))


@pytest.mark.parametrize(
    "parameters",
    [
        {"ForwardFrom": "forward@example.com", "ForwardTo": "*@example.com=*@example.net"},
        {"PolicySource": "s3://{archive}/policy.yaml"},
        {"PolicySource": "ssm:/{archive}"},
        {"PolicySource": "appconfig:a1b2/c3d4/e5f6"},
    ],
    ids=["by SES", "S3", "SSM", "AppConfig"],
)
def test_a_parameter_adds_the_rights_that_it_needs(parameters: dict[str, str], deployment: Deployment) -> None:
    named = {name: value.format(archive=deployment.account.archive) for name, value in parameters.items()}
    role, ids = run_source(deployment, **named)

    assert role.denied == []
    assert list_unused(role) == []
    assert all(map(deployment.is_done, ids))


def test_the_login_at_the_next_host_is_read(deployment: Deployment) -> None:
    role, ids = run_source(deployment, NextHostSecretArn=deployment.login, NextHostTls="required")

    assert role.denied == []
    assert {right.resource for right in role.used} >= {deployment.login}
    # The next host has no STARTTLS: no mail is sent without it.
    assert (deployment.sink.received, [each for each in ids if deployment.is_done(each)]) == ([], [])


def test_the_page_for_approvers_uses_each_right_of_its_role_and_needs_no_other(deployment: Deployment) -> None:
    stack = deployment.make_stack(PolicyNeeds="hold", ApprovalSender="approvals@example.com")
    policy = (_HEAD + _APPROVAL).format()
    deployment.start(stack, "SesFunction", deployment.list_rights(stack, "SesFunction"), policy)
    receive(deployment, _HELD)
    [held] = [each for each in deployment.list_pending() if "boss@example.com" in json.dumps(each)]
    role = deployment.start(stack, "ApproveFunction", deployment.list_rights(stack, "ApproveFunction"), policy)
    handler = approve_handler(messages=HeldMessages.from_env())
    token = make_link(URL, SECRET, HoldKey(held["pk"]["S"], held["sk"]["S"]), 0, int(time.time()) + 3600).partition("=")[2]
    form = urlencode({PARAMETER: token, "decision": "approve"})

    shown = handler(make_page_event("GET", query=f"{PARAMETER}={token}"), None)
    decided = handler(make_page_event("POST", body=form, content_type="application/x-www-form-urlencoded"), None)

    assert (shown["statusCode"], decided["statusCode"]) == (200, 200)
    assert "Hello" in shown["body"]
    assert role.denied == []
    assert list_unused(role) == []
    assert deployment.list_pending() == []


@pytest.mark.slow
def test_without_any_one_right_the_function_does_less_and_no_mail_is_lost(deployment: Deployment) -> None:
    complete, _ = run_whole_policy(deployment)
    for right in (each for each in complete.rights if each.action not in OF_LAMBDA):
        deployment.sink.received.clear()
        role, ids = run_whole_policy(deployment, right)
        # S3 itself asks for the right to list the bucket: it answers AccessDenied for a message that is not there.
        assert {action for action, _ in role.denied} == (set() if right.action == "s3:ListBucket" else {right.action}), right
        done = [each for each in ids if deployment.is_done(each)]
        assert len(deployment.sink.received) >= len(done), right
