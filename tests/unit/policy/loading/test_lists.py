"""Lists of a policy: their texts, how often values are built from them, and their problems."""

import json
from collections import Counter
from typing import Any

import pytest

from mailhooks.address_patterns import Pattern
from mailhooks.policy import load
from mailhooks.policy.analysis.lint import lint
from mailhooks.policy.facts import words
from mailhooks.policy.loading.lists import MAX_COPIED_TEXTS, MAX_TEXTS
from tests.support.policies import evaluate, load_error, mail, mail_from, make_policy, match_conditions, rule_error
from tests.support.tables import check_rows


def lines(text: str) -> list[str]:
    return [line.removeprefix("policy:") for line in load_error(text).lines()]


def with_lists(lists: dict[str, list[str]], **when: Any) -> str:
    return json.dumps({"version": 1, "lists": lists, "rules": [{"name": "One", "do": "drop", **({"when": when} if when else {})}]})


def chain(length: int, times: int = 1, **last: Any) -> dict[str, list[str]]:
    """Return lists that each name the next one several times."""
    return {f"l{n}": [f"list:l{n + 1}"] * times for n in range(length)} | {f"l{length}": last.get("texts", ["user@example.com"])}


CIRCLES = [
    ({"a": ["list:a"]}, ["a > a"]),
    ({"a": ["list:b"], "b": ["x", "list:a"]}, ["a > b > a", "b > a > b"]),
    ({"a": ["list:b"], "b": ["list:c"], "c": ["list:b"]}, ["a > b > c > b", "b > c > b", "c > b > c"]),
]


def test_a_circle_of_lists_is_rejected_with_its_names() -> None:
    def check(lists: dict[str, list[str]], shown: list[str]) -> None:
        found = load_error(with_lists(lists)).lines()
        assert len(found) == len(shown)
        assert all(way in line for way, line in zip(shown, found, strict=True))

    check_rows(CIRCLES, check)


def test_the_error_of_a_circle_of_a_thousand_lists_is_short():
    lists = chain(999) | {"l999": ["list:l0"]}
    error = load_error(with_lists(lists))
    assert (len(error.problems), error.more) == (50, 950)
    assert max(map(len, error.lines())) < 200


def test_a_list_may_contain_another_list():
    lists = {"a": ["list:b", "list:c"], "b": ["list:c"], "c": ["user@example.com"]}
    outcome = evaluate(make_policy({"when": {"recipient": "list:a"}, "do": "drop"}, lists=lists), mail())
    assert set(outcome.verdicts) == {"user@example.com"}


def test_a_list_in_a_list_is_resolved_once():
    policy = load(with_lists(chain(100, times=2), recipient="list:l0"))
    assert set(evaluate(policy, mail()).verdicts) == {"user@example.com"}
    assert lint(policy) == ()


def test_a_chain_of_a_thousand_lists_is_resolved():
    policy = load(with_lists(chain(999), recipient=["list:l0"] * 3))
    assert set(evaluate(policy, mail()).verdicts) == {"user@example.com"}
    assert [finding.text for finding in lint(policy)] == []


def test_lists_with_too_many_texts_are_rejected():
    lists = chain(499, texts=[f"a{n}@example.com" for n in range(1000)])
    lists = {name: [*texts, f"{name}@example.com"] for name, texts in lists.items()}
    [line] = load_error(with_lists(lists, sender="list:l0")).lines()
    assert f"expected at most {MAX_TEXTS:,} texts in all lists" in line


def test_lists_that_are_copied_into_too_many_rules_are_rejected():
    rules = [{"name": f"r{n}", "do": {"strip_attachments": {"extensions": "list:l"}}} for n in range(600)]
    [line] = load_error(json.dumps({"version": 1, "lists": {"l": [f"x{n}" for n in range(1000)]}, "rules": rules})).lines()
    assert f"expected at most {MAX_COPIED_TEXTS:,} texts of lists in all rules" in line


def test_the_patterns_and_words_of_a_list_are_built_once_for_all_rules(monkeypatch: pytest.MonkeyPatch):
    parsed: Counter[str] = Counter()
    normalized: Counter[str] = Counter()
    parse, normal = Pattern.parse, words.normalize

    def counted_parse(text: str, *, tagged: bool = False) -> Pattern:
        parsed[text] += 1
        return parse(text, tagged=tagged)

    def counted_normal(text: str) -> str:
        normalized[text] += 1
        return normal(text)

    monkeypatch.setattr(Pattern, "parse", counted_parse)
    monkeypatch.setattr(words, "normalize", counted_normal)
    rules = [
        {"when": {"sender": ["list:l", f"s{n}@example.net"], "subject": ["list:w", "more"], "body": {"contains": "list:w"}}, "do": "drop"}
        for n in range(50)
    ]
    make_policy(*rules, lists={"l": ["a.example"], "w": ["word"]})
    assert parsed["a.example"] == 1
    assert normalized["word"] <= 2  # as a word, and as a part of one


LIST_CONDITIONS = [
    ({"sender": ["list:l"]}, True),
    ({"sender": ["list:l", "x.example"]}, True),
    ({"sender": ["list:none", "x.example"]}, False),
    ({"sender": {"patterns": "list:l", "regex": "^unknown"}}, True),
    ({"recipient": ["list:r"]}, True),
    ({"recipient": ["a@example.com", "list:l", "list:r"]}, True),
    ({"all_recipients": ["list:l", "list:r"]}, True),
    ({"any_recipient": "list:l"}, False),
    ({"subject": "list:w"}, True),
    ({"subject": ["none", "list:w"]}, True),
    ({"subject": {"contains": ["zzz", "list:p"]}}, True),
    ({"subject": {"words": "list:p"}}, False),
]


def test_a_list_matches_as_if_its_texts_were_in_the_condition() -> None:
    def check(when: dict[str, Any], expected: bool) -> None:
        lists = {"l": ["list:deep"], "deep": ["ana@example.net"], "none": ["b.example"], "r": ["*.com"], "w": ["subject"], "p": ["ubjec"]}
        lists = lists | {"r": ["user@example.com"]}
        message = mail_from("Ana@example.net")
        policy = make_policy({"when": when, "do": "drop"}, lists=lists)
        assert (set(evaluate(policy, message).verdicts) == {"user@example.com"}) is expected
        assert match_conditions({"recipient": "user@example.com"}, message) == {"user@example.com"}

    check_rows(LIST_CONDITIONS, check)


BAD = """version: 1
lists:
  l:
    - a@b.de
    - 'bad pattern'
  outer: ['list:l', c.example]
rules:
  - name: R
    when:
      sender:
        - x@y.de
        - %s
        - z@y.de
    do: drop
"""


def test_an_invalid_pattern_is_reported_with_its_line():
    [line] = lines(BAD % "ana*1@example.com")
    assert line.startswith('12: rule "R": when/sender/1: expected a pattern: mailbox@example.com')
    assert line.endswith("got 'ana*1@example.com'")


@pytest.mark.parametrize("name", ["l", "outer"])
def test_an_invalid_pattern_of_a_list_is_reported_with_its_list_and_line(name: str):
    [line] = lines(BAD % f"list:{name}")
    assert line.startswith('12: rule "R": when/sender/1: expected a pattern: mailbox@example.com')
    assert line.endswith("""got 'bad pattern' in list "l" (line 5)""")


def test_an_invalid_list_is_reported_once_for_all_rules():
    rules = [{"name": f"r{n}", "when": {"sender": "list:l"}, "do": "drop"} for n in range(5)]
    [line] = load_error(json.dumps({"version": 1, "lists": {"l": ["free money"]}, "rules": rules})).lines()
    assert """got 'free money' in list "l" (line 1)""" in line


def test_all_invalid_patterns_of_a_condition_are_reported():
    text = json.dumps({"version": 1, "rules": [{"name": "R", "when": {"sender": ["a b", "a.example", "c d", "list:none"]}, "do": "drop"}]})
    assert [line.split(": ")[2] for line in load_error(text).lines()] == ["when/sender/0", "when/sender/2", "when/sender/3"]


INVALID_TEXTS = [
    ({"do": {"remove_recipients": "list:l"}}, """got 'free money' in list "l" (line 1)"""),
    ({"do": {"add_recipients": ["a@example.com", "list:l"]}}, """got 'free money' in list "l" (line 1)"""),
    ({"when": {"subject": "list:blank"}}, """got ' ' in list "blank" (line 1)"""),
    ({"when": {"sender_in_group": "list:l"}}, """got 'free money' in list "l" (line 1)"""),
]


def test_a_problem_of_a_text_in_a_list_names_the_list() -> None:
    def check(rule: dict[str, Any], expected: str) -> None:
        assert rule_error(rule, lists={"l": ["free money"], "blank": [" "]}).endswith(expected)

    check_rows(INVALID_TEXTS, check)


def test_the_recipients_of_a_list_count_against_the_limit_of_an_action():
    lists = {"l": [f"a{n}@example.com" for n in range(499)]}
    assert make_policy({"do": {"add_recipients": ["list:l", "b@example.com", "a1@example.com"]}}, lists=lists)
    line = rule_error({"do": {"add_recipients": ["list:l", "b@example.com", "c@example.com"]}}, lists=lists)
    assert line.endswith("do/add_recipients: expected at most 500 addresses including those of lists, got 501")
