"""The hook of the function `bounce`: a policy made from one setting, whose verdicts depend on sender and recipient alone."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from mailhooks.actions import DEFAULT
from mailhooks.address_patterns import PATTERN_FORMS, Pattern, Specificity
from mailhooks.contract import Action, ActionType, ContractError, FlowDirection
from mailhooks.contract.errors import describe_kind
from mailhooks.contract.schema import check
from mailhooks.contract.verdict import PRECEDENCE
from mailhooks.errors import SettingsError
from mailhooks.hooks.functions.setting_hook import SettingHook
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import AddressSet
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import All, Condition, Cost, MessageTest, RecipientTest, address_test
from mailhooks.policy.rules.rule import Rule, SetVerdict
from mailhooks.settings import OnError, Settings, parse_json

_Addresses = Callable[[Facts], tuple[str, ...]]


def _sender(facts: Facts) -> tuple[str, ...]:
    return (facts.envelope.sender,) if facts.envelope.sender else ()


def _author(facts: Facts) -> tuple[str, ...]:
    return (facts.author,)


_ROUNDS: Final[dict[FlowDirection, tuple[_Addresses, ...]]] = {
    FlowDirection.INBOUND: (_sender, _author),
    FlowDirection.OUTBOUND: (lambda facts: (*_sender(facts), *_author(facts)),),
}
"""The addresses that are matched together. An address of a later round counts if no rule matches in an earlier one."""


class BounceRule(NamedTuple):
    """The action for mail from some senders to some recipients."""

    action: Action
    senders: tuple[Pattern, ...]
    recipients: tuple[Pattern, ...]


class _Narrowed(NamedTuple):
    """A rule for one direction, with its patterns of one width."""

    rule: BounceRule
    direction: FlowDirection
    addresses: _Addresses
    by_sender: Specificity
    by_recipient: Specificity


def make_policy(settings: Settings) -> Policy:
    """Return BOUNCE_RULES as a policy. One rule applies to each recipient, in WorkMail's order of its own rules.

    The narrowest sender pattern wins, then the narrowest recipient pattern, then the first action in `PRECEDENCE` (guide, "Sender and
    recipient patterns"). Inbound, Sender is matched first, and From only if there is no Sender or no rule matches it; outbound, the
    narrowest match of the two counts. In a policy the first rule with a verdict for a recipient wins, so a rule with patterns of several
    widths becomes several policy rules.

    Raises:
        SettingsError: BOUNCE_RULES breaks `schemas/bounce-rules.json`, or has more different actions than a response can have.
    """
    rules = _parse_rules(settings)
    ordered = [one for direction, rounds in _ROUNDS.items() for addresses in rounds for one in _order_rules(rules, direction, addresses)]
    return Policy(tuple(_make_rule(index, *one) for index, one in enumerate(ordered)), file="BOUNCE_RULES")


def _order_rules(rules: Sequence[BounceRule], direction: FlowDirection, addresses: _Addresses) -> list[_Narrowed]:
    order = PRECEDENCE[direction]
    found = [
        _Narrowed(rule, direction, addresses, by_sender, by_recipient)
        for rule in rules
        if rule.action.type in order
        for by_sender in {pattern.specificity for pattern in rule.senders}
        for by_recipient in {pattern.specificity for pattern in rule.recipients}
    ]
    return sorted(found, key=lambda one: (-one.by_sender, -one.by_recipient, order.index(one.rule.action.type)))


class BounceHook(SettingHook):
    """Returns verdicts alone. By default it raises an unexpected error: a mistake of ours must not deliver mail that is to be bounced."""

    name = "bounce"
    setting = "BOUNCE_RULES"
    on_error = OnError.RETRY
    make_policy = staticmethod(make_policy)


def _make_rule(
    index: int, rule: BounceRule, direction: FlowDirection, addresses: _Addresses, by_sender: Specificity, by_recipient: Specificity
) -> Rule:
    senders = AddressSet.of(pattern for pattern in rule.senders if pattern.specificity is by_sender)
    recipients = AddressSet.of(pattern for pattern in rule.recipients if pattern.specificity is by_recipient)
    conditions: list[Condition] = [
        MessageTest(
            "direction", Cost.EVENT, lambda facts: facts.envelope.flow_direction is direction, lambda facts: facts.envelope.flow_direction
        ),
        address_test("sender", senders, Cost.EVENT, addresses),
        RecipientTest("recipient", Cost.EVENT, lambda facts, candidates: recipients.matching(facts.recipients, candidates)),
    ]
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
