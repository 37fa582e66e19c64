"""The checks of WorkMail's console for a rule."""

from typing import Any

import pytest

from tests.support.flow_rules import parse_rules
from tests.support.tables import check_rows
from tests.unit.workmail_local.rules.rule_cases import IN, OUT
from workmail_local.rules.rule import MAX_ORGANIZATION_PATTERNS, MAX_SENDER_PATTERNS, InvalidRule, Rule, RuleAction, check_rules

VALID: dict[str, Any] = {"name": "A", "direction": IN, "action": RuleAction.LAMBDA, "senders": ("*",), "function": "hook"}
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "a rule without a name": ({"name": " "}, "name"),
    "plus in a sender pattern": ({"senders": ("nora+offers@example.net",)}, "senders"),
    "plus in a recipient pattern": ({"action": RuleAction.DROP, "function": "", "recipients": ("ana+x@example.com",)}, "recipients"),
    "a star within a pattern": ({"senders": ("nora@*.example.net",)}, "senders"),
    "a star for a part of a name": ({"senders": ("n*@example.net",)}, "senders"),
    "an empty pattern": ({"senders": ("",)}, "senders"),
    "no sender pattern": ({"senders": ()}, "senders"),
    "no recipient pattern": ({"recipients": ()}, "recipients"),
    "too many sender patterns": ({"senders": tuple(f"a{number}@example.net" for number in range(MAX_SENDER_PATTERNS + 1))}, "senders"),
    "recipients of a synchronous rule": ({"recipients": ("example.com",)}, "recipients"),
    "recipients in addition to the star": ({"recipients": ("*", "example.com")}, "recipients"),
    "no function": ({"function": ""}, "function"),
    "a function without Run Lambda": ({"action": RuleAction.DROP}, "function"),
    "a timeout under 0": ({"timeout_minutes": -1}, "timeout_minutes"),
    "a timeout over 240": ({"timeout_minutes": 241}, "timeout_minutes"),
    "junk, outbound": ({"direction": OUT, "action": RuleAction.JUNK, "function": ""}, "action"),
    "bypass, outbound": ({"direction": OUT, "action": RuleAction.BYPASS, "function": ""}, "action"),
    "gateway, inbound": ({"action": RuleAction.GATEWAY, "function": ""}, "action"),
    "junk as fallback, outbound": ({"direction": OUT, "fallback": RuleAction.JUNK}, "fallback"),
    "bypass as fallback, outbound": ({"direction": OUT, "fallback": RuleAction.BYPASS}, "fallback"),
    "gateway as fallback, inbound": ({"fallback": RuleAction.GATEWAY}, "fallback"),
    "a function as fallback": ({"fallback": RuleAction.LAMBDA}, "fallback"),
    "a gateway for another action": ({"direction": OUT, "gateway": "relay"}, "gateway"),
    "a gateway for a rule that does not wait": (
        {"direction": OUT, "synchronous": False, "fallback": RuleAction.GATEWAY, "gateway": "relay"},
        "gateway",
    ),
}


def make_rule(**changes: Any) -> Rule:
    return Rule(**{**VALID, **changes})


def test_invalid_rules_are_rejected() -> None:
    def check(name: str) -> None:
        changes, key = INVALID[name]
        with pytest.raises(InvalidRule) as caught:
            make_rule(**changes)
        assert caught.value.key == key
        assert str(caught.value).startswith(f"rule {changes.get('name', 'A')!r}: {key}: expected ")

    check_rows(INVALID, check)


def test_valid_rules_are_accepted() -> None:
    for changes in (
        {},
        {"timeout_minutes": 0},
        {"timeout_minutes": 240},
        {"synchronous": False, "recipients": ("example.com",)},
        {"fallback": RuleAction.JUNK},
        {"direction": OUT, "fallback": RuleAction.BOUNCE},
        {"direction": OUT, "fallback": RuleAction.GATEWAY, "gateway": "relay"},
        {"direction": OUT, "action": RuleAction.GATEWAY, "function": "", "gateway": "relay"},
        {"direction": OUT, "action": RuleAction.GATEWAY, "function": ""},
        {"senders": tuple(f"a{number}@example.net" for number in range(MAX_SENDER_PATTERNS))},
    ):
        assert make_rule(**changes)


def test_too_many_patterns_in_all_rules_are_rejected() -> None:
    patterns = tuple(f"a{number}@example.net" for number in range(MAX_SENDER_PATTERNS))
    rules = [Rule(f"r{number}", IN, RuleAction.DROP, patterns) for number in range(MAX_ORGANIZATION_PATTERNS // MAX_SENDER_PATTERNS)]
    check_rules(rules)
    with pytest.raises(InvalidRule, match="rules: senders: expected at most 1,000 sender patterns in all rules together, found 1,001"):
        check_rules([*rules, *parse_rules("one: drop *", OUT)])
