"""All problems of a policy are reported, not only the first one."""

import json
from typing import Any

from tests.support.policies import load_error, rule_error
from tests.support.tables import check_rows
from tests.unit.policy.loading.test_loader import RATE, TOP


def test_all_problems_are_reported_in_the_order_of_the_file():
    text = TOP + "  - name: Two\n    do: explode\n  - name: Three\n    do: drop\n    when: {subject: {regex: '('}, size: 7}\n    stop: 1\n"
    lines = load_error(text).lines()
    assert [line.split(":")[1] for line in lines] == ["6", "9", "10"]
    assert str(load_error(text)).endswith("(and 2 more)")


def test_problems_beyond_the_schema_are_reported_for_all_rules():
    rules = [{"name": f"r{n}", "do": {"bounce": f"%%X{n}%%"}} for n in range(5)]
    assert len(load_error(json.dumps({"version": 1, "time_zone": "x", "rules": rules})).problems) == 6


def test_of_a_thousand_problems_fifty_are_listed_and_the_others_counted():
    rules = [{"name": f"r{n}"} for n in range(1000)]
    error = load_error(json.dumps({"version": 1, "rules": rules}))
    assert (len(error.problems), error.more) == (50, 950)
    assert error.lines()[-1] == "policy: and 950 more"
    assert str(error).endswith("(and 999 more)")


def test_only_an_expression_with_look_around_gets_the_hint_about_it() -> None:
    def check(pattern: str) -> None:
        assert "look-around" not in rule_error({"when": {"subject": {"regex": pattern}}})

    check_rows(["(", "[a", r"\pL{900}", r"\d(", "a++"], check)


def test_all_problems_of_a_rule_are_reported():
    when = {"sender": "a b", "subject": {"regex": "(", "words": " "}, "any": [{"recipient": "c d"}, {"body": " "}, {"rate": RATE}]}
    unless = {"sender": "list:none", "attachment": {"extension": "tar.gz"}}
    rule = {"name": "One", "when": when, "unless": unless, "do": [{"bounce": "%%X%%"}, {"subject_tag": " "}, "drop"]}
    error = load_error(json.dumps({"version": 1, "rules": [rule, rule | {"name": "Two"}]}))
    places = ["when/sender", "when/subject/words", "when/subject/regex", "when/any", "unless/sender", "unless/attachment/extension"]
    places += ["do/0/bounce", "do/1/subject_tag"]
    assert [(problem.rule, problem.place) for problem in error.problems] == [(rule, place) for rule in ("One", "Two") for place in places]


def test_a_policy_with_thousands_of_breaches_is_rejected():
    rules = [{"name": f"r{n}", "when": {"odd": 1, "subject": 7}, "do": "explode"} for n in range(2000)]
    error = load_error(json.dumps({"version": 1, "lists": [], "rules": rules}))
    assert len(error.problems) == 50
    assert error.more > 900


def test_every_text_of_a_long_list_may_be_invalid():
    lists = {"l": [f"a {n}" for n in range(20_000)], "outer": ["list:l"]}
    rules = [{"name": f"r{n}", "when": {"sender": "list:outer"}, "do": "drop"} for n in range(3)]
    error = load_error(json.dumps({"version": 1, "lists": lists, "rules": rules}))
    assert (len(error.problems), error.more) == (50, 19_950)
    assert error.lines()[0].endswith("""got 'a 0' in list "l" (line 1)""")


BREACHES = [
    ({"rules": [{"name": "Two", "do": "explode"}]}, True),
    ({"organization": 7}, True),
    ({"time_zone": 7}, True),
    ({"defaults": {"mixed": "some"}}, True),
    ({"colour": "red"}, True),
    ({"version": 2}, True),
    ({"lists": {"l": ["x y", 7]}}, True),
    ({"lists": {"l": 7}}, False),
    ({"lists": []}, False),
]


def test_a_breach_of_the_schema_hides_no_problem_of_another_rule() -> None:
    def check(broken: dict[str, Any], reported: bool) -> None:
        rules = [*broken.pop("rules", []), {"name": "One", "when": {"sender": ["list:l"]}, "do": "drop"}]
        error = load_error(json.dumps({"version": 1, "lists": {"l": ["x y"]}, "rules": rules} | broken))
        assert ["when/sender/0" in line for line in error.lines()].count(True) == int(reported)
        assert len(error.lines()) == 1 + reported

    check_rows(BREACHES, check)
