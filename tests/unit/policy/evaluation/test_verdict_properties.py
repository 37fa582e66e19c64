from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailhooks.contract import FlowDirection, MailFlowEvent
from mailhooks.contract.verdict import check_response
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.hooks.workmail import MAX_ACTIONS
from mailhooks.policy import Trace
from mailhooks.policy.facts.recipients import AddressSet, Recipients
from mailhooks.policy.facts.regex import LineRegex
from mailhooks.policy.loading.action_builders import VERDICT_WORDS
from tests.support.policies import Mail, actions_by_recipient, evaluate
from tests.support.random_policies import LEAVES, PEOPLE, RULE, RULES, Rule, mails, named, policy_of, rules_of, summarize

VERDICTS = {*VERDICT_WORDS, "bounce", "remove_recipients"}


def names(rule: Rule) -> set[str]:
    return {action if isinstance(action, str) else next(iter(action)) for action in rule["do"]}


@pytest.mark.fuzz
@given(RULES, mails())
def test_each_recipient_has_one_action_of_a_valid_response(rules: list[Rule], sample: Mail):
    outcome = evaluate(policy_of(rules), sample)
    assert outcome.failures == ()
    response = make_verdict(outcome).to_response()
    check_response(response, sample.event.flow_direction)
    assert len(response["actions"]) <= MAX_ACTIONS
    found = actions_by_recipient(outcome)
    for recipient in sample.event.recipients:
        assert recipient in found or "*" in found
    assert not sample.event.truncated or "*" in found
    known = {recipient.lower() for recipient in sample.event.recipients}
    assert {address.lower() for address in found} - known - {"*"} == {address.lower() for address in outcome.added} - known


@pytest.mark.fuzz
@given(RULES, mails(), RULE, st.data())
def test_a_rule_in_report_mode_changes_nothing_at_any_position(rules: list[Rule], sample: Mail, rule: Rule, data: st.DataObject):
    at = data.draw(st.integers(0, len(rules)))
    before = evaluate(policy_of(rules), sample)
    after = evaluate(policy_of([*rules[:at], {"name": "Reported"} | rule | {"mode": "report"}, *rules[at:]]), sample)
    assert summarize(after) == summarize(before)
    assert set(after.reported) - {"Reported"} == set(before.reported)
    assert "Reported" not in after.matched


@pytest.mark.fuzz
@given(RULES, mails(), RULE, st.data())
def test_a_rule_in_report_mode_is_reported_if_it_would_apply(rules: list[Rule], sample: Mail, rule: Rule, data: st.DataObject):
    at = data.draw(st.integers(0, len(rules)))

    def with_rule(mode: str) -> Any:
        return evaluate(policy_of([*rules[:at], {"name": "Reported"} | rule | {"mode": mode}, *rules[at:]]), sample)

    assert ("Reported" in with_rule("report").reported) == ("Reported" in with_rule("enforce").matched)


@pytest.mark.fuzz
@given(RULES, mails())
def test_a_rule_that_is_not_enabled_has_no_effect(rules: list[Rule], sample: Mail):
    enabled = [rule for rule in rules if rule.get("enabled", True)]
    assume(enabled and len(enabled) < len(rules))
    assert summarize(evaluate(policy_of(rules), sample)) == summarize(evaluate(policy_of(enabled), sample))


@pytest.mark.fuzz
@given(RULES, mails(), st.randoms(use_true_random=False))
def test_the_position_of_a_rule_without_verdict_and_stop_changes_no_verdict(rules: list[Rule], sample: Mail, random: Any):
    deciding = [rule for rule in rules if names(rule) & VERDICTS or rule.get("stop")]
    others = [rule for rule in rules if rule not in deciding]
    assume(others)
    moved = list(deciding)
    for rule in others:
        moved.insert(random.randint(0, len(moved)), rule)
    assert evaluate(policy_of(moved), sample).verdicts == evaluate(policy_of(rules), sample).verdicts


@pytest.mark.fuzz
@given(RULES, mails())
def test_an_evaluation_has_the_same_outcome_with_and_without_a_trace(rules: list[Rule], sample: Mail):
    policy, trace = policy_of(rules), Trace()
    first = evaluate(policy, sample)
    assert summarize(evaluate(policy, sample)) == summarize(evaluate(policy_of(rules), sample, trace=trace)) == summarize(first)
    assert [seen.name for seen in trace.rules] == [rule["name"] for rule in rules]
    assert {seen.name for seen in trace.rules if seen.matching} == {*first.matched, *first.reported}
    for seen in (seen for rule in trace.rules for seen in rule.conditions):
        assert not seen.matching - seen.candidates
        assert seen.error == ""
        assert len(seen.observed) <= 160
        assert seen.observed.isprintable()


ADDRESSES = ["a@example.com", "example.com", "*.example.com", "*", "example.net", "sec@example.org", "b@example.com"]
_PATTERNS = st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3)
_SCOPES = st.sampled_from(["internal", "external"])
SIMPLE = st.one_of(
    st.builds(lambda value: {"direction": value}, st.sampled_from(["inbound", "outbound"])),
    st.builds(lambda name, value: {name: value}, st.sampled_from(["recipient", "sender", "mail_from", "on_behalf_sender"]), _PATTERNS),
    st.builds(lambda name, value: {name: value}, st.sampled_from(["recipient_scope", "sender_scope"]), _SCOPES),
    st.builds(lambda value: {"on_behalf": value}, st.booleans()),
)
DECIDING = ["deliver", "drop", "junk", "bypass_spam_check", {"bounce": "No."}, {"count": "Seen"}]
TYPES = {word: str(action) for word, action in VERDICT_WORDS.items()} | {"bounce": "BOUNCE"}


def fits(pattern: str, address: str) -> bool:
    domain = address.split("@")[-1]
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return domain == pattern[2:] or domain.endswith(pattern[1:])
    return pattern in {address, domain} if address else False


def matches(name: str, value: Any, event: MailFlowEvent, recipient: str) -> bool:
    """Return whether a condition matches one recipient: a second implementation, by the words of docs/policy.md."""
    inbound = event.flow_direction is FlowDirection.INBOUND
    sender, author = (event.sender or "").lower(), event.mail_from.lower()
    match name:
        case "any":
            return any(all_hold(each, event, recipient) for each in value)
        case "all":
            return all(all_hold(each, event, recipient) for each in value)
        case "not":
            return not all_hold(value, event, recipient)
        case "direction":
            return (value == "inbound") == inbound
        case "on_behalf":
            return bool(sender) == value
        case "recipient":
            return any(fits(pattern, recipient) for pattern in value)
        case "recipient_scope":
            return (value == "internal") == (recipient.split("@")[-1] == "example.com" or (recipient == "" and inbound))
        case "sender_scope":
            return bool(author) and (value == "internal") == (author.split("@")[-1] == "example.com")
    found = {"sender": {sender, author} - {""}, "mail_from": {author} - {""}, "on_behalf_sender": {sender} - {""}}[name]
    return any(fits(pattern, address) for address in found for pattern in value)


def all_hold(mapping: dict[str, Any], event: MailFlowEvent, recipient: str) -> bool:
    return all(matches(name, value, event, recipient) for name, value in mapping.items())


def decided(rules: list[Rule], event: MailFlowEvent, recipient: str) -> str:
    """Return the action for one recipient: one rule after the other, without the other recipients."""
    for rule in rules:
        if not rule.get("enabled", True) or rule.get("mode") == "report":
            continue
        if not all_hold(rule.get("when", {}), event, recipient):
            continue
        if any(matches(name, value, event, recipient) for name, value in rule.get("unless", {}).items()):
            continue
        for action in rule["do"]:
            word = action if isinstance(action, str) else next(iter(action))
            if word in TYPES and not (word in {"junk", "bypass_spam_check"} and event.flow_direction is FlowDirection.OUTBOUND):
                return TYPES[word]
        if rule.get("stop"):
            break
    return "DEFAULT"


_PIECES = st.sampled_from([*r"^ $ a @ example \. . com | (a|b) [^@] \A \z (?i) (?m) + * \b".split(), "\n"])


@pytest.mark.fuzz
@given(st.lists(_PIECES, max_size=6).map("".join), st.lists(st.sampled_from(PEOPLE), max_size=6), st.booleans())
def test_an_expression_matches_the_same_addresses_together_and_one_by_one(pattern: str, people: list[str], truncated: bool):
    try:
        wanted = AddressSet.of([], [LineRegex(pattern)])
    except ValueError:
        assume(False)
    recipients = Recipients(people, truncated=truncated)
    found = wanted.matching(recipients, recipients.all)
    assert list(recipients.list_addresses(found)) == [address for address in recipients.addresses if wanted.matches(address)]


_ON_ALL = {"any_recipient", "all_recipients", "recipient_count", "external_recipients", "audience"}
OWN_LEAVES = [leaf for leaf in LEAVES if not _ON_ALL & leaf.keys()]
SIMPLE_RULES = st.lists(rules_of(SIMPLE, DECIDING), min_size=1, max_size=6).map(named)


@pytest.mark.fuzz
@given(SIMPLE_RULES, mails([b""]))
def test_each_recipient_gets_the_verdict_of_the_rules_read_one_by_one(rules: list[Rule], sample: Mail):
    found = actions_by_recipient(evaluate(policy_of(rules), sample))
    expected = {recipient: decided(rules, sample.event, recipient.lower()) for recipient in sample.event.recipients}
    assert {recipient: found.get(recipient, found.get("*")) for recipient in expected} == expected
    if sample.event.truncated:
        assert found["*"] == decided(rules, sample.event, "")


@pytest.mark.fuzz
@given(st.lists(rules_of(st.sampled_from(OWN_LEAVES), DECIDING), min_size=1, max_size=6).map(named), mails())
def test_a_recipient_gets_the_same_verdict_alone_and_among_others(rules: list[Rule], sample: Mail):
    """Not for conditions on all recipients together."""
    policy = policy_of(rules)
    found = evaluate(policy, sample)
    for recipient in sample.event.recipients:
        alone = sample._replace(event=replace(sample.event, recipients=(recipient,), truncated=False))
        assert evaluate(policy, alone).by_recipient == {recipient.lower(): found.by_recipient[recipient.lower()]}
