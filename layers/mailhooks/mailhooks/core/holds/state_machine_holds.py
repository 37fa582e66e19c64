"""Holds a message until a Step Functions state machine of the administrator decides. Its output is the decision.

The output is `{"decision": "approve"}`, `{"decision": "reject", "reason": "..."}`, or a response of a Run Lambda function, as the state
machines of AWS's samples return it, whose actions count for the recipients of the hold.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mailhooks.actions import Action, ActionType
from mailhooks.address_patterns import canonical
from mailhooks.aws.state_machine import Execution, StateMachines
from mailhooks.contract.schema import check
from mailhooks.core.mail import Mail
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.errors import ContractError
from mailhooks.policy.evaluation.outcome import Failure, Outcome, WantedHold
from mailhooks.policy.facts.recipients import UNLISTED
from mailhooks.report_names import HoldState

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""A name of an execution that CloudWatch can log (Step Functions API reference, StartExecution)."""

_RUNNING: Final = frozenset({"RUNNING", "PENDING_REDRIVE"})

_SUMMARY_VERSION: Final = "2019-07-28"
"""The layout of the input, if the envelope is no event of WorkMail."""

_HOLD: Final = "hold"
"""The property of the input with the rule and its recipients. The others are those of WorkMail's event."""

_MAX_TEXT: Final = 2000
"""Characters of a bounce text, as of one in a policy."""


class _InvalidOutput(Exception):
    """The output of an execution is no decision."""


@dataclass(frozen=True, slots=True)
class MachineDecision:
    """The decision of a state machine.

    Attributes:
        actions: those of a response; None if there is none.
        failure: why the execution made no decision.
    """

    state: HoldState
    reason: str = ""
    actions: Sequence[Mapping[str, Any]] | None = None
    failure: Failure | None = None

    def apply_actions(self, outcome: Outcome, wanted: WantedHold) -> Outcome:
        """Return the outcome with the actions for the recipients of a hold. They do not deliver what a rule has stopped."""
        by_address, rest = _read_actions(self.actions or ())
        recipients = outcome.recipients
        by_action: dict[Action, list[str]] = {}
        for address in recipients.list_addresses(wanted.recipients):
            action = by_address.get(canonical(address), rest)
            assert action is not None, "the actions were checked to cover all recipients"
            by_action.setdefault(action, []).append(address)
        stops = any(not action.type.delivers for action in by_action)
        states = {**outcome.hold_states, wanted.rule.name: HoldState.REJECTED if stops else HoldState.APPROVED}
        outcome = replace(outcome, hold_states=states)
        for action, addresses in by_action.items():
            found = recipients.with_addresses(frozenset(map(canonical, addresses)))
            if not action.type.delivers:
                outcome = outcome.refuse_delivery(found, action).with_selected_changes()
            elif action.type is not ActionType.DEFAULT:
                moved = dict.fromkeys(recipients.list_addresses(found & outcome.delivering), action)
                outcome = replace(outcome, verdicts={**outcome.verdicts, **moved})
        return outcome


class StateMachineHolds:
    """Starts state machines and reads their decisions."""

    def __init__(self) -> None:
        self._machines = StateMachines()

    def start(self, mail: Mail, wanted: WantedHold, held: Sequence[str] | None) -> None:
        """Start the execution for a message.

        Args:
            held: the recipients whom the rule holds, `""` for those that a truncated event omits; None for all.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        hold = {"rule": wanted.rule.name} | ({} if held is None else {"recipients": held})
        document = json.dumps(_make_document(mail.envelope) | {_HOLD: hold}, ensure_ascii=False)
        self._machines.start(wanted.hold.state_machine, _name(mail), document, mail.deadline)

    def read(self, mail: Mail, wanted: WantedHold) -> Execution | None:
        """Return the execution for a message; None if there is none. Raises as `start`."""
        return self._machines.read(wanted.hold.state_machine, _name(mail), mail.deadline)

    @staticmethod
    def list_held(execution: Execution, rule: str) -> Sequence[str] | None:
        """Return the recipients for whom a rule started an execution, as for `start`; none if the rule did not start it."""
        hold = json.loads(execution.input).get(_HOLD, {})
        return hold.get("recipients") if hold.get("rule") == rule else ()

    @staticmethod
    def read_decision(mail: Mail, wanted: WantedHold, execution: Execution, held: Iterable[str], now: float) -> MachineDecision:
        """Return the decision of an execution.

        Args:
            held: the recipients of the hold.
        """
        if execution.status in _RUNNING:
            is_over = now >= execution.started_at + wanted.hold.timeout_s
            return MachineDecision(HoldState.TIMED_OUT if is_over else HoldState.PENDING)
        try:
            return _read_output(mail.envelope, execution, held)
        except _InvalidOutput as invalid:
            failure = Failure(wanted.rule.name, wanted.hold.name, "StateMachineFailed", str(invalid))
            return MachineDecision(HoldState.TIMED_OUT, failure=failure)


def _name(mail: Mail) -> str:
    invocation = mail.envelope.invocation_id
    return invocation if _NAME.fullmatch(invocation) else mail.envelope.token


def _make_document(envelope: Envelope) -> dict[str, Any]:
    """Return the event of a Run Lambda rule as WorkMail sends it."""
    document: dict[str, Any] = {
        # Only an event of WorkMail has one.
        "summaryVersion": getattr(envelope, "summary_version", _SUMMARY_VERSION),
        "envelope": {"mailFrom": {"address": envelope.mail_from}, "recipients": [{"address": address} for address in envelope.recipients]},
        "sender": {"address": envelope.sender} if envelope.sender else None,
        "subject": envelope.subject,
        "messageId": envelope.message_id,
        "invocationId": envelope.invocation_id,
        "flowDirection": str(envelope.flow_direction),
        "truncated": envelope.truncated,
    }
    return {name: value for name, value in document.items() if value is not None}


def _read_output(envelope: Envelope, execution: Execution, held: Iterable[str]) -> MachineDecision:
    """Return the decision of an execution that has ended.

    Raises:
        _InvalidOutput: it made none.
    """
    if execution.status != "SUCCEEDED":
        raise _InvalidOutput(f"the execution ended as {execution.status}")
    try:
        output = json.loads(execution.output)
    except (ValueError, RecursionError):
        raise _InvalidOutput("the output is no JSON") from None
    match output:
        case {"decision": "approve"}:
            return MachineDecision(HoldState.APPROVED)
        case {"decision": "reject"}:
            reason = output.get("reason")
            return MachineDecision(HoldState.REJECTED, reason if isinstance(reason, str) else "")
        case {"actions": actions}:
            by_address, rest = _check_actions(actions, envelope.flow_direction)
            if rest is None and not all(address != UNLISTED and canonical(address) in by_address for address in held):
                raise _InvalidOutput("the output has no action for a recipient of the hold: add one with allRecipients")
            return MachineDecision(HoldState.APPROVED, actions=actions)
    raise _InvalidOutput('the output is neither {"decision": "approve" or "reject"} nor {"actions": [...]}')


def _check_actions(actions: Any, direction: FlowDirection) -> tuple[dict[str, Action], Action | None]:
    """Check the actions of an output and return them as `_read_actions`.

    Raises:
        _InvalidOutput: the output is no response of a Run Lambda function, or has two actions for one recipient.
    """
    try:
        check(f"run-lambda-response-{direction.lower()}", {"actions": actions})
    except ContractError as error:
        raise _InvalidOutput(f"the output is no response of a Run Lambda function: {error}") from None
    named = [key for entry in actions for key in {canonical(address) for address in entry.get("recipients", ())}]
    if len(named) != len(set(named)) or sum(bool(entry.get("allRecipients")) for entry in actions) > 1:
        raise _InvalidOutput("the output has two actions for one recipient, or for all recipients")
    return _read_actions(actions)


def _read_actions(actions: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Action], Action | None]:
    """Return the actions of a checked response by canonical address, and that for all other recipients."""
    by_address: dict[str, Action] = {}
    rest = None
    for entry in actions:
        action = Action.from_dict(entry["action"])
        if action.type is ActionType.BOUNCE:
            action = Action(ActionType.BOUNCE, _cut(action.bounce_message))
        by_address.update(dict.fromkeys(map(canonical, entry.get("recipients", ())), action))
        if entry.get("allRecipients"):
            rest = action
    return by_address, rest


def _cut(text: str) -> str:
    return "".join(each if each.isprintable() or each in "\n\t" else " " for each in text[:_MAX_TEXT])
