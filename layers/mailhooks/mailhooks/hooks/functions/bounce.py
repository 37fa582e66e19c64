"""The hook of the function `bounce`: a verdict by sender and recipient, without a look at the content. A policy made of one setting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from mailhooks.address_patterns import PATTERN_FORMS, Pattern, Specificity
from mailhooks.contract import Action, ActionType, ContractError
from mailhooks.contract.errors import kind_of
from mailhooks.contract.schema import check
from mailhooks.contract.verdict import DEFAULT
from mailhooks.errors import SettingsError
from mailhooks.hooks.policy_hook import FixedPolicy, MailflowHook, NoEffects
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import AddressSet
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.actions import SetVerdict
from mailhooks.policy.rules.conditions import All, Condition, Cost, RecipientTest, Test, addresses
from mailhooks.policy.rules.rule import Rule
from mailhooks.settings import OnError, Settings, parse_json

_MOST_RESTRICTIVE_FIRST: Final = (
    ActionType.DROP,
    ActionType.BOUNCE,
    ActionType.MOVE_TO_JUNK,
    ActionType.DEFAULT,
    ActionType.BYPASS_SPAM_CHECK,
)
"""Guide, "Inbound email rule actions"."""


@dataclass(frozen=True, slots=True)
class BounceRule:
    """What becomes of mail from some senders to some recipients."""

    action: Action
    senders: tuple[Pattern, ...]
    recipients: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class BounceRules:
    """Rules, of which for each recipient one counts, chosen as WorkMail chooses among its own (guide, "Managing email flows"): the
    narrowest sender pattern wins, then the narrowest recipient pattern, then the most restrictive action.
    """

    rules: tuple[BounceRule, ...]

    @classmethod
    def from_settings(cls, settings: Settings) -> "BounceRules":
        """Raises:
        SettingsError: BOUNCE_RULES is not what `schemas/bounce-rules.json` says, or has more different actions than an answer can.
        """
        documents = parse_json("BOUNCE_RULES", settings.bounce_rules, "[]")
        try:
            check("bounce-rules", documents)
            rules = cls(tuple(_rule(f"/{index}", document) for index, document in enumerate(documents)))
        except ContractError as error:
            raise SettingsError(f"BOUNCE_RULES: {error}") from None
        if len({rule.action for rule in rules.rules} | {DEFAULT}) > 10:
            raise SettingsError("BOUNCE_RULES: at most 10 different actions fit into an answer, DEFAULT and each bounce text included")
        return rules

    def policy(self) -> Policy:
        """The same as a policy, of which the first rule that matches counts: WorkMail's order is the order of its rules.

        Sender is matched first, and From only if there is no Sender or no rule matches it. A rule with patterns of several widths stands
        there once for each.
        """
        ways: list[tuple[Callable[[Facts], tuple[str, ...]], Specificity, Specificity, int, BounceRule]] = []
        for whose in (_sender, _mail_from):
            found = [
                (whose, by_sender, by_recipient, _MOST_RESTRICTIVE_FIRST.index(rule.action.type), rule)
                for rule in self.rules
                for by_sender in {pattern.specificity for pattern in rule.senders}
                for by_recipient in {pattern.specificity for pattern in rule.recipients}
            ]
            ways += sorted(found, key=lambda way: (-way[1], -way[2], way[3]))
        return Policy(tuple(_as_rule(index, *way) for index, way in enumerate(ways)), file="BOUNCE_RULES")


class BounceHook(MailflowHook):
    """Answers by its rules alone. An unforeseen error is raised: mail that was to be refused is not let through by a mistake of ours."""

    name = "bounce"
    on_error = OnError.RETRY

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises as `BounceRules.from_settings`."""
        return cls(FixedPolicy(BounceRules.from_settings(settings).policy()), NoEffects())


def _sender(facts: Facts) -> tuple[str, ...]:
    return (facts.event.sender,) if facts.event.sender else ()


def _mail_from(facts: Facts) -> tuple[str, ...]:
    return (facts.author,)


def _as_rule(
    index: int,
    found: Callable[[Facts], tuple[str, ...]],
    by_sender: Specificity,
    by_recipient: Specificity,
    _: int,
    rule: BounceRule,
) -> Rule:
    senders = AddressSet.of(pattern for pattern in rule.senders if pattern.specificity is by_sender)
    recipients = AddressSet.of(pattern for pattern in rule.recipients if pattern.specificity is by_recipient)
    conditions: list[Condition] = [
        addresses("sender", senders, Cost.EVENT, found),
        RecipientTest("recipient", Cost.EVENT, lambda facts, among: recipients.mask(facts.recipients, among)),
    ]
    if rule.action.type.inbound_only:
        conditions.append(Test("direction", Cost.EVENT, lambda facts: facts.inbound, lambda facts: facts.event.flow_direction))
    return Rule(f"rule {index}", index, All.of(conditions, "all"), (SetVerdict(rule.action.type, rule.action.bounce_message),))


def _rule(place: str, rule: dict[str, Any]) -> BounceRule:
    action = Action(ActionType(rule["action"]), rule.get("bounceMessage", ""))
    return BounceRule(action, _patterns(f"{place}/senders", rule), _patterns(f"{place}/recipients", rule))


def _patterns(place: str, rule: dict[str, Any]) -> tuple[Pattern, ...]:
    found = []
    for index, text in enumerate(rule.get(place.rpartition("/")[2], ["*"])):
        try:
            found.append(Pattern.parse(text))
        except ValueError:
            raise ContractError(f"{place}/{index}", PATTERN_FORMS, kind_of(text)) from None
    return tuple(found)
