"""The side effects and services of a policy over HTTP: copies, notifications, counts, groups."""

import hashlib
import hmac
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from mailhooks.errors import TransientError
from tests.integration.hooks.test_mailflow import RAW, announce, by_recipient, handler
from tests.support.serving import Quiet, serving
from workmail_local.workmail import LocalWorkMail

ARCHIVE = """
version: 1
organization: { domains: [example.com] }
defaults: { mixed: all }
rules:
  - name: copy
    when: { direction: inbound }
    do:
      - archive: { bucket: %s, prefix: mail/ }
      - subject_tag: "[SEEN]"
      - bounce: "no"
    unless: { recipient: ana@example.com }
  - name: tag
    do: { subject_tag: "[SEEN]" }
"""


Posts = list[tuple[dict[str, str], bytes]]


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, Posts]]:
    """Run a receiver of webhooks that answers with a status. Yields its URL and the received requests."""
    posts: Posts = []

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append((dict(self.headers), self.body()))
            self.answer(status, Location="http://127.0.0.1:9/")

    with serving(Handler) as url:
        yield f"{url}/hook", posts


def test_a_copy_is_stored_once_in_all_attempts(wm: LocalWorkMail, tmp_path: Path) -> None:
    s3 = wm.client("s3")
    bucket = f"{wm.bucket}-archive"
    s3.create_bucket(Bucket=bucket)
    document = announce(wm, "ana@example.com", "ben@example.com")
    with handler(wm, tmp_path, ARCHIVE % bucket) as handle:
        first = handle(document, None)
        assert handle(document, None) == first
    with handler(wm, tmp_path, ARCHIVE % bucket) as handle:
        assert handle(document, None) == first

    keys = {item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    folder = f"mail/{document['invocationId']}"
    assert keys == {f"{folder}/message.eml", f"{folder}/envelope.json"}
    # The received message, although the retry read the changed one.
    assert s3.get_object(Bucket=bucket, Key=f"{folder}/message.eml")["Body"].read() == RAW
    envelope = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder}/envelope.json")["Body"].read())
    assert envelope["recipients"] == ["ana@example.com", "ben@example.com"]
    assert b"[SEEN]" in wm.store.content(document["messageId"])
    assert by_recipient(first) == {"ben@example.com": "BOUNCE", "*": "DEFAULT"}


def test_a_failed_copy_holds_up_the_message_only_if_its_rule_says_retry(
    wm: LocalWorkMail, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = "version: 1\nrules:\n  - name: copy\n    do: { archive: { bucket: no-such-bucket-anywhere } }\n    on_error: %s\n"
    document = announce(wm, "ana@example.com")
    with handler(wm, tmp_path, policy % "skip") as handle:
        assert by_recipient(handle(document, None)) == {"*": "DEFAULT"}
    line = json.loads(capsys.readouterr().out.splitlines()[0])
    assert [failure["rule"] for failure in line["failures"]] == ["copy"]
    with handler(wm, tmp_path, policy % "retry") as handle, pytest.raises(TransientError):
        handle(document, None)


def test_a_webhook_gets_a_signed_notice_with_one_key_in_all_attempts(wm: LocalWorkMail, tmp_path: Path) -> None:
    secret = wm.client("secretsmanager").create_secret(Name=f"hook-{wm.bucket}", SecretString="s3cret")["ARN"]
    document = announce(wm, "ana@example.com")
    with receiver() as (url, posts):
        notification = f"{{ webhook: '{url}', secret: '{secret}', include: [subject, headers] }}"
        policy = f"version: 1\nrules:\n  - name: tell\n    do: {{ notify: {notification} }}\n"
        for _ in range(2):
            with handler(wm, tmp_path, policy) as handle:
                handle(document, None)

    assert len({headers["Idempotency-Key"] for headers, _ in posts}) == 1
    headers, body = posts[0]
    signed = headers["X-Mailhooks-Timestamp"].encode() + b"." + body
    assert headers["X-Mailhooks-Signature"] == "sha256=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert told["subject"] == "Offer"
    assert {"name": "Message-ID", "value": "<1@example.net>"} in told["headers"]
    assert "nora@example.net" not in json.dumps({key: value for key, value in told.items() if key != "headers"})
    assert "content" not in told


@pytest.mark.parametrize("status, kind", [(500, "ServiceFailed"), (429, "Throttled"), (302, "Misconfigured"), (404, "Misconfigured")])
def test_a_failing_webhook_is_logged_and_loses_no_mail(
    wm: LocalWorkMail,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    status: int,
    kind: str,
) -> None:
    secret = wm.client("secretsmanager").create_secret(Name=f"hook-{wm.bucket}", SecretString="s")["ARN"]
    document = announce(wm, "ana@example.com")
    with receiver(status) as (url, posts):
        policy = f"version: 1\nrules:\n  - name: tell\n    do: {{ notify: {{ webhook: '{url}', secret: '{secret}' }} }}\n"
        with handler(wm, tmp_path, policy) as handle:
            assert by_recipient(handle(document, None)) == {"*": "DEFAULT"}

    assert len(posts) == 1
    [failure] = json.loads(capsys.readouterr().out.splitlines()[0])["failures"]
    assert failure["error"] == kind


def test_a_topic_gets_a_notice_without_content(wm: LocalWorkMail, tmp_path: Path) -> None:
    sns, sqs = wm.client("sns"), wm.client("sqs")
    topic = sns.create_topic(Name=f"told-{wm.bucket}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"told-{wm.bucket}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    document = announce(wm, "ana@example.com")
    with handler(wm, tmp_path, f"version: 1\nrules:\n  - name: tell\n    do: {{ notify: {{ sns: '{topic}' }} }}\n") as handle:
        handle(document, None)

    [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=2)["Messages"]
    told = json.loads(message["Body"])
    assert (told["rule"], told["recipientCount"], told["verdicts"]) == ("tell", 1, ["DEFAULT"])
    assert not any(word in message["Body"] for word in ("Offer", "example.net", "ana@", "Buy"))


def test_a_rate_limit_stops_a_flood_and_does_not_count_retries(wm: LocalWorkMail, tmp_path: Path) -> None:
    policy = """
version: 1
rules:
  - name: storm
    when: { recipient: list@example.com, rate: { more_than: 3, minutes: 5, per: recipient } }
    do: drop
"""
    with handler(wm, tmp_path, policy, rates_table=wm.rates_table) as handle:

        def verdict(number: int) -> str:
            document = announce(wm, "list@example.com", "ana@example.com")
            document["invocationId"] = f"{number:032x}"
            return by_recipient(handle(document, None)).get("list@example.com", "DEFAULT")

        assert [verdict(number) for number in (1, 2, 2, 2, 3, 4, 3, 4, 5)] == [
            "DEFAULT", "DEFAULT", "DEFAULT", "DEFAULT", "DEFAULT", "DROP", "DEFAULT", "DROP", "DROP",
        ]  # fmt: skip


def test_a_group_rule_applies_to_members_of_nested_groups(wm: LocalWorkMail, tmp_path: Path) -> None:
    wm.organization.add_user("ana@example.com", aliases=["a.alias@example.com"])
    wm.organization.add_group("inner@example.com", ["ana@example.com"])
    wm.organization.add_group("board@example.com", ["inner@example.com"])
    policy = "version: 1\nrules:\n  - name: board\n    when: { recipient_in_group: board@example.com }\n    do: junk\n"
    document = announce(wm, "a.alias@example.com", "ben@example.com")
    more = {"policy_directory": True, "organization_id": wm.organization.id}
    with handler(wm, tmp_path, policy, **more) as handle:
        assert by_recipient(handle(document, None)) == {"a.alias@example.com": "MOVE_TO_JUNK", "*": "DEFAULT"}


def test_a_rule_applies_to_the_name_of_a_colleague_and_not_to_the_colleague(wm: LocalWorkMail, tmp_path: Path) -> None:
    wm.organization.add_user("nora@example.com", name="Nora Berg", aliases=["nora@example.net"])
    wm.organization.add_user("ana@example.com", name="Ana Silva")
    policy = "version: 1\nrules:\n  - name: names\n    when: { display_name: { own_people: true } }\n    do: junk\n"
    more = {"policy_directory": True, "organization_id": wm.organization.id}
    for name, verdict in ((b"Ana Silva", "MOVE_TO_JUNK"), (b"=?utf-8?q?SILVA=2C_Ana?=", "MOVE_TO_JUNK"), (b"Nora Berg", "DEFAULT")):
        raw = re.sub(rb"(?m)^From: [^\r\n]*", b"From: " + name + b" <nora@example.net>", RAW)
        document = announce(wm, "ana@example.com", raw=raw)
        with handler(wm, tmp_path, policy, **more) as handle:
            assert by_recipient(handle(document, None)) == {"*": verdict}


def test_a_first_contact_is_marked_once_and_again_for_a_retry(wm: LocalWorkMail, tmp_path: Path) -> None:
    policy = "version: 1\nrules:\n  - name: first\n    when: { direction: inbound, first_contact: true }\n    do: bypass_spam_check\n"
    with handler(wm, tmp_path, policy, rates_table=wm.rates_table) as handle:

        def verdict(number: int, *to: str) -> dict[str, str]:
            document = announce(wm, *to)
            document["invocationId"] = f"{number:032x}"
            return by_recipient(handle(document, None))

        assert verdict(1, "new@example.com") == {"*": "BYPASS_SPAM_CHECK"}
        assert verdict(2, "new@example.com", "newer@example.com") == {"newer@example.com": "BYPASS_SPAM_CHECK", "*": "DEFAULT"}
        assert verdict(1, "new@example.com") == {"*": "BYPASS_SPAM_CHECK"}
        assert verdict(3, "new@example.com") == {"*": "DEFAULT"}


class FourSeconds:
    """A Lambda context with little time left."""

    def get_remaining_time_in_millis(self) -> int:
        return 4000


def test_a_silent_webhook_leaves_time_to_change_the_message(wm: LocalWorkMail, tmp_path: Path) -> None:
    secret = wm.client("secretsmanager").create_secret(Name=f"hook-{wm.bucket}", SecretString="s")["ARN"]
    document = announce(wm, "ana@example.com")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        policy = f"""
version: 1
rules:
  - name: tell
    do: [ {{ subject_tag: "[X]" }}, {{ notify: {{ webhook: "{url}", secret: "{secret}" }} }} ]
"""
        with handler(wm, tmp_path, policy) as handle:
            assert by_recipient(handle(document, FourSeconds())) == {"*": "DEFAULT"}
    assert b"Subject: [X] Offer" in wm.store.content(document["messageId"])


def test_failed_counts_follow_the_on_error_of_the_rule(wm: LocalWorkMail, tmp_path: Path) -> None:
    policy = "version: 1\nrules:\n  - name: storm\n    when: { rate: { more_than: 1, minutes: 5 } }\n    do: drop\n    on_error: %s\n"
    document = announce(wm, "ana@example.com")
    for on_error, verdict in (("skip", "DEFAULT"), ("apply", "DROP")):
        with handler(wm, tmp_path, policy % on_error, rates_table="no-such-table") as handle:
            assert set(by_recipient(handle(document, None)).values()) == {verdict}
    with handler(wm, tmp_path, policy % "retry", rates_table="no-such-table") as handle, pytest.raises(TransientError):
        handle(document, None)


def test_the_directory_defines_the_internal_domains_if_no_setting_does(wm: LocalWorkMail, tmp_path: Path) -> None:
    policy = (
        "version: 1\nrules:\n  - name: out\n    when: { sender_scope: external }\n    do: [ junk, { add_recipients: ben@example.com } ]\n"
    )
    document = announce(wm, "ana@example.com")
    more = {"policy_directory": True, "organization_id": wm.organization.id}
    with handler(wm, tmp_path, policy, **more) as handle:
        assert by_recipient(handle(document, None)) == {"*": "MOVE_TO_JUNK", "ben@example.com": "DEFAULT"}
        document["envelope"]["mailFrom"]["address"] = "cem@example.com"
        assert by_recipient(handle(document, None)) == {"*": "DEFAULT"}


def test_a_failing_directory_follows_the_on_error_of_the_rule(wm: LocalWorkMail, tmp_path: Path) -> None:
    policy = "version: 1\nrules:\n  - name: g\n    when: { recipient_in_group: board@example.com }\n    do: drop\n    on_error: %s\n"
    document = announce(wm, "ana@example.com")
    more = {"policy_directory": True, "organization_id": "m-00000000000000000000000000000000"}
    for on_error, verdict in (("skip", "DEFAULT"), ("apply", "DROP")):
        with handler(wm, tmp_path, policy % on_error, **more) as handle:
            assert set(by_recipient(handle(document, None)).values()) == {verdict}
    with handler(wm, tmp_path, policy % "retry", **more) as handle, pytest.raises(TransientError):
        handle(document, None)
