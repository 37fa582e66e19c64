"""Flow rules from one line of text."""

from mailhooks.contract import FlowDirection
from workmail_local.rules.rule import Rule, RuleAction

WORDS = {
    "drop": RuleAction.DROP,
    "bounce": RuleAction.BOUNCE,
    "junk": RuleAction.JUNK,
    "default": RuleAction.DEFAULT,
    "bypass": RuleAction.BYPASS,
    "gateway": RuleAction.GATEWAY,
    "lambda": RuleAction.LAMBDA,
}


def parse_rules(text: str, direction: FlowDirection) -> list[Rule]:
    """Parse rules such as `a: drop example.net > ana@example.com | b: lambda *`.

    A rule has a name, an action, sender patterns and, after `>`, recipient patterns.
    """
    return [parse_rule(*part.strip().split(": ", 1), direction) for part in text.split("|")]


def parse_rule(name: str, text: str, direction: FlowDirection) -> Rule:
    before, _, recipients = text.partition(" > ")
    word, senders = before.split(" ", 1)
    function = "hook" if word == "lambda" else ""
    # Asynchronous, because a synchronous rule cannot have recipient patterns.
    return Rule(name, direction, WORDS[word], split_patterns(senders), split_patterns(recipients or "*"), function, synchronous=False)


def split_patterns(patterns: str) -> tuple[str, ...]:
    return tuple(pattern.strip() for pattern in patterns.split(","))
