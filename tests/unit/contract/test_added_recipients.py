"""Recipients that a verdict adds: who may be added, to what, and how many."""

import pytest

from mailhooks.contract import Action, ActionType, Verdict
from mailhooks.contract.limits import MAX_RECIPIENTS
from mailhooks.contract.verdict import DEFAULT
from tests.unit.contract.verdicts import ADA, CYD, DROP, JUNK, actions, inbound, outbound, refusal


def test_added_recipients_have_an_entry_of_their_own_even_with_the_action_of_the_rest() -> None:
    verdict = Verdict(outbound()).add("new@example.net")
    assert actions(verdict) == [("DEFAULT", "", ["new@example.net"]), ("DEFAULT", "", "all")]
    assert verdict.action_for("NEW@example.net") == DEFAULT


def test_several_recipients_can_be_added_and_one_twice() -> None:
    verdict = Verdict(outbound()).add(["x@example.net", "y@example.net"]).add("X@example.net")
    assert actions(verdict)[0] == ("DEFAULT", "", ["x@example.net", "y@example.net"])


def test_adding_nobody_adds_nobody() -> None:
    assert actions(Verdict(outbound()).add([])) == [("DEFAULT", "", "all")]


def test_adding_somebody_of_the_event_gives_him_the_action() -> None:
    assert actions(Verdict(inbound()).drop().add(ADA.upper())) == [("DEFAULT", "", [ADA]), ("DROP", "", "all")]


def test_with_another_action_added_recipients_get_that() -> None:
    verdict = Verdict(inbound(), ["example.com"]).add("archive@example.com", JUNK)
    assert actions(verdict) == [("MOVE_TO_JUNK", "", ["archive@example.com"]), ("DEFAULT", "", "all")]


def test_inbound_added_recipients_must_be_in_the_organization() -> None:
    wrong = "one of another domain"
    for domains in ((), ["example.org"], ["mail.example.com"], ["ample.com"], ["com"]):
        assert refusal(lambda domains=domains: Verdict(inbound(), domains).add("new@example.com")) == ("/actions/-/recipients", wrong)
    assert refusal(lambda: Verdict(inbound(), ["example.com"]).add("new@mail.example.com"))[1] == wrong
    assert actions(Verdict(inbound(), ["Example.COM"]).add("new@exAMPLE.com"))[0] == ("DEFAULT", "", ["new@exAMPLE.com"])


def test_a_domain_of_the_organization_is_not_one_that_case_folding_makes_alike() -> None:
    assert refusal(lambda: Verdict(inbound(), ["strasse.example.com"]).add("a@straße.example.com"))[1] == "one of another domain"


@pytest.mark.parametrize("domain", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"])
@pytest.mark.parametrize("address", ["new@bücher.example", "new@xn--bcher-kva.example", "new@XN--BCHER-KVA.example"])
def test_a_domain_of_the_organization_may_be_written_in_either_form(domain: str, address: str) -> None:
    verdict = Verdict(inbound(), [domain]).add(address)
    assert actions(verdict) == [("DEFAULT", "", [address]), ("DEFAULT", "", "all")]
    assert actions(verdict.add("new@bücher.example"))[0] == ("DEFAULT", "", [address])


def test_outbound_added_recipients_may_be_anywhere() -> None:
    assert actions(Verdict(outbound()).add("new@example.net"))[0] == ("DEFAULT", "", ["new@example.net"])


@pytest.mark.parametrize(
    "no_address",
    "|new|@|@example.com|new@|a b@example.com|new@example.com\n|new@exa mple.com|new@\x00example.com|a@b@example.com|<new@example.com"
    "|<new@example.com>|new@example.com,more@example.com|new@example.com;|New <new@example.com>".split("|"),
)
def test_what_is_added_must_be_one_bare_address(no_address: str) -> None:
    for event in (inbound(), outbound()):
        verdict = Verdict(event, ["example.com", "example.com>", "example.com;", ""])
        assert refusal(lambda verdict=verdict: verdict.add(no_address)) == ("/actions/-/recipients", "a string that is not an address")


@pytest.mark.parametrize("address", ["new+tag@example.com", "o'neil@example.com", "用户@example.com", "a.b/c=d@example.com"])
def test_addresses_as_people_have_them_can_be_added(address: str) -> None:
    assert actions(Verdict(inbound(), ["example.com"]).add(address))[0] == ("DEFAULT", "", [address])


@pytest.mark.parametrize("action", [DROP, Action(ActionType.BOUNCE), Action(ActionType.BOUNCE, "No.")])
def test_nobody_is_added_to_get_nothing(action: Action) -> None:
    assert refusal(lambda: Verdict(outbound()).add("new@example.net", action)) == ("/actions/-/action/type", action.type.value)


def test_somebody_added_cannot_have_two_actions() -> None:
    verdict = Verdict(inbound(), ["example.com"]).add("new@example.com")
    assert refusal(lambda: verdict.add("new@example.com", JUNK)) == ("/actions/-/recipients", "an address named in two")


def test_outbound_there_are_500_recipients_at_most() -> None:
    recipients = [f"r{number}@example.net" for number in range(MAX_RECIPIENTS - 1)]
    verdict = Verdict(outbound(*recipients)).add("the500th@example.net")
    assert len(verdict.to_response()["actions"]) == 2
    full = Verdict(outbound(*recipients, ADA))
    assert refusal(lambda: full.add("the501st@example.net")) == ("/actions/-/recipients", "501")
    assert refusal(lambda: Verdict(outbound(*recipients)).add(["a@example.net", "b@example.net"])) == ("/actions/-/recipients", "501")


def test_a_refused_addition_leaves_the_verdict_as_it_was() -> None:
    verdict = Verdict(outbound(*(f"r{number}@example.net" for number in range(MAX_RECIPIENTS))))
    refusal(lambda: verdict.add("the501st@example.net"))
    assert actions(verdict) == [("DEFAULT", "", "all")]


def test_any_other_refused_call_changes_nothing_either() -> None:
    verdict = Verdict(inbound(), ["example.com"]).drop(to=CYD)
    before = verdict.to_response()
    refusal(lambda: verdict.move_to_junk(to=[ADA, "unknown@example.com"]))
    refusal(lambda: verdict.move_to_junk(to=[ADA, CYD]))
    refusal(lambda: verdict.add(["new@example.com", CYD]))
    refusal(lambda: verdict.add(["new@example.com", "no address"]))
    assert verdict.to_response() == before


def test_inbound_the_number_is_not_limited() -> None:
    verdict = Verdict(inbound(*(f"r{number}@example.com" for number in range(600))), ["example.com"])
    assert actions(verdict.add("new@example.com"))[0] == ("DEFAULT", "", ["new@example.com"])


def test_an_outbound_event_that_already_has_too_many_can_still_be_judged() -> None:
    verdict = Verdict(outbound(*(f"r{number}@example.net" for number in range(600)))).drop(to="r7@example.net")
    assert actions(verdict.add(())) == [("DROP", "", ["r7@example.net"]), ("DEFAULT", "", "all")]
