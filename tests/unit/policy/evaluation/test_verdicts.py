import doctest
import json
from collections import Counter
from typing import Any

import pytest

from mailhooks.contract import Action, ActionType, Verdict
from mailhooks.mime.message import Message
from mailhooks.policy import Outcome, RuleFailed, Services
from mailhooks.policy.evaluation.outcome import MAX_ACTIONS, Failure, filter_addable
from mailhooks.policy.facts import recipients
from mailhooks.policy.facts.recipients import RecipientSet
from mailhooks.policy.loading.action_builders import VERDICT_WORDS
from mailhooks.policy.rules import bounds
from tests.support.mail import parsed
from tests.support.policies import HEAD, PLAIN, Counts, Groups, Mail, answers, evaluated, made, mail, nobody_listed, sent_by
from tests.support.tables import check_rows

A, B = "a@example.com", "b@example.com"
TO_A = {"recipient": A}


def both(**event: Any) -> Mail:
    return mail(PLAIN, A, B, **event)


def said(*rules: dict[str, Any], of: Mail | None = None, **top: Any) -> dict[str, str]:
    return answers(evaluated(made(*rules, **top), of or both()))


def bounce_text(text: str, of: Mail) -> str:
    outcome = evaluated(made({"name": "The rule", "do": {"bounce": text}}), of)
    [entry] = outcome.verdict().to_response()["actions"]
    return entry["action"].get("parameters", {}).get("bounceMessage", "")


def test_a_word_is_the_action_for_the_matching_recipients() -> None:
    def check(word: str, action: ActionType) -> None:
        expected = {"*": "DEFAULT"} if action is ActionType.DEFAULT else {A: str(action), "*": "DEFAULT"}
        assert said({"when": TO_A, "do": word}) == said({"when": TO_A, "do": [word]}) == expected
        assert said({"do": word}) == {"*": str(action)}

    check_rows(VERDICT_WORDS.items(), check)


def test_every_word_of_the_policy_has_its_action():
    assert {word: str(action) for word, action in VERDICT_WORDS.items()} == {
        "deliver": "DEFAULT",
        "drop": "DROP",
        "junk": "MOVE_TO_JUNK",
        "bypass_spam_check": "BYPASS_SPAM_CHECK",
    }


@pytest.mark.parametrize("word", ["junk", "bypass_spam_check"])
def test_what_exists_for_inbound_mail_only_leaves_outbound_mail_to_the_next_rule(word: str):
    outcome = evaluated(made({"do": word}, {"when": TO_A, "do": "drop"}), both(direction="OUTBOUND"))
    assert answers(outcome) == {A: "DROP", "*": "DEFAULT"}
    assert len(outcome.notes) == 1


def test_the_first_rule_to_give_a_recipient_a_verdict_decides():
    assert said({"when": TO_A, "do": "deliver"}, {"do": "drop"}) == {B: "DROP", "*": "DEFAULT"}
    assert said({"do": ["junk", "drop"]}) == {"*": "MOVE_TO_JUNK"}
    assert said({"do": {"count": "Seen"}}, {"do": "drop"}) == {"*": "DROP"}


def test_after_a_rule_that_stops_no_later_one_is_asked_for_those_that_matched():
    stopped = {"when": TO_A, "do": {"count": "Seen"}, "stop": True}
    outcome = evaluated(made(stopped, {"do": ["drop", {"subject_tag": "[X]"}, {"count": "Later"}]}), both())
    assert answers(outcome) == {B: "DROP", "*": "DEFAULT"}
    assert [effect.recipients for effect in outcome.effects] == [RecipientSet(0b01), RecipientSet(0b10)]
    assert outcome.matched == ("rule 0", "rule 1")


def test_where_all_have_stopped_no_later_rule_is_asked():
    outcome = evaluated(made({"do": {"count": "Seen"}, "stop": True}, {"do": "drop"}, {"do": {"add_recipients": A}}), both())
    assert answers(outcome) == {"*": "DEFAULT"}
    assert outcome.matched == ("rule 0",)


def test_a_rule_applies_within_its_time_and_when_it_is_enabled():
    def active(**moments: str) -> dict[str, Any]:
        return {"active": {{"begins": "from", "ends": "until"}[key]: moment for key, moment in moments.items()}, "do": "drop"}

    assert said(active(begins="2026-05-04T14:00:00+02:00")) == {"*": "DROP"}
    assert said(active(begins="2026-05-04T12:00:01Z")) == {"*": "DEFAULT"}
    assert said(active(ends="2026-05-04T12:00:00Z")) == {"*": "DEFAULT"}
    assert said(active(begins="2026-05-04T00:00:00Z", ends="2026-05-04T12:00:01Z")) == {"*": "DROP"}
    assert said({"enabled": False, "do": "drop"}) == {"*": "DEFAULT"}


def test_those_a_truncated_event_leaves_out_are_met_by_rules_for_everybody():
    cut = both(truncated=True)
    assert said({"do": "drop"}, of=cut) == {"*": "DROP"}
    assert said({"when": {"recipient": "example.com"}, "do": "drop"}, of=cut) == {A: "DROP", B: "DROP", "*": "DEFAULT"}
    assert said({"when": TO_A, "do": "deliver"}, {"do": "drop"}, of=cut) == {A: "DEFAULT", "*": "DROP"}
    assert said({"do": "drop"}, of=nobody_listed()) == {"*": "DROP"}


def test_a_recipient_named_in_two_spellings_has_one_verdict():
    outcome = evaluated(made({"when": TO_A, "do": "drop"}), mail(PLAIN, A, A.upper(), B, A))
    assert answers(outcome) == {A: "DROP", A.upper(): "DROP", "*": "DEFAULT"}


def test_a_bounce_says_what_the_variables_stand_for():
    raw = b"From: =?utf-8?q?An=C3=A1?= <from@example.net>\r\nDate: Mon, 4 May 2026\r\n\r\nHello"
    text = "%%Subject%%|%%fromname%%|%%FromAddress%%|%%FromDomain%%|%%Date%%|%%Rule%%|%%MessageId%%"
    of = mail(raw, A)
    assert bounce_text(text, of) == f"A subject|Aná|from@example.net|example.net|Mon, 4 May 2026|The rule|{of.event.message_id}"
    assert bounce_text("No.", of) == "No."
    assert bounce_text("Name: %%FromName%%\nNo.", mail(b"", A)) == "No."


def test_a_bounce_text_can_be_made_for_every_message() -> None:
    def check(raw: bytes) -> None:
        of = sent_by("\ud800", A, raw=raw, subject="\udfff\n\0" * 80)
        bounce_text("%%Subject%% %%FromName%% %%FromAddress%% %%Date%%", of)

    check_rows([b"", b"\0", HEAD, b"From: =?utf7?q?+2AA-?= <x@y>\r\n\r\n", b"From: \xff\xfe\r\nDate: " + b"(" * 9000], check)


def test_the_message_is_not_fetched_for_a_bounce_that_says_nothing_of_it():
    def fetch() -> Message:
        raise AssertionError("fetched")

    outcome = made({"do": {"bounce": "%%Subject%%"}}).evaluate(both().event, fetch)
    assert answers(outcome) == {"*": "BOUNCE"}


def test_more_bounce_texts_than_an_answer_holds_become_one_and_nobody_gets_more_or_less():
    people = [f"p{n}@example.com" for n in range(40)]
    own = [{"when": {"recipient": person}, "do": {"bounce": f"Text {n // 2}"}} for n, person in enumerate(people[:30])]
    rest = [{"when": {"recipient": person}, "do": word} for person, word in zip(people[30:], [*VERDICT_WORDS] * 2, strict=False)]
    for added in ([], [{"do": {"add_recipients": "new@example.com"}}]):
        for truncated in (False, True):
            outcome = evaluated(made(*own, *rest, *added), mail(PLAIN, *people, truncated=truncated))
            response = outcome.verdict().to_response()
            assert len(response["actions"]) <= MAX_ACTIONS
            found = answers(outcome)
            kinds = Counter(found.get(person, found.get("*")) for person in people)
            assert kinds == {"BOUNCE": 30, "DROP": 2, "MOVE_TO_JUNK": 2, "BYPASS_SPAM_CHECK": 2, "DEFAULT": 4}
            assert found.get("new@example.com") == ("DEFAULT" if added else None)


def test_recipients_are_added_once_however_they_are_spelt():
    rule = {"do": {"add_recipients": ["New@example.com", "new@EXAMPLE.com", A]}}
    assert said(rule, {"when": TO_A, "do": "deliver"}) == {"new@EXAMPLE.com": "DEFAULT", "*": "DEFAULT"}


ADD_ELSEWHERE = {"name": "Adds", "do": ["drop", {"add_recipients": ["new@example.com", "x@example.net"]}]}


def test_outbound_anybody_can_be_added():
    assert said(ADD_ELSEWHERE, of=both(direction="OUTBOUND")) == {"new@example.com": "DEFAULT", "x@example.net": "DEFAULT", "*": "DROP"}


def test_inbound_those_are_added_who_can_be_and_the_others_are_told():
    outcome = evaluated(made(ADD_ELSEWHERE), both())
    assert answers(outcome) == {"new@example.com": "DEFAULT", "*": "DROP"}
    assert outcome.failures == ()
    [note] = outcome.notes
    assert note.startswith('rule "Adds": 1 recipients')


def test_a_rule_that_can_add_nobody_fails_before_it_does_anything():
    rule = {"name": "Adds", "do": ["drop", {"add_recipients": ["x@example.net"]}]}
    outcome = evaluated(made(rule | {"stop": True}, {"do": "junk"}), both())
    assert answers(outcome) == {"*": "MOVE_TO_JUNK"}
    [failure] = outcome.failures
    assert (failure.rule, failure.what) == ("Adds", "add_recipients")
    assert answers(evaluated(made(rule | {"on_error": "apply"}), both())) == {"*": "DEFAULT"}
    with pytest.raises(RuleFailed, match='rule "Adds": add_recipients'):
        evaluated(made(rule | {"on_error": "retry"}), both())
    assert evaluated(made(rule | {"on_error": "retry", "mode": "report"}), both()).failures == ()


def test_whom_a_rule_adds_gets_the_message_in_place_of_those_who_do_not():
    assert said({"do": ["drop", {"add_recipients": "list:more"}]}, lists={"more": ["new@example.com"]}) == {
        "new@example.com": "DEFAULT",
        "*": "DROP",
    }


def test_nobody_is_dropped_for_a_recipient_who_is_dropped_too():
    assert said({"do": ["drop", {"add_recipients": A}]}) == {"*": "DEFAULT"}


def test_to_add_who_is_a_recipient_does_not_undo_the_verdict_of_another_rule():
    assert said({"when": TO_A, "do": "drop"}, {"do": {"add_recipients": A}})[A] == "DROP"


def test_outbound_no_more_are_added_than_a_message_may_have():
    people = [f"p{n}@example.com" for n in range(498)]
    rule = {"do": {"add_recipients": [f"new{n}@example.net" for n in range(500)]}, "on_error": "apply"}
    outcome = evaluated(made(rule), mail(PLAIN, *people, direction="OUTBOUND"))
    assert outcome.added == ("new0@example.net", "new1@example.net")
    outcome.verdict().to_response()


def test_what_is_no_address_is_not_added():
    event = parsed(A, direction="OUTBOUND")
    assert filter_addable(event, (), ["a b@example.com", "a@b@c", "good@example.com", "x"]) == ["good@example.com"]
    assert Verdict(event).add(["good@example.com"]).to_response()


def test_recipients_that_are_removed_are_dropped_and_others_are_not():
    assert said({"when": TO_A, "do": {"remove_recipients": [B, "x@example.com"]}}) == {B: "DROP", "*": "DEFAULT"}
    assert said({"do": {"remove_recipients": {"regex": "^[ab]@"}}}) == {"*": "DROP"}
    assert said({"when": {"recipient": "x@example.com"}, "do": {"remove_recipients": "*"}}) == {"*": "DEFAULT"}
    assert said({"do": {"remove_recipients": "*"}}, of=nobody_listed()) == {"*": "DROP"}
    assert said({"do": "deliver"}, {"do": {"remove_recipients": A}}) == {"*": "DEFAULT"}


def test_refused_delivery_replaces_no_verdict_of_a_rule_and_leaves_the_first_outcome_as_it_is():
    outcome = evaluated(made({"when": {"recipient": B}, "do": "drop"}), both())
    refused = outcome.refuse_delivery(outcome.recipients.all, Action(ActionType.BOUNCE, "No."))
    assert answers(refused) in ({A: "BOUNCE", "*": "DROP"}, {B: "DROP", "*": "BOUNCE"})
    assert answers(outcome) == {B: "DROP", "*": "DEFAULT"}


def test_more_failures_leave_the_first_outcome_as_it_is():
    outcome = evaluated(made({"do": "drop"}), both())
    failure = Failure("rule 0", "archive", "TransientError", "no answer")
    assert outcome.with_failures(failure).failures == (failure,)
    assert outcome.failures == ()


FAILING = {"sender_in_group": "staff@example.com"}


def failing(when: dict[str, Any], on_error: str, **rule: Any) -> Outcome:
    services = Services(Counts(broken=True), Groups(broken=True))
    policy = made({"name": "Fails", "do": "drop", "on_error": on_error, **when, **rule}, {"do": "junk"})
    return evaluated(policy, both()._replace(services=services))


FAILING_CONDITIONS = [
    ({"when": FAILING}, True),
    ({"unless": FAILING}, True),
    ({"when": {"not": FAILING}}, True),
    ({"when": {"not": {"not": FAILING}}}, True),
    ({"when": {"any": [FAILING, TO_A]}}, True),
    ({"when": FAILING | {"direction": "outbound"}}, False),
    ({"when": FAILING, "unless": {"direction": "inbound"}}, False),
    ({"when": {"rate": {"more_than": 1, "minutes": 1}}}, True),
]


def test_on_error_decides_about_a_condition_that_fails() -> None:
    def check(conditions: dict[str, Any], applies: bool) -> None:
        assert answers(failing(conditions, "skip")) == {"*": "MOVE_TO_JUNK"}
        assert answers(failing(conditions, "apply")) == {"*": "DROP" if applies else "MOVE_TO_JUNK"}
        if applies:
            with pytest.raises(RuleFailed, match='rule "Fails"'):
                failing(conditions, "retry")
        else:
            assert failing(conditions, "retry").failures == ()

    check_rows(FAILING_CONDITIONS, check)


def test_a_failure_is_told_with_its_rule_and_condition():
    [failure] = failing({"when": FAILING}, "skip").failures
    assert (failure.rule, failure.what, failure.error, failure.detail) == ("Fails", "sender_in_group", "TransientError", "no answer")


def test_a_policy_that_asks_for_what_is_not_there_says_which_setting_is_missing():
    policy = made({"when": FAILING, "do": "drop"}, {"when": {"rate": {"more_than": 1, "minutes": 1}}, "do": "drop"})
    assert [failure.error for failure in evaluated(policy, both()).failures] == ["Misconfigured", "Misconfigured"]


def test_a_rule_in_report_mode_fails_for_itself_alone():
    outcome = failing({"when": FAILING}, "retry", mode="report")
    assert answers(outcome) == {"*": "MOVE_TO_JUNK"}
    assert len(outcome.failures) == 1


def gone() -> Message:
    raise ConnectionError("gone")


def test_a_message_that_cannot_be_had_is_no_failure_of_a_rule():
    for rule in ({"when": {"size": {"over": 1}}, "on_error": "apply", "do": "drop"}, {"do": {"bounce": "%%FromName%%"}}):
        with pytest.raises(ConnectionError, match="gone"):
            made(rule).evaluate(both().event, gone)


def test_a_rule_in_report_mode_does_not_fail_the_invocation_with_a_message_that_cannot_be_had():
    outcome = made({"when": {"size": {"over": 1}}, "mode": "report", "do": "drop"}, {"do": "junk"}).evaluate(both().event, gone)
    assert answers(outcome) == {"*": "MOVE_TO_JUNK"}
    assert [failure.error for failure in outcome.failures] == ["ConnectionError"]


def test_the_domains_of_the_policy_count_and_else_those_that_are_given():
    rule = {"name": "r", "when": {"sender_scope": "internal"}, "do": "drop"}
    of = sent_by("a@example.net", A)
    assert evaluated(made(rule), of, domains=["example.net"]).verdicts == {}
    assert evaluated(made(rule, organization={}), of, domains=["EXAMPLE.net"]).verdicts != {}


def test_a_policy_of_two_thousand_rules_and_a_message_to_five_hundred_is_decided():
    rules = [{"when": {"recipient": f"p{n}@example.com"}, "do": {"bounce": f"Text {n}"}} for n in range(2000)]
    outcome = evaluated(made(*rules), mail(PLAIN, *(f"p{n}@example.com" for n in range(500))))
    assert len(json.dumps(outcome.verdict().to_response())) < 256 * 1024
    assert len(outcome.matched) == 500


@pytest.mark.parametrize("module", [bounds, recipients])
def test_the_examples_do_what_they_say(module: Any):
    results = doctest.testmod(module)
    assert results.failed == 0
    assert results.attempted
