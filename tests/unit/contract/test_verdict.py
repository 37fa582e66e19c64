"""The verdict: what a hook says becomes a response that WorkMail accepts, or is refused before it leaves."""

import json
from collections.abc import Callable

import pytest

from mailhooks.contract import Action, ActionType, FlowDirection, MailFlowEvent, Verdict, check_response
from mailhooks.contract.verdict import DEFAULT, MAX_RESPONSE_BYTES
from tests.unit.contract.documents import load
from tests.unit.contract.verdicts import ADA, BOB, CYD, JUNK, actions, inbound, outbound, refusal


class TestWhatAHookSays:
    def test_a_new_verdict_lets_the_message_go_to_everybody(self) -> None:
        assert Verdict(inbound()).to_response() == {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}

    def test_without_names_an_action_is_for_all(self) -> None:
        assert actions(Verdict(inbound()).drop()) == [("DROP", "", "all")]

    def test_a_named_recipient_gets_his_own_action_and_the_others_the_rest(self) -> None:
        assert actions(Verdict(inbound()).drop(to=BOB)) == [("DROP", "", [BOB]), ("DEFAULT", "", "all")]

    def test_named_and_rest_may_be_said_in_either_order(self) -> None:
        first = Verdict(inbound()).drop().default(to=BOB)
        assert actions(first) == actions(Verdict(inbound()).default(to=BOB).drop()) == [("DEFAULT", "", [BOB]), ("DROP", "", "all")]

    def test_a_single_string_is_one_address_and_not_its_letters(self) -> None:
        assert actions(Verdict(inbound("a", "b", "ab")).drop(to="ab")) == [("DROP", "", ["ab"]), ("DEFAULT", "", "all")]

    def test_an_empty_to_names_nobody(self) -> None:
        for nobody in ((), [], set(), iter(())):
            assert actions(Verdict(inbound()).drop(to=nobody)) == [("DEFAULT", "", "all")]

    def test_a_generator_names_recipients(self) -> None:
        assert actions(Verdict(inbound()).drop(to=(address for address in (ADA, CYD)))) == [
            ("DROP", "", [ADA, CYD]),
            ("DEFAULT", "", "all"),
        ]

    @pytest.mark.parametrize("call, name", [(Verdict.move_to_junk, "MOVE_TO_JUNK"), (Verdict.bypass_spam_check, "BYPASS_SPAM_CHECK")])
    def test_inbound_mail_has_two_more_actions(self, call: Callable[..., Verdict], name: str) -> None:
        assert actions(call(Verdict(inbound()), to=ADA)) == [(name, "", [ADA]), ("DEFAULT", "", "all")]

    def test_a_bounce_may_have_a_text(self) -> None:
        assert actions(Verdict(outbound()).bounce("Grüße, nein.", to=ADA)) == [("BOUNCE", "Grüße, nein.", [ADA]), ("DEFAULT", "", "all")]

    def test_a_bounce_without_a_text_has_no_parameters(self) -> None:
        assert Verdict(inbound()).bounce().to_response()["actions"][0]["action"] == {"type": "BOUNCE"}

    def test_chained_calls_and_statements_say_the_same(self) -> None:
        chained = Verdict(inbound(), ["example.com"]).bounce("No.", to=ADA).move_to_junk(to=[BOB]).add("new@example.com")
        verdict = Verdict(inbound(), ["example.com"])
        verdict.bounce("No.", to=ADA)
        verdict.move_to_junk(to=[BOB])
        verdict.add("new@example.com")
        assert verdict.to_response() == chained.to_response()

    def test_asking_for_the_response_twice_gives_it_twice(self) -> None:
        verdict = Verdict(inbound()).drop(to=ADA)
        assert verdict.to_response() == verdict.to_response()
        assert actions(verdict.drop(to=BOB)) == [("DROP", "", [ADA, BOB]), ("DEFAULT", "", "all")]

    def test_the_guides_examples_can_be_said(self) -> None:
        event = inbound("recipient1@example.com", "drop-recipient@example.com")
        removed = Verdict(event).drop(to="drop-recipient@example.com").to_response()["actions"]
        assert sorted(removed, key=str) == sorted(load("response-guide-remove-recipients")["actions"], key=str)
        assert Verdict(event).bounce("Email in breach of company policy.").to_response() == load("response-guide-bounce")
        added = Verdict(event, {"example.com"}).add("new-recipient@example.com")
        assert added.to_response() == load("response-guide-add-recipients")


class TestAddresses:
    def test_case_does_not_matter_and_the_events_spelling_stays(self) -> None:
        assert actions(Verdict(inbound("Ada@Example.com", BOB)).drop(to="aDA@exAMPLE.COM"))[0] == ("DROP", "", ["Ada@Example.com"])

    def test_a_recipient_spelled_twice_is_one_and_both_spellings_go_out(self) -> None:
        verdict = Verdict(inbound("Ada@example.com", BOB, "ada@EXAMPLE.com")).drop(to=ADA)
        assert actions(verdict) == [("DROP", "", ["Ada@example.com", "ada@EXAMPLE.com"]), ("DEFAULT", "", "all")]

    def test_a_recipient_listed_twice_alike_goes_out_once(self) -> None:
        assert actions(Verdict(inbound(ADA, ADA, BOB)).drop(to=ADA)) == [("DROP", "", [ADA]), ("DEFAULT", "", "all")]

    def test_letters_outside_ascii_have_a_case_too(self) -> None:
        assert actions(Verdict(inbound("jürgen@example.com", BOB)).drop(to="JÜRGEN@example.com"))[0] == ("DROP", "", ["jürgen@example.com"])

    def test_a_mailbox_is_not_taken_for_another_that_case_folding_makes_alike(self) -> None:
        verdict = Verdict(inbound("straße@example.com", "strasse@example.com")).drop(to="straße@example.com")
        assert actions(verdict) == [("DROP", "", ["straße@example.com"]), ("DEFAULT", "", "all")]

    @pytest.mark.parametrize(
        "in_event, named",
        [
            ("bob@bücher.example", "bob@xn--bcher-kva.example"),
            ("bob@xn--bcher-kva.example", "Bob@BÜCHER.example"),
            ("bob@bücher.example", "bob@bu\u0308cher\u3002example"),
        ],
    )
    def test_domains_with_one_a_label_are_one_and_the_events_spelling_stays(self, in_event: str, named: str) -> None:
        verdict = Verdict(inbound(in_event, ADA)).drop(to=named)
        assert actions(verdict) == [("DROP", "", [in_event]), ("DEFAULT", "", "all")]
        assert verdict.action_for(named) == verdict.action_for(in_event) == Action(ActionType.DROP)
        assert refusal(lambda: verdict.bounce(to=in_event)) == ("/actions/-/recipients", "an address named in two")

    def test_domains_with_different_a_labels_are_two(self) -> None:
        verdict = Verdict(inbound("bob@straße.example", "bob@strasse.example")).drop(to="bob@straße.example")
        assert actions(verdict) == [("DROP", "", ["bob@straße.example"]), ("DEFAULT", "", "all")]

    def test_a_response_cannot_name_one_recipient_in_two_spellings_of_its_domain(self) -> None:
        entries = [
            {"action": {"type": "DROP"}, "recipients": ["bob@bücher.example"]},
            {"action": {"type": "DEFAULT"}, "recipients": ["bob@xn--bcher-kva.example"]},
        ]
        assert refusal(lambda: check_response({"actions": entries}, "INBOUND")) == ("/actions/1", "one named twice")

    def test_the_same_name_said_twice_in_one_call_counts_once(self) -> None:
        assert actions(Verdict(inbound()).drop(to=[ADA, ADA.upper(), ADA]))[0] == ("DROP", "", [ADA])

    def test_somebody_who_is_not_in_the_event_cannot_be_named(self) -> None:
        assert refusal(lambda: Verdict(inbound()).drop(to="new@example.com")) == ("/actions/-/recipients", "another address")

    def test_an_address_in_two_actions_is_refused(self) -> None:
        verdict = Verdict(inbound()).drop(to=ADA)
        assert refusal(lambda: verdict.move_to_junk(to=ADA.upper())) == ("/actions/-/recipients", "an address named in two")
        assert refusal(lambda: Verdict(inbound()).bounce("One.", ADA).bounce("Two.", ADA))[1] == "an address named in two"

    def test_an_address_named_twice_for_the_same_action_is_no_quarrel(self) -> None:
        assert actions(Verdict(inbound()).bounce("No.", ADA).bounce("No.", ADA))[0] == ("BOUNCE", "No.", [ADA])

    def test_all_recipients_cannot_have_two_actions(self) -> None:
        assert refusal(lambda: Verdict(inbound()).drop().default()) == ("/actions", "a second one")
        assert refusal(lambda: Verdict(inbound()).bounce("One.").bounce("Two.")) == ("/actions", "a second one")
        assert actions(Verdict(inbound()).drop().drop()) == [("DROP", "", "all")]


class TestMerging:
    def test_recipients_of_equal_actions_share_an_entry(self) -> None:
        verdict = Verdict(inbound()).bounce("No.", ADA).drop(BOB).bounce("No.", CYD)
        assert actions(verdict) == [("BOUNCE", "No.", [ADA, CYD]), ("DROP", "", [BOB])]

    def test_bounces_with_different_texts_stay_apart(self) -> None:
        verdict = Verdict(inbound(ADA, BOB)).bounce("One.", ADA).bounce("Two.", BOB)
        assert actions(verdict) == [("BOUNCE", "One.", [ADA]), ("BOUNCE", "Two.", [BOB])]

    def test_a_recipient_with_the_action_of_the_rest_is_absorbed_by_it(self) -> None:
        assert actions(Verdict(inbound()).drop(to=ADA).drop()) == [("DROP", "", "all")]
        assert actions(Verdict(inbound()).default(to=[ADA, BOB])) == [("DEFAULT", "", "all")]

    def test_there_is_no_entry_for_a_rest_that_nobody_is_in(self) -> None:
        assert actions(Verdict(inbound()).drop(to=[ADA, BOB, CYD])) == [("DROP", "", [ADA, BOB, CYD])]

    def test_a_truncated_event_always_has_an_entry_for_those_it_does_not_show(self) -> None:
        truncated = inbound(truncated=True)
        assert actions(Verdict(truncated).drop(to=[ADA, BOB, CYD])) == [("DROP", "", [ADA, BOB, CYD]), ("DEFAULT", "", "all")]
        assert actions(Verdict(truncated).drop(to=ADA).move_to_junk()) == [("DROP", "", [ADA]), ("MOVE_TO_JUNK", "", "all")]
        assert actions(Verdict(MailFlowEvent.parse(load("event-truncated-to-nobody"))).drop()) == [("DROP", "", "all")]

    def test_types_are_those_that_somebody_meets(self) -> None:
        assert Verdict(inbound()).types == ("DEFAULT",)
        assert Verdict(inbound()).drop(to=[ADA, BOB, CYD]).types == ("DROP",)
        assert Verdict(inbound()).drop(to=ADA).bounce("No.", to=BOB).types == ("BOUNCE", "DEFAULT", "DROP")

    def test_a_verdict_delivers_when_somebody_gets_the_message(self) -> None:
        assert Verdict(inbound()).delivers
        assert Verdict(inbound()).drop().move_to_junk(to=ADA).delivers
        assert not Verdict(inbound()).drop().bounce("No.", to=ADA).delivers
        assert Verdict(inbound(), ["example.com"]).drop().add("new@example.com").delivers


class TestWhatWorkMailWouldNotAccept:
    @pytest.mark.parametrize("call", [Verdict.move_to_junk, Verdict.bypass_spam_check])
    def test_a_type_of_inbound_mail_is_refused_for_outbound(self, call: Callable[..., Verdict]) -> None:
        for to in (None, ADA, ()):
            pointer, got = refusal(lambda to=to: call(Verdict(outbound()), to=to))
            assert (pointer, got) == ("/actions/-/action/type", call.__name__.upper())
        assert refusal(lambda: Verdict(outbound()).add("new@example.net", JUNK))[0] == "/actions/-/action/type"

    @pytest.mark.parametrize("kind", [kind for kind in ActionType if kind is not ActionType.BOUNCE])
    def test_a_bounce_text_on_another_action_is_refused(self, kind: ActionType) -> None:
        assert refusal(lambda: Action(kind, "No.")) == ("/actions/-/action/parameters/bounceMessage", "a string")

    def test_ten_actions_are_said_and_eleven_are_refused(self) -> None:
        event = inbound(*(f"r{number}@example.com" for number in range(11)))
        verdict = Verdict(event)
        for number in range(9):
            verdict.bounce(f"Text {number}", to=f"r{number}@example.com")
        assert len(actions(verdict)) == 10
        verdict.bounce("Text 9", to="r9@example.com")
        assert refusal(verdict.to_response) == ("/actions", "an array of 11 items")

    def test_ten_actions_are_counted_after_merging(self) -> None:
        event = inbound(*(f"r{number}@example.com" for number in range(40)))
        verdict = Verdict(event)
        for number in range(40):
            verdict.bounce(f"Text {number % 10}", to=f"r{number}@example.com")
        assert [len(entry[2]) for entry in actions(verdict)] == [4] * 10

    @pytest.mark.parametrize("filling", ["x", "é"])
    def test_a_response_may_have_256_kilobytes_and_not_one_more(self, filling: str) -> None:
        room = MAX_RESPONSE_BYTES - len(json.dumps(Verdict(inbound()).bounce("~").to_response())) + 1
        text = filling * (room // len(filling.encode())) + "x" * (room % len(filling.encode()))
        assert actions(Verdict(inbound()).bounce(text)) == [("BOUNCE", text, "all")]
        assert refusal(Verdict(inbound()).bounce(text + "x").to_response) == ("", "one of 262145 bytes")


class TestActionFor:
    def test_it_is_what_the_recipient_meets_named_or_not(self) -> None:
        verdict = Verdict(inbound()).bounce("No.", to=ADA).move_to_junk()
        assert verdict.action_for(ADA.upper()) == Action(ActionType.BOUNCE, "No.")
        assert verdict.action_for(BOB) == JUNK
        assert verdict.action_for("unseen@example.com") == JUNK

    def test_it_is_default_until_something_is_said(self) -> None:
        assert Verdict(inbound()).action_for(ADA) == DEFAULT


def test_directions_and_types_are_the_guides_own_words() -> None:
    assert set(FlowDirection) == {"INBOUND", "OUTBOUND"}
    assert {kind for kind in ActionType if kind.inbound_only} == {"BYPASS_SPAM_CHECK", "MOVE_TO_JUNK"}
    assert {kind for kind in ActionType if not kind.delivers} == {"DROP", "BOUNCE"}
