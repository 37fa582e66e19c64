from typing import Any

import pytest

from local.mail.verdict import Origin, apply_to_all, apply_verdict
from mailhooks.contract import Action, ActionType
from tests.support.mail import parsed

DEFAULT = Action(ActionType.DEFAULT)
DROP = Action(ActionType.DROP)
ANA, BEN = "ana@example.com", "ben@example.com"


def entry(kind: str, *recipients: str, every: bool = False, text: str = "") -> dict[str, Any]:
    action: dict[str, Any] = {"type": kind} | ({"parameters": {"bounceMessage": text}} if text else {})
    return {"action": action} | ({"recipients": list(recipients)} if recipients else {}) | ({"allRecipients": True} if every else {})


def fates(*actions: dict[str, Any], to: tuple[str, ...] = (ANA, BEN), fallback: Action = DEFAULT, **event: Any) -> dict[str, str]:
    delivery = apply_verdict(parsed(*to, **event), {"actions": list(actions)}, fallback, {"example.com"})
    return {fate.recipient: f"{fate.action.type} {fate.folder} {fate.origin}" for fate in delivery.fates}


def test_all_recipients_covers_those_that_no_other_action_names() -> None:
    assert fates(entry("DEFAULT", every=True), entry("DROP", BEN)) == {ANA: "DEFAULT Inbox all", BEN: "DROP None named"}


def test_recipients_that_are_left_out_get_the_fallback_action_and_a_note_says_so() -> None:
    delivery = apply_verdict(parsed(ANA, BEN), {"actions": [entry("DEFAULT", ANA)]}, DROP, ())
    assert [(fate.folder, fate.origin) for fate in delivery.fates] == [("Inbox", Origin.NAMED), (None, Origin.FALLBACK)]
    assert delivery.notes == ("the response leaves out 1 of 2 recipients: they meet the fallback action",)


def test_without_a_response_the_fallback_action_applies_to_all() -> None:
    delivery = apply_verdict(parsed(ANA, BEN), None, DROP, ())
    assert {(fate.action, fate.origin) for fate in delivery.fates} == {(DROP, Origin.FALLBACK)}
    assert delivery.notes == ()


def test_actions_beyond_the_tenth_are_not_taken() -> None:
    people = tuple(f"p{number}@example.com" for number in range(12))
    found = fates(*(entry("DROP", person) for person in people), to=people)
    assert [found[person] for person in people[:10]] == ["DROP None named"] * 10
    assert [found[person] for person in people[10:]] == ["DEFAULT Inbox fallback"] * 2


@pytest.mark.parametrize(
    "kind, folder", [("DEFAULT", "Inbox"), ("BYPASS_SPAM_CHECK", "Inbox"), ("MOVE_TO_JUNK", "Junk"), ("DROP", None), ("BOUNCE", None)]
)
def test_each_action_has_its_folder(kind: str, folder: str | None) -> None:
    assert fates(entry(kind, every=True), to=(ANA,)) == {ANA: f"{kind} {folder} all"}


def test_a_bounce_keeps_its_text() -> None:
    delivery = apply_verdict(parsed(ANA), {"actions": [entry("BOUNCE", every=True, text="No.")]}, DEFAULT, ())
    assert delivery.fates[0].action.bounce_message == "No."


def test_case_does_not_tell_recipients_apart() -> None:
    assert fates(entry("DROP", "ANA@Example.com"), entry("DEFAULT", every=True), to=(ANA,)) == {ANA: "DROP None named"}


def test_a_recipient_that_the_event_spells_twice_gets_the_message_once() -> None:
    assert list(fates(entry("DEFAULT", every=True), to=(ANA, "Ana@example.com"))) == [ANA]
    assert len(apply_to_all(parsed(ANA, "Ana@example.com")).fates) == 1


def test_outbound_any_recipient_may_be_added() -> None:
    found = fates(entry("DEFAULT", ANA, "new@example.net"), to=(ANA,), direction="OUTBOUND")
    assert found["new@example.net"] == "DEFAULT Inbox added"


def test_inbound_only_recipients_of_the_organization_may_be_added() -> None:
    event = parsed(ANA)
    delivery = apply_verdict(event, {"actions": [entry("DEFAULT", ANA, "new@Example.com", "new@example.net")]}, DEFAULT, {"example.com"})
    assert [fate.recipient for fate in delivery.fates] == [ANA, "new@Example.com"]
    assert "ignored" in delivery.notes[0]
    assert "example.net" not in delivery.notes[0]


def test_a_recipient_in_two_actions_meets_the_first() -> None:
    assert fates(entry("DROP", ANA), entry("DEFAULT", ANA), to=(ANA,)) == {ANA: "DROP None named"}


@pytest.mark.parametrize("actions, action", [([entry("DROP", every=True)], "DROP"), ([entry("DROP", ANA)], "DEFAULT")])
def test_recipients_that_a_truncated_event_leaves_out_are_reached_by_all_recipients_only(actions: list[Any], action: str) -> None:
    delivery = apply_verdict(parsed(ANA, truncated=True), {"actions": actions}, DEFAULT, ())
    assert delivery.unlisted is not None
    assert delivery.unlisted.action.type == action
