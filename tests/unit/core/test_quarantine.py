"""Held messages of a platform that quarantines them."""

from typing import Any

from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.core.mail import Mail
from mailhooks.core.prepared_change import prepare_change
from mailhooks.deadline import Deadline
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.mime.edits import splice
from mailhooks.platform import HoldMethod, Platform
from mailhooks.report_names import HoldState
from tests.support.policies import PLAIN, make_policy

HOLD = {"hold": {"approvers": "boss@example.com", "timeout": "1h", "on_timeout": "bounce"}}


def test_the_platform_gets_the_changed_message_and_the_names_of_the_rules_that_hold_it() -> None:
    rules: list[dict[str, Any]] = [
        {"name": "hold ana", "when": {"recipient": "ana@example.com"}, "do": HOLD},
        {"name": "hold bo", "when": {"recipient": "bo@example.com"}, "do": HOLD},
        {"name": "tag", "do": {"subject_tag": "[X]"}},
    ]
    envelope = Envelope("nora@example.net", ("ana@example.com",), None, "A subject", "m", "i", FlowDirection.INBOUND)
    platform = Platform("sample", "The platform", prepare_change, holds=HoldMethod.QUARANTINE)
    evaluator = PolicyEvaluator(FixedPolicy(make_policy(*rules)), platform)
    decision = evaluator.evaluate(Mail(envelope, lambda: PLAIN, Deadline.after(10)))
    assert decision.outcome.hold_states == {"hold ana": HoldState.PENDING}
    assert decision.outcome.failures == ()
    assert decision.change
    assert b"Subject: [X] A subject\r\n" in splice(PLAIN, decision.change.edits)
