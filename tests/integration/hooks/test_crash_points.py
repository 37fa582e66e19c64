"""A fault at every call of AWS, then WorkMail's retries: no mail is lost, changed twice, or delivered with a forbidden attachment.

The fault is put where botocore hands a request to the network: everything above it, and the servers, are real.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.httpsession
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from mailhooks.aws.hold_table import HoldRecord, HoldTable
from mailhooks.contract import MailFlowEvent
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError
from mailhooks.report_names import HoldState
from tests.integration.conftest import Load
from tests.support.messages import OFFER
from workmail_local.workmail import LocalWorkMail

RAW = OFFER
POLICY = """
version: 1
organization: { domains: [example.com] }
defaults: { mixed: all, on_error: retry }
rules:
  - name: storm
    when: { rate: { more_than: 100, minutes: 5 } }
    do: drop
  - name: not for ben
    when: { recipient: ben@example.com, header: { name: Subject, regex: "^Offer" } }
    do: { bounce: "Not for ben" }
  - name: executables
    do:
      - strip_attachments: { extensions: [exe], on_unmodifiable: bounce }
      - subject_tag: "[SEEN]"
      - archive: { bucket: %s }
      - notify: { sns: "%s" }
"""
DEFAULT = {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}

Send = Callable[[Any, AWSRequest], AWSResponse]
Fault = Callable[[Send, Any, AWSRequest], AWSResponse]


class Killed(BaseException):
    """The end of the process."""


def not_sent(_send: Send, _session: Any, request: AWSRequest) -> AWSResponse:
    raise ConnectionClosedError(endpoint_url=request.url)


def reply_lost(send: Send, session: Any, request: AWSRequest) -> AWSResponse:
    send(session, request)
    raise ConnectionClosedError(endpoint_url=request.url)


def timed_out(_send: Send, _session: Any, request: AWSRequest) -> AWSResponse:
    raise ReadTimeoutError(endpoint_url=request.url)


def answered(status: int, code: str) -> Fault:
    """Return a fault that answers with an error in JSON or XML, as the service would."""

    def answer(_send: Send, _session: Any, request: AWSRequest) -> AWSResponse:
        body: str = json.dumps({"__type": code, "message": "ordered by a test"})
        if "rewritten" in request.url or "archive" in request.url or "decided" in request.url or "Action=" in str(request.body):
            body = f"<Error><Code>{code}</Code></Error>"
        return AWSResponse(request.url, status, {"x-amzn-errortype": code}, _Raw(body.encode()))

    return answer


@dataclass
class _Raw:
    """The stream of a response that no server sent."""

    content: bytes

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.content

    def read(self, *_: Any, **__: Any) -> bytes:
        content, self.content = self.content, b""
        return content


def killed_before(_send: Send, _session: Any, _request: AWSRequest) -> AWSResponse:
    raise Killed


def killed_after(send: Send, session: Any, request: AWSRequest) -> AWSResponse:
    send(session, request)
    raise Killed


def foreign_error(_send: Send, _session: Any, _request: AWSRequest) -> AWSResponse:
    raise RuntimeError("a defect")


FAULTS: dict[str, Fault] = {
    "not sent": not_sent,
    "reply lost": reply_lost,
    "timed out": timed_out,
    "throttled": answered(429, "ThrottlingException"),
    "internal error": answered(500, "InternalFailure"),
    "denied": answered(403, "AccessDenied"),
    "killed before": killed_before,
    "killed after": killed_after,
    "foreign error": foreign_error,
}


@dataclass
class Network:
    """Puts a fault at one call, with all its repetitions by botocore; the calls are numbered from 0."""

    fault: Fault | None = None
    at: int = -1
    calls: list[str] = field(default_factory=list)

    def send(self, original: Send, session: Any, request: AWSRequest) -> AWSResponse:
        # The local WorkMail, in this process, reads the rewrite bucket with a client of its own.
        if b"workmail-hooks" not in request.headers["User-Agent"]:
            return original(session, request)
        name = (
            f"{request.method} {request.url} {request.headers.get('X-Amz-Target', b'')!r} {request.headers.get('amz-sdk-invocation-id')!r}"
        )
        if name not in self.calls:
            self.calls.append(name)
        if self.fault and self.calls.index(name) == self.at:
            return self.fault(original, session, request)
        return original(session, request)


@contextmanager
def network(monkeypatch: pytest.MonkeyPatch, given: Network) -> Iterator[Network]:
    original: Send = botocore.httpsession.URLLib3Session.send
    with monkeypatch.context() as patch:
        patch.setattr(botocore.httpsession.URLLib3Session, "send", lambda session, request: given.send(original, session, request))
        patch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
        yield given


@dataclass
class Scene:
    """A function on the local WorkMail, with one message."""

    wm: LocalWorkMail
    handler: Callable[[Any, Any], Any]
    document: dict[str, Any]

    def content(self) -> bytes:
        return self.wm.store.content(self.document["messageId"])


def make_policy_scene(wm: LocalWorkMail, load: Load, tmp_path: Path) -> Scene:
    """Make the function mailflow with counts, copies and notifications."""
    bucket = f"{wm.bucket}-archive"
    wm.client("s3").create_bucket(Bucket=bucket)
    topic = wm.client("sns").create_topic(Name=f"seen-{wm.bucket}")["TopicArn"]
    (tmp_path / "policy.yaml").write_text(POLICY % (bucket, topic))
    variables = {"POLICY": str(tmp_path / "policy.yaml"), "RATES_TABLE": wm.rates_table, "REWRITE_BUCKET": wm.bucket, "ON_ERROR": "retry"}
    return Scene(wm, load("mailflow", **variables).handler, {})


def make_rewrite_scene(wm: LocalWorkMail, load: Load, tmp_path: Path) -> Scene:
    """Make the function rewrite with a policy of a tag and attachment rules."""
    actions = [{"strip_attachments": {"extensions": ["exe"]}}, {"subject_tag": "[SEEN]"}]
    (tmp_path / "policy.yaml").write_text(json.dumps({"version": 1, "rules": [{"name": "Rewrite", "do": actions}]}))
    return Scene(wm, load("rewrite", POLICY=str(tmp_path / "policy.yaml"), ON_ERROR="retry").handler, {})


def arrive(scene: Scene, number: int) -> None:
    from tests.support.mail import event

    raw = RAW.replace(b"<1@", f"<{number}@".encode())
    scene.document = event("ana@example.com", "ben@example.com", messageId=scene.wm.store.add(raw), subject="Offer")
    scene.document["invocationId"] = f"{number:032x}"


def run_until_answered(scene: Scene) -> Any:
    """Invoke the function as WorkMail does: again after each error."""
    for _ in range(4):
        try:
            return scene.handler(scene.document, None)
        except (MailhooksError, Killed):
            continue
    pytest.fail("no attempt gave an answer")


HOLD = """
version: 1
organization: { domains: [example.com] }
rules:
  - name: four eyes
    do:
      - hold: { approvers: [boss@example.com], timeout: 2h, on_timeout: bounce }
      - strip_attachments: { extensions: [exe] }
      - subject_tag: "[SEEN]"
"""


def holds_table(scene: Scene) -> HoldTable:
    """Return the table by a client that gets no fault."""
    return HoldTable(scene.wm.holds_table, scene.wm.client("dynamodb"))


def run_until_held(scene: Scene) -> list[HoldRecord]:
    """Invoke the function until its approvers are asked. Return the records of the message."""
    found: list[HoldRecord] = []
    for _ in range(4):
        with pytest.raises((MailhooksError, Killed)):
            scene.handler(scene.document, None)
        found = holds_table(scene).list_of_invocation(MailFlowEvent.parse(scene.document).token, Deadline.after(20))
        if found and found[0].notified_at is not None:
            break
    return found


def test_a_fault_at_any_call_of_a_hold_delivers_nothing_before_the_decision(
    workmail: LocalWorkMail, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policy.yaml").write_text(HOLD)
    scene = Scene(workmail, load("mailflow", POLICY=str(tmp_path / "policy.yaml")).handler, {})
    arrive(scene, 0)
    with network(monkeypatch, Network()) as calm:
        run_until_held(scene)
    # The secret, which the function keeps, is read in this run only.
    held_calls = len(calm.calls)
    assert held_calls >= 5
    number, asked = 0, dict[str, str]()
    for at in range(held_calls):
        for name, fault in FAULTS.items():
            number += 1
            arrive(scene, number)
            where = f"{name} at call {at}"
            with network(monkeypatch, Network(fault, at)):
                records = run_until_held(scene)
            [record] = records
            assert (record.state, record.notified_at is None) == (HoldState.PENDING, False), where
            assert scene.wm.store.puts(scene.document["messageId"]) == 0, where
            decided = holds_table(scene).decide(
                record.key, HoldState.APPROVED, decided_by="boss@example.com", now=1, deadline=Deadline.after(20)
            )
            assert decided is not None
            assert run_until_answered(scene) == DEFAULT, where
            assert scene.wm.store.puts(scene.document["messageId"]) == 1, where
            asked[record.key.invocation] = where
    workmail.wait_until_idle(60)
    mails = b"".join(mail.raw.replace(b"=\r\n", b"") for mail in workmail.delivered("boss@example.com"))
    for invocation, where in asked.items():
        # The link is in the text and in the HTML of each mail. boto3 sends a mail three times if each response is lost, as SES has no keys.
        assert mails.count(f"{invocation}.".encode()) in {2, 4, 8}, where


@pytest.mark.parametrize("make_scene", [make_rewrite_scene, make_policy_scene])
def test_a_fault_at_any_call_loses_no_mail_and_changes_none_twice(
    make_scene: Callable[[LocalWorkMail, Load, Path], Scene],
    workmail: LocalWorkMail,
    load: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = make_scene(workmail, load, tmp_path)
    arrive(scene, 0)
    with network(monkeypatch, Network()) as calm:
        expected = run_until_answered(scene)
    changed = scene.content()
    assert len(calm.calls) >= 3
    number = 0
    for at in range(len(calm.calls)):
        for name, fault in FAULTS.items():
            number += 1
            arrive(scene, number)
            where = f"{name} at {re.sub(r'[0-9a-f-]{16,}', '*', calm.calls[at])}"
            with network(monkeypatch, Network(fault, at)) as faulty:
                answer = run_until_answered(scene)
            assert len(faulty.calls) > at, where
            content = scene.content().replace(f"<{number}@".encode(), b"<0@")
            assert content.count(b"[SEEN]") <= 1, where
            assert _without_stamp(content) == _without_stamp(changed), where
            assert answer == expected, where


def _without_stamp(content: bytes) -> bytes:
    return re.sub(rb"X-Mailhooks-Invocation: \w+ ", b"X-Mailhooks-Invocation: ", content)
