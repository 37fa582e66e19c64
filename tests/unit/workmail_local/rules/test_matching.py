"""The winning rule of each recipient, and the reasons."""

from itertools import combinations

import pytest

from mailhooks.contract import FlowDirection
from tests.support.flow_rules import WORDS, parse_rules
from tests.support.tables import check_rows
from tests.unit.workmail_local.rules.rule_cases import CASES, IN, OUT, SENTENCES, Case, to_ana
from workmail_local.rules.matching import match_rules
from workmail_local.rules.rule import STRICTNESS, Rule, RuleAction

HOSTILE = [
    "",
    "@",
    "@@",
    "a@",
    "@example.net",
    "a@b@c@example.net",
    "\x00@\x7f\r\n",
    "\ud800@\udfff.example",
    "a" * 10_000,
    "@" * 10_000,
    "a@" + "b" * 10_000,
    "a@" + "x." * 5_000 + "example.net",
    "a@" + "ü." * 5_000,
    "a@" + "ü." * 120,
    "a@..",
    "a@xn--",
    "a@xn--\udc00",
    "a@-ü-",
    "a@ü..x",
]


def winners(case: Case) -> dict[str, str]:
    found = match_rules(
        parse_rules(case.rules, case.direction), case.direction, author=case.author, sender=case.sender, recipients=case.expected
    )
    return {each.recipient: each.rule.name if each.rule else "" for each in found}


def test_each_recipient_has_the_rule_of_the_guide() -> None:
    def check(name: str) -> None:
        assert winners(CASES[name]) == CASES[name].expected, next(text for key, text in SENTENCES.items() if name.startswith(key))

    check_rows(CASES, check)


def test_neither_the_order_of_rules_nor_other_recipients_matter() -> None:
    def check(name: str) -> None:
        case = CASES[name]
        turned = case._replace(rules=" | ".join(reversed([part.strip() for part in case.rules.split("|")])))
        assert winners(turned) == case.expected
        for recipient, rule in case.expected.items():
            assert winners(case._replace(expected={recipient: rule})) == {recipient: rule}

    check_rows(CASES, check)


def test_every_case_names_its_sentence_of_the_guide() -> None:
    assert len(CASES) >= 60
    assert {next(key for key in SENTENCES if name.startswith(key)) for name in CASES} == SENTENCES.keys()


@pytest.mark.parametrize("direction", FlowDirection)
def test_of_two_actions_the_more_restrictive_one_wins(direction: FlowDirection) -> None:
    words = {action: word for word, action in WORDS.items()}
    order = {
        IN: ["drop", "bounce", "junk", "default", "bypass", "lambda"],
        OUT: ["default", "drop", "bounce", "gateway", "lambda"],
    }[direction]
    assert [words[action] for action in STRICTNESS[direction]] == order
    for stricter, other in combinations(order, 2):
        case = to_ana(direction, f"a: {other} example.net | b: {stricter} example.net", "nora@example.net", "b")
        assert winners(case) == case.expected


def test_rules_of_the_other_direction_do_not_count() -> None:
    assert match_rules(parse_rules("a: drop *", OUT), IN, author="a@example.net", sender="", recipients=["b@example.com"])[0].rule is None


def test_without_rules_no_rule_wins() -> None:
    [found] = match_rules((), IN, author="a@example.net", sender="", recipients=["b@example.com"])
    assert (found.rule, found.results) == (None, ())
    assert found.why == "No inbound rule matches both sender and recipient."


def test_a_recipient_that_comes_twice_has_two_matches() -> None:
    found = match_rules(parse_rules("a: drop *", IN), IN, author="", sender="", recipients=["b@example.com", "b@example.com"])
    assert [each.rule and each.rule.name for each in found] == ["a", "a"]


def explain(direction: FlowDirection, rules: str, author: str, sender: str = "") -> dict[str, tuple[bool, str]]:
    [found] = match_rules(parse_rules(rules, direction), direction, author=author, sender=sender, recipients=["ana@example.com"])
    assert found.results[0].why == found.why or found.rule is None
    return {each.rule.name: (each.matched, each.why) for each in found.results}


def test_a_winner_has_the_patterns_by_which_it_won() -> None:
    assert explain(IN, "a: drop Example.NET, * > *.example.com", "nora@example.net") == {
        "a": (True, "From matches Example.NET, the recipient matches *.example.com; no other rule matches as specifically.")
    }


def test_each_loser_has_the_reason() -> None:
    rules = (
        "w: bounce example.net > example.com | a: drop * | b: drop example.net | c: junk example.net > example.com"
        " | x: bounce example.net > example.com | y: drop example.org | z: drop example.net > ben@example.com"
        " | q: drop example.org > x@example.org"
    )
    reasons = explain(IN, rules, "nora@example.net")
    assert next(iter(reasons)) == "w"
    assert reasons["w"][1].endswith(
        'as specific as "x", with the same action: the name decides, because the guide does not define which rule wins.'
    )
    assert reasons["a"] == (True, "Matches, but the sender pattern * is less specific than example.net.")
    assert reasons["b"] == (True, "Matches, but the recipient pattern * is less specific than example.com.")
    assert reasons["c"] == (True, "Matches, but not more specifically, and BOUNCE goes before MOVE_TO_JUNK.")
    assert reasons["x"] == (True, 'Matches, but not more specifically, has the same action, and its name comes after "w".')
    assert reasons["y"] == (False, "No sender pattern matches.")
    assert reasons["z"] == (False, "No recipient pattern matches.")
    assert reasons["q"] == (False, "No sender and no recipient pattern matches.")


def test_a_winner_has_the_less_restrictive_action_that_lost() -> None:
    reasons = explain(OUT, "a: drop example.com | b: default example.com", "ben@example.com", "cem@example.com")
    assert reasons["b"][1] == 'From matches example.com, the recipient matches *; as specific as "a", but DEFAULT goes before DROP.'


def test_the_reason_names_the_deciding_header() -> None:
    rules = "a: drop nora@example.net | b: junk *.example.org"
    reasons = explain(IN, rules, "nora@example.net", "list@example.org")
    assert reasons["b"][1].startswith("Sender matches *.example.org")
    assert reasons["a"] == (False, 'Only From matches, which does not count: Sender matches "b".')
    assert explain(IN, rules, "nora@example.net", "list@example.com")["a"][1].startswith("Sender matches no rule; From matches nora@")
    assert explain(OUT, "a: drop cem@example.com", "ben@example.com", "cem@example.com")["a"][1].startswith("Sender matches cem@")


def test_texts_that_are_not_addresses_match_the_star_only() -> None:
    rules = [*parse_rules("a: drop example.org | b: junk *", IN), *parse_rules("c: gateway *.example.org | d: drop *", OUT)]

    def check(hostile: str) -> None:
        for direction, expected in ((IN, "b"), (OUT, "d")):
            [found] = match_rules(rules, direction, author=hostile, sender=hostile, recipients=[hostile])
            assert found.rule is not None
            assert found.rule.name == expected
            assert len(found.results) == 2

    check_rows(HOSTILE, check)


def test_a_domain_with_thousands_of_labels_matches_a_parent_domain() -> None:
    case = to_ana(IN, "a: drop *.example.net", "a@" + "x." * 5_000 + "example.net", "a")
    assert winners(case) == case.expected


def test_the_most_rules_and_recipients_are_matched() -> None:
    many = [
        Rule(f"r{number:03}", IN, RuleAction.DROP, (f"s{number}@example.net",), (f"*.x{number}.example.com", "*"))
        for number in range(1_000)
    ]
    recipients = [f"u{number}@x{number}.example.com" for number in range(500)]
    found = match_rules(many, IN, author="s7@example.net", sender="", recipients=recipients)
    assert {each.rule.name for each in found if each.rule} == {"r007"}
    assert len(found) == 500
