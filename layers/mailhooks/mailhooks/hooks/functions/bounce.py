"""The hook of the function `bounce`: a policy made from one setting, whose verdicts depend on sender and recipient alone."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Self

from mailhooks.address_patterns import PATTERN_FORMS, Pattern, Specificity
from mailhooks.contract import Action, ActionType, ContractError
from mailhooks.contract.errors import describe_kind
from mailhooks.contract.schema import check
from mailhooks.contract.verdict import DEFAULT
from mailhooks.errors import SettingsError
from mailhooks.hooks.policy_hook import FixedPolicy, PolicyHook
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import AddressSet
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import All, Condition, Cost, MessageTest, RecipientTest, address_test
from mailhooks.policy.rules.rule import Rule, SetVerdict
from mailhooks.settings import OnError, Settings, parse_json

_MOST_RESTRICTIVE_FIRST: Final = (
    ActionType.DROP,
    ActionType.BOUNCE,
    ActionType.MOVE_TO_JUNK,
    ActionType.DEFAULT,
    ActionType.BYPASS_SPAM_CHECK,
)
"""Guide, "Inbound email rule actions"."""

_Addresses = Callable[[Facts], tuple[str, ...]]

_ADDRESSES: Final[tuple[_Addresses, ...]] = (
    lambda facts: (facts.event.sender,) if facts.event.sender else (),
    lambda facts: (facts.author,),
)
"""Sender, and From."""


class BounceRule(NamedTuple):
    """The action for mail from some senders to some recipients."""

    action: Action
    senders: tuple[Pattern, ...]
    recipients: tuple[Pattern, ...]


def make_policy(settings: Settings) -> Policy:
    """Return BOUNCE_RULES as a policy. One rule applies to each recipient, in WorkMail's order of its own rules.

    The narrowest sender pattern wins, then the narrowest recipient pattern, then the most restrictive action (guide, "Managing email
    flows"). Sender is matched first, and From only if there is no Sender or no rule matches it. In a policy the first rule with a verdict
    for a recipient wins, so a rule with patterns of several widths becomes several policy rules.

    Raises:
        SettingsError: BOUNCE_RULES breaks `schemas/bounce-rules.json`, or has more different actions than a response can have.
    """
    rules = _parse_rules(settings)
    ordered: list[tuple[BounceRule, Specificity, Specificity, _Addresses]] = []
    for address_of in _ADDRESSES:
        found = [
            (rule, by_sender, by_recipient, address_of)
            for rule in rules
            for by_sender in {pattern.specificity for pattern in rule.senders}
            for by_recipient in {pattern.specificity for pattern in rule.recipients}
        ]
        ordered += sorted(found, key=lambda each: (-each[1], -each[2], _MOST_RESTRICTIVE_FIRST.index(each[0].action.type)))
    return Policy(tuple(_make_rule(index, *each) for index, each in enumerate(ordered)), file="BOUNCE_RULES")


class BounceHook(PolicyHook):
    """Returns verdicts alone. By default it raises an unexpected error: a mistake of ours must not deliver mail that is to be bounced."""

    name = "bounce"
    stamps = False
    on_error = OnError.RETRY

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises as `make_policy`."""
        return cls(FixedPolicy(make_policy(settings)))


def _make_rule(index: int, rule: BounceRule, by_sender: Specificity, by_recipient: Specificity, address_of: _Addresses) -> Rule:
    senders = AddressSet.of(pattern for pattern in rule.senders if pattern.specificity is by_sender)
    recipients = AddressSet.of(pattern for pattern in rule.recipients if pattern.specificity is by_recipient)
    conditions: list[Condition] = [
        address_test("sender", senders, Cost.EVENT, address_of),
        RecipientTest("recipient", Cost.EVENT, lambda facts, candidates: recipients.matching(facts.recipients, candidates)),
    ]
    if rule.action.type.inbound_only:
        conditions.append(MessageTest("direction", Cost.EVENT, lambda facts: facts.inbound, lambda facts: facts.event.flow_direction))
    return Rule(f"rule {index}", index, All.of(conditions, "all"), (SetVerdict(rule.action.type, rule.action.bounce_message),))


def _parse_rules(settings: Settings) -> list[BounceRule]:
    documents = parse_json("BOUNCE_RULES", settings.bounce_rules, "[]")
    try:
        check("bounce-rules", documents)
        rules = [_parse_rule(f"/{index}", document) for index, document in enumerate(documents)]
    except ContractError as error:
        raise SettingsError(f"BOUNCE_RULES: {error}") from None
    if len({rule.action for rule in rules} | {DEFAULT}) > 10:
        raise SettingsError("BOUNCE_RULES: use at most 10 different actions; DEFAULT and each bounce text count")
    return rules


def _parse_rule(place: str, rule: dict[str, Any]) -> BounceRule:
    action = Action(ActionType(rule["action"]), rule.get("bounceMessage", ""))
    return BounceRule(action, _parse_patterns(f"{place}/senders", rule), _parse_patterns(f"{place}/recipients", rule))


def _parse_patterns(place: str, rule: dict[str, Any]) -> tuple[Pattern, ...]:
    found = []
    for index, text in enumerate(rule.get(place.rpartition("/")[2], ["*"])):
        try:
            found.append(Pattern.parse(text))
        except ValueError:
            raise ContractError(f"{place}/{index}", PATTERN_FORMS, describe_kind(text)) from None
    return tuple(found)
