"""A held message: nothing happens before the decision, and after it all happens as without the hold."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailhooks.contract import Verdict
from mailhooks.core.evaluator import FixedPolicy
from mailhooks.core.side_effects_base import Holds, SideEffects, fail_action
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, ServiceFailed, StillHeld, TransientError
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.hooks.runtime import Handler, async_hook
from mailhooks.policy import Outcome, Policy, RuleFailed, Services
from mailhooks.policy.rules.rule import Archive, Notify
from mailhooks.report_names import HoldState
from tests.support.hooks import HEADER, Memory, handler_of, without_stamp
from tests.support.hooks import settings as make_settings
from tests.support.mail import event
from tests.support.policies import Counts, Groups, Mail, make_policy
from tests.support.random_policies import GROUPS, RULE, RULES, Rule, mails, policy_of
from workmail_local.policy_tools.memory_services import MemoryContacts, MemoryHolds

ANA, BEN = "ana@example.com", "ben@example.com"
BOTH = event(ANA, BEN)
HOLD: dict[str, Any] = {
    "hold": {"approvers": "boss@example.com", "timeout": "1h", "on_timeout": "bounce", "text": "%%Reason%% is the reason."}
}
HOLD_ANA = {"name": "hold ana", "when": {"recipient": ANA}, "do": HOLD}
TAG = {"name": "tag", "do": {"subject_tag": "[SEEN]"}}


@dataclass
class Effects(SideEffects):
    """Side effects that are only noted."""

    done: list[str] = field(default_factory=list)

    def archive(self, effect: Archive, mail: Any, deadline: Deadline) -> None:
        self.done.append("archive")

    def notify(self, effect: Notify, mail: Any, rule: str, verdict: Verdict, deadline: Deadline) -> None:
        self.done.append("notify")


class NotedHolds(MemoryHolds):
    """Holds with a state that a test may change, and a note of each look-up."""

    def __init__(self, state: HoldState = HoldState.PENDING, reason: str = "") -> None:
        super().__init__(state, reason)
        self.asked: list[dict[str, bool]] = []

    def resolve(self, mail: Any, outcome: Outcome) -> Outcome:
        self.asked.append({wanted.rule.name: bool(wanted.recipients) for wanted in outcome.holds})
        return super().resolve(mail, outcome)


@dataclass
class Failing:
    """Holds that cannot be recorded."""

    error: Exception

    def resolve(self, mail: Any, outcome: Outcome) -> Outcome:
        return outcome.with_failures(*(fail_action(wanted.rule, wanted.hold, self.error) for wanted in outcome.holds))


@dataclass
class Store(Memory):
    """Messages and stored decisions in memory."""

    kept: dict[str, str] = field(default_factory=dict)

    def save_decision(self, key: str, text: str, deadline: Deadline) -> None:
        self.kept[key] = text

    def load_decision(self, key: str, deadline: Deadline) -> str | None:
        return self.kept.get(key)


@dataclass
class Flow:
    """One message through one policy."""

    policy: Policy
    holds: Holds | None = field(default_factory=NotedHolds)
    content: Store = field(default_factory=lambda: Store({BOTH["messageId"]: HEADER + b"\r\nBody\r\n"}))
    effects: Effects = field(default_factory=Effects)
    contacts: MemoryContacts = field(default_factory=MemoryContacts)
    directory: Groups = field(default_factory=lambda: Groups(GROUPS))

    def handler(self, **changes: Any) -> Handler:
        services = Services(Counts(), self.directory, self.contacts)
        make = (lambda: self.holds) if self.holds else None
        return handler_of(PolicyHook(FixedPolicy(self.policy), self.effects, services, make), self.content, **changes)

    def send(self, document: Mapping[str, Any] = BOTH) -> dict[str, str]:
        response = self.handler()(dict(document), None)
        return {address: each["action"]["type"] for each in response["actions"] for address in each.get("recipients") or ["*"]}

    @property
    def raw(self) -> bytes:
        return without_stamp(next(iter(self.content.messages.values())))


def test_a_held_message_has_no_side_effect_and_no_change() -> None:
    effects = {"name": "effects", "do": [{"archive": {"bucket": "my-bucket"}}, {"notify": {"eventbridge": "bus"}}]}
    flow = Flow(make_policy(HOLD_ANA, TAG, effects))
    with pytest.raises(StillHeld):
        flow.send()
    assert (flow.content.puts, flow.content.kept, flow.effects.done) == (0, {}, [])


def test_an_approved_message_goes_through_the_rest_of_the_rules() -> None:
    flow = Flow(make_policy(HOLD_ANA, TAG), NotedHolds(HoldState.APPROVED))
    assert flow.send() == {"*": "DEFAULT"}
    assert b"[SEEN]" in flow.raw


def test_a_rejected_message_bounces_for_the_held_recipients_only() -> None:
    flow = Flow(make_policy(HOLD_ANA, TAG), NotedHolds(HoldState.REJECTED))
    assert flow.send() == {ANA: "BOUNCE", "*": "DEFAULT"}
    assert b"[SEEN]" in flow.raw


def test_a_retry_of_a_changed_message_is_not_looked_up() -> None:
    holds = NotedHolds(HoldState.REJECTED)
    flow = Flow(make_policy(HOLD_ANA, TAG), holds)
    first = flow.send()
    assert flow.send() == first
    assert holds.asked == [{"hold ana": True}]
    assert flow.content.puts == 1


def test_a_policy_without_a_hold_makes_no_holds() -> None:
    def make() -> Holds:
        raise AssertionError("not needed")

    hook = PolicyHook(
        FixedPolicy(make_policy(TAG, HOLD_ANA | {"enabled": False}, HOLD_ANA | {"name": "r", "mode": "report"})), make_holds=make
    )
    assert handler_of(hook)(BOTH, None)


def test_a_message_that_no_rule_holds_is_not_looked_up() -> None:
    holds = NotedHolds()
    assert Flow(make_policy(HOLD_ANA | {"when": {"recipient": "cleo@example.com"}}), holds).send() == {"*": "DEFAULT"}
    assert holds.asked == []


@pytest.mark.parametrize(
    "change",
    [
        {"active": {"until": "2020-01-01T00:00:00Z"}},
        {"when": {"time": {"from": "00:00", "until": "00:01"}, "recipient": "cleo@example.com"}},
        {"when": {"first_contact": True, "recipient": "cleo@example.com"}},
        {"when": {"sender_in_group": "staff@example.com"}},
    ],
)
def test_a_message_is_looked_up_if_a_rule_may_have_held_it_at_another_time(change: dict[str, Any]) -> None:
    holds = NotedHolds()
    assert Flow(make_policy(HOLD_ANA | change), holds).send() == {"*": "DEFAULT"}
    assert holds.asked == [{"hold ana": False}]


def test_a_hold_of_an_earlier_attempt_has_the_variables_of_its_text() -> None:
    texts = []

    class Recorded:
        def resolve(self, mail: Any, outcome: Outcome) -> Outcome:
            [wanted] = outcome.holds
            texts.append(wanted.hold.bounce_text(wanted.values, "late"))
            return outcome.with_decision(wanted._replace(recipients=outcome.recipients.all), HoldState.REJECTED)

    text = "%%Rule%% %%Reason%% %%Subject%% %%FromName%% %%FromDomain%%"
    hold = {"hold": HOLD["hold"] | {"text": text}}
    flow = Flow(make_policy(HOLD_ANA | {"do": hold, "active": {"until": "2020-01-01T00:00:00Z"}}), Recorded())
    assert flow.send() == {"*": "BOUNCE"}
    assert texts == ["hold ana late A subject from@example.net example.net"]


def test_a_second_message_of_a_new_sender_is_held_while_the_first_one_is() -> None:
    flow = Flow(make_policy({"name": "new", "when": {"first_contact": True}, "do": HOLD}))
    first, second = event(ANA, invocationId="a1"), event(ANA, invocationId="a2")
    for document in (first, second, first):
        with pytest.raises(StillHeld):
            flow.send(document)
    flow.holds = NotedHolds(HoldState.APPROVED)
    assert flow.send(first) == {"*": "DEFAULT"}
    flow.holds = NotedHolds()
    assert flow.send(event(ANA, invocationId="a3")) == {"*": "DEFAULT"}


def test_the_sender_of_rejected_mail_is_not_known() -> None:
    flow = Flow(make_policy({"name": "new", "when": {"first_contact": True}, "do": HOLD}), NotedHolds(HoldState.REJECTED))
    assert flow.send(event(ANA, invocationId="a1")) == {"*": "BOUNCE"}
    assert flow.send(event(ANA, invocationId="a2")) == {"*": "BOUNCE"}


@pytest.mark.parametrize("error, raised", [(ServiceFailed("no answer"), ServiceFailed), (Misconfigured("no table"), RuleFailed)])
def test_mail_that_cannot_be_held_is_retried(error: Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        Flow(make_policy(HOLD_ANA), Failing(error)).send()


ARCHIVE: dict[str, Any] = {"archive": {"bucket": "copies"}}
NOTIFY: dict[str, Any] = {"notify": {"eventbridge": "mail"}}


@pytest.mark.parametrize("action", [HOLD, ARCHIVE, NOTIFY], ids=lambda action: next(iter(action)))
@pytest.mark.parametrize(
    "error, text", [(Misconfigured("X_TABLE: not set"), "Misconfigured: X_TABLE: not set"), (ValueError("Ana"), "ValueError")]
)
def test_the_error_of_a_failed_action_has_the_text_of_our_own_errors_only(action: dict[str, Any], error: Exception, text: str) -> None:
    rule = make_policy({"name": "r", "on_error": "retry", "do": action}).rules[0]
    [effect] = rule.actions
    with pytest.raises(RuleFailed) as raised:
        fail_action(rule, effect, error)
    assert str(raised.value) == f'rule "r": {next(iter(action))}: {text}'


def test_mail_that_cannot_be_held_passes_if_the_rule_skips_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert Flow(make_policy(HOLD_ANA | {"on_error": "skip"}), Failing(Misconfigured("no table"))).send() == {"*": "DEFAULT"}
    assert '"what":"hold","error":"Misconfigured"' in capsys.readouterr().out


def test_a_hook_without_holds_does_not_deliver_a_message_that_is_to_be_held() -> None:
    with pytest.raises(RuleFailed, match=r"hold: Misconfigured: this function cannot hold"):
        Flow(make_policy(HOLD_ANA), None).send()


def test_an_asynchronous_rule_holds_nothing_and_reports_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    holds = NotedHolds()
    hook = PolicyHook(FixedPolicy(make_policy(HOLD_ANA | {"on_error": "skip"})), make_holds=lambda: holds)
    async_hook(hook, content=Store(), settings=make_settings())(BOTH, None)
    assert holds.asked == []
    assert "an asynchronous rule cannot hold messages" in capsys.readouterr().out


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_held_message_is_logged_as_held_and_not_as_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StillHeld):
        Flow(make_policy(HOLD_ANA)).send()
    line, metrics = lines_of(capsys.readouterr().out)
    assert line["level"] == "INFO"
    assert line["holds"] == [{"rule": "hold ana", "state": "pending"}]
    assert "reason" not in line
    assert "@" not in str(line)
    assert (metrics["Held"], metrics["Messages"], metrics["Passing"], metrics["Failed"]) == ([1.0], [1.0], [0.0], [0.0])
    assert not [name for name in metrics if name.startswith("Reason")]


def test_the_log_of_a_held_message_has_its_rules_and_the_reasons_if_these_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    policy = make_policy(HOLD_ANA, TAG)
    with pytest.raises(StillHeld):
        Flow(policy).handler(log_decision=True)(BOTH, None)
    line, _ = lines_of(capsys.readouterr().out)
    assert (line["rules"], line["policy"]) == (["hold ana", "tag"], policy.digest)
    assert [rule["actions"] for rule in line["decision"]] == [
        ["hold until boss@example.com approves, bounce after 1h"],
        ['subject_tag "[SEEN]" (not made: an approver has not decided yet: the message is evaluated again later)'],
    ]


def test_the_failures_of_a_held_message_are_logged_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    class PartlyAsked:
        def resolve(self, mail: Any, outcome: Outcome) -> Outcome:
            raise StillHeld({"hold ana": "pending"}, [{"rule": "hold ana", "what": "hold", "error": "Misconfigured", "detail": ""}])

    fails = {"name": "group", "when": {"sender_in_group": "no@example.com"}, "do": "drop"}
    flow = Flow(make_policy(fails, HOLD_ANA), PartlyAsked(), directory=Groups(broken=True))
    with pytest.raises(StillHeld):
        flow.send()
    line, metrics = lines_of(capsys.readouterr().out)
    assert [each["rule"] for each in line["failures"]] == ["group", "hold ana"]
    assert metrics["RuleFailures"] == [2.0]


def test_the_log_of_a_decided_message_has_its_state(capsys: pytest.CaptureFixture[str]) -> None:
    Flow(make_policy(HOLD_ANA), NotedHolds(HoldState.TIMED_OUT)).send()
    line, metrics = lines_of(capsys.readouterr().out)
    assert line["holds"] == [{"rule": "hold ana", "state": "timed-out"}]
    assert "Held" not in metrics


def without_holds(rules: list[Rule]) -> list[Rule]:
    """Return the rules with a count in place of each hold. The names of the rules stay, so that texts with the name do too."""
    return [rule | {"do": [{"count": "WasHeld"} if "hold" in action else action for action in rule["do"]]} for rule in rules]


def send(rules: list[Rule], sample: Mail, holds: Holds) -> tuple[Flow, Any]:
    """Send a random message through rules that skip errors by default. Return the flow, and each recipient's action or the error."""
    sent = sample.event
    document = event(
        *sent.recipients,
        direction=str(sent.flow_direction),
        sender=sent.sender,
        subject=sent.subject,
        truncated=sent.truncated,
        messageId=sent.message_id,
        invocationId=sent.invocation_id,
    )
    flow = Flow(policy_of([{"on_error": "skip"} | rule for rule in rules]), holds, Store({sent.message_id: sample.raw}))
    try:
        return flow, flow.send(document)
    except TransientError as error:
        return flow, type(error)


def open_outcome(rules: list[Rule], sample: Mail) -> Outcome:
    """Return the outcome of rules before any decision."""
    holds = NotedOutcome()
    send(rules, sample, holds)
    assume(holds.outcome is not None)
    assert holds.outcome is not None
    return holds.outcome


class NotedOutcome:
    """Holds that note the outcome that they are asked about."""

    outcome: Outcome | None = None

    def resolve(self, mail: Any, outcome: Outcome) -> Outcome:
        if any(wanted.recipients for wanted in outcome.holds):
            self.outcome = outcome
        return outcome


@st.composite
def held_rules(draw: st.DrawFn) -> list[Rule]:
    """Draw rules with at least one hold."""
    rules, rule = draw(RULES), draw(RULE)
    at = draw(st.integers(0, len(rules)))
    actions = [HOLD, *(action for action in rule["do"] if "hold" not in action)]
    return [*rules[:at], rule | {"name": "Held", "enabled": True, "do": actions}, *rules[at:]]


@pytest.mark.fuzz
@given(held_rules(), mails())
def test_nothing_happens_while_any_message_is_held(rules: list[Rule], sample: Mail) -> None:
    open_outcome(rules, sample)
    flow, result = send(rules, sample, MemoryHolds())
    assert result is StillHeld
    assert (flow.content.puts, flow.content.kept, flow.effects.done) == (0, {}, [])
    author = sample.event.mail_from
    pairs = {tuple(sorted((author, address.lower()))) for address in sample.event.recipients if "@" in address}
    assert flow.contacts.record(pairs, "another", keep_s=9, deadline=Deadline.after(9)) == pairs


@pytest.mark.fuzz
@given(held_rules(), mails())
def test_an_approval_leads_to_the_bytes_and_verdicts_of_the_policy_without_holds(rules: list[Rule], sample: Mail) -> None:
    approved, result = send(rules, sample, MemoryHolds(HoldState.APPROVED))
    plain, expected = send(without_holds(rules), sample, MemoryHolds())
    assert (result, approved.raw, approved.effects.done) == (expected, plain.raw, plain.effects.done)


@pytest.mark.fuzz
@given(held_rules(), mails())
def test_a_rejection_changes_the_verdict_of_held_recipients_only(rules: list[Rule], sample: Mail) -> None:
    outcome = open_outcome(rules, sample)
    held = {address for wanted in outcome.holds for address in outcome.recipients.list_addresses(wanted.recipients)}
    rejected = MemoryHolds(HoldState.REJECTED, "no").decide(outcome)
    for address, action in outcome.by_recipient.items():
        found = rejected.by_recipient[address]
        if address not in held:
            assert found == action
        else:
            assert not found.type.delivers
            assert found == action or (found.bounce_message or "").startswith("no")
    assert set(rejected.added) <= set(outcome.added)
