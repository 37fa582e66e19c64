"""Flow rules in a line, for tests."""

from local.rules.matching import Rule, RuleAction
from mailhooks.contract import FlowDirection

WORDS = {
    "drop": RuleAction.DROP,
    "bounce": RuleAction.BOUNCE,
    "junk": RuleAction.JUNK,
    "default": RuleAction.DEFAULT,
    "bypass": RuleAction.BYPASS,
    "gateway": RuleAction.GATEWAY,
    "lambda": RuleAction.LAMBDA,
}


def rules_of(text: str, direction: FlowDirection) -> list[Rule]:
    """`a: drop example.net > ana@example.com | b: lambda *`: names, actions, sender patterns and, after `>`, recipient patterns."""
    return [rule_of(*part.strip().split(": ", 1), direction) for part in text.split("|")]


def rule_of(name: str, text: str, direction: FlowDirection) -> Rule:
    before, _, recipients = text.partition(" > ")
    word, senders = before.split(" ", 1)
    function = "hook" if word == "lambda" else ""
    # Asynchronous: a rule that waits cannot choose its recipients.
    return Rule(name, direction, WORDS[word], listed(senders), listed(recipients or "*"), function, synchronous=False)


def listed(patterns: str) -> tuple[str, ...]:
    return tuple(pattern.strip() for pattern in patterns.split(","))
