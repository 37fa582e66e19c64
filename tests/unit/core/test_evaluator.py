"""The evaluation of a policy on a mail platform that is not WorkMail: limits, believed results, and the life of a decision."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailhooks.actions import Action, ActionType
from mailhooks.core.decision import Decision
from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.core.mail import Mail
from mailhooks.core.prepared_change import prepare_change
from mailhooks.core.side_effects_base import SideEffects
from mailhooks.deadline import Deadline
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.errors import MessageRejected, ServiceFailed, StillHeld, TransientError
from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.platform import Platform
from mailhooks.policy.evaluation.outcome import Outcome
from mailhooks.policy.rules.rule import Archive, Notify
from mailhooks.report_names import HoldState, LogKey, Metric
from tests.support.policies import PLAIN, make_policy

OPEN = Platform("open", "the next host", prepare_change)
"""A platform without limits."""

ADD_OUTSIDE = {"do": {"add_recipients": "copy@example.org"}}
UNCHECKED = {"when": {"authentication": {"dmarc": "fail"}}, "do": "junk"}
TAG: dict[str, Any] = {"do": [{"subject_tag": "[X]"}, {"notify": {"eventbridge": "bus"}}, {"archive": {"bucket": "copies"}}]}


@dataclass
class Recorded(SideEffects):
    """Side effects in the order of their calls; each raises its error, if there is one."""

    calls: list[object] = field(default_factory=list)
    archive_error: Exception | None = None
    notify_error: Exception | None = None

    def archive(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:
        self.calls.append(("archive", mail.raw))
        if self.archive_error:
            raise self.archive_error

    def notify(self, effect: Notify, mail: Mail, rule: str, verdicts: Sequence[str], deadline: Deadline) -> None:
        self.calls.append(("notify", tuple(verdicts)))
        if self.notify_error:
            raise self.notify_error


class Waiting:
    """Holds without a decision."""

    def resolve(self, mail: Mail, outcome: Outcome) -> Outcome:
        raise StillHeld({each.rule.name: HoldState.PENDING for each in outcome.holds})


def mail(*recipients: str, raw: bytes = PLAIN, direction: FlowDirection = FlowDirection.INBOUND, **more: Any) -> Mail:
    envelope = Envelope("ana@example.net", recipients or ("ben@example.com",), None, "A subject", "m", "i", direction)
    return Mail(envelope, lambda: raw, Deadline.after(10), **more)


def decide(*rules: dict[str, Any], of: Mail | None = None, platform: Platform = OPEN, effects: SideEffects | None = None) -> Decision:
    return PolicyEvaluator(FixedPolicy(make_policy(*rules)), platform, effects).evaluate(of or mail())


def test_a_rule_adds_recipients_outside_of_the_organization_only_where_the_platform_allows_it() -> None:
    assert decide(ADD_OUTSIDE).outcome.list_added() == ["copy@example.org"]
    decision = decide(ADD_OUTSIDE, platform=WORKMAIL)
    assert decision.outcome.list_added() == []
    assert [each.error for each in decision.outcome.failures] == ["NotAddable"]


def test_an_outbound_message_gets_as_many_recipients_as_the_platform_allows() -> None:
    addresses = [f"copy{number}@example.org" for number in range(5)]
    rule = {"do": {"add_recipients": addresses}}
    outbound = mail("a@example.org", "b@example.org", direction=FlowDirection.OUTBOUND)
    assert decide(rule, of=outbound).outcome.list_added() == addresses
    limited = decide(rule, of=outbound, platform=OPEN._replace(max_recipients=4))
    assert limited.outcome.list_added() == addresses[:2]
    assert len(limited.outcome.notes) == 1


def test_each_recipient_keeps_the_bounce_text_of_its_rule() -> None:
    recipients = [f"user{number}@example.com" for number in range(20)]
    rules = [{"when": {"recipient": address}, "do": {"bounce": f"No. {address}"}} for address in recipients]
    outcome = decide(*rules, of=mail(*recipients)).outcome
    assert outcome.by_recipient == {address: Action(ActionType.BOUNCE, f"No. {address}") for address in recipients}
    assert len(set(outcome.limit_actions(10).values())) == 10


@pytest.mark.parametrize(
    "field_of_the_message, authserv_ids, is_believed",
    [
        (b"Authentication-Results: mx.example.com; dmarc=fail", ["mx.example.com"], True),
        (b"Authentication-Results: MX.example.com; dmarc=fail", ["mx.Example.com"], True),
        (b"Authentication-Results: mx.example.net; dmarc=fail", ["mx.example.com"], False),
        (b"Authentication-Results: amazonses.com; dmarc=fail", ["mx.example.com"], False),
        (b"Authentication-Results: mx.example.com; dmarc=fail", [], False),
    ],
)
def test_only_the_results_of_the_named_servers_are_believed(
    field_of_the_message: bytes, authserv_ids: list[str], *, is_believed: bool
) -> None:
    received = mail(raw=field_of_the_message + b"\r\n" + PLAIN, authserv_ids=authserv_ids)
    expected = ActionType.MOVE_TO_JUNK if is_believed else ActionType.DEFAULT
    assert decide(UNCHECKED, of=received).outcome.by_recipient["ben@example.com"].type is expected


OF_OPENDKIM = b"Authentication-Results: dkim.example.com; dkim=pass\r\n"
OF_OPENDMARC = b"Authentication-Results: dmarc.example.com; dmarc=fail\r\n"
FORGED = b"Authentication-Results: dmarc.example.com; dmarc=pass; dkim=pass\r\n"


@pytest.mark.parametrize(
    "fields, expected",
    [
        (OF_OPENDMARC + OF_OPENDKIM, {"dkim=pass", "dmarc=fail"}),
        (OF_OPENDKIM + OF_OPENDMARC, {"dkim=pass", "dmarc=fail"}),
        (OF_OPENDMARC + OF_OPENDKIM + FORGED, {"dkim=pass", "dmarc=fail"}),
        # A second field of a server, and those below a field of another server, may be the sender's.
        (OF_OPENDMARC + FORGED + OF_OPENDKIM, {"dmarc=fail"}),
        (OF_OPENDMARC + b"Authentication-Results: mx.example.net; dkim=fail\r\n" + OF_OPENDKIM, {"dmarc=fail"}),
        (OF_OPENDKIM.replace(b"dkim=pass", b"dkim=pass; dmarc=none") + OF_OPENDMARC, {"dkim=pass"}),
    ],
)
def test_the_topmost_field_of_each_named_server_is_believed(fields: bytes, expected: set[str]) -> None:
    received = mail(raw=fields + PLAIN, authserv_ids=["dkim.example.com", "dmarc.example.com"])
    found = set()
    for method, result in (("dkim", "pass"), ("dkim", "fail"), ("dmarc", "pass"), ("dmarc", "fail")):
        rule = {"when": {"authentication": {method: result}}, "do": "junk"}
        if decide(rule, of=received).outcome.matched:
            found.add(f"{method}={result}")
    assert found == expected


def test_a_verdict_of_ses_that_the_sender_wrote_counts_only_where_ses_receives_the_mail() -> None:
    rule = {"when": {"authentication": {"spam": "fail"}}, "do": "junk"}
    received = mail(raw=b"X-SES-Spam-Verdict: FAIL\r\n" + PLAIN, authserv_ids=["amazonses.com"])
    assert decide(rule, of=received).outcome.matched == ()
    assert decide(rule, of=received, platform=WORKMAIL).outcome.matched == ("rule 0",)


def test_a_change_above_the_size_limit_of_the_platform_is_left_out() -> None:
    decision = decide(TAG, platform=OPEN._replace(max_message_octets=len(PLAIN)), effects=Recorded())
    assert decision.change is None
    assert str(decision.error) == f"the next host would reject the changed message: the message is larger than {len(PLAIN)} octets"
    assert decide(TAG, platform=OPEN._replace(max_message_octets=len(PLAIN) + 4), effects=Recorded()).change


def test_the_message_is_archived_before_the_decision_and_notified_of_after_it() -> None:
    effects = Recorded()
    decision = decide(TAG, effects=effects)
    assert effects.calls == [("archive", PLAIN)]
    assert decision.change
    assert b"".join(decision.change.pieces()) == PLAIN.replace(b"Subject: ", b"Subject: [X] ")
    finished = decision.notify()
    assert effects.calls[1:] == [("notify", ("DEFAULT",))]
    assert finished.log[LogKey.RULES] == ["rule 0"]
    assert finished.counts == {Metric.RULES_MATCHED: 1}


def test_a_failed_side_effect_is_logged_and_counted_or_retried_as_its_rule_wants() -> None:
    effects = Recorded(archive_error=ServiceFailed("no answer"), notify_error=ServiceFailed("no answer"))
    finished = decide(TAG, effects=effects).notify()
    assert [(each.what, each.error) for each in finished.outcome.failures] == [("archive", "ServiceFailed"), ("notify", "ServiceFailed")]
    assert finished.counts[Metric.RULE_FAILURES] == 2
    with pytest.raises(TransientError):
        decide(TAG | {"on_error": "retry"}, effects=effects)
    with pytest.raises(TransientError):
        decide(TAG | {"on_error": "retry"}, effects=Recorded(notify_error=ServiceFailed("no answer"))).notify()


def test_a_rule_refuses_the_message_if_its_change_cannot_be_written() -> None:
    program = PLAIN.replace(b"text/plain; charset=utf-8", b'application/octet-stream; name="a.exe"')
    rule = {"do": {"strip_attachments": {"extensions": ["exe"], "on_unmodifiable": "bounce"}}}
    decision = decide(rule, of=mail(raw=program))
    assert decision.change
    refused = decision.without_change(MessageRejected("too large"))
    assert refused.change is None
    text = "This message cannot be sent: the next host rejects changes of this message."
    assert refused.outcome.by_recipient == {"ben@example.com": Action(ActionType.BOUNCE, text)}
    assert refused.outcome.verdict_types == ("BOUNCE",)
    assert decision.outcome.verdict_types == ("DEFAULT",)


def test_a_held_message_has_the_log_fields_of_its_rules() -> None:
    hold = {"do": {"hold": {"approvers": "boss@example.com", "timeout": "1h", "on_timeout": "bounce"}}}
    evaluator = PolicyEvaluator(FixedPolicy(make_policy(hold)), OPEN, make_holds=Waiting)
    with pytest.raises(StillHeld) as held:
        evaluator.evaluate(mail())
    assert held.value.states == {"rule 0": HoldState.PENDING}
    assert held.value.log[LogKey.RULES] == ["rule 0"]


def test_a_message_is_fetched_only_if_a_rule_needs_it() -> None:
    def fetch() -> bytes:
        raise AssertionError("the message is not needed")

    unread = mail()
    unread = Mail(unread.envelope, fetch, unread.deadline)
    decision = PolicyEvaluator(FixedPolicy(make_policy({"do": "drop"})), OPEN).evaluate(unread)
    assert decision.outcome.verdict_types == ("DROP",)
    assert unread.message_read is None
