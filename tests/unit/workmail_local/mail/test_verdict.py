from typing import Any

import pytest

from mailhooks.contract import Action, ActionType
from tests.support.mail import parsed
from workmail_local.mail.verdict import Origin, apply_verdict

DEFAULT = Action(ActionType.DEFAULT)
DROP = Action(ActionType.DROP)
ANA, BEN = "ana@example.com", "ben@example.com"


def entry(kind: str, *recipients: str, every: bool = False, text: str = "") -> dict[str, Any]:
    action: dict[str, Any] = {"type": kind} | ({"parameters": {"bounceMessage": text}} if text else {})
    return {"action": action} | ({"recipients": list(recipients)} if recipients else {}) | ({"allRecipients": True} if every else {})


def outcomes(*actions: dict[str, Any], to: tuple[str, ...] = (ANA, BEN), fallback: Action = DEFAULT, **event: Any) -> dict[str, str]:
    delivery = apply_verdict(parsed(*to, **event), {"actions": list(actions)}, fallback, {"example.com"})
    return {outcome.recipient: f"{outcome.action.type} {outcome.origin}" for outcome in delivery.outcomes}


def test_all_recipients_covers_those_that_no_other_action_names() -> None:
    assert outcomes(entry("DEFAULT", every=True), entry("DROP", BEN)) == {ANA: "DEFAULT all", BEN: "DROP named"}


def test_recipients_that_are_left_out_get_the_fallback_action_which_is_a_problem() -> None:
    delivery = apply_verdict(parsed(ANA, BEN), {"actions": [entry("DEFAULT", ANA)]}, DROP, ())
    assert [(outcome.action, outcome.origin) for outcome in delivery.outcomes] == [(DEFAULT, Origin.NAMED), (DROP, Origin.FALLBACK)]
    assert delivery.problem == "the response leaves out 1 of 2 recipients: they get the fallback action"


def test_without_a_response_the_fallback_action_applies_to_all() -> None:
    delivery = apply_verdict(parsed(ANA, BEN), None, DROP, ())
    assert {(outcome.action, outcome.origin) for outcome in delivery.outcomes} == {(DROP, Origin.FALLBACK)}
    assert delivery.notes == ()


def test_actions_beyond_the_tenth_are_ignored() -> None:
    people = tuple(f"p{number}@example.com" for number in range(12))
    found = outcomes(*(entry("DROP", person) for person in people), to=people)
    assert [found[person] for person in people[:10]] == ["DROP named"] * 10
    assert [found[person] for person in people[10:]] == ["DEFAULT fallback"] * 2


def test_a_bounce_keeps_its_text() -> None:
    delivery = apply_verdict(parsed(ANA), {"actions": [entry("BOUNCE", every=True, text="No.")]}, DEFAULT, ())
    assert delivery.outcomes[0].action.bounce_message == "No."


def test_case_does_not_distinguish_recipients() -> None:
    assert outcomes(entry("DROP", "ANA@Example.com"), entry("DEFAULT", every=True), to=(ANA,)) == {ANA: "DROP named"}


def test_a_recipient_that_the_event_spells_twice_gets_the_message_once() -> None:
    assert list(outcomes(entry("DEFAULT", every=True), to=(ANA, "Ana@example.com"))) == [ANA]


def test_outbound_any_recipient_may_be_added() -> None:
    found = outcomes(entry("DEFAULT", ANA, "new@example.net"), to=(ANA,), direction="OUTBOUND")
    assert found["new@example.net"] == "DEFAULT added"


def test_inbound_only_recipients_of_the_organization_may_be_added() -> None:
    event = parsed(ANA)
    delivery = apply_verdict(event, {"actions": [entry("DEFAULT", ANA, "new@Example.com", "new@example.net")]}, DEFAULT, {"example.com"})
    assert [outcome.recipient for outcome in delivery.outcomes] == [ANA, "new@Example.com"]
    assert "ignored" in delivery.notes[0]
    assert "example.net" not in delivery.notes[0]


@pytest.mark.parametrize("actions, action", [([entry("DROP", every=True)], "DROP"), ([entry("DROP", ANA)], "DEFAULT")])
def test_recipients_that_a_truncated_event_omits_get_the_action_for_all(actions: list[Any], action: str) -> None:
    delivery = apply_verdict(parsed(ANA, truncated=True), {"actions": actions}, DEFAULT, ())
    assert delivery.unlisted is not None
    assert delivery.unlisted.action.type == action


UNICODE, ASCII = "ana@bücher.example", "ana@xn--bcher-kva.example"


@pytest.mark.parametrize("listed, named", [(UNICODE, ASCII), (ASCII, UNICODE), (UNICODE, "ANA@BÜCHER.example")])
def test_a_domain_is_the_same_in_unicode_and_in_ascii(listed: str, named: str) -> None:
    assert outcomes(entry("DROP", named), entry("DEFAULT", every=True), to=(listed,)) == {listed: "DROP named"}


@pytest.mark.parametrize("domain", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"])
@pytest.mark.parametrize("added", [UNICODE, ASCII])
def test_recipients_may_be_added_in_an_internationalized_domain_of_the_organization(domain: str, added: str) -> None:
    delivery = apply_verdict(parsed(ANA), {"actions": [entry("DEFAULT", ANA, added)]}, DEFAULT, {domain})
    assert [outcome.recipient for outcome in delivery.outcomes] == [ANA, added]
    assert delivery.notes == ()
