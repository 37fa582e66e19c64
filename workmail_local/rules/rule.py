"""A flow rule of WorkMail, with the checks of WorkMail's console.

Source: the administrator guide, "Managing email flows" and "Configuring AWS Lambda for Amazon WorkMail".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailhooks.address_patterns import PATTERN_FORMS, Pattern
from mailhooks.contract import FlowDirection
from mailhooks.contract.verdict import PRECEDENCE
from workmail_local.errors import LocalError

MAX_SENDER_PATTERNS: Final = 250
"""Sender patterns of one rule."""

MAX_ORGANIZATION_PATTERNS: Final = 1000
"""Sender patterns of all rules together."""

MAX_TIMEOUT_MINUTES: Final = 240


class RuleAction(StrEnum):
    """The actions of a rule. Junk and bypass are for inbound mail only, the gateway is for outbound mail only."""

    DROP = "DROP"
    BOUNCE = "BOUNCE"
    JUNK = "MOVE_TO_JUNK"
    DEFAULT = "DEFAULT"
    BYPASS = "BYPASS_SPAM_CHECK"
    GATEWAY = "SMTP_GATEWAY"
    LAMBDA = "LAMBDA"


STRICTNESS: Final = {
    FlowDirection.INBOUND: (*map(RuleAction, PRECEDENCE[FlowDirection.INBOUND]), RuleAction.LAMBDA),
    FlowDirection.OUTBOUND: (*map(RuleAction, PRECEDENCE[FlowDirection.OUTBOUND]), RuleAction.GATEWAY, RuleAction.LAMBDA),
}
"""The actions of each direction in the guide's order. Of two equally specific rules, the one with the earlier action wins."""


class InvalidRule(LocalError):
    """WorkMail would reject a rule.

    Attributes:
        rule: the rule's name; "" for a limit over all rules.
        key: the invalid field of `Rule`.
        found, expected: the field's value and the valid values, in words.
    """

    def __init__(self, rule: str, key: str, found: str, expected: str) -> None:
        super().__init__(f"{f'rule {rule!r}' if rule else 'rules'}: {key}: expected {expected}, found {found}")
        self.rule, self.key, self.found, self.expected = rule, key, found, expected


@dataclass(frozen=True, slots=True)
class Rule:
    """A flow rule.

    Attributes:
        name: unique among the organization's rules.
        direction: the mail flow of the rule.
        action: the action for matching mail.
        senders, recipients: patterns `mailbox@example.com`, `example.com`, `*.example.com` or `*`; one of each has to match.
        function: for Run Lambda, the function's name; else "".
        synchronous: for Run Lambda, whether WorkMail waits for the response.
        fallback: for a synchronous rule, the action when there is no valid response: any of its direction but Run Lambda.
        timeout_minutes: for a synchronous rule, how long WorkMail retries; 0 for no retry.
        gateway: the name of the SMTP gateway to which the action or the fallback action routes; "" for a gateway that only stores mail.

    Raises:
        InvalidRule: WorkMail would reject the rule.
    """

    name: str
    direction: FlowDirection
    action: RuleAction
    senders: tuple[str, ...]
    recipients: tuple[str, ...] = ("*",)
    function: str = ""
    synchronous: bool = True
    fallback: RuleAction = RuleAction.DEFAULT
    timeout_minutes: int = 30
    gateway: str = ""

    @property
    def uses_gateway(self) -> bool:
        """Whether the action or the fallback action routes to an SMTP gateway."""
        waits = self.action is RuleAction.LAMBDA and self.synchronous
        return self.action is RuleAction.GATEWAY or (waits and self.fallback is RuleAction.GATEWAY)

    def __post_init__(self) -> None:
        for key, found, expected in (*_action_problems(self), *_pattern_problems(self), *_lambda_problems(self)):
            raise InvalidRule(self.name, key, found, expected)


def check_rules(rules: Iterable[Rule]) -> None:
    """Check the limit of all rules together.

    Raises:
        InvalidRule: there are too many sender patterns.
    """
    patterns = sum(len(rule.senders) for rule in rules)
    if patterns > MAX_ORGANIZATION_PATTERNS:
        raise InvalidRule("", "senders", f"{patterns:,}", f"at most {MAX_ORGANIZATION_PATTERNS:,} sender patterns in all rules together")


def _action_problems(rule: Rule) -> Iterator[tuple[str, str, str]]:
    if not rule.name.strip():
        yield "name", "none", "a name"
    actions = STRICTNESS[rule.direction]
    if rule.action not in actions:
        yield "action", rule.action.value, f"one of {', '.join(actions)} in an {rule.direction.lower()} rule"
    if rule.gateway and not rule.uses_gateway:
        yield "gateway", repr(rule.gateway), f"none, because neither the action nor the fallback action is {RuleAction.GATEWAY}"


def _pattern_problems(rule: Rule) -> Iterator[tuple[str, str, str]]:
    if len(rule.senders) > MAX_SENDER_PATTERNS:
        yield "senders", f"{len(rule.senders):,}", f"at most {MAX_SENDER_PATTERNS} sender patterns in a rule"
    for key, patterns in (("senders", rule.senders), ("recipients", rule.recipients)):
        if not patterns:
            yield key, "none", "at least one pattern"
        for pattern in patterns:
            try:
                Pattern.parse(pattern)
            except ValueError:
                yield key, repr(pattern), PATTERN_FORMS


def _lambda_problems(rule: Rule) -> Iterator[tuple[str, str, str]]:
    if rule.action is not RuleAction.LAMBDA:
        if rule.function:
            yield "function", repr(rule.function), f"none, because the action is {rule.action}"
        return
    if not rule.function:
        yield "function", "none", "the name of a function, because the action is LAMBDA"
    if not rule.synchronous:
        return
    if set(rule.recipients) != {"*"}:
        yield "recipients", ", ".join(map(repr, rule.recipients)), "only '*', because the rule runs a function synchronously"
    if not 0 <= rule.timeout_minutes <= MAX_TIMEOUT_MINUTES:
        yield "timeout_minutes", str(rule.timeout_minutes), f"0 to {MAX_TIMEOUT_MINUTES}"
    if rule.fallback not in list_fallbacks(rule.direction):
        yield "fallback", rule.fallback.value, f"one of {', '.join(list_fallbacks(rule.direction))} in an {rule.direction.lower()} rule"


def list_fallbacks(direction: FlowDirection) -> tuple[RuleAction, ...]:
    """Return the fallback actions of a direction. Run Lambda is not a fallback action."""
    return tuple(action for action in STRICTNESS[direction] if action is not RuleAction.LAMBDA)
