import doctest
import json
from collections import Counter
from typing import Any

import pytest

from mailhooks.contract import Action, ActionType, Verdict
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.hooks.workmail import MAX_ACTIONS, WORKMAIL
from mailhooks.mime.message import Message
from mailhooks.policy import Outcome, RuleFailed, Services
from mailhooks.policy.evaluation.outcome import Failure, filter_addable
from mailhooks.policy.facts import recipients
from mailhooks.policy.facts.recipients import RecipientSet
from mailhooks.policy.loading.action_builders import VERDICT_WORDS
from mailhooks.policy.rules import bounds
from tests.support.mail import parsed
from tests.support.policies import (
    HEAD,
    PLAIN,
    Counts,
    Groups,
    Mail,
    actions_by_recipient,
    evaluate,
    mail,
    mail_from,
    make_policy,
    unlisted_mail,
)
from tests.support.tables import check_rows

A, B = "a@example.com", "b@example.com"
TO_A = {"recipient": A}


def both(**event: Any) -> Mail:
    return mail(PLAIN, A, B, **event)


def actions(*rules: dict[str, Any], sample: Mail | None = None, **top: Any) -> dict[str, str]:
    return actions_by_recipient(evaluate(make_policy(*rules, **top), sample or both()))


def bounce_text(text: str, sample: Mail) -> str:
    outcome = evaluate(make_policy({"name": "The rule", "do": {"bounce": text}}), sample)
    [entry] = make_verdict(outcome).to_response()["actions"]
    return entry["action"].get("parameters", {}).get("bounceMessage", "")


def test_a_word_is_the_action_for_the_matching_recipients() -> None:
    def check(word: str, action: ActionType) -> None:
        expected = {"*": "DEFAULT"} if action is ActionType.DEFAULT else {A: str(action), "*": "DEFAULT"}
        assert actions({"when": TO_A, "do": word}) == actions({"when": TO_A, "do": [word]}) == expected
        assert actions({"do": word}) == {"*": str(action)}

    check_rows(VERDICT_WORDS.items(), check)


def test_every_word_of_the_policy_has_its_action():
    assert {word: str(action) for word, action in VERDICT_WORDS.items()} == {
        "deliver": "DEFAULT",
        "drop": "DROP",
        "junk": "MOVE_TO_JUNK",
        "bypass_spam_check": "BYPASS_SPAM_CHECK",
    }


@pytest.mark.parametrize("word", ["junk", "bypass_spam_check"])
def test_an_inbound_only_action_leaves_outbound_mail_to_the_next_rule(word: str):
    outcome = evaluate(make_policy({"do": word}, {"when": TO_A, "do": "drop"}), both(direction="OUTBOUND"))
    assert actions_by_recipient(outcome) == {A: "DROP", "*": "DEFAULT"}
    assert len(outcome.notes) == 1


def test_the_first_rule_with_a_verdict_for_a_recipient_decides():
    assert actions({"when": TO_A, "do": "deliver"}, {"do": "drop"}) == {B: "DROP", "*": "DEFAULT"}
    assert actions({"do": ["junk", "drop"]}) == {"*": "MOVE_TO_JUNK"}
    assert actions({"do": {"count": "Seen"}}, {"do": "drop"}) == {"*": "DROP"}


def test_a_rule_with_stop_ends_the_evaluation_for_its_recipients():
    stopped = {"when": TO_A, "do": {"count": "Seen"}, "stop": True}
    outcome = evaluate(make_policy(stopped, {"do": ["drop", {"subject_tag": "[X]"}, {"count": "Later"}]}), both())
    assert actions_by_recipient(outcome) == {B: "DROP", "*": "DEFAULT"}
    assert [effect.recipients for effect in outcome.effects] == [RecipientSet(0b01), RecipientSet(0b10)]
    assert outcome.matched == ("rule 0", "rule 1")


def test_no_rule_is_evaluated_after_a_stop_for_all_recipients():
    outcome = evaluate(make_policy({"do": {"count": "Seen"}, "stop": True}, {"do": "drop"}, {"do": {"add_recipients": A}}), both())
    assert actions_by_recipient(outcome) == {"*": "DEFAULT"}
    assert outcome.matched == ("rule 0",)


def test_a_rule_applies_while_it_is_active_and_enabled():
    def active(**moments: str) -> dict[str, Any]:
        return {"active": {{"begins": "from", "ends": "until"}[key]: moment for key, moment in moments.items()}, "do": "drop"}

    assert actions(active(begins="2026-05-04T14:00:00+02:00")) == {"*": "DROP"}
    assert actions(active(begins="2026-05-04T12:00:01Z")) == {"*": "DEFAULT"}
    assert actions(active(ends="2026-05-04T12:00:00Z")) == {"*": "DEFAULT"}
    assert actions(active(begins="2026-05-04T00:00:00Z", ends="2026-05-04T12:00:01Z")) == {"*": "DROP"}
    assert actions({"enabled": False, "do": "drop"}) == {"*": "DEFAULT"}


def test_a_rule_for_all_recipients_applies_to_those_that_a_truncated_event_omits():
    cut = both(truncated=True)
    assert actions({"do": "drop"}, sample=cut) == {"*": "DROP"}
    assert actions({"when": {"recipient": "example.com"}, "do": "drop"}, sample=cut) == {A: "DROP", B: "DROP", "*": "DEFAULT"}
    assert actions({"when": TO_A, "do": "deliver"}, {"do": "drop"}, sample=cut) == {A: "DEFAULT", "*": "DROP"}
    assert actions({"do": "drop"}, sample=unlisted_mail()) == {"*": "DROP"}


def test_a_recipient_in_two_spellings_has_one_verdict():
    outcome = evaluate(make_policy({"when": TO_A, "do": "drop"}), mail(PLAIN, A, A.upper(), B, A))
    assert actions_by_recipient(outcome) == {A: "DROP", A.upper(): "DROP", "*": "DEFAULT"}


def test_a_bounce_text_has_the_values_of_its_variables():
    raw = b"From: =?utf-8?q?An=C3=A1?= <from@example.net>\r\nDate: Mon, 4 May 2026\r\n\r\nHello"
    text = "%%Subject%%|%%fromname%%|%%FromAddress%%|%%FromDomain%%|%%Date%%|%%Rule%%|%%MessageId%%"
    sample = mail(raw, A)
    assert bounce_text(text, sample) == f"A subject|Aná|from@example.net|example.net|Mon, 4 May 2026|The rule|{sample.event.message_id}"
    assert bounce_text("No.", sample) == "No."
    assert bounce_text("Name: %%FromName%%\nNo.", mail(b"", A)) == "No."


def test_a_bounce_text_can_be_rendered_for_every_message() -> None:
    def check(raw: bytes) -> None:
        sample = mail_from("\ud800", A, raw=raw, subject="\udfff\n\0" * 80)
        bounce_text("%%Subject%% %%FromName%% %%FromAddress%% %%Date%%", sample)

    check_rows([b"", b"\0", HEAD, b"From: =?utf7?q?+2AA-?= <x@y>\r\n\r\n", b"From: \xff\xfe\r\nDate: " + b"(" * 9000], check)


def test_the_message_is_not_fetched_for_a_bounce_text_without_its_variables():
    def fetch() -> Message:
        raise AssertionError("fetched")

    outcome = make_policy({"do": {"bounce": "%%Subject%%"}}).evaluate(both().event, fetch)
    assert actions_by_recipient(outcome) == {"*": "BOUNCE"}


def test_bounce_texts_beyond_the_limit_of_a_response_become_one_and_change_no_delivery():
    people = [f"p{n}@example.com" for n in range(40)]
    own = [{"when": {"recipient": person}, "do": {"bounce": f"Text {n // 2}"}} for n, person in enumerate(people[:30])]
    rest = [{"when": {"recipient": person}, "do": word} for person, word in zip(people[30:], [*VERDICT_WORDS] * 2, strict=False)]
    for added in ([], [{"do": {"add_recipients": "new@example.com"}}]):
        for truncated in (False, True):
            outcome = evaluate(make_policy(*own, *rest, *added), mail(PLAIN, *people, truncated=truncated))
            response = make_verdict(outcome).to_response()
            assert len(response["actions"]) <= MAX_ACTIONS
            found = actions_by_recipient(outcome)
            kinds = Counter(found.get(person, found.get("*")) for person in people)
            assert kinds == {"BOUNCE": 30, "DROP": 2, "MOVE_TO_JUNK": 2, "BYPASS_SPAM_CHECK": 2, "DEFAULT": 4}
            assert found.get("new@example.com") == ("DEFAULT" if added else None)


def test_a_recipient_is_added_once_in_any_spelling():
    rule = {"do": {"add_recipients": ["New@example.com", "new@EXAMPLE.com", A]}}
    assert actions(rule, {"when": TO_A, "do": "deliver"}) == {"new@EXAMPLE.com": "DEFAULT", "*": "DEFAULT"}


ADD_ELSEWHERE = {"name": "Adds", "do": ["drop", {"add_recipients": ["new@example.com", "x@example.net"]}]}


def test_every_address_can_be_added_to_outbound_mail():
    assert actions(ADD_ELSEWHERE, sample=both(direction="OUTBOUND")) == {
        "new@example.com": "DEFAULT",
        "x@example.net": "DEFAULT",
        "*": "DROP",
    }


def test_addresses_that_inbound_mail_cannot_add_are_noted():
    outcome = evaluate(make_policy(ADD_ELSEWHERE), both())
    assert actions_by_recipient(outcome) == {"new@example.com": "DEFAULT", "*": "DROP"}
    assert outcome.failures == ()
    [note] = outcome.notes
    assert note.startswith('rule "Adds": 1 recipients')


def test_a_rule_whose_addresses_cannot_be_added_fails_with_all_its_actions():
    rule = {"name": "Adds", "do": ["drop", {"add_recipients": ["x@example.net"]}]}
    outcome = evaluate(make_policy(rule | {"stop": True}, {"do": "junk"}), both())
    assert actions_by_recipient(outcome) == {"*": "MOVE_TO_JUNK"}
    [failure] = outcome.failures
    assert (failure.rule, failure.what) == ("Adds", "add_recipients")
    assert actions_by_recipient(evaluate(make_policy(rule | {"on_error": "apply"}), both())) == {"*": "DEFAULT"}
    with pytest.raises(RuleFailed, match='rule "Adds": add_recipients'):
        evaluate(make_policy(rule | {"on_error": "retry"}), both())
    assert evaluate(make_policy(rule | {"on_error": "retry", "mode": "report"}), both()).failures == ()


def test_an_added_recipient_gets_the_message_in_place_of_dropped_ones():
    assert actions({"do": ["drop", {"add_recipients": "list:more"}]}, lists={"more": ["new@example.com"]}) == {
        "new@example.com": "DEFAULT",
        "*": "DROP",
    }


def test_no_recipient_is_dropped_for_a_replacement_that_is_dropped_too():
    assert actions({"do": ["drop", {"add_recipients": A}]}) == {"*": "DEFAULT"}


def test_adding_a_recipient_of_the_event_does_not_change_its_verdict():
    assert actions({"when": TO_A, "do": "drop"}, {"do": {"add_recipients": A}})[A] == "DROP"


def test_no_more_recipients_are_added_than_a_message_may_have():
    people = [f"p{n}@example.com" for n in range(498)]
    rule = {"do": {"add_recipients": [f"new{n}@example.net" for n in range(500)]}, "on_error": "apply"}
    outcome = evaluate(make_policy(rule), mail(PLAIN, *people, direction="OUTBOUND"))
    assert outcome.added == ("new0@example.net", "new1@example.net")
    make_verdict(outcome).to_response()


def test_only_valid_addresses_are_added():
    event = parsed(A, direction="OUTBOUND")
    assert filter_addable(event, (), ["a b@example.com", "a@b@c", "good@example.com", "x"], WORKMAIL) == ["good@example.com"]
    assert Verdict(event).add(["good@example.com"]).to_response()


def test_removed_recipients_are_dropped():
    assert actions({"when": TO_A, "do": {"remove_recipients": [B, "x@example.com"]}}) == {B: "DROP", "*": "DEFAULT"}
    assert actions({"do": {"remove_recipients": {"regex": "^[ab]@"}}}) == {"*": "DROP"}
    assert actions({"when": {"recipient": "x@example.com"}, "do": {"remove_recipients": "*"}}) == {"*": "DEFAULT"}
    assert actions({"do": {"remove_recipients": "*"}}, sample=unlisted_mail()) == {"*": "DROP"}
    assert actions({"do": "deliver"}, {"do": {"remove_recipients": A}}) == {"*": "DEFAULT"}


def test_refused_delivery_keeps_the_verdicts_of_rules_and_the_first_outcome():
    outcome = evaluate(make_policy({"when": {"recipient": B}, "do": "drop"}), both())
    load_error = outcome.refuse_delivery(outcome.recipients.all, Action(ActionType.BOUNCE, "No."))
    assert actions_by_recipient(load_error) in ({A: "BOUNCE", "*": "DROP"}, {B: "DROP", "*": "BOUNCE"})
    assert actions_by_recipient(outcome) == {B: "DROP", "*": "DEFAULT"}


def test_added_failures_keep_the_first_outcome():
    outcome = evaluate(make_policy({"do": "drop"}), both())
    failure = Failure("rule 0", "archive", "TransientError", "no answer")
    assert outcome.with_failures(failure).failures == (failure,)
    assert outcome.failures == ()


FAILING = {"sender_in_group": "staff@example.com"}


def failing(when: dict[str, Any], on_error: str, **rule: Any) -> Outcome:
    services = Services(Counts(broken=True), Groups(broken=True))
    policy = make_policy({"name": "Fails", "do": "drop", "on_error": on_error, **when, **rule}, {"do": "junk"})
    return evaluate(policy, both()._replace(services=services))


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
        assert actions_by_recipient(failing(conditions, "skip")) == {"*": "MOVE_TO_JUNK"}
        assert actions_by_recipient(failing(conditions, "apply")) == {"*": "DROP" if applies else "MOVE_TO_JUNK"}
        if applies:
            with pytest.raises(RuleFailed, match='rule "Fails"'):
                failing(conditions, "retry")
        else:
            assert failing(conditions, "retry").failures == ()

    check_rows(FAILING_CONDITIONS, check)


def test_a_failure_has_its_rule_condition_and_error():
    [failure] = failing({"when": FAILING}, "skip").failures
    assert (failure.rule, failure.what, failure.error, failure.detail) == ("Fails", "sender_in_group", "TransientError", "no answer")


def test_a_condition_without_its_service_fails_as_misconfigured():
    policy = make_policy({"when": FAILING, "do": "drop"}, {"when": {"rate": {"more_than": 1, "minutes": 1}}, "do": "drop"})
    assert [failure.error for failure in evaluate(policy, both()).failures] == ["Misconfigured", "Misconfigured"]


def test_a_failure_of_a_rule_in_report_mode_affects_no_other_rule():
    outcome = failing({"when": FAILING}, "retry", mode="report")
    assert actions_by_recipient(outcome) == {"*": "MOVE_TO_JUNK"}
    assert len(outcome.failures) == 1


def gone() -> Message:
    raise ConnectionError("gone")


def test_an_error_of_the_fetch_is_raised():
    for rule in ({"when": {"size": {"over": 1}}, "on_error": "apply", "do": "drop"}, {"do": {"bounce": "%%FromName%%"}}):
        with pytest.raises(ConnectionError, match="gone"):
            make_policy(rule).evaluate(both().event, gone)


def test_an_error_of_the_fetch_is_not_raised_for_a_rule_in_report_mode():
    outcome = make_policy({"when": {"size": {"over": 1}}, "mode": "report", "do": "drop"}, {"do": "junk"}).evaluate(both().event, gone)
    assert actions_by_recipient(outcome) == {"*": "MOVE_TO_JUNK"}
    assert [failure.error for failure in outcome.failures] == ["ConnectionError"]


def test_domains_of_the_caller_are_used_if_the_policy_has_none():
    rule = {"name": "r", "when": {"sender_scope": "internal"}, "do": "drop"}
    sample = mail_from("a@example.net", A)
    assert evaluate(make_policy(rule), sample, domains=["example.net"]).verdicts == {}
    assert evaluate(make_policy(rule, organization={}), sample, domains=["EXAMPLE.net"]).verdicts != {}


def test_two_thousand_rules_are_evaluated_for_five_hundred_recipients():
    rules = [{"when": {"recipient": f"p{n}@example.com"}, "do": {"bounce": f"Text {n}"}} for n in range(2000)]
    outcome = evaluate(make_policy(*rules), mail(PLAIN, *(f"p{n}@example.com" for n in range(500))))
    assert len(json.dumps(make_verdict(outcome).to_response())) < 256 * 1024
    assert len(outcome.matched) == 500


@pytest.mark.parametrize("module", [bounds, recipients])
def test_the_examples_of_docstrings_are_right(module: Any):
    results = doctest.testmod(module)
    assert results.failed == 0
    assert results.attempted
