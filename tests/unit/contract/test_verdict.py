"""The verdict: a hook's calls become a valid response, or raise an error."""

import json
from collections.abc import Callable

import pytest

from mailhooks.contract import Action, ActionType, FlowDirection, MailFlowEvent, Verdict, check_response
from mailhooks.contract.verdict import DEFAULT, MAX_RESPONSE_BYTES
from tests.unit.contract.documents import load
from tests.unit.contract.verdicts import ADA, BOB, CYD, JUNK, actions, error_of, inbound, outbound


class TestWhatAHookSays:
    def test_a_new_verdict_delivers_to_all_recipients(self) -> None:
        assert Verdict(inbound()).to_response() == {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}

    def test_an_action_without_recipients_applies_to_all(self) -> None:
        assert actions(Verdict(inbound()).drop()) == [("DROP", "", "all")]

    def test_an_action_applies_to_the_named_recipient_only(self) -> None:
        assert actions(Verdict(inbound()).drop(to=BOB)) == [("DROP", "", [BOB]), ("DEFAULT", "", "all")]

    def test_the_order_of_calls_for_one_and_for_all_does_not_matter(self) -> None:
        first = Verdict(inbound()).drop().default(to=BOB)
        assert actions(first) == actions(Verdict(inbound()).default(to=BOB).drop()) == [("DEFAULT", "", [BOB]), ("DROP", "", "all")]

    def test_a_string_is_one_address(self) -> None:
        assert actions(Verdict(inbound("a", "b", "ab")).drop(to="ab")) == [("DROP", "", ["ab"]), ("DEFAULT", "", "all")]

    def test_an_empty_to_applies_to_no_recipient(self) -> None:
        for empty in ((), [], set(), iter(())):
            assert actions(Verdict(inbound()).drop(to=empty)) == [("DEFAULT", "", "all")]

    def test_recipients_may_come_from_a_generator(self) -> None:
        assert actions(Verdict(inbound()).drop(to=(address for address in (ADA, CYD)))) == [
            ("DROP", "", [ADA, CYD]),
            ("DEFAULT", "", "all"),
        ]

    @pytest.mark.parametrize("call, name", [(Verdict.move_to_junk, "MOVE_TO_JUNK"), (Verdict.bypass_spam_check, "BYPASS_SPAM_CHECK")])
    def test_inbound_mail_has_two_additional_actions(self, call: Callable[..., Verdict], name: str) -> None:
        assert actions(call(Verdict(inbound()), to=ADA)) == [(name, "", [ADA]), ("DEFAULT", "", "all")]

    def test_a_bounce_may_have_a_text(self) -> None:
        assert actions(Verdict(outbound()).bounce("Grüße, nein.", to=ADA)) == [("BOUNCE", "Grüße, nein.", [ADA]), ("DEFAULT", "", "all")]

    def test_a_bounce_without_a_text_has_no_parameters(self) -> None:
        assert Verdict(inbound()).bounce().to_response()["actions"][0]["action"] == {"type": "BOUNCE"}

    def test_calls_can_be_chained(self) -> None:
        chained = Verdict(inbound(), ["example.com"]).bounce("No.", to=ADA).move_to_junk(to=[BOB]).add("new@example.com")
        verdict = Verdict(inbound(), ["example.com"])
        verdict.bounce("No.", to=ADA)
        verdict.move_to_junk(to=[BOB])
        verdict.add("new@example.com")
        assert verdict.to_response() == chained.to_response()

    def test_the_response_can_be_built_twice(self) -> None:
        verdict = Verdict(inbound()).drop(to=ADA)
        assert verdict.to_response() == verdict.to_response()
        assert actions(verdict.drop(to=BOB)) == [("DROP", "", [ADA, BOB]), ("DEFAULT", "", "all")]

    def test_the_guides_examples_can_be_built(self) -> None:
        event = inbound("recipient1@example.com", "drop-recipient@example.com")
        removed = Verdict(event).drop(to="drop-recipient@example.com").to_response()["actions"]
        assert sorted(removed, key=str) == sorted(load("response-guide-remove-recipients")["actions"], key=str)
        assert Verdict(event).bounce("Email in breach of company policy.").to_response() == load("response-guide-bounce")
        added = Verdict(event, {"example.com"}).add("new-recipient@example.com")
        assert added.to_response() == load("response-guide-add-recipients")


class TestAddresses:
    def test_addresses_are_compared_without_case(self) -> None:
        assert actions(Verdict(inbound("Ada@Example.com", BOB)).drop(to="aDA@exAMPLE.COM"))[0] == ("DROP", "", ["Ada@Example.com"])

    def test_both_spellings_of_a_recipient_are_in_the_response(self) -> None:
        verdict = Verdict(inbound("Ada@example.com", BOB, "ada@EXAMPLE.com")).drop(to=ADA)
        assert actions(verdict) == [("DROP", "", ["Ada@example.com", "ada@EXAMPLE.com"]), ("DEFAULT", "", "all")]

    def test_a_recipient_listed_twice_is_in_the_response_once(self) -> None:
        assert actions(Verdict(inbound(ADA, ADA, BOB)).drop(to=ADA)) == [("DROP", "", [ADA]), ("DEFAULT", "", "all")]

    def test_non_ascii_letters_are_compared_without_case(self) -> None:
        assert actions(Verdict(inbound("jürgen@example.com", BOB)).drop(to="JÜRGEN@example.com"))[0] == ("DROP", "", ["jürgen@example.com"])

    def test_mailboxes_are_compared_without_case_folding(self) -> None:
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
    def test_domains_are_compared_by_their_a_labels(self, in_event: str, named: str) -> None:
        verdict = Verdict(inbound(in_event, ADA)).drop(to=named)
        assert actions(verdict) == [("DROP", "", [in_event]), ("DEFAULT", "", "all")]
        assert verdict.action_for(named) == verdict.action_for(in_event) == Action(ActionType.DROP)
        assert error_of(lambda: verdict.bounce(to=in_event)) == ("/actions/-/recipients", "an address named in two")

    def test_domains_with_different_a_labels_differ(self) -> None:
        verdict = Verdict(inbound("bob@straße.example", "bob@strasse.example")).drop(to="bob@straße.example")
        assert actions(verdict) == [("DROP", "", ["bob@straße.example"]), ("DEFAULT", "", "all")]

    def test_a_response_with_two_spellings_of_one_recipient_is_rejected(self) -> None:
        entries = [
            {"action": {"type": "DROP"}, "recipients": ["bob@bücher.example"]},
            {"action": {"type": "DEFAULT"}, "recipients": ["bob@xn--bcher-kva.example"]},
        ]
        assert error_of(lambda: check_response({"actions": entries}, "INBOUND")) == ("/actions/1", "one named twice")

    def test_an_address_named_twice_in_one_call_counts_once(self) -> None:
        assert actions(Verdict(inbound()).drop(to=[ADA, ADA.upper(), ADA]))[0] == ("DROP", "", [ADA])

    def test_an_address_that_is_not_in_the_event_is_rejected(self) -> None:
        assert error_of(lambda: Verdict(inbound()).drop(to="new@example.com")) == ("/actions/-/recipients", "another address")

    def test_two_actions_for_one_address_are_rejected(self) -> None:
        verdict = Verdict(inbound()).drop(to=ADA)
        assert error_of(lambda: verdict.move_to_junk(to=ADA.upper())) == ("/actions/-/recipients", "an address named in two")
        assert error_of(lambda: Verdict(inbound()).bounce("One.", ADA).bounce("Two.", ADA))[1] == "an address named in two"

    def test_one_action_twice_for_one_address_is_accepted(self) -> None:
        assert actions(Verdict(inbound()).bounce("No.", ADA).bounce("No.", ADA))[0] == ("BOUNCE", "No.", [ADA])

    def test_two_actions_for_all_recipients_are_rejected(self) -> None:
        assert error_of(lambda: Verdict(inbound()).drop().default()) == ("/actions", "a second one")
        assert error_of(lambda: Verdict(inbound()).bounce("One.").bounce("Two.")) == ("/actions", "a second one")
        assert actions(Verdict(inbound()).drop().drop()) == [("DROP", "", "all")]


class TestMerging:
    def test_recipients_with_equal_actions_share_an_entry(self) -> None:
        verdict = Verdict(inbound()).bounce("No.", ADA).drop(BOB).bounce("No.", CYD)
        assert actions(verdict) == [("BOUNCE", "No.", [ADA, CYD]), ("DROP", "", [BOB])]

    def test_bounces_with_different_texts_have_different_entries(self) -> None:
        verdict = Verdict(inbound(ADA, BOB)).bounce("One.", ADA).bounce("Two.", BOB)
        assert actions(verdict) == [("BOUNCE", "One.", [ADA]), ("BOUNCE", "Two.", [BOB])]

    def test_a_recipient_with_the_action_of_all_others_has_no_entry(self) -> None:
        assert actions(Verdict(inbound()).drop(to=ADA).drop()) == [("DROP", "", "all")]
        assert actions(Verdict(inbound()).default(to=[ADA, BOB])) == [("DEFAULT", "", "all")]

    def test_there_is_no_entry_for_all_others_if_there_are_none(self) -> None:
        assert actions(Verdict(inbound()).drop(to=[ADA, BOB, CYD])) == [("DROP", "", [ADA, BOB, CYD])]

    def test_the_verdict_of_a_truncated_event_has_an_entry_for_all_others(self) -> None:
        truncated = inbound(truncated=True)
        assert actions(Verdict(truncated).drop(to=[ADA, BOB, CYD])) == [("DROP", "", [ADA, BOB, CYD]), ("DEFAULT", "", "all")]
        assert actions(Verdict(truncated).drop(to=ADA).move_to_junk()) == [("DROP", "", [ADA]), ("MOVE_TO_JUNK", "", "all")]
        assert actions(Verdict(MailFlowEvent.parse(load("event-truncated-to-no-recipient"))).drop()) == [("DROP", "", "all")]

    def test_types_lists_the_actions_that_apply(self) -> None:
        assert Verdict(inbound()).types == ("DEFAULT",)
        assert Verdict(inbound()).drop(to=[ADA, BOB, CYD]).types == ("DROP",)
        assert Verdict(inbound()).drop(to=ADA).bounce("No.", to=BOB).types == ("BOUNCE", "DEFAULT", "DROP")

    def test_delivers_is_true_if_one_recipient_gets_the_message(self) -> None:
        assert Verdict(inbound()).delivers
        assert Verdict(inbound()).drop().move_to_junk(to=ADA).delivers
        assert not Verdict(inbound()).drop().bounce("No.", to=ADA).delivers
        assert Verdict(inbound(), ["example.com"]).drop().add("new@example.com").delivers


class TestWhatWorkMailWouldNotAccept:
    @pytest.mark.parametrize("call", [Verdict.move_to_junk, Verdict.bypass_spam_check])
    def test_an_inbound_action_is_rejected_for_outbound_mail(self, call: Callable[..., Verdict]) -> None:
        for to in (None, ADA, ()):
            pointer, got = error_of(lambda to=to: call(Verdict(outbound()), to=to))
            assert (pointer, got) == ("/actions/-/action/type", call.__name__.upper())
        assert error_of(lambda: Verdict(outbound()).add("new@example.net", JUNK))[0] == "/actions/-/action/type"

    @pytest.mark.parametrize("kind", [kind for kind in ActionType if kind is not ActionType.BOUNCE])
    def test_a_bounce_text_for_another_action_is_rejected(self, kind: ActionType) -> None:
        assert error_of(lambda: Action(kind, "No.")) == ("/actions/-/action/parameters/bounceMessage", "a string")

    def test_ten_actions_are_accepted_and_eleven_rejected(self) -> None:
        event = inbound(*(f"r{number}@example.com" for number in range(11)))
        verdict = Verdict(event)
        for number in range(9):
            verdict.bounce(f"Text {number}", to=f"r{number}@example.com")
        assert len(actions(verdict)) == 10
        verdict.bounce("Text 9", to="r9@example.com")
        assert error_of(verdict.to_response) == ("/actions", "an array of 11 items")

    def test_ten_actions_are_counted_after_merging(self) -> None:
        event = inbound(*(f"r{number}@example.com" for number in range(40)))
        verdict = Verdict(event)
        for number in range(40):
            verdict.bounce(f"Text {number % 10}", to=f"r{number}@example.com")
        assert [len(entry[2]) for entry in actions(verdict)] == [4] * 10

    @pytest.mark.parametrize("filling", ["x", "é"])
    def test_a_response_has_at_most_256_kilobytes(self, filling: str) -> None:
        room = MAX_RESPONSE_BYTES - len(json.dumps(Verdict(inbound()).bounce("~").to_response())) + 1
        text = filling * (room // len(filling.encode())) + "x" * (room % len(filling.encode()))
        assert actions(Verdict(inbound()).bounce(text)) == [("BOUNCE", text, "all")]
        assert error_of(Verdict(inbound()).bounce(text + "x").to_response) == ("", "one of 262145 bytes")


class TestActionFor:
    def test_it_is_the_action_that_applies(self) -> None:
        verdict = Verdict(inbound()).bounce("No.", to=ADA).move_to_junk()
        assert verdict.action_for(ADA.upper()) == Action(ActionType.BOUNCE, "No.")
        assert verdict.action_for(BOB) == JUNK
        assert verdict.action_for("unseen@example.com") == JUNK

    def test_it_is_default_in_a_new_verdict(self) -> None:
        assert Verdict(inbound()).action_for(ADA) == DEFAULT


def test_directions_and_types_are_the_guides_names() -> None:
    assert set(FlowDirection) == {"INBOUND", "OUTBOUND"}
    assert {kind for kind in ActionType if kind.inbound_only} == {"BYPASS_SPAM_CHECK", "MOVE_TO_JUNK"}
    assert {kind for kind in ActionType if not kind.delivers} == {"DROP", "BOUNCE"}
