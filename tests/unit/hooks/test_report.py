"""Log lines and metrics of the runtime."""

import re

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics

from mailhooks.contract import MailFlowEvent
from mailhooks.errors import CannotChangeSafely
from mailhooks.hooks.invocation import Record
from mailhooks.hooks.report import Reporter
from mailhooks.hooks.runtime import HookFailed, Mail
from mailhooks.settings import OnError, Settings
from tests.support.hooks import DELIVER, MESSAGE, broken, handler_of, shout
from tests.support.mail import event


def test_a_hook_that_ends_the_process_is_not_reported_as_a_success(log):
    def leave(mail: Mail) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        handler_of(leave)(event(), None)
    [line] = log().lines
    assert (line["level"], line["reason"]) == ("ERROR", "SystemExit")


def test_an_unexpected_error_delivers_the_mail_unchanged_by_default(log):
    assert handler_of(broken)(event(), None) == DELIVER
    printed = log()
    assert printed.lines[0] | {"level": "ERROR", "reason": "ValueError", "changed": False} == printed.lines[0]
    assert printed.lines[0]["frames"][-1].startswith("hooks.py:")
    assert printed.metrics[0]["Failed"] == printed.metrics[0]["ReasonValueError"] == [1.0]


def test_an_unexpected_error_is_raised_without_content_if_on_error_is_retry(log):
    with pytest.raises(HookFailed) as caught:
        handler_of(broken, on_error=OnError.RETRY)(event(), None)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "secret" not in log().text


def test_a_log_line_has_identifiers_and_counts_and_neither_addresses_nor_subjects(log):
    handler_of(shout)(event("a@example.com", "b@example.com"), None)
    printed = log()
    assert (
        printed.lines[0]
        | {
            "hook": "shout",
            "messageId": event()["messageId"],
            "invocationId": event()["invocationId"],
            "direction": "INBOUND",
            "recipientCount": 2,
            "verdict": ["DEFAULT"],
            "changed": True,
            "bytes": len(MESSAGE),
            "bytesWritten": len(MESSAGE),
            "coldStart": True,
        }
        == printed.lines[0]
    )
    assert printed.lines[0]["milliseconds"] >= 0
    assert "@" not in printed.text
    assert "subject" not in printed.text.lower()


def test_log_addresses_adds_addresses_and_subjects(log):
    handler_of(broken, log_addresses=True)(event("a@example.com", sender="c@example.org"), None)
    line = log().lines[0]
    assert (line["recipients"], line["sender"], line["subject"]) == (["a@example.com"], "c@example.org", "A subject")
    assert "a secret subject" in line["detail"]


def test_each_message_has_one_log_line_and_one_set_of_metrics(log):
    handler = handler_of(shout)
    for _ in range(3):
        handler(event(), None)
    printed = log()
    assert len(printed.lines) == len(printed.metrics) == 3
    assert [line["coldStart"] for line in printed.lines] == [True, False, False]
    metrics = printed.metrics[0]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "WorkMailHooks"
    assert (metrics["hook"], metrics["direction"], metrics["VerdictDefault"], metrics["Recipients"]) == ("shout", "INBOUND", [1.0], [1.0])


def test_metrics_are_those_that_powertools_writes(capsys):
    record = Record(None, MailFlowEvent.parse(event()), ("DEFAULT", "MOVE_TO_JUNK"), bytes_read=10, bytes_written=12)
    record.permanent, record.counts = CannotChangeSafely("x"), {"RuleOne": 2, "Changed": 7, "Two": 0}
    reporter = Reporter("shout", Settings())
    for _ in range(2):
        reporter._count(record, 1.5)
    first, second = capsys.readouterr().out.splitlines()
    wanted = EphemeralMetrics(namespace="WorkMailHooks", service="workmail-hooks")
    wanted.add_dimension("hook", "shout")
    wanted.add_dimension("direction", "INBOUND")
    for name, unit, value in [
        ("Messages", "Count", 1),
        ("Changed", "Count", 7),
        ("Permanent", "Count", 1),
        ("Passing", "Count", 0),
        ("Failed", "Count", 0),
        ("ReasonCannotChangeSafely", "Count", 1),
        ("VerdictDefault", "Count", 1),
        ("VerdictMoveToJunk", "Count", 1),
        ("RuleOne", "Count", 2),
        ("Two", "Count", 0),
        ("Duration", "Milliseconds", 1.5),
        ("MessageSize", "Bytes", 10),
        ("Recipients", "Count", 1),
    ]:
        wanted.add_metric(name, unit, value)
    wanted.add_metadata("messageId", event()["messageId"])
    wanted.add_metadata("invocationId", event()["invocationId"])
    wanted.flush_metrics()
    without_time = [re.sub(r'"Timestamp":\d+', "", text) for text in (first, second, capsys.readouterr().out.strip())]
    assert without_time[0] == without_time[1] == without_time[2]


def test_a_failing_log_does_not_hold_up_a_message(monkeypatch, capsys):
    handler = handler_of(shout)
    monkeypatch.setattr("aws_lambda_powertools.metrics.EphemeralMetrics.flush_metrics", broken)
    assert handler(event(), None) == DELIVER
    assert "log line or metrics are missing" in capsys.readouterr().err
