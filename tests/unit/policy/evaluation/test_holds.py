"""Holds of an outcome: for whom, and the outcome after each decision."""

from typing import Any

import pytest

from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.policy import Outcome
from mailhooks.report_names import HoldState
from tests.support.policies import HEAD, actions_by_recipient, evaluate, mail, make_policy

ANA, BEN, CLEO = "ana@example.com", "ben@example.com", "cleo@example.com"
HOLD: dict[str, Any] = {"approvers": "boss@example.com", "timeout": "1h", "on_timeout": "bounce"}
HOLD_ANA = {"name": "hold", "when": {"recipient": ANA}, "do": {"hold": HOLD}}


def outcome_of(*rules: dict[str, Any], **event: Any) -> Outcome:
    return evaluate(make_policy(*rules), mail(HEAD + b"\r\nHello\r\n", ANA, BEN, **event))


def held(outcome: Outcome) -> dict[str, set[str]]:
    return {wanted.rule.name: set(outcome.recipients.list_addresses(wanted.recipients)) for wanted in outcome.holds}


def decided(outcome: Outcome, state: HoldState, reason: str = "") -> Outcome:
    for wanted in outcome.holds:
        outcome = outcome.with_decision(wanted, state, reason)
    return outcome


def test_a_hold_is_for_the_recipients_of_its_rule() -> None:
    assert held(outcome_of(HOLD_ANA)) == {"hold": {ANA}}
    assert held(outcome_of(HOLD_ANA | {"when": {"recipient": CLEO}})) == {}


@pytest.mark.parametrize("verdict", ["drop", {"bounce": "No."}, {"remove_recipients": ANA}])
@pytest.mark.parametrize("first", [True, False])
def test_a_message_is_not_held_for_a_recipient_who_does_not_get_it(verdict: Any, first: bool) -> None:
    rules = [{"when": {"recipient": ANA}, "do": verdict}, HOLD_ANA]
    assert held(outcome_of(*(rules if first else reversed(rules)))) == {}


def test_mail_to_a_replacement_is_held_for_the_recipient_whom_it_replaces() -> None:
    redirect = {"when": {"recipient": ANA}, "do": [{"add_recipients": CLEO}, "drop"]}
    outcome = outcome_of(HOLD_ANA, redirect)
    assert held(outcome) == {"hold": {ANA}}
    rejected = decided(outcome, HoldState.REJECTED)
    assert actions_by_recipient(rejected) == {ANA: "BOUNCE", "*": "DEFAULT"}
    assert rejected.added == ()


def test_a_copy_for_a_dropped_recipient_is_held_too() -> None:
    outcome = outcome_of(HOLD_ANA, {"when": {"recipient": ANA}, "do": {"add_recipients": CLEO}}, {"when": {"recipient": ANA}, "do": "drop"})
    assert held(outcome) == {"hold": {ANA}}
    assert decided(outcome, HoldState.REJECTED).added == ()
    assert decided(outcome, HoldState.APPROVED).added == (CLEO,)


def test_a_rejection_keeps_the_copy_for_a_dropped_recipient_whom_no_rule_holds() -> None:
    copy = {"when": {"recipient": BEN}, "do": {"add_recipients": CLEO}}
    outcome = outcome_of(HOLD_ANA, copy, {"when": {"recipient": BEN}, "do": "drop"})
    rejected = decided(outcome, HoldState.REJECTED)
    assert actions_by_recipient(rejected) == {BEN: "DROP", CLEO: "DEFAULT", "*": "BOUNCE"}
    assert rejected.added == (CLEO,)


def test_a_copy_for_two_recipients_is_not_sent_if_both_are_rejected_one_after_the_other() -> None:
    copy = {"when": {"recipient": [ANA, BEN]}, "do": {"add_recipients": CLEO}}
    outcome = outcome_of(HOLD_ANA, HOLD_ANA | {"name": "second", "when": {"recipient": BEN}}, copy)
    assert decided(outcome, HoldState.REJECTED).added == ()


def test_a_rule_in_report_mode_holds_nothing() -> None:
    outcome = outcome_of(HOLD_ANA | {"mode": "report"})
    assert (held(outcome), outcome.reported) == ({}, ("hold",))


def test_an_approval_leaves_the_outcome_as_it_is() -> None:
    outcome = outcome_of(HOLD_ANA, {"when": {"recipient": BEN}, "do": "junk"}, {"do": {"subject_tag": "[A]"}, "mixed": "all"})
    approved = decided(outcome, HoldState.APPROVED)
    assert make_verdict(approved).to_response() == make_verdict(outcome).to_response()
    assert approved.changes == outcome.changes
    assert approved.hold_states == {"hold": HoldState.APPROVED}


def test_a_rejection_bounces_the_recipients_of_the_hold_with_the_reason() -> None:
    rejected = decided(outcome_of(HOLD_ANA), HoldState.REJECTED, "wrong account")
    assert actions_by_recipient(rejected) == {ANA: "BOUNCE", "*": "DEFAULT"}
    assert "wrong account" in (rejected.verdicts[ANA].bounce_message or "")
    assert "none was given" in (decided(outcome_of(HOLD_ANA), HoldState.REJECTED).verdicts[ANA].bounce_message or "")


def test_the_text_of_a_rejection_has_the_variables_of_a_bounce() -> None:
    text = "%%Rule%%: %%Reason%%, %%FromName%% %%FromAddress%% %%Subject%%"
    outcome = outcome_of(HOLD_ANA | {"do": {"hold": HOLD | {"text": text}}}, subject="Invoice")
    found = decided(outcome, HoldState.REJECTED, "no %%Subject%%").verdicts[ANA].bounce_message
    assert found == "hold: no %%Subject%%, Ana from@example.net Invoice"


@pytest.mark.parametrize("on_timeout, action", [("deliver", None), ("bounce", "BOUNCE"), ("drop", "DROP")])
def test_without_a_decision_in_time_on_timeout_decides(on_timeout: str, action: str | None) -> None:
    outcome = outcome_of(HOLD_ANA | {"do": {"hold": HOLD | {"on_timeout": on_timeout}}})
    late = decided(outcome, HoldState.TIMED_OUT)
    assert actions_by_recipient(late) == ({ANA: action} if action else {}) | {"*": "DEFAULT"}
    assert late.hold_states == {"hold": HoldState.TIMED_OUT}


def test_the_hold_of_a_rule_decides_after_an_earlier_verdict_that_delivers() -> None:
    outcome = outcome_of({"when": {"recipient": ANA}, "do": "deliver"}, HOLD_ANA)
    assert actions_by_recipient(decided(outcome, HoldState.REJECTED)) == {ANA: "BOUNCE", "*": "DEFAULT"}


def test_one_rejection_of_two_holds_is_enough() -> None:
    outcome = outcome_of(HOLD_ANA, {"name": "second", "do": {"hold": HOLD}})
    first, second = outcome.holds
    found = outcome.with_decision(first, HoldState.REJECTED).with_decision(second, HoldState.APPROVED)
    assert actions_by_recipient(found) == {ANA: "BOUNCE", "*": "DEFAULT"}


def test_a_change_for_rejected_recipients_only_is_not_made() -> None:
    tag = {"when": {"recipient": ANA}, "do": {"subject_tag": "[A]"}, "mixed": "all"}
    rejected = decided(outcome_of(HOLD_ANA, tag), HoldState.REJECTED)
    assert (rejected.changes, rejected.mixed) == ((), ())


def test_a_change_for_all_who_are_left_is_made_although_it_is_not_to_be_mixed() -> None:
    tag = {"name": "tag", "when": {"recipient": BEN}, "do": {"subject_tag": "[B]"}, "mixed": "none"}
    outcome = outcome_of(HOLD_ANA, tag)
    assert (outcome.changes, outcome.mixed) == ((), ("tag",))
    rejected = decided(outcome, HoldState.REJECTED)
    assert [wanted.rule.name for wanted in rejected.changes] == ["tag"]
    assert rejected.mixed == ()
