"""What becomes of mail that is sent to the local WorkMail: rules, functions, attempts, mailboxes, bounces."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from local.mail.history import Destination, MessageTrace, State
from local.mail.verdict import Origin
from local.workmail import LocalWorkMail

ANA, BEN, NORA = "ana@example.com", "ben@example.com", "nora@example.net"
RAW = (
    b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b"Message-ID: <1@example.net>\r\n\r\nHello\r\n"
)
OUT = RAW.replace(b"Nora <nora@example.net>", b"ana@example.com").replace(b"To: ana@example.com", b"To: nora@example.net, ben@example.com")
HOOK = """
[[rules]]
name = "Hook"
direction = "%(direction)s"
action = "lambda"
senders = ["*"]
function = "hook"
%(rule)s

[functions.hook]
path = "%(path)s"
%(function)s
"""
ORGANIZATION = 'organization = { domains = ["example.com"] }\n'
COUNT = """
import json, pathlib
calls = pathlib.Path(__file__).with_name("calls.jsonl")

def count(event):
    with calls.open("a") as file:
        file.write(json.dumps(event) + "\\n")
    return len(calls.read_text().splitlines())
"""


@contextmanager
def hooked(
    tmp_path: Path, body: str, *, direction: str = "inbound", rule: str = "", function: str = "", more: str = "", **arguments: Any
) -> Iterator[LocalWorkMail]:
    """A local WorkMail with one rule, for all mail of a direction, that runs a function."""
    (tmp_path / "app.py").write_text(COUNT + "\ndef handler(event, context):\n    n = count(event)\n" + body)
    text = ORGANIZATION + HOOK % {"direction": direction, "rule": rule, "path": tmp_path, "function": function} + more
    with LocalWorkMail(text, **{"speed": 600.0} | arguments) as wm:
        yield wm


def calls(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]


def places(story: MessageTrace) -> dict[str, Destination]:
    return {fate.recipient: fate.destination for passage in story.rule_runs for fate in passage.results}


def answer(*actions: Mapping[str, Any]) -> str:
    return f"    return {{'actions': {[*actions]!r}}}\n"


def act(kind: str, *recipients: str, **parameters: str) -> dict[str, Any]:
    action: dict[str, Any] = {"type": kind} | ({"parameters": parameters} if parameters else {})
    return {"action": action} | ({"recipients": [*recipients]} if recipients else {"allRecipients": True})


def test_without_rules_mail_is_delivered_byte_for_byte():
    with LocalWorkMail() as wm:
        story = wm.send(RAW, to=[ANA, BEN])
        assert places(story) == {ANA: Destination.INBOX, BEN: Destination.INBOX}
        assert [copy.raw for copy in wm.delivered(ANA)] == [copy.raw for copy in wm.delivered(BEN)] == [RAW]
        assert story.summary.state is State.DONE


def test_each_recipient_has_the_verdict_of_the_function(tmp_path: Path):
    cem, dan = "cem@example.com", "dan@example.com"
    body = answer(act("BOUNCE", BEN, bounceMessage="Not here."), act("MOVE_TO_JUNK", cem), act("DROP", dan), act("DEFAULT"))
    with hooked(tmp_path, body) as wm:
        story = wm.send(RAW, to=[ANA, BEN, cem, dan])
        assert places(story) == {ANA: Destination.INBOX, BEN: Destination.BOUNCED, cem: Destination.JUNK, dan: Destination.DROPPED}
        assert [copy.destination for copy in wm.delivered(cem)] == [Destination.JUNK]
        assert wm.delivered(BEN) == wm.delivered(dan) == []
        [(content, reason)] = wm.dropped()
        assert (content, reason["recipients"], reason["rule"]) == (RAW, [dan], "Hook")


def test_a_bounce_goes_to_the_sender_as_a_delivery_status_notification(tmp_path: Path):
    with hooked(tmp_path, answer(act("BOUNCE", bounceMessage="Not here."))) as wm:
        wm.send(RAW, mail_from=NORA, to=[ANA])
        [copy] = wm.delivered(NORA)
        assert copy.destination is Destination.OUTGOING
        report = message_from_bytes(copy.raw, policy=policy.default)
        assert report.get_content_type() == "multipart/report"
        assert "Not here." in report.get_payload(0).get_content()
        assert "Final-Recipient: rfc822; ana@example.com" in copy.raw.decode()


def test_mail_without_a_sender_is_not_bounced_but_kept_aside(tmp_path: Path):
    with hooked(tmp_path, answer(act("BOUNCE", bounceMessage="Not here."))) as wm:
        story = wm.send(RAW, mail_from="", to=[ANA])
        [(content, reason)] = wm.dropped()
        assert (content, reason["bounceMessages"]) == (RAW, ["Not here."])
        assert any("no bounce" in note for note in story.rule_runs[0].notes)


def test_the_event_has_the_author_the_sender_and_one_invocation_for_all_recipients(tmp_path: Path):
    with hooked(tmp_path, answer(act("DEFAULT"))) as wm:
        wm.send(RAW.replace(b"To:", b"Sender: office@example.net\r\nTo:"), mail_from="bounces@example.net", to=[ANA, BEN])
        [event] = calls(tmp_path)
        assert event["envelope"] == {"mailFrom": {"address": NORA}, "recipients": [{"address": ANA}, {"address": BEN}]}
        assert event["sender"] == {"address": "office@example.net"}
        assert (event["subject"], event["flowDirection"], event["truncated"]) == ("Offer", "INBOUND", False)


def test_a_failed_attempt_is_repeated_with_the_same_invocation_until_it_succeeds(tmp_path: Path):
    body = "    if n < 3:\n        raise ValueError('not yet')\n" + answer(act("DEFAULT"))
    with hooked(tmp_path, body) as wm:
        [passage] = wm.send(RAW, to=[ANA]).rule_runs
        assert [attempt.number for attempt in passage.attempts] == [1, 2, 3]
        assert [bool(attempt.problem) for attempt in passage.attempts] == [True, True, False]
        assert len({event["invocationId"] for event in calls(tmp_path)}) == 1
        assert len(wm.delivered(ANA)) == 1


@pytest.mark.parametrize(
    "fallback, place", [("default", Destination.INBOX), ("drop", Destination.DROPPED), ("move-to-junk", Destination.JUNK)]
)
def test_when_the_rules_timeout_is_over_the_fallback_applies_to_all(fallback: str, place: Destination, tmp_path: Path):
    with hooked(tmp_path, "    raise ValueError\n", rule=f'fallback = "{fallback}"\ntimeout-minutes = 1') as wm:
        [passage] = wm.send(RAW, to=[ANA, BEN]).rule_runs
        assert {fate.destination for fate in passage.results} == {place}
        assert {fate.origin for fate in passage.results} == {Origin.FALLBACK}
        # After 1, 2, 4, 8 and 16 seconds, and for the last time when the minute is over.
        assert len(passage.attempts) == 7
        assert any("no valid response" in problem for problem in passage.problems)


def test_a_rule_without_a_timeout_does_not_try_again(tmp_path: Path):
    with hooked(tmp_path, "    raise ValueError\n", rule='fallback = "default"\ntimeout-minutes = 0') as wm:
        [passage] = wm.send(RAW, to=[ANA]).rule_runs
        assert len(passage.attempts) == 1


@pytest.mark.parametrize(
    "body",
    [
        "    return None\n",
        "    return {'actions': []}\n",
        "    return {'actions': [{'action': {'type': 'SHOUT'}, 'allRecipients': True}]}\n",
        "    return {'actions': [{'action': {'type': 'BOUNCE', 'parameters': {'bounceMessage': 'x' * 300_000}}, 'allRecipients': True}]}\n",
        "    import sys\n    sys.exit(3)\n",
        "    return {1, 2}\n",
    ],
)
def test_a_response_that_workmail_does_not_take_is_a_failed_attempt(body: str, tmp_path: Path):
    with hooked(tmp_path, body, rule='fallback = "move-to-junk"\ntimeout-minutes = 0') as wm:
        [passage] = wm.send(RAW, to=[ANA]).rule_runs
        assert passage.attempts[0].problem
        assert [copy.destination for copy in wm.delivered(ANA)] == [Destination.JUNK]


def test_a_function_that_takes_too_long_is_ended(tmp_path: Path):
    with hooked(tmp_path, "    import time\n    time.sleep(60)\n", rule="timeout-minutes = 0", function="timeout-seconds = 1") as wm:
        [passage] = wm.send(RAW, to=[ANA]).rule_runs
        assert passage.attempts[0].milliseconds < 10_000
        assert [copy.raw for copy in wm.delivered(ANA)] == [RAW]


def test_recipients_that_the_response_leaves_out_meet_the_fallback(tmp_path: Path):
    with hooked(tmp_path, answer(act("DEFAULT", ANA)), rule='fallback = "move-to-junk"') as wm:
        assert places(wm.send(RAW, to=[ANA, BEN])) == {ANA: Destination.INBOX, BEN: Destination.JUNK}


def test_inbound_only_recipients_of_the_organization_are_added(tmp_path: Path):
    with hooked(tmp_path, answer(act("DEFAULT"), act("DEFAULT", BEN, NORA))) as wm:
        story = wm.send(RAW, to=[ANA])
        assert places(story) == {ANA: Destination.INBOX, BEN: Destination.INBOX}
        assert any("not in a domain of the organization" in note for note in story.rule_runs[0].notes)


CHANGE = """
    import boto3, os
    flow, s3, bucket = boto3.client("workmailmessageflow"), boto3.client("s3"), os.environ["REWRITE_BUCKET"]
    raw = flow.get_raw_message_content(messageId=event["messageId"])["messageContent"].read()
    s3.put_object(Bucket=bucket, Key="new", Body=raw.replace(b"Subject: ", b"Subject: [X] "))
    flow.put_raw_message_content(messageId=event["messageId"], content={"s3Reference": {"bucket": bucket, "key": "new"}})
"""


def test_content_that_is_put_is_what_is_delivered_and_both_are_kept(tmp_path: Path):
    with hooked(tmp_path, CHANGE + answer(act("DEFAULT"))) as wm:
        story = wm.send(RAW, to=[ANA])
        [copy] = wm.delivered(ANA)
        assert copy.raw == RAW.replace(b"Subject: ", b"Subject: [X] ")
        [passage] = story.rule_runs
        assert passage.changed
        assert wm.history.original(story.summary.number) == RAW
        assert wm.history.content(passage.message_id) == copy.raw


def test_a_retry_gets_what_the_attempt_before_it_has_put(tmp_path: Path):
    with hooked(tmp_path, CHANGE + "    if n < 3:\n        raise ValueError\n" + answer(act("DEFAULT"))) as wm:
        wm.send(RAW, to=[ANA])
        assert wm.delivered(ANA)[0].raw.count(b"[X]") == 3


def test_an_asynchronous_function_is_called_after_delivery_and_what_it_puts_is_ignored(tmp_path: Path):
    with hooked(tmp_path, CHANGE, rule="synchronous = false") as wm:
        [passage] = wm.send(RAW, to=[ANA]).rule_runs
        assert [copy.raw for copy in wm.delivered(ANA)] == [RAW]
        assert (passage.synchronous, len(passage.attempts), passage.changed) == (False, 1, False)
        assert any("WorkMail ignores it" in problem for problem in passage.problems)


def test_an_asynchronous_invocation_is_given_up_after_three_attempts_into_the_dead_letter_queue(tmp_path: Path):
    with hooked(tmp_path, "    raise ValueError('never')\n", rule="synchronous = false") as wm:
        story = wm.send(RAW, to=[ANA])
        assert places(story) == {ANA: Destination.INBOX}
        assert len(story.rule_runs[0].attempts) == 3
        sqs = wm.client("sqs")
        url = sqs.get_queue_url(QueueName="hook-dead-letters")["QueueUrl"]
        [message] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
        sqs.close()
        assert json.loads(message["Body"])["messageId"] == story.rule_runs[0].message_id
        assert "never" in message["MessageAttributes"]["ErrorMessage"]["StringValue"]


def test_outbound_mail_leaves_and_that_for_colleagues_goes_on_through_the_inbound_rules(tmp_path: Path):
    junk = '\n[[rules]]\nname = "Own"\ndirection = "inbound"\naction = "move-to-junk"\nsenders = ["example.com"]\n'
    with hooked(tmp_path, CHANGE + answer(act("DEFAULT")), direction="outbound", more=junk) as wm:
        story = wm.send(OUT, mail_from=ANA, to=[NORA, BEN])
        assert places(story) == {NORA: Destination.OUTGOING, BEN: Destination.INBOUND}
        changed = OUT.replace(b"Subject: ", b"Subject: [X] ")
        assert [(copy.destination, copy.raw) for copy in wm.delivered(NORA)] == [(Destination.OUTGOING, changed)]
        assert [(copy.destination, copy.raw) for copy in wm.delivered(BEN)] == [(Destination.JUNK, changed)]
        newest, _ = wm.history.summaries()
        assert (newest.rules, newest.recipients) == (("Own",), (BEN,))


GROUP = """
[[users]]
address = "ana@example.com"
aliases = ["ana.lima@example.com"]
[[users]]
address = "ben@example.com"
[[groups]]
address = "team@example.com"
members = ["ana@example.com", "ben@example.com"]
"""


def test_mail_to_a_group_reaches_each_member_once_by_whatever_addresses():
    with LocalWorkMail(ORGANIZATION + GROUP) as wm:
        wm.send(RAW, to=["team@example.com", ANA, "ana.lima@example.com"])
        assert len(wm.delivered(ANA)) == len(wm.delivered(BEN)) == 1
        assert wm.delivered("ana.lima@example.com") == wm.delivered(ANA)


def test_a_recipient_whom_a_function_adds_and_who_is_nobody_bounces(tmp_path: Path):
    body = answer(act("DEFAULT"), act("DEFAULT", "nobody@example.com"))
    with hooked(tmp_path, body, more=GROUP) as wm:
        assert places(wm.send(RAW, to=[ANA])) == {ANA: Destination.INBOX, "nobody@example.com": Destination.BOUNCED}


def test_recipients_that_meet_different_rules_are_different_events(tmp_path: Path):
    more = (
        '\n[[rules]]\nname = "Ben"\ndirection = "inbound"\naction = "drop"\nsenders = ["example.net"]\nrecipients = ["ben@example.com"]\n'
    )
    with hooked(tmp_path, answer(act("DEFAULT")), more=more) as wm:
        story = wm.send(RAW, to=[ANA, BEN])
        assert [(passage.rule, passage.recipients) for passage in story.rule_runs] == [("Hook", (ANA,)), ("Ben", (BEN,))]
        assert places(story) == {ANA: Destination.INBOX, BEN: Destination.DROPPED}


def test_of_an_event_too_large_recipients_are_left_out_and_all_get_the_verdict_for_all(tmp_path: Path):
    people = [f"{'p' * 58}{n}@{'d' * 60}.{'d' * 60}.{'d' * 60}.example.net" for n in range(500)]
    with hooked(tmp_path, answer(act("DEFAULT")), direction="outbound") as wm:
        story = wm.send(OUT, mail_from=ANA, to=people)
        [event] = calls(tmp_path)
        assert event["truncated"]
        assert len(event["envelope"]["recipients"]) < 500
        assert set(places(story)) == set(people)
        assert {len(wm.delivered(address)) for address in people} == {1}


def test_a_day_later_content_is_gone_and_until_then_it_can_be_read_but_not_put(tmp_path: Path):
    with hooked(tmp_path, answer(act("DEFAULT"))) as wm:
        [passage] = wm.send(RAW, to=[ANA]).rule_runs
        flow, s3 = wm.client("workmailmessageflow"), wm.client("s3")
        assert flow.get_raw_message_content(messageId=passage.message_id)["messageContent"].read() == RAW
        s3.put_object(Bucket=wm.bucket, Key="late", Body=RAW)
        with pytest.raises(flow.exceptions.MessageFrozen):
            flow.put_raw_message_content(messageId=passage.message_id, content={"s3Reference": {"bucket": wm.bucket, "key": "late"}})
        flow.close()
        s3.close()


def submission(*recipients: str) -> Any:
    from local.mail.submission import Submission
    from mailhooks.contract import FlowDirection

    return Submission(FlowDirection.INBOUND, NORA, recipients, RAW)
