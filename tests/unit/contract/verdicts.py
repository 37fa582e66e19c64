"""Events for verdicts, and responses and errors in a short form."""

from collections.abc import Callable
from typing import Any

import pytest

from mailhooks.contract import Action, ActionType, ContractError, MailFlowEvent, Verdict
from tests.support.mail import parsed

ADA, BOB, CYD = "ada@example.com", "bob@example.com", "cyd@example.com"
DROP, JUNK = Action(ActionType.DROP), Action(ActionType.MOVE_TO_JUNK)


def inbound(*recipients: str, **changes: Any) -> MailFlowEvent:
    return parsed(*(recipients or (ADA, BOB, CYD)), **changes)


def outbound(*recipients: str) -> MailFlowEvent:
    return inbound(*recipients, direction="OUTBOUND")


def actions(verdict: Verdict) -> list[tuple[str, str, Any]]:
    """Return a response in a short form: type, bounce text, and the addresses or "all"."""
    entries = verdict.to_response()["actions"]
    return [
        (
            entry["action"]["type"],
            entry["action"].get("parameters", {}).get("bounceMessage", ""),
            "all" if entry.get("allRecipients") else entry["recipients"],
        )
        for entry in entries
    ]


def error_of(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ContractError) as caught:
        call()
    return caught.value.pointer, caught.value.got
