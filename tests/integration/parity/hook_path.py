"""The mail path of WorkMail: the hook gets an event, changes the content, and returns a response."""

import uuid
from typing import Any

from mailhooks.actions import ActionType
from mailhooks.errors import StillHeld
from mailhooks.hooks.policy_hook import FixedPolicy, PolicyHook
from tests.integration.parity.cases import Case
from tests.integration.parity.effects import RecordedEffects
from tests.integration.parity.result import BYPASSED, DELIVERED, DELIVERING, DROPPED, HELD, JUNK, Result, bounced, remove_trace_fields
from tests.support.hooks import Context, Memory, handler_of
from workmail_local.mail.event_builder import HeaderSummary, build_event

_WORDS = {
    ActionType.DEFAULT: DELIVERED,
    ActionType.MOVE_TO_JUNK: JUNK,
    ActionType.BYPASS_SPAM_CHECK: BYPASSED,
    ActionType.DROP: DROPPED,
}


def make_event(case: Case) -> dict[str, Any]:
    """Return the event as the local WorkMail makes it."""
    header = HeaderSummary.of(case.raw)
    author = (header.author or case.sender) if case.sender else ""
    event = build_event(uuid.UUID(int=1), uuid.UUID(int=2), case.direction, header._replace(author=author), case.recipients)
    if not case.sender:
        event["envelope"]["mailFrom"] = None
        event.pop("sender", None)
    return event


def run_hook(case: Case) -> Result:
    """Return the result of the hook, as WorkMail carries it out."""
    event = make_event(case)
    content, effects = Memory({event["messageId"]: case.raw}), RecordedEffects()
    hook = PolicyHook(FixedPolicy(case.policy), effects, case.make_services(), case.make_holds)
    try:
        response = handler_of(hook, content)(event, Context())
    except StillHeld:
        return Result(dict.fromkeys(map(str.lower, case.recipients), HELD), b"", effects.found)
    verdicts = _read_response(response, case.recipients)
    changed = remove_trace_fields(content.messages[event["messageId"]], received=False)
    return Result(verdicts, changed if DELIVERING & {*verdicts.values()} else b"", effects.found)


def _read_response(response: dict[str, Any], recipients: tuple[str, ...]) -> dict[str, str]:
    """Return the verdict of each recipient, and of those whom the response adds."""
    verdicts: dict[str, str] = {}
    # The action for the named recipients counts before the one for all.
    for entry in sorted(response["actions"], key=lambda each: "recipients" not in each):
        kind = ActionType(entry["action"]["type"])
        word = _WORDS.get(kind) or bounced(entry["action"]["parameters"]["bounceMessage"])
        for address in entry.get("recipients", recipients):
            verdicts.setdefault(address.lower(), word)
    return verdicts
