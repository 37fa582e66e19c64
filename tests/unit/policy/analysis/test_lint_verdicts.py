"""Findings about verdicts: without effect, after another rule's verdict, and more than a response may have."""

from typing import Any

import pytest

from tests.unit.policy.analysis.test_lint import INBOUND, UNREACHED, findings, heads, stop, when

FAILING = {"sender_in_group": "g@example.com"}


@pytest.mark.parametrize(
    "first, second, unreached",
    [
        ("skip", "skip", True),
        ("skip", "apply", False),
        ("skip", "retry", False),
        ("apply", "skip", True),
        ("apply", "apply", True),
        ("retry", "skip", True),
        ("retry", "apply", True),
    ],
)
def test_a_rule_that_fails_otherwise_than_the_one_before_may_be_reached(first: str, second: str, unreached: bool) -> None:
    rules = [{**stop(**FAILING), "on_error": first}, {"when": FAILING, "do": {"count": "X"}, "on_error": second}]
    assert (UNREACHED in heads(*rules)) is unreached
    assert UNREACHED in heads({**stop(subject="x"), "on_error": first}, {**when(subject="x"), "on_error": second})


def test_a_removal_after_the_verdict_of_another_rule_is_found() -> None:
    remove = {"do": {"remove_recipients": "ben@example.com"}}
    found = ("r2", "its remove_recipients never counts")
    assert heads({"do": "deliver"}, remove) == [found]
    assert heads({"when": INBOUND, "do": "deliver"}, {"when": INBOUND, **remove}) == [found]
    assert heads({"do": ["deliver", *[remove["do"]]]}) == [("r1", "its remove_recipients never counts")]
    assert heads({"when": {"recipient": "a@example.com"}, "do": "deliver"}, {"when": {"recipient": "a@example.com"}, **remove}) == []
    assert heads({"when": INBOUND, "do": "deliver"}, remove) == []
    assert heads({"do": [remove["do"], "deliver"]}) == []
    assert heads({"do": "deliver", "mode": "report"}, remove) == []


def test_a_verdict_after_a_removal_by_another_rule_is_found() -> None:
    remove = {"do": {"remove_recipients": ["ben@example.com", "list:more"]}}
    lists = {"more": ["c@example.com"]}
    unheard = ("r2", "its verdict never counts")
    assert heads(remove, when(recipient="Ben@example.com"), lists=lists) == [unheard]
    assert heads(remove, when(recipient="c@example.com"), lists=lists) == [unheard]
    assert heads(remove, when(recipient="d@example.com"), lists=lists) == []
    assert heads({"when": INBOUND, **remove}, when(recipient="c@example.com"), lists=lists) == []
    assert heads({"do": [*[remove["do"]], {"add_recipients": "x@example.com"}]}, when(recipient="c@example.com"), lists=lists) == []
    assert heads(remove, {"when": {"recipient": "c@example.com"}, "do": {"remove_recipients": "z@example.com"}}, lists=lists) == []


def test_more_verdicts_than_a_response_may_have_are_found() -> None:
    rules = [{"when": {"recipient": f"r{number}@example.com"}, "do": {"bounce": f"No {number}"}} for number in range(9)]
    assert findings(*rules) == []
    [finding] = findings(*rules, when(recipient="x@example.com"))
    assert finding.text.startswith("11 different verdicts")
    same = [{**rule, "do": {"bounce": "No: %%Rule%%"}} for rule in rules]
    assert findings(*same, when(recipient="x@example.com"))[0].text.startswith("11 ")
    assert len(findings(*rules, {"when": {"direction": "outbound"}, "do": {"add_recipients": "a@example.com"}})) == 1


@pytest.mark.parametrize("rule", [{}, {"stop": True}])
def test_verdicts_for_the_whole_message_count_as_one(rule: dict[str, Any]) -> None:
    whole = [{"when": {"subject": f"word{number}"}, "do": {"bounce": f"No {number}"}, **rule} for number in range(20)]
    assert findings(*whole) == []
    some = [{"when": {"recipient": f"r{number}@example.com"}, "do": {"bounce": f"Not {number}"}} for number in range(8)]
    assert findings(*whole, *some) == []
    [finding] = findings(*whole, *some, when(recipient="x@example.com"))
    assert finding.text.startswith("11 different verdicts")


def test_verdicts_for_different_directions_do_not_add_up() -> None:
    rules = [
        {"when": {"direction": direction, "recipient": f"r{number}@example.com"}, "do": {"bounce": f"{direction} {number}"}}
        for number in range(9)
        for direction in ("inbound", "outbound")
    ]
    assert findings(*rules) == []
