"""The hook of the function `bounce`: a verdict by sender and recipient, without a look at the content."""

from dataclasses import dataclass
from typing import Any, Final, Self

from .contract import Action, ActionType, ContractError, FlowDirection, MailFlowEvent, Verdict
from .contract.errors import kind_of
from .contract.schema import check
from .contract.verdict import DEFAULT
from .errors import SettingsError
from .mail import Mail
from .patterns import PATTERN_FORMS, Pattern, narrowest
from .settings import OnError, Settings, parse_json

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

    def verdict(self, event: MailFlowEvent, verdict: Verdict) -> Verdict:
        """Fills in `verdict` for each recipient; those that a truncated event leaves out meet the rules whose recipients are `*`."""
        rest = self._action(event, "")
        verdict.apply(rest)
        for recipient in event.recipients:
            action = self._action(event, recipient)
            if action != rest:
                verdict.apply(action, to=recipient)
        return verdict

    def _action(self, event: MailFlowEvent, recipient: str) -> Action:
        """Sender is matched first, and From only if there is no Sender or no rule matches it."""
        for sender in (event.sender, event.mail_from):
            if sender is not None and (action := self._match(event.flow_direction, sender, recipient)):
                return action
        return DEFAULT

    def _match(self, direction: FlowDirection, sender: str, recipient: str) -> Action | None:
        matches = []
        for rule in self.rules:
            if direction is FlowDirection.OUTBOUND and rule.action.type.inbound_only:
                continue
            by_sender, by_recipient = narrowest(rule.senders, sender), narrowest(rule.recipients, recipient)
            if by_sender is not None and by_recipient is not None:
                matches.append((by_sender, by_recipient, -_MOST_RESTRICTIVE_FIRST.index(rule.action.type), rule))
        return max(matches, key=lambda match: match[:3])[3].action if matches else None


class BounceHook:
    """Answers by its rules alone. An unforeseen error is raised: mail that was to be refused is not let through by a mistake of ours."""

    name = "bounce"
    on_error = OnError.RETRY

    def __init__(self, rules: BounceRules) -> None:
        self._rules = rules

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises as `BounceRules.from_settings`."""
        return cls(BounceRules.from_settings(settings))

    def __call__(self, mail: Mail) -> Verdict:
        return self._rules.verdict(mail.event, mail.verdict())


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
