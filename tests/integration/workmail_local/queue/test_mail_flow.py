"""Mail through the local WorkMail, with functions in processes and real servers. `tests/unit/workmail_local/queue` has the details."""

import json
from contextlib import closing
from typing import Any

import pytest

from tests.integration.workmail_local.queue.conftest import Hook
from workmail_local.mail.history import Destination, MessageTrace, State
from workmail_local.workmail import LocalWorkMail

ANA, BEN, NORA = "ana@example.com", "ben@example.com", "nora@example.net"
RAW = (
    b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b"Message-ID: <1@example.net>\r\n\r\nHello\r\n"
)
DEFAULT = "    return {'actions': [{'action': {'type': 'DEFAULT'}, 'allRecipients': True}]}\n"
CHANGE = """
    import boto3, os
    flow, s3, bucket = boto3.client("workmailmessageflow"), boto3.client("s3"), os.environ["REWRITE_BUCKET"]
    raw = flow.get_raw_message_content(messageId=event["messageId"])["messageContent"].read()
    s3.put_object(Bucket=bucket, Key="new", Body=raw.replace(b"Subject: ", b"Subject: [X] "))
    flow.put_raw_message_content(messageId=event["messageId"], content={"s3Reference": {"bucket": bucket, "key": "new"}})
"""


def destinations(trace: MessageTrace) -> dict[str, Destination]:
    return {result.recipient: result.destination for run in trace.rule_runs for result in run.results}


def test_without_rules_mail_is_delivered_byte_for_byte(wm: LocalWorkMail) -> None:
    trace = wm.send(RAW, to=[ANA, BEN])
    assert destinations(trace) == {ANA: Destination.INBOX, BEN: Destination.INBOX}
    assert [copy.raw for copy in wm.delivered(ANA)] == [copy.raw for copy in wm.delivered(BEN)] == [RAW]
    assert trace.summary.state is State.DONE


def test_the_content_of_a_put_is_delivered_and_the_original_is_kept(wm: LocalWorkMail, hook: Hook) -> None:
    hook.write(CHANGE + DEFAULT)
    wm.reset(hook.configuration())
    trace = wm.send(RAW, to=[ANA])
    [copy] = wm.delivered(ANA)
    assert copy.raw == RAW.replace(b"Subject: ", b"Subject: [X] ")
    [run] = trace.rule_runs
    assert (run.changed, run.puts) == (True, 1)
    assert wm.history.original(trace.summary.number) == RAW
    assert wm.history.content(run.message_id) == copy.raw


def test_a_retry_has_the_same_event_and_the_content_of_the_attempt_before(wm: LocalWorkMail, hook: Hook) -> None:
    hook.write(CHANGE + "    if n < 3:\n        raise ValueError('not yet')\n" + DEFAULT)
    wm.reset(hook.configuration())
    [run] = wm.send(RAW, to=[ANA], expect_failure=True).rule_runs
    assert [(attempt.number, bool(attempt.problem)) for attempt in run.attempts] == [(1, True), (2, True), (3, False)]
    assert len({json.dumps(event) for event in hook.calls()}) == 1
    [copy] = wm.delivered(ANA)
    assert copy.raw.count(b"[X]") == 3


@pytest.mark.parametrize(
    "body", ["    import sys\n    sys.exit(3)\n", "    return {1, 2}\n", "    import time\n    time.sleep(60)\n", "    return None\n"]
)
def test_a_function_that_ends_badly_or_takes_too_long_is_a_failed_attempt(body: str, wm: LocalWorkMail, hook: Hook) -> None:
    hook.write(body)
    wm.reset(hook.configuration(rule='fallback = "move-to-junk"\ntimeout-minutes = 0', function="timeout-seconds = 1"))
    [run] = wm.send(RAW, to=[ANA], expect_failure=True).rule_runs
    assert run.attempts[0].problem
    assert [copy.destination for copy in wm.delivered(ANA)] == [Destination.JUNK]


def test_an_asynchronous_function_is_called_after_delivery_and_what_it_puts_is_ignored(wm: LocalWorkMail, hook: Hook) -> None:
    hook.write(CHANGE)
    wm.reset(hook.configuration(rule="synchronous = false"))
    [run] = wm.send(RAW, to=[ANA], expect_failure=True).rule_runs
    assert [copy.raw for copy in wm.delivered(ANA)] == [RAW]
    assert (run.synchronous, len(run.attempts), run.changed) == (False, 1, False)
    assert any("WorkMail ignores it" in problem for problem in run.problems)


def test_an_abandoned_asynchronous_invocation_is_in_the_dead_letter_queue(wm: LocalWorkMail, hook: Hook) -> None:
    hook.write("    raise ValueError('never')\n")
    wm.reset(hook.configuration(rule="synchronous = false"))
    [run] = wm.send(RAW, to=[ANA], expect_failure=True).rule_runs
    sqs = wm.client("sqs")
    url = sqs.get_queue_url(QueueName="hook-dead-letters")["QueueUrl"]
    # Other tests of this process have left events in the queue.
    messages: list[dict[str, Any]] = []
    while found := sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10).get("Messages"):
        messages += found
    sqs.close()
    [message] = [message for message in messages if json.loads(message["Body"])["messageId"] == run.message_id]
    assert "never" in message["MessageAttributes"]["ErrorMessage"]["StringValue"]


def test_a_put_for_a_delivered_message_changes_only_what_the_api_returns(wm: LocalWorkMail, hook: Hook) -> None:
    [run] = wm.send(RAW, to=[ANA]).rule_runs
    flow, s3 = wm.client("workmailmessageflow"), wm.client("s3")

    def get() -> bytes:
        return bytes(flow.get_raw_message_content(messageId=run.message_id)["messageContent"].read())

    assert get() == RAW
    changed = RAW.replace(b"Subject: ", b"Subject: late ")
    s3.put_object(Bucket=wm.bucket, Key="late", Body=changed)
    reference = {"s3Reference": {"bucket": wm.bucket, "key": "late"}}
    flow.put_raw_message_content(messageId=run.message_id, content=reference)
    assert get() == changed
    assert [copy.raw for copy in wm.delivered(ANA)] == [RAW]
    assert wm.history.content(run.message_id) == RAW
    wm.store.freeze(run.message_id)
    with pytest.raises(flow.exceptions.MessageFrozen):
        flow.put_raw_message_content(messageId=run.message_id, content=reference)
    flow.close()
    s3.close()


def test_a_functions_own_bucket_is_used_and_emptied(wm: LocalWorkMail, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmail_local.aws.rewritten_objects._KEPT_OBJECTS", 1)
    hook.write(CHANGE + DEFAULT)
    wm.reset(
        hook.configuration(function='environment = { REWRITE_BUCKET = "my-own-bucket", RATES_TABLE = "own", AWS_REGION = "eu-west-1" }')
    )
    for _ in range(4):
        [run] = wm.send(RAW, to=[ANA]).rule_runs
        assert (run.problems, run.puts) == ((), 1)
    s3 = wm.client("s3")
    versions = s3.list_object_versions(Bucket="my-own-bucket")["Versions"]
    s3.close()
    assert 1 <= len(versions) < 3
    with closing(wm.client("dynamodb")) as dynamodb:
        assert dynamodb.describe_table(TableName="own")["Table"]["TableStatus"] == "ACTIVE"
    assert b"[X]" in wm.delivered(ANA)[0].raw
