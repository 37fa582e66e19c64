"""Which rule each recipient meets, and what is said about it."""

from itertools import combinations

import pytest

from local.rules.matching import RuleSet, match
from local.rules.rule import STRICTNESS, Rule, RuleAction
from mailhooks.contract import FlowDirection
from tests.support.flow_rules import WORDS, rules_of
from tests.unit.local.rules.rule_cases import CASES, IN, OUT, SENTENCES, Case, to_ana


def met(case: Case) -> dict[str, str]:
    found = match(rules_of(case.rules, case.direction), case.direction, author=case.author, sender=case.sender, recipients=case.met)
    return {each.recipient: each.rule.name if each.rule else "" for each in found}


@pytest.mark.parametrize("name", CASES)
def test_each_recipient_meets_the_rule_that_the_guide_says(name: str) -> None:
    assert met(CASES[name]) == CASES[name].met, next(text for key, text in SENTENCES.items() if name.startswith(key))


@pytest.mark.parametrize("name", CASES)
def test_order_of_definition_and_company_change_nothing(name: str) -> None:
    case = CASES[name]
    turned = case._replace(rules=" | ".join(reversed([part.strip() for part in case.rules.split("|")])))
    assert met(turned) == case.met
    for recipient, rule in case.met.items():
        assert met(case._replace(met={recipient: rule})) == {recipient: rule}


def test_every_case_says_what_it_follows_from() -> None:
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
        assert met(case) == case.met


def test_rules_of_the_other_direction_do_not_count() -> None:
    assert match(rules_of("a: drop *", OUT), IN, author="a@example.net", sender="", recipients=["b@example.com"])[0].rule is None


def test_without_rules_nobody_meets_one() -> None:
    [found] = RuleSet(()).match(IN, author="a@example.net", sender="", recipients=["b@example.com"])
    assert (found.rule, found.considered) == (None, ())
    assert found.why == "No inbound rule matches both sender and recipient."


def test_a_recipient_that_comes_twice_has_two_matches() -> None:
    found = match(rules_of("a: drop *", IN), IN, author="", sender="", recipients=["b@example.com", "b@example.com"])
    assert [each.rule and each.rule.name for each in found] == ["a", "a"]


def explained(direction: FlowDirection, rules: str, author: str, sender: str = "") -> dict[str, tuple[bool, str]]:
    [found] = match(rules_of(rules, direction), direction, author=author, sender=sender, recipients=["ana@example.com"])
    assert found.considered[0].why == found.why or found.rule is None
    return {each.rule.name: (each.matched, each.why) for each in found.considered}


def test_a_winner_says_by_which_patterns_it_won() -> None:
    assert explained(IN, "a: drop Example.NET, * > *.example.com", "nora@example.net") == {
        "a": (True, "From matches Example.NET, the recipient matches *.example.com; no other rule matches as specifically.")
    }


def test_each_loser_says_why_it_lost() -> None:
    rules = (
        "w: bounce example.net > example.com | a: drop * | b: drop example.net | c: junk example.net > example.com"
        " | x: bounce example.net > example.com | y: drop example.org | z: drop example.net > ben@example.com"
        " | q: drop example.org > x@example.org"
    )
    told = explained(IN, rules, "nora@example.net")
    assert next(iter(told)) == "w"
    assert told["w"][1].endswith('as specific as "x", with the same action: the name decides, as the guide does not say what does.')
    assert told["a"] == (True, "Matches, but the sender pattern * is less specific than example.net.")
    assert told["b"] == (True, "Matches, but the recipient pattern * is less specific than example.com.")
    assert told["c"] == (True, "Matches, but not more specifically, and BOUNCE goes before MOVE_TO_JUNK.")
    assert told["x"] == (True, 'Matches, but not more specifically, has the same action, and its name comes after "w".')
    assert told["y"] == (False, "No sender pattern matches.")
    assert told["z"] == (False, "No recipient pattern matches.")
    assert told["q"] == (False, "No sender and no recipient pattern matches.")


def test_a_winner_says_over_which_action_it_won() -> None:
    told = explained(OUT, "a: drop example.com | b: default example.com", "ben@example.com", "cem@example.com")
    assert told["b"][1] == 'From matches example.com, the recipient matches *; as specific as "a", but DEFAULT goes before DROP.'


def test_it_is_said_which_header_decided() -> None:
    rules = "a: drop nora@example.net | b: junk *.example.org"
    told = explained(IN, rules, "nora@example.net", "list@example.org")
    assert told["b"][1].startswith("Sender matches *.example.org")
    assert told["a"] == (False, 'Only From matches, which does not count: Sender matches "b".')
    assert explained(IN, rules, "nora@example.net", "list@example.com")["a"][1].startswith("Sender matches no rule; From matches nora@")
    assert explained(OUT, "a: drop cem@example.com", "ben@example.com", "cem@example.com")["a"][1].startswith("Sender matches cem@")


@pytest.mark.parametrize(
    "hostile",
    [
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
    ],
)
def test_what_is_no_address_is_matched_like_any_other_text(hostile: str) -> None:
    rules = RuleSet([*rules_of("a: drop example.org | b: junk *", IN), *rules_of("c: gateway *.example.org | d: drop *", OUT)])
    for direction, expected in ((IN, "b"), (OUT, "d")):
        [found] = rules.match(direction, author=hostile, sender=hostile, recipients=[hostile])
        assert found.rule is not None
        assert found.rule.name == expected
        assert len(found.considered) == 2


def test_an_address_in_thousands_of_subdomains_is_in_all_of_them() -> None:
    case = to_ana(IN, "a: drop *.example.net", "a@" + "x." * 5_000 + "example.net", "a")
    assert met(case) == case.met


def test_the_most_rules_and_recipients_are_matched() -> None:
    many = [
        Rule(f"r{number:03}", IN, RuleAction.DROP, (f"s{number}@example.net",), (f"*.x{number}.example.com", "*"))
        for number in range(1_000)
    ]
    recipients = [f"u{number}@x{number}.example.com" for number in range(500)]
    found = RuleSet(many).match(IN, author="s7@example.net", sender="", recipients=recipients)
    assert {each.rule.name for each in found if each.rule} == {"r007"}
    assert len(found) == 500
