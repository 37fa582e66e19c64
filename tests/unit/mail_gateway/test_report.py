"""The log line and metrics of a message that a listener received."""

from contextlib import suppress
from typing import Any

import pytest

from mail_gateway.report import GatewayReporter
from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.errors import CannotChangeSafely, StillHeld, Throttled
from mailhooks.policy import Policy
from mailhooks.relay.errors import Refused, TryAgain
from mailhooks.relay.platforms import GATEWAY
from tests.support.hooks import settings
from tests.support.policies import make_policy
from tests.support.relay import TAG, Relay

MAIL = b"From: ana@example.net\r\nSubject: a secret subject\r\nMessage-ID: <1.x@example.net>\r\n\r\ntext\r\n"


def make_relay(*rules: dict[str, Any], **changes: Any) -> Relay:
    relay = Relay(rules or (TAG,))
    relay.evaluator.reporter = GatewayReporter(settings(**changes))
    return relay


def fail_with(error: Exception) -> Relay:
    """Return a listener whose policy cannot be read."""

    class Unreadable(FixedPolicy):
        def current(self) -> Policy:
            raise error

    relay = make_relay()
    relay.evaluator.evaluator = PolicyEvaluator(Unreadable(make_policy(TAG)), GATEWAY)
    return relay


def test_the_line_of_a_message_has_the_listener_and_the_ids_and_neither_addresses_nor_subjects(log):
    relay = make_relay()
    disposition = relay.evaluate(MAIL, "bo@example.com", "cy@example.com")
    disposition.finish()
    printed = log()
    [line] = printed.lines
    assert (
        line
        | {
            "level": "INFO",
            "message": "the message is handled",
            "hook": "inbound",
            "direction": "INBOUND",
            "invocationId": disposition.invocation_id,
            "recipientCount": 2,
            "verdict": ["DEFAULT"],
            "changed": True,
            "bytes": len(MAIL),
            "bytesWritten": disposition.size,
            "rules": ["rule 0"],
        }
        == line
    )
    [metrics] = printed.metrics
    assert (metrics["hook"], metrics["direction"], metrics["Messages"], metrics["Changed"]) == ("inbound", "INBOUND", [1.0], [1.0])
    assert "example.com" not in printed.text
    assert "secret" not in printed.text


def test_addresses_and_the_subject_are_in_the_line_if_the_settings_want_them(log):
    make_relay(log_addresses=True).pass_on(MAIL)
    [line] = log().lines
    assert (line["mailFrom"], line["recipients"], line["subject"]) == ("ana@example.net", ["bo@example.com"], "a secret subject")


def test_a_message_with_a_valid_mark_is_named_in_its_line(log):
    relay = make_relay()
    marked = relay.pass_on(MAIL)
    relay.pass_on(marked)
    first, second = log().lines
    assert "alreadyChecked" not in first
    assert (second["alreadyChecked"], second["changed"], second["verdict"]) == (True, False, ["DEFAULT"])


def test_the_verdicts_of_all_recipients_are_counted(log):
    relay = make_relay({"when": {"recipient": "cy@example.com"}, "do": {"bounce": "No."}}, {"do": {"count": "Mail"}})
    relay.pass_on(MAIL, "bo@example.com", "cy@example.com")
    printed = log()
    assert printed.lines[0]["verdict"] == ["BOUNCE", "DEFAULT"]
    assert printed.metrics[0]["VerdictBounce"] == printed.metrics[0]["VerdictDefault"] == printed.metrics[0]["Mail"] == [1.0]


def test_a_message_in_a_loop_is_logged_as_refused(log):
    with pytest.raises(Refused):
        make_relay().evaluate(b"Received: x\r\n" * 51 + MAIL)
    printed = log()
    assert (printed.lines[0]["level"], printed.lines[0]["message"]) == ("WARNING", "the message is refused")
    assert printed.lines[0]["reason"] == "Refused"
    assert printed.metrics[0]["ReasonRefused"] == [1.0]


@pytest.mark.parametrize(
    "error, level, message, metric",
    [
        (Throttled("too many calls"), "ERROR", "the client has to send the message again", "Passing"),
        (StillHeld({"rule 0": "pending"}), "INFO", "the message is held until an approver decides", "Held"),
        (CannotChangeSafely("odd"), "WARNING", "the message is passed on unchanged", "Permanent"),
        (RuntimeError("a secret"), "ERROR", "the evaluation failed", "Failed"),
    ],
)
def test_each_kind_of_error_has_its_line_and_metric_once(log, error: Exception, level: str, message: str, metric: str):
    relay = fail_with(error)
    with suppress(TryAgain):
        relay.evaluate(MAIL).finish()
    printed = log()
    [line] = printed.lines
    [metrics] = printed.metrics
    assert (line["level"], line["message"]) == (level, message)
    assert metrics[metric] == [1.0]
    assert "secret" not in printed.text
