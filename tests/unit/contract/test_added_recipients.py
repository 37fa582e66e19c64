"""Recipients that a verdict adds."""

import pytest

from mailhooks.contract import Action, ActionType, Verdict, check_response
from mailhooks.contract.limits import MAX_RECIPIENTS
from mailhooks.contract.verdict import DEFAULT
from tests.unit.contract.verdicts import ADA, CYD, DROP, JUNK, actions, error_of, inbound, outbound


def test_added_recipients_have_a_separate_entry() -> None:
    verdict = Verdict(outbound()).add("new@example.net")
    assert actions(verdict) == [("DEFAULT", "", ["new@example.net"]), ("DEFAULT", "", "all")]
    assert verdict.action_for("NEW@example.net") == DEFAULT


def test_several_recipients_can_be_added() -> None:
    verdict = Verdict(outbound()).add(["x@example.net", "y@example.net"]).add("X@example.net")
    assert actions(verdict)[0] == ("DEFAULT", "", ["x@example.net", "y@example.net"])


def test_adding_no_recipient_changes_nothing() -> None:
    assert actions(Verdict(outbound()).add([])) == [("DEFAULT", "", "all")]


def test_adding_a_recipient_of_the_event_sets_the_action() -> None:
    assert actions(Verdict(inbound()).drop().add(ADA.upper())) == [("DEFAULT", "", [ADA]), ("DROP", "", "all")]


def test_added_recipients_may_have_another_action() -> None:
    verdict = Verdict(inbound(), ["example.com"]).add("archive@example.com", JUNK)
    assert actions(verdict) == [("MOVE_TO_JUNK", "", ["archive@example.com"]), ("DEFAULT", "", "all")]


def test_added_recipients_of_inbound_mail_must_be_in_the_organization() -> None:
    wrong = "one of another domain"
    for domains in ((), ["example.org"], ["mail.example.com"], ["ample.com"], ["com"]):
        assert error_of(lambda domains=domains: Verdict(inbound(), domains).add("new@example.com")) == ("/actions/-/recipients", wrong)
    assert error_of(lambda: Verdict(inbound(), ["example.com"]).add("new@mail.example.com"))[1] == wrong
    assert actions(Verdict(inbound(), ["Example.COM"]).add("new@exAMPLE.com"))[0] == ("DEFAULT", "", ["new@exAMPLE.com"])


def test_domains_are_compared_without_case_folding() -> None:
    assert error_of(lambda: Verdict(inbound(), ["strasse.example.com"]).add("a@straße.example.com"))[1] == "one of another domain"


@pytest.mark.parametrize("domain", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"])
@pytest.mark.parametrize("address", ["new@bücher.example", "new@xn--bcher-kva.example", "new@XN--BCHER-KVA.example"])
def test_a_domain_of_the_organization_may_be_written_in_either_form(domain: str, address: str) -> None:
    verdict = Verdict(inbound(), [domain]).add(address)
    assert actions(verdict) == [("DEFAULT", "", [address]), ("DEFAULT", "", "all")]
    assert actions(verdict.add("new@bücher.example"))[0] == ("DEFAULT", "", [address])


def test_added_recipients_of_outbound_mail_may_be_anywhere() -> None:
    assert actions(Verdict(outbound()).add("new@example.net"))[0] == ("DEFAULT", "", ["new@example.net"])


@pytest.mark.parametrize(
    "no_address",
    "|new|@|@example.com|new@|a b@example.com|new@example.com\n|new@exa mple.com|new@\x00example.com|a@b@example.com|<new@example.com"
    "|<new@example.com>|new@example.com,more@example.com|new@example.com;|New <new@example.com>".split("|"),
)
def test_an_added_recipient_must_be_one_address(no_address: str) -> None:
    for event in (inbound(), outbound()):
        verdict = Verdict(event, ["example.com", "example.com>", "example.com;", ""])
        assert error_of(lambda verdict=verdict: verdict.add(no_address)) == ("/actions/-/recipients", "a string that is not an address")


@pytest.mark.parametrize("address", ["new+tag@example.com", "o'neil@example.com", "用户@example.com", "a.b/c=d@example.com"])
def test_unusual_addresses_can_be_added(address: str) -> None:
    assert actions(Verdict(inbound(), ["example.com"]).add(address))[0] == ("DEFAULT", "", [address])


@pytest.mark.parametrize("action", [DROP, Action(ActionType.BOUNCE), Action(ActionType.BOUNCE, "No.")])
def test_an_added_recipient_cannot_have_an_action_that_does_not_deliver(action: Action) -> None:
    assert error_of(lambda: Verdict(outbound()).add("new@example.net", action)) == ("/actions/-/action/type", action.type.value)


def test_an_added_recipient_cannot_have_two_actions() -> None:
    verdict = Verdict(inbound(), ["example.com"]).add("new@example.com")
    assert error_of(lambda: verdict.add("new@example.com", JUNK)) == ("/actions/-/recipients", "an address named in two")


def test_outbound_mail_has_at_most_500_recipients() -> None:
    recipients = [f"r{number}@example.net" for number in range(MAX_RECIPIENTS - 1)]
    verdict = Verdict(outbound(*recipients)).add("the500th@example.net")
    assert len(verdict.to_response()["actions"]) == 2
    full = Verdict(outbound(*recipients, ADA))
    assert error_of(lambda: full.add("the501st@example.net")) == ("/actions/-/recipients", "501")
    assert error_of(lambda: Verdict(outbound(*recipients)).add(["a@example.net", "b@example.net"])) == ("/actions/-/recipients", "501")


def test_the_check_of_a_response_counts_the_recipients_of_the_event_and_the_added_ones() -> None:
    recipients = [f"r{number}@example.net" for number in range(MAX_RECIPIENTS - 1)]
    response = Verdict(outbound(*recipients)).drop(to=recipients[0]).add("new@example.net").to_response()
    check_response(response, "OUTBOUND", recipients)
    # The dropped recipient counts: it is in the response.
    assert error_of(lambda: check_response(response, "OUTBOUND", [*recipients, ADA])) == ("/actions/-/recipients", "501")
    check_response(response, "INBOUND", [*recipients, ADA])


def test_a_response_names_at_most_500_recipients_of_outbound_mail() -> None:
    recipients = [f"r{number}@example.net" for number in range(MAX_RECIPIENTS + 1)]
    response = {"actions": [{"action": {"type": "DROP"}, "recipients": recipients}, {"action": {"type": "DEFAULT"}, "allRecipients": True}]}
    for listed in ((), recipients):
        assert error_of(lambda listed=listed: check_response(response, "OUTBOUND", listed)) == ("/actions/-/recipients", "501")
    check_response(response, "INBOUND", recipients)


def test_a_rejected_addition_changes_nothing() -> None:
    verdict = Verdict(outbound(*(f"r{number}@example.net" for number in range(MAX_RECIPIENTS))))
    error_of(lambda: verdict.add("the501st@example.net"))
    assert actions(verdict) == [("DEFAULT", "", "all")]


def test_a_rejected_call_changes_nothing() -> None:
    verdict = Verdict(inbound(), ["example.com"]).drop(to=CYD)
    before = verdict.to_response()
    error_of(lambda: verdict.move_to_junk(to=[ADA, "unknown@example.com"]))
    error_of(lambda: verdict.move_to_junk(to=[ADA, CYD]))
    error_of(lambda: verdict.add(["new@example.com", CYD]))
    error_of(lambda: verdict.add(["new@example.com", "no address"]))
    assert verdict.to_response() == before


def test_inbound_mail_may_have_more_than_500_recipients() -> None:
    verdict = Verdict(inbound(*(f"r{number}@example.com" for number in range(600))), ["example.com"])
    assert actions(verdict.add("new@example.com"))[0] == ("DEFAULT", "", ["new@example.com"])


def test_an_event_with_more_than_500_recipients_can_have_a_verdict() -> None:
    verdict = Verdict(outbound(*(f"r{number}@example.net" for number in range(600)))).drop(to="r7@example.net")
    assert actions(verdict.add(())) == [("DROP", "", ["r7@example.net"]), ("DEFAULT", "", "all")]
