"""The saved queries: each answers its question over events as WorkMail logs them and over lines that the functions print."""

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mailhooks.availability.function import report as availability_report
from mailhooks.hooks import approval_report
from mailhooks.report_names import LogKey
from tests.infrastructure.stack import ROOT
from tests.monitoring.stacks import main_stack, organization_stack
from tests.support import emitted
from tests.support.cloudwatch.logs_insights import LogEvent, list_fields, run

POWERTOOLS_FIELDS = {"level", "message", "service", "timestamp"}

# Guide, "Monitoring Amazon WorkMail email event logs" and "Monitoring Amazon WorkMail audit logs".
EVENT_FIELDS = set(
    "eventName recipients sender from subject messageId spamVerdict dkimVerdict dmarcVerdict dmarcPolicy spfVerdict "
    "messageTimestamp recipient folder ruleName ruleType ruleActions targetFolder targetRecipient journalingAddress bouncedRecipient "
    "destination reason policy".split()
)
AUDIT_FIELDS = set(
    "event_timestamp request_id organization_arn user_id impersonator_id protocol source_ip user_agent action owner_id object_type item_id "
    "folder_path folder_id attachment_path action_allowed scope rule_id access_granted user method auth_successful auth_failed_reason "
    "personal_access_token_id name expires_time scopes type domain function_arn ews_endpoint error_message "
    "availability_event_successful".split()
)

_TIMES = itertools.count(1_777_881_600_000, 1000)


def event(name: str, trace: str, **fields: Any) -> LogEvent:
    """Return an event of WorkMail's email event log."""
    document = {"traceId": trace, "event": {"eventName": name, **fields}}
    return LogEvent(json.dumps(document), next(_TIMES), group="/aws/workmail/emailevents/example")


def audit(**fields: Any) -> LogEvent:
    """Return a line of WorkMail's audit logs."""
    common = {"event_timestamp": 1_777_881_600_000, "request_id": "r", "user_id": "S-1", "protocol": "EWS", "source_ip": "192.0.2.1"}
    return LogEvent(json.dumps(common | fields), next(_TIMES), group="/aws/vendedlogs/organization/audit")


RULE = {"ruleActions": [{"action": "LAMBDA", "recipients": ["ben@example.com"]}]}
EVENTS = [
    event(
        "OUTGOING_EMAIL_SUBMITTED",
        "t-out",
        recipients=["other@example.org", "Ben@example.com"],
        **{"from": "Ana@example.com"},
        subject="Minutes",
    ),
    event("RULE_APPLIED", "t-out", ruleName="Disclaimer", ruleType="OUTBOUND_RULE", **RULE),
    event("OUTGOING_EMAIL_SENT", "t-out", recipient="ben@example.com", **{"from": "ana@example.com"}, messageId="1@example.net"),
    event(
        "OUTGOING_EMAIL_BOUNCED",
        "t-out",
        bouncedRecipient={"emailAddress": "other@example.org", "reason": "550 no such user", "status": "5.1.1"},
    ),
    event("OUTGOING_EMAIL_BOUNCED", "t-old", destination="old@example.org", reason="mailbox full"),
    event(
        "ORGANIZATION_EMAIL_RECEIVED",
        "t-in",
        recipients=["ben@example.com"],
        **{"from": "ana@example.com"},
        subject="Minutes",
        messageId="<1@example.net>",
        spamVerdict="PASS",
        dmarcVerdict="PASS",
    ),
    event("RULE_APPLIED", "t-in", ruleName="External", ruleType="INBOUND_RULE", **RULE),
    event("MAILBOX_EMAIL_DELIVERED", "t-in", recipient="ben@example.com", folder="Inbox"),
    *(
        event(
            "ORGANIZATION_EMAIL_RECEIVED",
            f"t-spam{number}",
            recipients=["ben@example.com", "ana@example.com"][: number + 1],
            **{"from": f"shop{number}@mail.example.net"},
            subject="INVOICE overdue",
            messageId=f"<{number}@mail.example.net>",
            spamVerdict="FAIL",
            spfVerdict="FAIL",
            dkimVerdict="GRAY",
            dmarcVerdict="FAIL",
            dmarcPolicy=policy,
        )
        for number, policy in enumerate(["REJECT", "REJECT", "NONE"])
    ),
    event("DMARC_POLICY_APPLIED", "t-spam0", recipients=["ben@example.com"], **{"from": "shop0@mail.example.net"}, policy="REJECT"),
    event(
        "INCOMING_EMAIL_BOUNCED", "t-in2", bouncedRecipient={"emailAddress": "gone@example.com", "reason": "no mailbox", "status": "5.1.1"}
    ),
]

REPORTS = [
    LogEvent(f"REPORT RequestId: {number}\tDuration: {duration} ms\tMemory Size: 512 MB\tMax Memory Used: 121 MB\t{init}", 0)
    for number, (duration, init) in enumerate(
        [
            ("801.5", "Init Duration: 730.25 ms\t"),
            ("31.0", ""),
            ("95.0", "Restore Duration: 398.97 ms\tBilled Restore Duration: 40 ms\t"),  # with SnapStart
        ]
    )
]
CRASHES = [
    LogEvent("2026-05-04T08:00:14.012Z d74a279f-5cbd-4482-b167-71127009a3fb Task timed out after 14.00 seconds", 2),
    LogEvent("RESTORE_REPORT Restore Duration: 1236.04 ms Status: timeout", 1),
]
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:mail-AvailabilityFunction:live"
AUDIT = [
    audit(type="LAMBDA", domain="example.org", function_arn=FUNCTION, error_message="timeout"),
    audit(type="LAMBDA", domain="example.org", function_arn=FUNCTION, error_message="timeout"),
    audit(type="EWS", domain="example.net", ews_endpoint="https://mail.example.net/EWS", availability_event_successful=True),
    audit(user="ana", auth_successful=False, auth_failed_reason="INVALID_PASSWORD"),
    audit(scope="AccessControl", rule_id="no-imap", access_granted=False),
    audit(action="read", owner_id="S-2", object_type="Message", action_allowed=True),
    audit(action="read", owner_id="S-1", object_type="Message", action_allowed=True),
    audit(action="create", user="ana", name="laptop", scopes=["READ"], expires_time="2027-01-01"),
]


def hook_lines() -> list[LogEvent]:
    """Return all lines that the functions print, those of metrics too."""
    return [LogEvent(line, next(_TIMES)) for make in emitted.KINDS.values() for line in make().splitlines()]


HOOKS = hook_lines()


def definitions() -> dict[str, dict[str, Any]]:
    """Return the saved queries by name, without the folder of the stack."""
    found = organization_stack().of_type("AWS::Logs::QueryDefinition").values()
    return {each["Name"].removeprefix("workmail/organization/"): each for each in found}


def ask(name: str, **values: str) -> list[dict[str, Any]]:
    """Return the rows of a saved query over all logs, with values for its parameters."""
    definition = definitions()[name]
    assert values.keys() == {each["Name"] for each in definition.get("Parameters", ())}
    query = re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], definition["QueryString"])
    return run(query, [*EVENTS, *HOOKS, *REPORTS, *CRASHES, *AUDIT])


class TestWhyDidTheRecipientNotGetTheMail:
    def test_a_message_is_found_by_sender_and_any_of_its_recipients(self) -> None:
        rows = ask("why/1 find a message by sender and recipient", sender="ana@example.com", recipient="ben@example.com")
        assert [(row["event.eventName"], row["traceId"]) for row in rows] == [
            ("ORGANIZATION_EMAIL_RECEIVED", "t-in"),
            ("OUTGOING_EMAIL_SUBMITTED", "t-out"),
        ]

    def test_its_trace_shows_what_became_of_each_recipient(self) -> None:
        rows = ask("why/2 follow a message by trace", traceId="t-out")
        assert [row["event.eventName"] for row in rows] == [
            "OUTGOING_EMAIL_SUBMITTED",
            "RULE_APPLIED",
            "OUTGOING_EMAIL_SENT",
            "OUTGOING_EMAIL_BOUNCED",
        ]
        assert rows[1] | {"event.ruleName": "Disclaimer", "event.ruleActions.0.action": "LAMBDA"} == rows[1]
        assert rows[3]["event.bouncedRecipient.reason"] == "550 no such user"

    def test_both_logs_are_joined_by_message_id_with_the_digest_of_the_command_in_the_documentation(self) -> None:
        [command] = re.findall(r"^printf .*$", (ROOT / "docs/monitoring.md").read_text("utf-8"), re.MULTILINE)
        digest = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout.strip()
        assert f'"smtpMessageId":"{digest}"' in emitted.ordinary()
        rows = ask("why/3 both logs by Message-ID", messageId="<1@example.net>", digest=digest)
        assert {row.get("event.eventName") for row in rows} == {"OUTGOING_EMAIL_SENT", "ORGANIZATION_EMAIL_RECEIVED", None}
        ours = [row for row in rows if "hook" in row]
        assert {row["traceId"] for row in rows if "traceId" in row} == {"t-in", "t-out"}
        assert {"shout", "mailflow", "observe"} <= {row["hook"] for row in ours}
        assert "Throttled" not in {row.get("reason") for row in ours}  # the message was never read

    def test_a_recipient_has_a_history(self) -> None:
        rows = ask("why/4 what was delivered to a recipient or bounced", recipient="ben@example.com")
        assert [(row["event.eventName"], row.get("event.folder")) for row in rows] == [
            ("MAILBOX_EMAIL_DELIVERED", "Inbox"),
            ("OUTGOING_EMAIL_SENT", None),
        ]


class TestMail:
    def test_received_mail_is_listed_by_sender_and_counted_by_domain(self) -> None:
        assert [row["traceId"] for row in ask("mail/received from a user", sender="shop1@mail.example.net")] == ["t-spam1"]
        rows = ask("mail/received from a domain", domain="mail.example.net")
        assert {row["event.from"]: row["messages"] for row in rows} == {f"shop{number}@mail.example.net": 1 for number in range(3)}

    def test_mail_is_counted_by_recipient_and_by_sender(self) -> None:
        assert ask("mail/received by each recipient") == [{"event.recipient": "ben@example.com", "messages": 1}]
        assert ask("mail/sent by each sender") == [{"event.from": "Ana@example.com", "messages": 1}]

    def test_bounces_have_their_recipient_and_reason_in_both_forms(self) -> None:
        rows = ask("bounced/outgoing mail and why")
        assert [(row["recipient"], row["why"]) for row in rows] == [
            ("old@example.org", "mailbox full"),
            ("other@example.org", "550 no such user"),
        ]
        [row] = ask("bounced/incoming mail and why")
        assert (row["event.bouncedRecipient.emailAddress"], row["event.bouncedRecipient.reason"]) == ("gone@example.com", "no mailbox")


class TestSpam:
    def test_spam_is_counted_by_recipient_and_by_sender(self) -> None:
        assert ask("spam/recipients of most spam") == [
            {"recipient": "ben@example.com", "messages": 3},
            {"recipient": "ana@example.com", "messages": 2},
        ]
        assert {row["event.from"] for row in ask("spam/senders of most spam")} == {f"shop{number}@mail.example.net" for number in range(3)}

    def test_the_four_verdicts_show_why_a_message_is_junk(self) -> None:
        row = ask("spam/why a message is in the junk folder", subject="invoice")[0]
        assert [row[f"event.{kind}Verdict"] for kind in ("spam", "spf", "dkim", "dmarc")] == ["FAIL", "FAIL", "GRAY", "FAIL"]

    def test_dmarc_failures_are_counted_by_policy(self) -> None:
        rows = ask("spam/DMARC failures by policy")
        assert [(row["event.dmarcPolicy"], row["messages"], row["senders"]) for row in rows] == [("REJECT", 2, 2), ("NONE", 1, 1)]
        assert [row["event.policy"] for row in ask("spam/DMARC policies that WorkMail applied")] == ["REJECT"]


def test_flow_rules_are_listed_by_direction() -> None:
    assert [row["event.ruleName"] for row in ask("rules/inbound flow rules that applied")] == ["External"]
    assert [row["event.ruleName"] for row in ask("rules/outbound flow rules that applied")] == ["Disclaimer"]


class TestHooks:
    def test_a_policy_rule_shows_its_messages(self) -> None:
        rows = ask("hooks/what a policy rule did", rule="External mail")
        assert [(row["hook"], row["verdict.0"]) for row in rows] == [("mailflow", "DEFAULT")]
        assert rows[0]["bytesWritten"] > 0
        assert [row["hook"] for row in ask("hooks/what a policy rule did", rule="Flood")] == ["mailflow"]  # it failed

    def test_held_mail_shows_who_decided_when_and_after_which_time(self) -> None:
        rows = ask("hooks/held mail", rule="four eyes")
        decided = [(row["decision"], row["approver"], row["waitedSeconds"]) for row in rows if row["hook"] == "approve"]
        assert decided == [("rejected", 1, 600), ("approved", 1, 600)]
        assert {row["decision"] for row in rows if row["hook"] == "mailflow"} == {"pending", "timed-out"}

    def test_an_invocation_shows_what_it_changed_and_its_metrics_are_left_out(self) -> None:
        invocation = next(json.loads(each.message)["invocationId"] for each in HOOKS if '"hook":"shout"' in each.message)
        [row] = ask("hooks/what changed in an invocation", invocationId=invocation)
        assert (row["hook"], row["bytes"], row["bytesWritten"]) == ("shout", len(emitted.MESSAGE), len(emitted.MESSAGE))

    def test_errors_are_counted_by_class(self) -> None:
        rows = {row["reason"]: row for row in ask("hooks/errors by class")}
        assert {"ValueError", "Throttled", "MessageRejected", "InvalidContentLocation", "SettingsError"} <= rows.keys()
        assert rows["Throttled"] | {"messages": 1, "level": "ERROR", "hook": "shout"} == rows["Throttled"]

    def test_messages_that_were_left_unchanged_have_their_reason(self) -> None:
        reasons = {row["reason"] for row in ask("hooks/messages that were delivered unchanged")}
        assert reasons == {"MessageRejected", "MessageFrozen", "CannotChangeSafely"}

    def test_verdicts_are_counted_by_hour(self) -> None:
        rows = ask("hooks/verdicts by hour")
        assert {row["verdict.0"] for row in rows} == {"DEFAULT", "BOUNCE", "DROP", "MOVE_TO_JUNK", "BYPASS_SPAM_CHECK"}
        assert all(row["hour"] % 3_600_000 == 0 for row in rows)

    def test_the_slowest_message_is_first(self) -> None:
        assert ask("hooks/slowest messages")[0]["milliseconds"] > 13_000

    def test_cold_starts_are_counted_by_function(self) -> None:
        [row] = ask("hooks/cold starts and memory by function")
        assert (row["function"], row["invocations"], row["coldStarts"]) == ("stack-RewriteFunction-1A2B", 3, 2)
        assert (row["slowestColdStart"], row["slowest"], row["memory"]) == (730.25, 801.5, 121)

    def test_crashes_are_listed_as_the_alarm_counts_them(self) -> None:
        assert [row["@message"] for row in ask("hooks/crashes")] == [each.message for each in CRASHES]
        [filtered] = main_stack().of_type("AWS::Logs::MetricFilter").values()
        query = definitions()["hooks/crashes"]["QueryString"]
        assert filtered["FilterPattern"].strip("%").replace(r"\s", " ") in query

    def test_failed_look_ups_have_their_reasons(self) -> None:
        rows = ask("availability/failed look-ups by class")
        assert {row.get("reason") or row["reasons.0"] for row in rows} == {"SettingsError", "no connection"}


class TestAudit:
    def test_availability_errors_are_counted_by_domain(self) -> None:
        [row] = ask("availability/errors by domain in WorkMail's audit log")
        assert (row["domain"], row["type"], row["requests"], row["newestError"]) == ("example.org", "LAMBDA", 2, "timeout")
        assert row["provider"] == FUNCTION

    def test_each_kind_of_audit_line_has_its_query(self) -> None:
        [login] = ask("audit/failed logins by user and address")
        assert (login["user"], login["auth_failed_reason"], login["attempts"]) == ("ana", "INVALID_PASSWORD", 1)
        assert [(row["rule_id"], row["access_granted"]) for row in ask("audit/access control rules by address")] == [("no-imap", 0)]
        assert [(row["owner_id"], row["user_id"]) for row in ask("audit/access to a mailbox by another user")] == [("S-2", "S-1")]
        assert [(row["action"], row["name"]) for row in ask("audit/personal access tokens")] == [("create", "laptop")]


@pytest.mark.parametrize("name", definitions())
def test_a_query_reads_only_fields_that_exist(name: str) -> None:
    query = definitions()[name]["QueryString"]
    events = {field.removeprefix("event.").split(".")[0] for field in list_fields(query) if field.startswith("event.")}
    others = {field.split(".")[0] for field in list_fields(query) if not field.startswith(("@", "event."))}
    assert events <= EVENT_FIELDS
    audited = AUDIT_FIELDS if name.startswith(("audit/", "availability/errors")) else set()
    assert others <= {*LogKey, *availability_report.LogKey, *approval_report.LogKey, "traceId"} | POWERTOOLS_FIELDS | audited


@pytest.mark.parametrize("name", definitions())
def test_a_query_names_its_log_groups_and_gives_each_placeholder_an_example(name: str) -> None:
    definition = definitions()[name]
    assert definition["LogGroupNames"]
    parameters = {each["Name"]: each for each in definition.get("Parameters", ())}
    assert set(re.findall(r"\{\{(\w+)\}\}", definition["QueryString"])) == parameters.keys()
    assert all(each["DefaultValue"] and each["Description"] for each in parameters.values())


def test_every_query_is_asked_here() -> None:
    asked = re.findall(r'\bask\(\s*"([^"]+)"', Path(__file__).read_text("utf-8"))
    assert definitions().keys() == {*asked}
