"""The verdict compared with a small model of WorkMail: every recipient gets the intended action.

The model follows the guide ("Synchronous Run Lambda response schema", "... action limits") and shares no
code with the library.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import event as note
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.contract import Action, ActionType, ContractError, MailFlowEvent, Verdict, check_response
from mailhooks.contract.verdict import DEFAULT
from tests.support.mail import parsed

FALLBACK = "the rule's fallback action"

PEOPLE = ["ada@example.com", "Ada@Example.com", "ADA@EXAMPLE.COM", "bob@example.com", "b@example.com", "bo@example.com", "cyd@example.com"]
OTHERS = ["new@example.com", "NEW@example.com", "archive@example.com"]

ACTIONS = [Action(kind) for kind in ActionType] + [Action(ActionType.BOUNCE, text) for text in ("No.", "no.", "Nein, danke.")]

Call = tuple[str, Action, list[str] | str | None]


@dataclass
class WorkMail:
    """The actions of recipients, by the guide."""

    recipients: tuple[str, ...]
    met: dict[str, Any] = field(default_factory=dict)
    rest: Any = FALLBACK

    def apply(self, response: dict[str, Any]) -> None:
        for entry in response["actions"][:10]:
            for address in entry.get("recipients", []):
                assert address.lower() not in self.met or address in self.spellings(address), "named twice"
                self.met[address.lower()] = entry["action"]
            if entry.get("allRecipients"):
                assert self.rest is FALLBACK, "all of them twice"
                self.rest = entry["action"]

    def spellings(self, address: str) -> set[str]:
        return {recipient for recipient in self.recipients if recipient.lower() == address.lower()}

    def meets(self, address: str) -> Any:
        return self.met.get(address.lower(), self.rest)

    @property
    def added(self) -> set[str]:
        return set(self.met) - {address.lower() for address in self.recipients}


def as_json(action: Action) -> dict[str, Any]:
    text = {"parameters": {"bounceMessage": action.bounce_message}} if action.bounce_message else {}
    return {"type": action.type.value} | text


events = st.builds(
    lambda people, direction, truncated: parsed(*people, direction=direction, truncated=truncated),
    st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=8),
    st.sampled_from(["INBOUND", "OUTBOUND"]),
    st.booleans(),
)

calls: st.SearchStrategy[list[Call]] = st.lists(
    st.one_of(
        st.tuples(
            st.just("apply"), st.sampled_from(ACTIONS), st.one_of(st.none(), st.sampled_from(PEOPLE), st.lists(st.sampled_from(PEOPLE)))
        ),
        st.tuples(st.just("add"), st.sampled_from(ACTIONS), st.lists(st.sampled_from(OTHERS + PEOPLE))),
    ),
    max_size=6,
)


def say(verdict: Verdict, call: Call) -> bool:
    """Make a call, and return whether the verdict accepted it."""
    verb, action, to = call
    method: Callable[..., Verdict] = verdict.apply if verb == "apply" else lambda action, to: verdict.add(to, action)
    try:
        assert method(action, to) is verdict
    except ContractError:
        note("a call was refused")
        return False
    return True


@pytest.mark.fuzz
@given(events, calls)
def test_every_recipient_gets_the_verdicts_action_and_never_the_fallback(event: MailFlowEvent, said: list[Call]) -> None:
    verdict = Verdict(event, ["example.com"])
    meant: dict[str, Action] = {}
    rest = None
    for call in said:
        if say(verdict, call):
            _, action, to = call
            if to is None:
                rest = action
            else:
                meant |= dict.fromkeys((address.lower() for address in ([to] if isinstance(to, str) else to)), action)
    response = verdict.to_response()
    workmail = WorkMail(event.recipients)
    workmail.apply(response)
    for recipient in event.recipients:
        action = meant.get(recipient.lower(), rest or DEFAULT)
        assert verdict.action_for(recipient) == action
        assert workmail.meets(recipient) == as_json(action)
    assert workmail.added == set(meant) - {recipient.lower() for recipient in event.recipients}
    for address in workmail.added:
        assert workmail.meets(address) == as_json(meant[address]) == as_json(verdict.action_for(address))
    if event.truncated:
        note("truncated")
        assert workmail.meets("unseen@example.com") == as_json(rest or DEFAULT) == as_json(verdict.action_for("unseen@example.com"))


@pytest.mark.fuzz
@given(events, calls)
def test_every_response_is_valid(event: MailFlowEvent, said: list[Call]) -> None:
    verdict = Verdict(event, ["example.com"])
    for call in said:
        say(verdict, call)
    response = verdict.to_response()
    check_response(response, event.flow_direction)
    entries = response["actions"]
    named = [address for entry in entries for address in entry.get("recipients", [])]
    assert len(named) == len(set(named))
    assert sum(entry.get("allRecipients", False) for entry in entries) <= 1
    assert {entry["action"]["type"] for entry in entries} == set(verdict.types)
    in_event = {recipient.lower() for recipient in event.recipients}
    assert all(address in event.recipients for address in named if address.lower() in in_event), "the event's own spelling"
    kinds = [str(entry["action"]) for entry in entries if "recipients" in entry]
    assert len(kinds) == len(set(kinds)), "equal actions are merged"


@pytest.mark.fuzz
@given(events, calls, calls)
def test_a_rejected_call_leaves_the_response_unchanged(event: MailFlowEvent, before: list[Call], said: list[Call]) -> None:
    verdict = Verdict(event, ["example.com"])
    for call in before:
        say(verdict, call)
    for call in said:
        response = verdict.to_response()
        if not say(verdict, call):
            assert verdict.to_response() == response


@pytest.mark.fuzz
@given(events, calls, st.randoms(use_true_random=False))
def test_the_order_of_calls_does_not_matter(event: MailFlowEvent, said: list[Call], random: Any) -> None:
    one, other = Verdict(event, ["example.com"]), Verdict(event, ["example.com"])
    taken = [call for call in said if say(one, call)]
    random.shuffle(taken)
    assert all(say(other, call) for call in taken)
    for address in [*PEOPLE, *OTHERS, "unseen@example.com"]:
        assert one.action_for(address) == other.action_for(address)
