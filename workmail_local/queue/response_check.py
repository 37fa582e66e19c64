"""Checks the response of a synchronous function as WorkMail does."""

from collections.abc import Mapping
from typing import Any

from mailhooks.contract import ContractError, MailFlowEvent, check_response
from mailhooks.errors import StillHeld
from workmail_local.mail.history import HELD
from workmail_local.mail.verdict import MAX_ACTIONS
from workmail_local.runtime.invocation import Invocation


def accepted_response(invocation: Invocation, event: MailFlowEvent) -> tuple[dict[str, Any] | None, str]:
    """Return the response that WorkMail accepts, and what is wrong.

    Returns:
        The response, or None when WorkMail would retry; and the problem, "" for none. More than ten actions are a problem, but no reason to
        retry: WorkMail ignores the surplus (guide, "Synchronous Run Lambda action limits").
    """
    if invocation.error is not None:
        is_hold = invocation.error.partition(":")[0] == StillHeld.__name__
        return None, HELD if is_hold else describe_error(invocation)
    response = invocation.response
    if not (isinstance(response, dict) and isinstance(response.get("actions"), list)):
        return None, _contract_problem(response, event)
    normalized = {**response, "actions": [_normalized_entry(entry) for entry in response["actions"]]}
    applied = normalized["actions"][:MAX_ACTIONS]
    checked = [entry for entry in applied if not _is_for_no_recipient(entry)]
    # An action for an empty list must be valid too; it is checked as if it were for all.
    others = [[{"action": entry.get("action"), "allRecipients": True}] for entry in applied if _is_for_no_recipient(entry)]
    for actions in (checked, *others) if checked or not others else others:
        if problem := _contract_problem({**normalized, "actions": actions}, event):
            return None, problem
    surplus = len(normalized["actions"]) > MAX_ACTIONS
    return normalized, f"contract broken, in the response: more than {MAX_ACTIONS} actions" if surplus else ""


def describe_error(invocation: Invocation) -> str:
    """Describe the error of a call that has no response."""
    return f"the function {'cannot be loaded' if invocation.unloadable else 'failed'}: {invocation.error}"


def _contract_problem(response: Any, event: MailFlowEvent) -> str:
    try:
        check_response(response, event.flow_direction, event.recipients)
    except ContractError as error:
        return f"contract broken, in the response: {error}"
    return ""


def _is_for_no_recipient(entry: Any) -> bool:
    """Return whether an action is for an empty list of recipients.

    QUIRK: AWS's own sample workmail-stop-mail-storm returns such an action next to one with `allRecipients`; it applies to none.
    """
    return isinstance(entry, Mapping) and entry.get("recipients") == [] and not entry.get("allRecipients")


def _normalized_entry(entry: Any) -> Any:
    """QUIRK: AWS's own samples return `"allRecipients": "true"` with an empty list of recipients; both are read as intended."""
    if not isinstance(entry, Mapping):
        return entry
    normalized = dict(entry)
    if str(normalized.get("allRecipients")).lower() in {"true", "false"}:
        normalized["allRecipients"] = str(normalized["allRecipients"]).lower() == "true"
    if normalized.get("recipients") == [] and normalized.get("allRecipients"):
        del normalized["recipients"]
    return normalized
