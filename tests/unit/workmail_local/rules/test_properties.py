"""Properties of rule matching for all rules and all messages."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailhooks.address_patterns import Pattern, Specificity, canonical
from mailhooks.contract import ActionType, FlowDirection
from mailhooks.hooks.functions.bounce import make_policy
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.settings import Settings
from tests.support.mail import parsed
from workmail_local.rules.matching import Match, match_rules
from workmail_local.rules.rule import STRICTNESS, Rule, RuleAction

DOMAINS = ["example.com", "mail.example.com", "example.net", "bücher.example"]
ADDRESSES = [f"{name}@{domain}" for name in ("ana", "ben") for domain in (*DOMAINS, "deep.mail.example.com", "laden.bücher.example")]
PATTERNS = ["*", *DOMAINS, *(f"*.{domain}" for domain in DOMAINS), *(f"{name}@{domain}" for name in ("ana", "ben") for domain in DOMAINS)]

directions = st.sampled_from(FlowDirection)
addresses = st.sampled_from(ADDRESSES)
any_text = st.text(max_size=40) | st.text("@.*-xXüÜn\ud800\x00", max_size=60)
patterns = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3).map(tuple)


def rule(name: str, direction: FlowDirection, action: RuleAction, senders: tuple[str, ...], recipients: tuple[str, ...]) -> Rule:
    return Rule(name, direction, action, senders, recipients, "hook" if action is RuleAction.LAMBDA else "", synchronous=False)


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    """Draw rules of both directions."""
    count = draw(st.integers(0, 6))
    found = []
    for number in range(count):
        direction = draw(directions)
        found.append(rule(f"r{number}", direction, draw(st.sampled_from(STRICTNESS[direction])), draw(patterns), draw(patterns)))
    return found


def narrowest(patterns: tuple[str, ...], address: str) -> Specificity | None:
    """Return the most specific match by trying each pattern with `mailhooks.address_patterns`."""
    parsed = [Pattern.parse(canonical(pattern)) for pattern in patterns]
    return max((pattern.specificity for pattern in parsed if pattern.matches(canonical(address))), default=None)


def expected(rules: list[Rule], direction: FlowDirection, author: str, sender: str, recipient: str) -> str:
    """Return the name of the winning rule, found by trying all rules."""
    headers = [author, *([sender] if sender else [])]
    rounds = [headers] if direction is FlowDirection.OUTBOUND else [[header] for header in reversed(headers)]
    for some in rounds:
        found = []
        for each in rules:
            by_sender = max((best for header in some if (best := narrowest(each.senders, header)) is not None), default=None)
            by_recipient = narrowest(each.recipients, recipient)
            if each.direction is direction and by_sender is not None and by_recipient is not None:
                found.append((-by_sender, -by_recipient, STRICTNESS[direction].index(each.action), each.name))
        if found:
            return min(found)[-1]
    return ""


def names(found: list[Match]) -> list[str]:
    return [each.rule.name if each.rule else "" for each in found]


@pytest.mark.fuzz
@given(rule_lists(), directions, addresses, addresses | st.just(""), st.lists(addresses, max_size=4))
def test_each_recipient_has_the_rule_with_the_best_rank(
    rules: list[Rule], direction: FlowDirection, author: str, sender: str, recipients: list[str]
) -> None:
    found = match_rules(rules, direction, author=author, sender=sender, recipients=recipients)
    assert names(found) == [expected(rules, direction, author, sender, recipient) for recipient in recipients]


@pytest.mark.fuzz
@given(rule_lists(), directions, addresses, addresses, st.data())
def test_a_more_specific_rule_never_loses(
    rules: list[Rule], direction: FlowDirection, author: str, recipient: str, data: st.DataObject
) -> None:
    """A new rule whose sender pattern is more specific than the winner's wins, with any action."""
    [before] = match_rules(rules, direction, author=author, sender="", recipients=[recipient])
    action = data.draw(st.sampled_from(STRICTNESS[direction]))
    pattern = data.draw(st.sampled_from([author, author.partition("@")[2], f"*.{author.partition('@')[2]}"]))
    if before.rule:
        best = narrowest(before.rule.senders, author)
        assume(best is not None and best < Pattern.parse(pattern).specificity)
    new = rule("new", direction, action, (pattern,), ("*",))
    assert names(match_rules([new, *rules], direction, author=author, sender="", recipients=[recipient])) == ["new"]


@pytest.mark.fuzz
@given(rule_lists(), directions, addresses, addresses | st.just(""), st.lists(addresses, max_size=4), st.data())
def test_the_order_of_definition_never_matters(
    rules: list[Rule], direction: FlowDirection, author: str, sender: str, recipients: list[str], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(rules))
    straight, turned = (match_rules(some, direction, author=author, sender=sender, recipients=recipients) for some in (rules, mixed))
    assert straight == turned
    assert [each.results for each in straight] == [each.results for each in turned]


@pytest.mark.fuzz
@given(rule_lists(), directions, addresses, addresses | st.just(""), st.lists(addresses, min_size=1, max_size=4))
def test_recipients_are_independent_of_one_another(
    rules: list[Rule], direction: FlowDirection, author: str, sender: str, recipients: list[str]
) -> None:
    together = match_rules(rules, direction, author=author, sender=sender, recipients=recipients)
    assert together == [match_rules(rules, direction, author=author, sender=sender, recipients=[recipient])[0] for recipient in recipients]


@pytest.mark.fuzz
@given(rule_lists(), directions, addresses, addresses | st.just(""), addresses, st.randoms(use_true_random=False))
def test_case_never_matters(rules: list[Rule], direction: FlowDirection, author: str, sender: str, recipient: str, random) -> None:
    def mixed(text: str) -> str:
        return "".join(random.choice([letter.lower(), letter.upper()]) for letter in text)

    spelled = [
        rule(each.name, each.direction, each.action, tuple(map(mixed, each.senders)), tuple(map(mixed, each.recipients))) for each in rules
    ]
    straight = match_rules(rules, direction, author=author, sender=sender, recipients=[recipient])
    assert names(match_rules(spelled, direction, author=mixed(author), sender=mixed(sender), recipients=[mixed(recipient)])) == names(
        straight
    )


@pytest.mark.fuzz
@given(rule_lists(), directions, addresses, addresses | st.just(""), addresses)
def test_a_labels_and_u_labels_are_equal(rules: list[Rule], direction: FlowDirection, author: str, sender: str, recipient: str) -> None:
    keys = [canonical(address) for address in (author, sender, recipient)]
    straight = match_rules(rules, direction, author=author, sender=sender, recipients=[recipient])
    assert names(match_rules(rules, direction, author=keys[0], sender=keys[1], recipients=[keys[2]])) == names(straight)


@pytest.mark.fuzz
@given(rule_lists(), directions, any_text, any_text, st.lists(any_text, max_size=3))
def test_any_text_is_accepted_and_each_rule_has_a_result(
    rules: list[Rule], direction: FlowDirection, author: str, sender: str, recipients: list[str]
) -> None:
    own = {each.name for each in rules if each.direction is direction}
    for found in match_rules(rules, direction, author=author, sender=sender, recipients=recipients):
        assert {each.rule.name for each in found.results} == own
        assert len(found.results) == len(own)
        assert any(each.matched for each in found.results) == (found.rule is not None)
        assert found.rule is None or (found.results[0].rule, found.results[0].why) == (found.rule, found.why)


@pytest.mark.fuzz
@given(
    st.lists(st.tuples(st.sampled_from(ActionType), patterns, patterns), max_size=6),
    directions,
    addresses,
    addresses | st.just(""),
    st.lists(addresses, min_size=1, max_size=4, unique_by=canonical),
)
def test_the_function_bounce_decides_as_flow_rules_with_the_same_patterns(
    rows: list[tuple[ActionType, tuple[str, ...], tuple[str, ...]]],
    direction: FlowDirection,
    author: str,
    sender: str,
    recipients: list[str],
) -> None:
    flow_rules = [
        rule(f"r{number}", direction, RuleAction(action), *both)
        for number, (action, *both) in enumerate(rows)
        if RuleAction(action) in STRICTNESS[direction]
    ]
    found = match_rules(flow_rules, direction, author=author, sender=sender, recipients=recipients)
    setting = json.dumps([{"action": action, "senders": senders, "recipients": to} for action, senders, to in rows])
    mail = parsed(direction=direction, sender=sender or None, envelope=envelope(author, recipients))
    verdict = make_verdict(make_policy(Settings(bounce_rules=setting)).evaluate(mail, b""))
    actions = [each.rule.action if each.rule else RuleAction.DEFAULT for each in found]
    assert [RuleAction(verdict.action_for(recipient).type) for recipient in recipients] == actions


def envelope(author: str, recipients: list[str]) -> dict[str, Any]:
    return {"mailFrom": {"address": author}, "recipients": [{"address": recipient} for recipient in recipients]}


@pytest.mark.fuzz
@given(any_text)
def test_canonical_is_idempotent(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)
