"""The function `ses` as Lambda runs it: SES's event or the schedule, the bucket, the table, the next host, and what fails between them."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from mailhooks.aws.hold_table import HoldKey, HoldRecord, HoldTable
from mailhooks.deadline import Deadline
from mailhooks.relay.mark import FIELD_NAME
from mailhooks.report_names import HoldState
from mailhooks.ses.handler import EventFailed, MailWaits, make_pause
from mailhooks.ses.held_messages import HeldMessages
from mailhooks.ses.object_store import MAX_OCTETS
from mailhooks.ses.receipt_event import Receipt
from tests.support.ses import MESSAGE, SAMPLE, SAMPLE_MESSAGE, SesAccount, create_table, make_event, ses_stack, use_ses_account
from tests.support.smtp_sink import Sink, Step, run_sink

HOUR = 3600

RULES = """
version: 1
organization: {domains: [example.com]}
rules:
  - {name: Drop, when: {recipient: [drop@example.com]}, do: [drop]}
  - {name: Bounce, when: {recipient: [bounce@example.com]}, do: [bounce: "We accept no such mail."]}
  - {name: Other bounce, when: {recipient: [other@example.com]}, do: [bounce: "5.2.1 Closed."]}
  - {name: Junk, when: {recipient: [junk@example.com]}, do: [junk]}
  - {name: Tag, when: {direction: inbound}, do: [subject_tag: "[EXT]"]}
"""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with run_sink() as running:
        yield running


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(RULES, "utf-8")
    return path


@pytest.fixture(scope="module")
def running() -> Iterator[SesAccount]:
    with use_ses_account() as account:
        yield account


@pytest.fixture(scope="module")
def table(running: SesAccount) -> HoldTable:
    create_table("HoldsTable", ses_stack(PolicyNeeds="hold"))
    return HoldTable("ses-HoldsTable")


@pytest.fixture
def account(running: SesAccount, sink: Sink, policy: Path) -> SesAccount:
    running.reset(
        Receipt.parse(make_event()).received_at + 5,
        next_host=f"127.0.0.1:{sink.port}",
        policy=str(policy),
        log_addresses=False,
    )
    return running


def without_trace_fields(content: bytes) -> bytes:
    """Return a message without our Received field and our mark, which come first."""
    lines = content.split(b"\r\n")
    assert lines[0].startswith(b"Received: from amazonses.com")
    while lines[0].startswith((b"Received: from amazonses.com", b"\t", FIELD_NAME.encode())):
        lines.pop(0)
    return b"\r\n".join(lines)


def list_recipients(sink: Sink) -> list[str]:
    return sorted(each for received in sink.received for each in received.recipients)


class TestMessage:
    def test_aws_own_sample_is_passed_on_with_its_octets_and_the_change_of_the_rule(self, account: SesAccount, sink: Sink) -> None:
        account.store(SAMPLE_MESSAGE, Receipt.parse(SAMPLE).message_id)
        account.run(SAMPLE)

        [received] = sink.received
        assert (received.mail_from, received.recipients) == ("prvs=144d0cba7=sender@example.com", ("recipient@example.com",))
        assert without_trace_fields(received.content) == SAMPLE_MESSAGE.replace(b"Subject: This", b"Subject: [EXT] This")
        assert account.states() == ["done"]

    def test_is_tagged_for_the_lifecycle_rule_when_nothing_is_left(self, account: SesAccount) -> None:
        account.store()
        account.run(make_event())

        assert account.tags() == {"workmail-hooks": "done"}

    def test_goes_to_each_recipient_as_the_rules_say(self, account: SesAccount, sink: Sink) -> None:
        account.store()
        names = ("bo", "drop", "bounce", "junk", "other")
        account.run(make_event(*(f"{name}@example.com" for name in names)))

        by_recipient = {received.recipients: b"X-Spam-Flag: YES" in received.content for received in sink.received}
        assert by_recipient == {("bo@example.com",): False, ("junk@example.com",): True}
        assert [(call["Explanation"], call["BouncedRecipientInfoList"][0]["Recipient"]) for call in account.bounces.calls] == [
            ("We accept no such mail.", "bounce@example.com"),
            ("5.2.1 Closed.", "other@example.com"),
        ]

    def test_that_all_rules_drop_reaches_no_host(self, account: SesAccount, sink: Sink) -> None:
        account.store()
        account.run(make_event("drop@example.com"))

        assert sink.connections == 0
        assert account.states() == ["done"]

    def test_has_its_null_sender(self, account: SesAccount, sink: Sink) -> None:
        account.store()
        account.run(make_event("bo@example.com", "bounce@example.com", mail_from="<>"))

        assert [(each.mail_from, each.recipients) for each in sink.received] == [("", ("bo@example.com",))]
        assert account.bounces.calls == []
        assert account.states() == ["done"]

    def test_with_odd_octets_passes_untouched(self, account: SesAccount, sink: Sink) -> None:
        body = b"\0\xff\r\n.\r\n..\r\nbare \r and \n\r\n" + b"x" * 3000 + b"\r\n"
        account.store(MESSAGE + body)
        account.run(make_event())

        assert without_trace_fields(sink.received[0].content) == MESSAGE.replace(b"Subject: Hi", b"Subject: [EXT] Hi") + body

    def test_for_many_recipients_is_sent_to_fifty_at_a_time(self, account: SesAccount, sink: Sink) -> None:
        recipients = [f"r{number}@example.com" for number in range(120)]
        account.store()
        account.run(make_event(*recipients))

        assert [len(each.recipients) for each in sink.received] == [50, 50, 20]
        assert list_recipients(sink) == sorted(recipients)
        assert sink.connections == 1


class TestAnswersOfTheNextHost:
    def test_a_refused_recipient_is_bounced_and_the_others_get_the_message(self, account: SesAccount, sink: Sink) -> None:
        sink.refused = {"gone@example.com": "550 5.1.1 No such user"}
        account.store()
        account.run(make_event("bo@example.com", "gone@example.com"))

        [call] = account.bounces.calls
        [info] = call["BouncedRecipientInfoList"]
        assert info["Recipient"] == "gone@example.com"
        assert info["RecipientDsnFields"] == {"Action": "failed", "Status": "5.1.1", "DiagnosticCode": "smtp; 550 5.1.1 No such user"}
        assert list_recipients(sink) == ["bo@example.com"]
        assert account.states() == ["done"]

    @pytest.mark.parametrize("limit, tagged", [(len(MESSAGE) + 2000, True), (len(MESSAGE) + 1000, False)])
    def test_a_change_that_the_next_host_cannot_get_is_left_out(
        self, account: SesAccount, sink: Sink, policy: Path, log: Any, limit: int, tagged: bool
    ) -> None:
        policy.write_text(RULES.replace('subject_tag: "[EXT]"', f"disclaimer: {{text: {'x' * 1000}}}"))
        sink.extensions = (f"SIZE {limit}", "8BITMIME")
        account.store()
        account.run(make_event())

        [received] = sink.received
        assert (b"x" * 60 in received.content) == tagged
        assert account.bounces.calls == []
        assert tagged or log().lines[0]["notes"] == [
            "a change is left out: the next host answers 552 5.3.4 the message is larger than the next host accepts"
        ]

    def test_a_recipient_not_accepted_now_gets_it_later_and_the_others_once(self, account: SesAccount, sink: Sink) -> None:
        sink.refused = {"full@example.com": "452 4.2.2 Mailbox full"}
        account.store()
        event = make_event("bo@example.com", "full@example.com")
        with pytest.raises(MailWaits, match="NotAccepted"):
            account.run(event)
        assert account.states() == ["open"]
        sink.refused = {}
        account.run(event)

        assert list_recipients(sink) == ["bo@example.com", "full@example.com"]
        assert account.states() == ["done"]

    def test_greylisted_mail_waits(self, account: SesAccount, sink: Sink) -> None:
        sink.replies[Step.ACCEPTED] = "451 4.7.1 Greylisted"
        account.store()
        with pytest.raises(MailWaits):
            account.run(make_event())
        sink.replies[Step.ACCEPTED] = "250 2.0.0 Ok"
        account.clock.now += 2 * HOUR
        account.run_schedule()

        assert list_recipients(sink) == ["bo@example.com"]

    def test_a_break_after_the_first_fifty_leaves_the_others_for_later(self, account: SesAccount, sink: Sink) -> None:
        accepted = 0

        def break_second(step: Step) -> None:
            nonlocal accepted
            accepted += step is Step.ACCEPTED
            if step is Step.DATA and accepted:
                raise ConnectionResetError

        recipients = [f"r{number}@example.com" for number in range(120)]
        sink.on_step = break_second
        account.store()
        event = make_event(*recipients)
        with pytest.raises(MailWaits):
            account.run(event)
        sink.on_step = None
        account.run(event)

        assert list_recipients(sink) == sorted(recipients)

    def test_an_error_of_a_bounce_does_not_keep_the_message_from_others(self, account: SesAccount, sink: Sink) -> None:
        account.bounces.status, account.bounces.code = 403, "AccessDenied"
        account.store()
        event = make_event("bo@example.com", "bounce@example.com")
        with pytest.raises(MailWaits, match="Misconfigured"):
            account.run(event)
        assert list_recipients(sink) == ["bo@example.com"]
        account.bounces.status = 200
        account.run(event)

        assert list_recipients(sink) == ["bo@example.com"]
        assert account.states() == ["done"]

    def test_an_unreachable_host_does_not_keep_the_sender_from_its_bounce(self, account: SesAccount, sink: Sink) -> None:
        sink.refused = {"bo@example.com": "421 4.3.2 Closing"}
        account.store()
        event = make_event("bo@example.com", "bounce@example.com")
        for _ in range(2):
            with pytest.raises(MailWaits):
                account.run(event)

        assert len(account.bounces.calls) == 1

    def test_a_refused_copy_for_a_recipient_whom_a_rule_adds_is_not_the_senders_business(
        self, account: SesAccount, sink: Sink, policy: Path, log: Any
    ) -> None:
        rule = "{name: Copy, when: {direction: inbound}, do: [add_recipients: [copy@example.org]]}"
        policy.write_text(f"version: 1\norganization: {{domains: [example.com]}}\nrules: [{rule}]\n")
        sink.refused = {"copy@example.org": "550 5.1.1 No such user"}
        account.store()
        account.run(make_event())

        assert account.bounces.calls == []
        assert list_recipients(sink) == ["bo@example.com"]
        assert account.states() == ["done"]
        assert log().lines[0]["notes"] == ["the next host does not accept 1 recipients whom rules add"]

    def test_a_recipient_whose_replacement_is_refused_is_bounced_and_the_replacement_not_named(
        self, account: SesAccount, sink: Sink, policy: Path
    ) -> None:
        rule = "{name: Redirect, when: {recipient: bounce@example.com}, do: [drop, add_recipients: [copy@example.org]]}"
        policy.write_text(f"version: 1\norganization: {{domains: [example.com]}}\nrules: [{rule}]\n")
        sink.refused = {"copy@example.org": "550 5.1.1 <copy@example.org> No such user"}
        account.store()
        account.run(make_event("bo@example.com", "bounce@example.com"))

        [call] = account.bounces.calls
        assert "bounce@example.com" in str(call)
        assert "copy@example.org" not in str(call)
        assert list_recipients(sink) == ["bo@example.com"]
        assert account.states() == ["done"]


class TestRepeatedEvents:
    """Lambda delivers an event at least once, and again after an error."""

    def test_a_message_that_is_done_is_not_passed_on_again(self, account: SesAccount, sink: Sink, log: Any) -> None:
        account.store()
        account.run(make_event())
        account.restart()
        account.run(make_event())

        assert len(sink.received) == 1
        assert log().lines[-1]["state"] == "duplicate"

    def test_a_message_that_another_invocation_has_is_left_to_it(self, account: SesAccount, sink: Sink) -> None:
        def run_again(step: Step) -> None:
            if step is Step.DATA:
                account.run(make_event())

        sink.on_step = run_again
        account.store()
        account.run(make_event())

        assert len(sink.received) == 1
        assert account.states() == ["done"]

    def test_the_function_fails_in_the_first_attempts_only_as_lambda_makes_no_more(self, account: SesAccount, sink: Sink) -> None:
        sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
        account.store()
        for _ in range(2):
            with pytest.raises(MailWaits):
                account.run(make_event())
        account.run(make_event())

        assert account.states() == ["open"]
        assert account.failures() == []


class TestWaitingMail:
    def test_is_attempted_by_the_schedule_when_it_is_due(self, account: SesAccount, sink: Sink) -> None:
        sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
        account.store()
        with pytest.raises(MailWaits):
            account.run(make_event())
        assert account.run_schedule() == {"waiting": 1, "held": 0, "attempted": 0}
        account.clock.now += 301
        sink.replies[Step.ACCEPTED] = "250 2.0.0 Ok"

        assert account.run_schedule() == {"waiting": 1, "held": 0, "attempted": 1}
        assert list_recipients(sink) == ["bo@example.com"]
        assert account.run_schedule() == {"waiting": 0, "held": 0, "attempted": 0}

    def test_has_growing_pauses_up_to_an_hour(self) -> None:
        assert [make_pause(attempt) for attempt in (1, 2, 5, 6, 7, 8, 9, 500)] == [300, 300, 300, 600, 1200, 2400, 3600, 3600]

    def test_does_not_wait_for_a_message_that_fails(self, account: SesAccount, sink: Sink) -> None:
        sink.refused = {"no@example.com": "450 4.2.0 Later", "bo@example.com": "450 4.2.0 Later"}
        for name in ("no", "bo"):
            account.store(message_id=name)
            with pytest.raises(MailWaits):
                account.run(make_event(f"{name}@example.com", message_id=name))
            account.clock.now += 1
        sink.refused.pop("bo@example.com")
        account.clock.now += 301

        assert account.run_schedule()["attempted"] == 2
        assert list_recipients(sink) == ["bo@example.com"]

    def test_is_left_to_the_next_run_without_time(self, account: SesAccount, sink: Sink) -> None:
        sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
        account.store()
        with pytest.raises(MailWaits):
            account.run(make_event())
        account.clock.now += 301

        assert account.run_schedule(seconds=60) == {"waiting": 1, "held": 0, "attempted": 0}

    def test_counts_its_age(self, account: SesAccount, sink: Sink, log: Any) -> None:
        sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
        account.store()
        with pytest.raises(MailWaits):
            account.run(make_event())
        log()
        account.clock.now += 2 * HOUR
        account.run_schedule()

        counted = {name: value for metrics in log().metrics for name, value in metrics.items() if name in {"Waiting", "OldestWaiting"}}
        assert counted == {"Waiting": [1.0], "OldestWaiting": [2 * HOUR + 5.0]}

    def test_notifies_and_counts_once(self, account: SesAccount, sink: Sink, log: Any) -> None:
        sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
        account.store()
        for _ in range(3):
            try:
                account.run(make_event())
            except MailWaits:
                continue

        assert [metrics.get("RulesMatched") for metrics in log().metrics] == [[1.0], None, None]


class TestGivenUp:
    def test_after_the_hours_to_retry_the_event_is_in_the_queue_and_the_message_stays(self, account: SesAccount, sink: Sink) -> None:
        sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
        account.store()
        event = make_event("bo@example.com", "cy@example.com")
        with pytest.raises(MailWaits):
            account.run(event)
        account.clock.now += 96 * HOUR
        account.run_schedule()

        assert [Receipt.parse(each) for each in account.failures()] == [Receipt.parse(event)]
        assert account.states() == ["failed"]
        assert account.tags() == {}

    def test_its_event_makes_another_attempt_for_those_who_do_not_have_it(self, account: SesAccount, sink: Sink) -> None:
        sink.refused = {"full@example.com": "452 4.2.2 Mailbox full"}
        account.store()
        with pytest.raises(MailWaits):
            account.run(make_event("bo@example.com", "full@example.com"))
        account.clock.now += 96 * HOUR
        account.run_schedule()
        sink.refused = {}
        [event] = account.failures()
        account.run(event)

        assert list_recipients(sink) == ["bo@example.com", "full@example.com"]
        assert account.states() == ["done"]

    def test_a_missing_message_is_given_up_at_once_and_tried_again_when_it_is_there(
        self, account: SesAccount, sink: Sink, log: Any
    ) -> None:
        account.run(make_event())
        assert account.states() == ["failed"]
        assert "S3 action has to come first" in log().lines[0]["detail"]
        account.store()
        account.run(account.failures()[0])

        assert list_recipients(sink) == ["bo@example.com"]

    @pytest.mark.parametrize("metadata", ["x-amz-key-v2", "x-amz-key"])
    def test_a_message_that_ses_has_encrypted_is_given_up(self, account: SesAccount, log: Any, metadata: str) -> None:
        account.store(b"\x01\x02", Metadata={metadata: "a-key", "x-amz-iv": "x"})
        account.run(make_event())

        assert account.states() == ["failed"]
        assert "remove the KMS key of the S3 action" in log().lines[0]["detail"]

    def test_an_object_larger_than_any_message_is_not_read(self, account: SesAccount, log: Any) -> None:
        account.store(bytes(MAX_OCTETS + 1))
        account.run(make_event())

        assert account.states() == ["failed"]
        assert log().lines[0]["reason"] == "UnreadableObject"

    def test_a_failing_queue_keeps_the_message_open(self, account: SesAccount) -> None:
        account.settings = replace(account.settings, failures_queue=account.queue + "-other")
        with pytest.raises(EventFailed):
            account.run(make_event())

        assert account.states() == ["open"]


class TestLoops:
    def test_a_message_with_too_many_received_fields_is_bounced(self, account: SesAccount, sink: Sink) -> None:
        account.store(b"Received: from a by b; Mon, 30 Nov 2026 08:00:00 +0000\r\n" * 51 + MESSAGE)
        account.run(make_event("bo@example.com", "cy@example.com"))

        [call] = account.bounces.calls
        assert [each["Recipient"] for each in call["BouncedRecipientInfoList"]] == ["bo@example.com", "cy@example.com"]
        assert call["BouncedRecipientInfoList"][0]["RecipientDsnFields"]["Status"] == "5.4.6"
        assert sink.received == []
        assert account.states() == ["done"]

    def test_without_a_sender_it_is_given_up_and_not_lost(self, account: SesAccount, sink: Sink) -> None:
        account.store(b"Received: from a by b; Mon, 30 Nov 2026 08:00:00 +0000\r\n" * 51 + MESSAGE)
        account.run(make_event(mail_from=""))

        assert account.states() == ["failed"]
        assert len(account.failures()) == 1

    def test_a_message_that_comes_back_is_not_tagged_again(self, account: SesAccount, sink: Sink) -> None:
        account.store()
        account.run(make_event())
        account.store(sink.received[0].content, "m-2")
        account.run(make_event(message_id="m-2"))

        assert sink.received[1].content.endswith(sink.received[0].content)
        assert sink.received[1].content.count(b"[EXT]") == 1

    def test_a_forged_mark_counts_for_nothing(self, account: SesAccount, sink: Sink) -> None:
        account.store(FIELD_NAME.encode() + b": v=1; l=ses; h=" + b"A" * 43 + b"=\r\n" + MESSAGE)
        account.run(make_event())

        assert b"Subject: [EXT] Hi" in sink.received[0].content
        assert b"h=" + b"A" * 43 not in sink.received[0].content


class TestHeldMail:
    RULE = "{name: Hold, when: {direction: inbound}, do: [hold: {approvers: [boss@example.com], timeout: 1h, on_timeout: bounce}]}"

    @pytest.fixture
    def holding(self, account: SesAccount, policy: Path, table: HoldTable) -> SesAccount:
        policy.write_text(f"version: 1\norganization: {{domains: [example.com]}}\nrules: [{self.RULE}]\n")
        approvals = {"approval_url": "https://a.example/", "approval_secret": "mark", "approval_sender": "approvals@example.com"}
        account.settings = replace(account.settings, holds_table="ses-HoldsTable", **approvals)
        account.store(MESSAGE.replace(b"Hello", uuid.uuid4().hex.encode()))
        return account

    def find_hold(self, table: HoldTable, held: HeldMessages, content: bytes) -> HoldRecord:
        """Return the hold of a message, as the page for approvers finds the message of a hold."""
        keys = [HoldKey(each["pk"]["S"], each["sk"]["S"]) for each in boto3.client("dynamodb").scan(TableName="ses-HoldsTable")["Items"]]
        records = [record for key in keys if (record := table.read(key, Deadline.after(10)))]
        [found] = [each for each in records if each.state is HoldState.PENDING and held.get(each.message_id, Deadline.after(10)) == content]
        return found

    @pytest.mark.parametrize("decision, delivered", [(HoldState.APPROVED, ["bo@example.com"]), (HoldState.REJECTED, [])])
    def test_stays_in_the_bucket_until_the_decision(
        self, holding: SesAccount, sink: Sink, table: HoldTable, decision: HoldState, delivered: list[str]
    ) -> None:
        holding.run(make_event())
        assert (holding.states(), sink.received, holding.tags()) == (["held"], [], {})
        assert holding.run_schedule() == {"waiting": 0, "held": 1, "attempted": 0}
        holding.clock.now += 61
        holding.run_schedule()
        assert holding.states() == ["held"]

        content = boto3.client("s3").get_object(Bucket=holding.settings.mail_bucket, Key="incoming/m-1")["Body"].read()
        record = self.find_hold(table, HeldMessages(holding.settings), content)
        table.decide(
            record.key, decision, reason="no", decided_by="boss@example.com", now=record.created_at + 1, deadline=Deadline.after(10)
        )
        holding.clock.now += 61
        holding.run_schedule()

        assert (holding.states(), list_recipients(sink)) == (["done"], delivered)
        assert len(holding.bounces.calls) == (0 if delivered else 1)

    def test_has_all_hours_to_retry_after_the_decision(self, holding: SesAccount, sink: Sink, policy: Path) -> None:
        holding.run(make_event())
        for _ in range(3):
            holding.clock.now += 400 * HOUR
            holding.run_schedule()
        sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
        policy.write_text(RULES)
        holding.restart()
        holding.clock.now += 61
        holding.run_schedule()
        assert (holding.states(), holding.failures()) == (["open"], [])

        sink.replies.clear()
        holding.clock.now += 301
        holding.run_schedule()
        assert list_recipients(sink) == ["bo@example.com"]

    def test_is_never_given_up(self, holding: SesAccount) -> None:
        holding.run(make_event())
        holding.clock.now += 1000 * HOUR
        holding.run_schedule()

        assert holding.states() == ["held"]


class TestErrors:
    def test_without_a_valid_policy_mail_waits(self, account: SesAccount, sink: Sink, policy: Path) -> None:
        policy.write_text("version: 1\nrules: [{do: [explode]}]")
        account.store()
        with pytest.raises(MailWaits, match="PolicyError"):
            account.run(make_event())
        policy.write_text(RULES)
        account.restart()
        account.clock.now += 301
        account.run_schedule()

        assert list_recipients(sink) == ["bo@example.com"]

    def test_without_the_table_lambda_keeps_the_event(self, account: SesAccount) -> None:
        account.settings = replace(account.settings, messages_table="another-table")
        with pytest.raises(EventFailed, match="Misconfigured"):
            account.run(make_event())

    @pytest.mark.parametrize("event", [{}, {"task": "other"}, {"Records": [{"EventSource": "aws:sns"}]}, None])
    def test_another_event_is_refused(self, account: SesAccount, event: Any) -> None:
        with pytest.raises(EventFailed, match="ContractError"):
            account.run(event)

    def test_an_error_of_the_schedule_is_logged(self, account: SesAccount, log: Any) -> None:
        account.settings = replace(account.settings, messages_table="another-table")
        assert account.run_schedule() is None  # no failure of Lambda's, whose event would come into the queue of failures

        assert log().lines[0]["reason"] == "Misconfigured"


class TestLog:
    def test_has_one_line_for_an_attempt_and_no_personal_data(self, account: SesAccount, sink: Sink, log: Any) -> None:
        sink.refused = {"gone@example.com": "550 5.1.1 <gone@example.com>: No such user", "full@example.com": "452 4.2.2 full@example.com"}
        account.store()
        with pytest.raises(MailWaits):
            account.run(make_event("bo@example.com", "gone@example.com", "full@example.com", "bounce@example.com"))
        printed = log()

        [line] = printed.lines
        assert {key: line[key] for key in ("state", "attempt", "passedOn", "bounced", "left", "replies", "recipientCount")} == {
            "state": "waits",
            "attempt": 1,
            "passedOn": 1,
            "bounced": 2,
            "left": 1,
            "replies": {"452": 1, "550": 1},
            "recipientCount": 4,
        }
        assert line["rules"]
        assert not {
            each for each in ("example.com", "example.net", "Ana", '"Hi"') if each in printed.text.replace("postmaster@example.com", "")
        }

    def test_has_addresses_if_wanted(self, account: SesAccount, log: Any) -> None:
        account.settings = replace(account.settings, log_addresses=True)
        account.store()
        account.run(make_event())

        assert log().lines[0]["recipients"] == ["bo@example.com"]

    def test_metrics_have_the_dimensions_of_the_alarms(self, account: SesAccount, log: Any) -> None:
        account.store()
        account.run(make_event())
        [metrics] = log().metrics

        assert (metrics["hook"], metrics["direction"], metrics["service"]) == ("ses", "INBOUND", account.settings.service)
        assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["hook", "direction", "service"]]
        assert (metrics["PassedOn"], metrics["Messages"], metrics["Changed"]) == ([1.0], [1.0], [1.0])


def test_the_event_in_the_table_has_no_header(account: SesAccount, sink: Sink) -> None:
    sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
    account.store(SAMPLE_MESSAGE, Receipt.parse(SAMPLE).message_id)
    with pytest.raises(MailWaits):
        account.run(SAMPLE)
    [item] = account.items()

    assert "Subject" not in json.dumps(item)
