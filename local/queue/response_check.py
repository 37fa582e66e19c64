"""Whether WorkMail would take what a synchronous function returned."""

from collections.abc import Mapping
from typing import Any

from local.mail.verdict import MAX_ACTIONS
from local.runtime.sandbox import Invocation
from mailhooks.contract import ContractError, FlowDirection, check_response


def taken(invocation: Invocation, direction: FlowDirection) -> tuple[dict[str, Any] | None, str]:
    """The response, None when WorkMail would try again; and what is wrong with it, "" for nothing.

    Actions beyond the tenth are no error, they are just not taken (guide, "Synchronous Run Lambda action limits").
    """
    if invocation.error is not None:
        return None, f"the function failed: {invocation.error}"
    found = invocation.response
    if not (isinstance(found, dict) and isinstance(found.get("actions"), list)):
        return None, _broken(found, direction)
    read = {**found, "actions": [_read(entry) for entry in found["actions"]]}
    if problem := _broken({**read, "actions": read["actions"][:MAX_ACTIONS]}, direction):
        return None, problem
    return read, f"contract broken, in the response: more than {MAX_ACTIONS} actions" if len(read["actions"]) > MAX_ACTIONS else ""


def _broken(response: Any, direction: FlowDirection) -> str:
    try:
        check_response(response, direction)
    except ContractError as error:
        return f"contract broken, in the response: {error}"
    return ""


def _read(entry: Any) -> Any:
    """QUIRK: AWS's own samples return `"allRecipients": "true"`, and an empty list beside it: WorkMail reads what they mean."""
    if not isinstance(entry, Mapping):
        return entry
    read = dict(entry)
    if str(read.get("allRecipients")).lower() in {"true", "false"}:
        read["allRecipients"] = str(read["allRecipients"]).lower() == "true"
    if read.get("recipients") == [] and read.get("allRecipients"):
        del read["recipients"]
    return read
