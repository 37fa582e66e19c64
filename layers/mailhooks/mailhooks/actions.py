"""The action for a recipient: what happens to the message for one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from mailhooks.errors import ContractError


class ActionType(StrEnum):
    """The actions for a recipient. The last two exist for inbound mail only."""

    DEFAULT = "DEFAULT"
    DROP = "DROP"
    BOUNCE = "BOUNCE"
    BYPASS_SPAM_CHECK = "BYPASS_SPAM_CHECK"
    MOVE_TO_JUNK = "MOVE_TO_JUNK"

    @property
    def inbound_only(self) -> bool:
        return self in {ActionType.BYPASS_SPAM_CHECK, ActionType.MOVE_TO_JUNK}

    @property
    def delivers(self) -> bool:
        """Whether the recipient gets the message."""
        return self not in {ActionType.DROP, ActionType.BOUNCE}


@dataclass(frozen=True, slots=True)
class Action:
    """An action and, for a bounce, its text.

    Raises:
        ContractError: an action other than BOUNCE has a bounce text.
    """

    type: ActionType
    bounce_message: str = ""

    def __post_init__(self) -> None:
        if self.bounce_message and self.type is not ActionType.BOUNCE:
            raise ContractError("/actions/-/action/parameters/bounceMessage", "no bounce text, as the action is no BOUNCE", "a string")

    @classmethod
    def from_dict(cls, action: Mapping[str, Any]) -> Self:
        """Read the `action` of a response that is already checked."""
        parameters = action.get("parameters") or {}
        return cls(ActionType(action["type"]), parameters.get("bounceMessage", ""))

    def to_dict(self) -> dict[str, Any]:
        action: dict[str, Any] = {"type": str(self.type)}
        if self.bounce_message:
            action["parameters"] = {"bounceMessage": self.bounce_message}
        return action


DEFAULT: Final = Action(ActionType.DEFAULT)

COMMON_BOUNCE_TEXT: Final = "This message was refused by a rule of the recipient's or sender's organization."
"""The text of a bounce without one of its own."""
