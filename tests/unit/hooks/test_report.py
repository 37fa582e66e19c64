"""Log lines and metrics of the runtime."""

import hashlib
import re
from typing import Any

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics

from mailhooks import __version__
from mailhooks.contract import MailFlowEvent
from mailhooks.errors import CannotChangeSafely
from mailhooks.hooks.invocation import Record
from mailhooks.hooks.report import Reporter
from mailhooks.hooks.runtime import HookFailed, Mail, async_hook
from mailhooks.mime import headers
from mailhooks.mime.message import Message
from mailhooks.report_names import LogKey, Metric, is_reserved_metric
from mailhooks.settings import OnError, Settings
from tests.support.hooks import DELIVER, MESSAGE, Context, Memory, broken, handler_of, settings, shout
from tests.support.mail import event
from tests.support.tables import check_rows


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


def test_log_exceptions_adds_the_text_and_the_traceback_of_the_hook_and_nothing_of_it_is_logged_without(log):
    assert "a secret subject" not in (handler_of(broken)(event(), None), log().text)[1]
    handler_of(broken, log_exceptions="text")(event(), None)
    [line] = log().lines
    assert "a secret subject" in line["detail"]
    first, frame, *_, last = line["traceback"].rstrip().split("\n")
    assert (first, last) == ("Traceback (most recent call last):", f"ValueError: {line['detail']}")
    assert re.search(r'tests/support/hooks\.py", line \d+, in broken$', frame)


def test_log_exceptions_shows_the_frames_of_the_library_when_no_other_frame_has_the_error(log):
    handler_of(lambda mail: "no verdict", log_exceptions="text")(event(), None)
    assert 'invocation.py", line' in log().lines[0]["traceback"]


def test_each_message_has_one_log_line_and_one_set_of_metrics(log):
    handler = handler_of(shout)
    for _ in range(3):
        handler(event(), None)
    printed = log()
    assert len(printed.lines) == len(printed.metrics) == 3
    assert [line["coldStart"] for line in printed.lines] == [True, False, False]
    assert [line.get("release") for line in printed.lines] == [__version__, None, None]
    metrics = printed.metrics[0]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "WorkMailHooks"
    assert (metrics["hook"], metrics["direction"], metrics["VerdictDefault"], metrics["Recipients"]) == ("shout", "INBOUND", [1.0], [1.0])


def test_a_log_line_has_the_version_of_the_lambda_function(log, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    handler_of(shout)(event(), None)
    assert log().lines[0]["functionVersion"] == "7"


def test_metrics_are_those_that_powertools_writes(capsys):
    record = Record(None, MailFlowEvent.parse(event()), ("DEFAULT", "MOVE_TO_JUNK"), message=Message(b"0123456789"), bytes_written=12)
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


POWERTOOLS = {"level", "message", "service", "timestamp"}


@pytest.mark.parametrize("hook", [shout, broken, lambda mail: None])
def test_every_name_of_a_metric_and_of_a_log_field_is_listed(hook, log):
    for changes in ({}, {"log_addresses": True}):
        handler_of(hook, **changes)(event(summaryVersion="2099-01-01"), None)
        printed = log()
        assert printed.lines[0].keys() <= {*LogKey} | POWERTOOLS
        names = printed.metrics[0].keys() - {"_aws"}
        assert [name for name in names if not is_reserved_metric(name)] == []
        assert {*Metric} >= {name for name in names if name[0].isupper() and not name.startswith(("Verdict", "Reason"))}


def test_an_unknown_version_of_the_event_is_logged_and_counted_and_the_message_handled(log):
    handler = handler_of(shout)
    assert handler(event(summaryVersion="2099-01-01"), None) == DELIVER
    printed = log()
    assert printed.lines[0]["summaryVersion"] == "2099-01-01"
    assert (printed.lines[0]["changed"], printed.metrics[0]["UnknownSummaryVersion"]) == (True, [1.0])
    for known in ("2018-10-10", "2019-07-28"):
        handler(event(summaryVersion=known), None)
        printed = log()
        assert "summaryVersion" not in printed.lines[0]
        assert "UnknownSummaryVersion" not in printed.metrics[0]


def read(mail: Mail) -> None:
    _ = mail.raw


def line_of(field: bytes, log: Any, **changes: Any) -> dict[str, Any]:
    """Return the log line of a message with a field in its header."""
    memory = Memory({event()["messageId"]: field + MESSAGE})
    handler_of(read, memory, **changes)(event(), None)
    line: dict[str, Any] = log().lines[0]
    return line


def test_the_log_line_has_a_digest_of_the_smtp_message_id_or_the_whole_by_setting(log):
    field = b"Message-ID:\r\n <1.two@mail.example.net> \r\n"
    digest = hashlib.sha256(b"<1.two@mail.example.net>").hexdigest()
    assert line_of(field, log)["smtpMessageId"] == f"sha256:{digest}"
    assert line_of(field, log, log_smtp_message_id="whole")["smtpMessageId"] == "<1.two@mail.example.net>"


def test_the_asynchronous_hook_and_a_failed_one_log_the_smtp_message_id_too(log):
    memory = Memory({event()["messageId"]: b"Message-ID: <1@example.net>\r\n" + MESSAGE})
    async_hook(read, content=memory, settings=settings(log_smtp_message_id="whole"))(event(), Context())
    assert log().lines[0]["smtpMessageId"] == "<1@example.net>"

    def read_and_fail(mail: Mail) -> None:
        raise ValueError(mail.raw)

    handler_of(read_and_fail, memory, log_smtp_message_id="whole")(event(), None)
    line = log().lines[0]
    assert (line["reason"], line["smtpMessageId"]) == ("ValueError", "<1@example.net>")


def test_a_changed_message_is_logged_with_the_message_id_that_it_had(log):
    memory = Memory({event()["messageId"]: b"Message-ID: <1@example.net>\r\n" + MESSAGE})
    handler_of(shout, memory, log_smtp_message_id="whole")(event(), None)
    line = log().lines[0]
    assert (line["changed"], line["smtpMessageId"]) == (True, "<1@example.net>")


def test_a_hook_that_reads_no_message_logs_no_smtp_message_id(log):
    memory = Memory()
    handler_of(lambda mail: None, memory)(event(), None)
    assert ("smtpMessageId" in log().lines[0], memory.gets) == (False, 0)


def test_a_hostile_message_id_is_logged_on_one_line_of_bounded_length(log):
    def check(field: bytes, logged: str | None) -> None:
        assert line_of(field, log, log_smtp_message_id="whole").get("smtpMessageId") == logged

    check_rows(
        [
            (b"", None),
            (b"Message-ID:   \r\n", None),
            (b"Message-ID: <1@example.net>\r\nMessage-Id: <2@example.net>\r\n", "<1@example.net>"),
            (b"message-id: <1\x00\x1b[2J@example.net>\r\n", "<1??[2J@example.net>"),
            (b"Message-ID: <1@\xe2\x80\xae\xe2\x80\xa8b\xc3\xbccher.example>\r\n", "<1@??b\u00fccher.example>"),
            (b"Message-ID: \xff\r\n", "\ufffd"),
            (b"Message-ID: <1\r\n\tx@example.net>\r\n", "<1?x@example.net>"),
            (b"Message-ID: " + b"x" * 2_000_000 + b"\r\n", "x" * 998),
        ],
        check,
    )


def test_the_smtp_message_id_needs_no_second_scan_of_the_header(monkeypatch):
    scans = []
    scan = headers.scan
    monkeypatch.setattr("mailhooks.mime.headers.scan", lambda *given: scans.append(given) or scan(*given))
    handler_of(lambda mail: mail.message.header and None)(event(), None)
    assert len(scans) == 1


def test_a_failing_log_does_not_hold_up_a_message(monkeypatch, capsys):
    handler = handler_of(shout)
    monkeypatch.setattr("aws_lambda_powertools.metrics.EphemeralMetrics.flush_metrics", broken)
    assert handler(event(), None) == DELIVER
    assert "log line or metrics are missing" in capsys.readouterr().err
