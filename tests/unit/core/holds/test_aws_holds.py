"""The action `hold`: what each attempt does, and what a decision does to the message."""

import re
from dataclasses import replace
from typing import Any

import pytest

from mailhooks.errors import Misconfigured, ResourceNotFoundException, ServiceFailed, StillHeld, Throttled, TransientError
from mailhooks.report_names import HoldState, LogKey
from tests.support.holds import HOLD, SETTINGS, START, Company, hold_policy, link_of
from tests.support.hooks import HEADER
from tests.support.mail import parsed

HOUR = 3600


def actions(reply: Any) -> dict[str, tuple[str, str]]:
    """Return the action and the bounce text by recipient; `"*"` for the others."""
    found: dict[str, tuple[str, str]] = {}
    for entry in reply.verdict.to_response()["actions"]:
        action = entry["action"]
        for address in entry.get("recipients", ["*"]):
            found[address] = (action["type"], action.get("parameters", {}).get("bounceMessage", ""))
    return found


def wait(company: Company, **more: Any) -> StillHeld:
    """Run an attempt that leaves the message held."""
    with pytest.raises(StillHeld) as held:
        company.attempt(**more)
    return held.value


def test_the_first_attempt_records_the_message_and_asks_each_approver_once() -> None:
    company = Company()
    held = wait(company, event=parsed("ana@example.com", "ben@example.com", sender="nora@example.net"))

    [record] = company.table.records.values()
    assert (record.rule, record.state, record.timeout_at) == ("four eyes", HoldState.PENDING, START + 2 * HOUR)
    assert (record.mail_from, record.recipients, record.held) == ("from@example.net", ("ana@example.com", "ben@example.com"), None)
    assert record.notified_at == START
    assert sorted(company.outbox.asked) == ["boss@example.com", "deputy@example.com"]
    assert held.states == {"four eyes": "pending"}
    assert held.failures == []
    assert company.content.gets == 0


def test_each_approver_gets_a_link_of_its_own_until_the_end_of_the_hold() -> None:
    company = Company()
    wait(company)
    [record] = company.table.records.values()
    for mail in company.outbox.mails:
        link = link_of(mail.raw)
        assert link.hold_key == record.key
        assert record.approvers[link.approver] == mail.approver
        assert link.expires_at == record.timeout_at


def test_a_retry_costs_one_read_and_asks_no_approver_again() -> None:
    company = Company()
    wait(company)
    company.table.calls.clear()
    for _ in range(5):
        company.now += 600
        wait(company)
    assert company.table.calls == ["list"] * 5
    assert len(company.outbox.mails) == 2
    assert company.content.gets == 0


def test_an_approved_message_gets_the_other_rules_of_the_policy() -> None:
    company = Company(
        hold_policy({"name": "four eyes", "do": {"hold": HOLD}}, {"name": "junk", "when": {"recipient": "ben@example.com"}, "do": "junk"})
    )
    event = parsed("ana@example.com", "ben@example.com")
    wait(company, event=event)
    company.decide(HoldState.APPROVED)
    reply = company.attempt(event)
    assert actions(reply) == {"ben@example.com": ("MOVE_TO_JUNK", ""), "*": ("DEFAULT", "")}
    assert reply.log[LogKey.HOLDS] == [{"rule": "four eyes", "state": "approved"}]


def test_a_rejected_message_is_bounced_with_the_reason() -> None:
    company = Company()
    wait(company)
    company.decide(HoldState.REJECTED, "not to this customer")
    [(action, text)] = actions(company.attempt()).values()
    assert action == "BOUNCE"
    assert "not to this customer" in text
    assert "@" not in text


def test_a_reason_is_one_line_of_limited_length() -> None:
    company = Company()
    wait(company)
    company.decide(HoldState.REJECTED, "line\r\nBcc: x\x00\x1b[31m \ud800 \u202e" + "x" * 5000)
    [(_, text)] = actions(company.attempt()).values()
    assert text.isprintable()
    assert len(text) < 700


def test_only_the_held_recipients_of_a_rejected_message_lose_it() -> None:
    company = Company(hold_policy({"name": "four eyes", "when": {"recipient": "ben@example.com"}, "do": {"hold": HOLD}}))
    event = parsed("ana@example.com", "ben@example.com")
    wait(company, event=event)
    [record] = company.table.records.values()
    assert record.held == ("ben@example.com",)
    company.decide(HoldState.REJECTED, "no")
    assert {address: action for address, (action, _) in actions(company.attempt(event)).items()} == {
        "ben@example.com": "BOUNCE",
        "*": "DEFAULT",
    }


@pytest.mark.parametrize("on_timeout, action", [("deliver", "DEFAULT"), ("bounce", "BOUNCE"), ("drop", "DROP")])
def test_without_a_decision_the_rule_decides_at_its_timeout(on_timeout: str, action: str) -> None:
    company = Company(hold_policy({"name": "four eyes", "do": {"hold": HOLD | {"on_timeout": on_timeout}}}))
    wait(company)
    company.now = START + 2 * HOUR - 1
    wait(company)
    company.now = START + 2 * HOUR
    reply = company.attempt()
    assert [found for found, _ in actions(reply).values()] == [action]
    assert reply.log[LogKey.HOLDS] == [{"rule": "four eyes", "state": "timed-out"}]
    [record] = company.table.records.values()
    assert record.state is HoldState.TIMED_OUT
    assert actions(company.attempt()) == actions(reply)


def test_a_decision_just_before_the_timeout_is_written_counts() -> None:
    company = Company()
    wait(company)
    company.now = START + 2 * HOUR

    def decide(name: str) -> None:
        if name == "decide":
            company.table.before = lambda _: None
            company.decide(HoldState.APPROVED)

    company.table.before = decide
    assert actions(company.attempt()) == {"*": ("DEFAULT", "")}
    [record] = company.table.records.values()
    assert record.state is HoldState.APPROVED


def test_a_decision_after_the_timeout_is_too_late() -> None:
    company = Company()
    wait(company)
    company.now = START + 2 * HOUR
    company.attempt()
    assert company.decide(HoldState.APPROVED).state is HoldState.TIMED_OUT
    assert [action for action, _ in actions(company.attempt()).values()] == ["BOUNCE"]


def test_after_a_crash_before_the_mail_the_next_attempt_asks() -> None:
    class Killed(BaseException):
        pass

    def crash(name: str) -> None:
        if name == "create":
            raise Killed

    company = Company()
    company.table.after = crash
    with pytest.raises(Killed):
        company.attempt()
    assert company.outbox.mails == []
    company.table.after = lambda _: None
    wait(company)
    assert len(company.outbox.mails) == 2
    wait(company)
    assert len(company.outbox.mails) == 2


def test_if_the_mark_fails_the_message_is_held_and_its_approvers_are_asked_again() -> None:
    def fail(name: str) -> None:
        if name == "mark":
            raise Throttled("UpdateItem: ThrottlingException")

    company = Company(hold_policy({"name": "four eyes", "do": {"hold": HOLD}, "on_error": "skip"}))
    company.table.before = fail
    held = wait(company)
    assert [failure["error"] for failure in held.failures] == ["Throttled"]
    company.table.before = lambda _: None
    assert wait(company).failures == []
    assert len(company.outbox.mails) == 4


def test_of_two_attempts_that_begin_at_once_one_asks() -> None:
    company = Company()

    def other(name: str) -> None:
        if name == "create":
            company.table.before = lambda _: None
            wait(company)

    company.table.before = other
    wait(company)
    assert len(company.table.records) == 1
    assert sorted(company.outbox.asked) == ["boss@example.com", "deputy@example.com"]


def test_one_approver_who_can_be_asked_is_enough_and_the_log_names_the_failure() -> None:
    company = Company()
    company.outbox.rejected = {"boss@example.com": Misconfigured("SendEmail: MessageRejected: verify it")}
    held = wait(company)
    assert held.failures == [
        {"rule": "four eyes", "what": "hold", "error": "Misconfigured", "detail": "SendEmail: MessageRejected: verify it"}
    ]
    assert wait(company).failures == []
    company.decide(HoldState.APPROVED)
    assert actions(company.attempt()) == {"*": ("DEFAULT", "")}


def test_an_approver_whom_ses_throttles_is_asked_by_the_next_attempt() -> None:
    company = Company()
    company.outbox.rejected = {"boss@example.com": Throttled("SendEmail: TooManyRequestsException")}
    for _ in range(2):
        assert [failure["error"] for failure in wait(company).failures] == ["Throttled"]
    company.outbox.rejected.clear()
    assert wait(company).failures == []
    wait(company)
    assert company.outbox.asked == ["deputy@example.com", "boss@example.com"]


@pytest.mark.parametrize("error", [Misconfigured("SendEmail: MessageRejected"), Throttled("SendEmail: TooManyRequestsException")])
def test_if_no_approver_can_be_asked_the_invocation_is_retried_and_asks_again(error: Exception) -> None:
    company = Company()
    company.outbox.rejected = dict.fromkeys(HOLD["approvers"], error)
    for _ in range(2):
        with pytest.raises(TransientError) as failed:
            company.attempt()
        assert not isinstance(failed.value, StillHeld)
    company.outbox.rejected.clear()
    wait(company)
    assert len(company.outbox.mails) == 2
    assert len(company.table.records) == 1


def test_a_failed_hold_passes_the_message_only_if_its_rule_says_skip() -> None:
    company = Company(hold_policy({"name": "four eyes", "do": {"hold": HOLD}, "on_error": "skip"}))
    company.outbox.rejected = dict.fromkeys(HOLD["approvers"], Misconfigured("SendEmail: MessageRejected"))
    reply = company.attempt()
    assert actions(reply) == {"*": ("DEFAULT", "")}
    assert [failure["what"] for failure in reply.log[LogKey.FAILURES]] == ["hold"]  # type: ignore[attr-defined]
    [record] = company.table.records.values()
    assert record.state is HoldState.WITHDRAWN


@pytest.mark.parametrize(
    "error", [Throttled("Query"), ServiceFailed("Query"), Misconfigured("Query: AccessDenied"), RuntimeError("defect")]
)
def test_mail_does_not_pass_while_the_table_cannot_be_read(error: Exception) -> None:
    def fail(name: str) -> None:
        raise error

    company = Company()
    company.table.before = fail
    with pytest.raises(TransientError) as failed:
        company.attempt()
    assert not isinstance(failed.value, StillHeld)
    assert company.outbox.mails == []


@pytest.mark.parametrize("missing", ["holds_table", "approval_url", "approval_secret", "approval_sender"])
def test_mail_does_not_pass_while_a_setting_is_missing(missing: str) -> None:
    company = Company(settings=replace(SETTINGS, **{missing: ""}))
    with pytest.raises(TransientError, match="four eyes"):
        company.attempt()


def test_all_rules_must_be_decided_and_one_rejection_is_enough() -> None:
    company = Company(
        hold_policy(
            {"name": "one", "do": {"hold": HOLD | {"approvers": "one@example.com"}}},
            {"name": "two", "do": {"hold": HOLD | {"approvers": "two@example.com"}}},
        )
    )
    assert wait(company).states == {"one": "pending", "two": "pending"}
    company.decide(HoldState.APPROVED, approver=0)
    assert wait(company).states == {"one": "approved", "two": "pending"}
    company.decide(HoldState.REJECTED, "no", approver=1)
    assert [action for action, _ in actions(company.attempt()).values()] == ["BOUNCE"]


def test_a_hold_that_another_rejection_makes_needless_is_withdrawn() -> None:
    company = Company(
        hold_policy(
            {"name": "one", "do": {"hold": HOLD | {"approvers": "one@example.com"}}},
            {"name": "two", "do": {"hold": HOLD | {"approvers": "two@example.com"}}},
        )
    )
    wait(company)
    company.decide(HoldState.REJECTED, "no", approver=1)
    assert [action for action, _ in actions(company.attempt()).values()] == ["BOUNCE"]
    assert {record.rule: record.state for record in company.table.records.values()} == {
        "one": HoldState.WITHDRAWN,
        "two": HoldState.REJECTED,
    }
    assert company.decide(HoldState.APPROVED, approver=0).state is HoldState.WITHDRAWN


def test_a_hold_for_other_recipients_stays_after_a_rejection() -> None:
    company = Company(
        hold_policy(
            {"name": "one", "when": {"recipient": "ana@example.com"}, "do": {"hold": HOLD | {"approvers": "one@example.com"}}},
            {"name": "two", "do": {"hold": HOLD | {"approvers": "two@example.com"}}},
        )
    )
    event = parsed("ana@example.com", "ben@example.com")
    wait(company, event=event)
    company.decide(HoldState.REJECTED, "no", approver=0)
    assert wait(company, event=event).states == {"one": "rejected", "two": "pending"}
    company.decide(HoldState.APPROVED, approver=1)
    assert {address: action for address, (action, _) in actions(company.attempt(event)).items()} == {
        "ana@example.com": "BOUNCE",
        "*": "DEFAULT",
    }


def test_the_time_of_a_hold_begins_with_the_first_attempt_also_for_a_renamed_rule() -> None:
    company = Company()
    wait(company)
    renamed = hold_policy({"name": "six eyes", "do": {"hold": HOLD}})
    company.now += HOUR
    wait(company, policy=renamed)
    assert {record.timeout_at for record in company.table.records.values()} == {START + 2 * HOUR}
    company.now = START + 2 * HOUR
    assert [action for action, _ in actions(company.attempt(policy=renamed)).values()] == ["BOUNCE"]
    assert {record.rule: record.state for record in company.table.records.values()} == {
        "four eyes": HoldState.WITHDRAWN,
        "six eyes": HoldState.TIMED_OUT,
    }


def test_a_removed_rule_holds_nothing_any_more() -> None:
    company = Company()
    wait(company)
    assert actions(company.attempt(policy=hold_policy({"do": "deliver"}))) == {"*": ("DEFAULT", "")}


def test_an_approved_message_stays_approved_when_its_change_is_retried() -> None:
    company = Company(hold_policy({"name": "four eyes", "do": [{"hold": HOLD}, {"subject_tag": "[OK]"}]}))
    wait(company)
    company.decide(HoldState.APPROVED)
    for _ in range(3):
        reply = company.attempt()
        assert actions(reply) == {"*": ("DEFAULT", "")}
        assert reply.change is not None


def test_a_truncated_event_holds_and_bounces_the_omitted_recipients_too() -> None:
    company = Company()
    event = parsed("ana@example.com", truncated=True)
    wait(company, event=event)
    company.decide(HoldState.REJECTED, "no")
    assert [action for action, _ in actions(company.attempt(event)).values()] == ["BOUNCE"]


def test_a_hold_of_one_recipient_of_a_truncated_event_bounces_only_this_one() -> None:
    company = Company(hold_policy({"name": "four eyes", "when": {"recipient": "ben@example.com"}, "do": {"hold": HOLD}}))
    event = parsed("ana@example.com", "ben@example.com", truncated=True)
    wait(company, event=event)
    company.decide(HoldState.REJECTED, "no")
    assert {address: action for address, (action, _) in actions(company.attempt(event)).items()} == {
        "ben@example.com": "BOUNCE",
        "*": "DEFAULT",
    }


def test_five_hundred_long_addresses_bounce_within_the_response_of_workmail() -> None:
    addresses = [f"{number:064d}@{'d' * 63}.{'e' * 63}.{'f' * 50}.example.com" for number in range(500)]
    rules = [
        {"name": f"rule {number}", "when": {"recipient": addresses[number::9]}, "do": {"hold": HOLD | {"text": "ü" * 1900 + "%%reason%%"}}}
        for number in range(8)
    ]
    company = Company(hold_policy(*rules, organization={"domains": ["example.com"]}))
    event = parsed(*addresses, direction="OUTBOUND")
    wait(company, event=event)
    for number in range(8):
        company.decide(HoldState.REJECTED, f"{number}" + "ä" * 600, approver=2 * number)
    assert len(company.attempt(event).verdict.to_response()["actions"]) == 9  # type: ignore[union-attr]


def test_the_sender_of_an_outbound_message_is_asked_only_if_there_is_no_other_approver() -> None:
    event = parsed("ext@example.net", direction="OUTBOUND", sender="Boss@example.com")
    company = Company()
    wait(company, event=event)
    assert company.outbox.asked == ["deputy@example.com"]
    alone = Company(hold_policy({"name": "own", "do": {"hold": HOLD | {"approvers": "boss@example.com"}}}))
    wait(alone, event=event)
    assert alone.outbox.asked == ["boss@example.com"]


def test_the_mail_to_an_approver_is_not_held_by_the_rule_that_it_is_about() -> None:
    company = Company()
    wait(company)
    mail = company.outbox.mails[0]
    approver, raw = mail.approver, mail.raw
    subject = "Approve or reject: A subject"
    own = parsed(approver, subject=subject, messageId="1", invocationId="1")
    reply = company.attempt(own, raw)
    assert actions(reply) == {"*": ("DEFAULT", "")}
    assert len(company.outbox.mails) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: re.sub(rb"(X-Mailhooks-Approval:\s+)1", rb"\g<1>2", raw),
        lambda raw: raw.replace(b"To: ", b"To: x"),
        lambda raw: raw.replace(b"From: hold@", b"From: nora@"),
        lambda raw: raw.replace(b"\r\nTo: ", b"\r\nTo: other@example.com,\r\n "),
        lambda raw: raw.replace(b"X-Mailhooks-Approval", b"X-Other"),
    ],
)
def test_a_forged_or_copied_mark_does_not_pass(change: Any) -> None:
    company = Company()
    wait(company)
    mail = company.outbox.mails[0]
    approver, raw = mail.approver, mail.raw
    forged = change(raw)
    assert forged != raw
    wait(company, event=parsed(approver, subject="Approve or reject: x", messageId="1", invocationId="1"), raw=forged)


def test_an_outbound_message_with_a_copied_mark_is_held() -> None:
    company = Company()
    wait(company)
    raw = company.outbox.mails[0].raw
    own = parsed("eve@example.net", direction="OUTBOUND", subject="Approve or reject: x", messageId="1", invocationId="1")
    wait(company, event=own, raw=raw)


def test_a_mark_expires_a_day_after_the_hold() -> None:
    company = Company()
    wait(company)
    mail = company.outbox.mails[0]
    approver, raw = mail.approver, mail.raw
    late = parsed(approver, subject="Approve or reject: x", messageId="1", invocationId="1")
    company.now = START + 2 * HOUR + 24 * HOUR - 1
    company.attempt(late, raw)
    company.now += 1
    wait(company, event=late, raw=raw)


def test_a_message_with_the_subject_of_such_mail_that_cannot_be_read_is_held() -> None:
    company = Company()
    company.content.get_error = ResourceNotFoundException("gone")
    wait(company, event=parsed(subject="Approve or reject: x"))


def test_a_target_gets_a_notification_with_its_link_and_one_key() -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:holds"
    company = Company(hold_policy({"name": "four eyes", "do": {"hold": {"notify": {"sns": topic}, "timeout": "1h", "on_timeout": "drop"}}}))

    def fail(name: str) -> None:
        if name == "mark":
            raise Throttled("UpdateItem: ThrottlingException")

    company.table.before = fail
    wait(company)
    wait(company)
    [(to, document, key, _), (_, again, same, _)] = company.targets
    assert (to, document, key) == (topic, again, same)
    [record] = company.table.records.values()
    assert record.approvers == ("sns",)
    assert document["approvalUrl"].startswith(f"https://approve.example.com/?token={record.key.invocation}.{record.key.rule}.0.")
    assert (document["rule"], document["timeoutAt"], document["onTimeout"]) == ("four eyes", "2027-01-15T09:00:00+00:00", "drop")
    assert "subject" not in document
    assert "verdicts" not in document


def test_the_body_is_read_only_if_a_condition_reads_it() -> None:
    company = Company(hold_policy({"name": "four eyes", "when": {"body": "Body"}, "do": {"hold": HOLD}}))
    wait(company, raw=HEADER + b"\r\nBody\r\n")
    assert company.content.gets == 1
