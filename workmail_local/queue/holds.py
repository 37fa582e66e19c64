"""The messages that the action `hold` holds, and the decisions of a test or of the web page on them."""

import time
from enum import StrEnum
from typing import Any, Final, NamedTuple

from mailhooks.aws.hold_table import HoldRecord, HoldTable
from mailhooks.contract import MailFlowEvent
from mailhooks.deadline import Deadline
from mailhooks.hooks.earlier_decision import token
from mailhooks.report_names import HoldState
from workmail_local.aws.state_machines import Execution, StateMachines
from workmail_local.mail.history import MessageTrace
from workmail_local.storage.spool import Spool

_TIMEOUT_S: Final = 10.0


class Decision(StrEnum):
    """A decision on a held message."""

    APPROVE = "approve"
    REJECT = "reject"
    TIMEOUT = "timeout"
    """None of the approvers decides in time: the rule's `on_timeout` counts."""


_STATES: Final = {Decision.APPROVE: HoldState.APPROVED, Decision.REJECT: HoldState.REJECTED, Decision.TIMEOUT: HoldState.TIMED_OUT}


class Hold(NamedTuple):
    """The hold of a message by a rule of a policy, or by the state machine that a rule names.

    Attributes:
        rule: the rule's name; "" for a state machine.
        approvers: their addresses, and the kind of the notification's target; empty for a state machine.
        created_at, timeout_at: seconds since the epoch; `timeout_at` is None for a state machine, whose rule has it.
        decided_by: an approver; "" before a decision, and after a time-out.
        reason: that of a rejection.
    """

    rule: str
    state: HoldState
    approvers: tuple[str, ...]
    created_at: float
    timeout_at: float | None = None
    decided_by: str = ""
    reason: str = ""
    state_machine: str = ""


class Holds:
    """Reads the holds of messages, and decides.

    Args:
        spool: has the events of held messages.
        client: a client of DynamoDB.
        table: the table of holds.
        machines: the executions of state machines.
    """

    def __init__(self, spool: Spool, client: Any, table: str, machines: StateMachines) -> None:
        self._spool = spool
        self._table = HoldTable(table, client)
        self._machines = machines

    def find(self, trace: MessageTrace) -> list[Hold]:
        """Return the holds of a message that is not done, those of each rule run, the oldest first."""
        records, executions = self._read(trace)
        return [*map(_from_record, records), *map(_from_execution, executions)]

    def decide(self, trace: MessageTrace, decision: Decision, *, rule: str = "", reason: str = "") -> int:
        """Decide on the pending holds of a message, in the name of the first approver. Return how many there were.

        Args:
            rule: only on that of this rule; "" for all, also those of state machines.
        """
        records, executions = self._read(trace)
        pending = [record for record in records if record.state is HoldState.PENDING and rule in ("", record.rule)]
        for record in pending:
            by = "" if decision is Decision.TIMEOUT else record.approvers[0]
            self._table.decide(
                record.key, _STATES[decision], reason=reason, decided_by=by, now=int(time.time()), deadline=Deadline.after(_TIMEOUT_S)
            )
        running = [] if rule else [each for each in executions if each.status == "RUNNING"]
        for execution in running:
            output = {"decision": decision.value, **({"reason": reason} if reason else {})}
            self._machines.end(execution, None if decision is Decision.TIMEOUT else output)
        return len(pending) + len(running)

    def _read(self, trace: MessageTrace) -> tuple[list[HoldRecord], list[Execution]]:
        records: list[HoldRecord] = []
        executions: list[Execution] = []
        for run in trace.rule_runs:
            job = self._spool.job(run.message_id)
            if job is None or job.event is None or job.is_asynchronous:
                continue
            event = MailFlowEvent.parse(job.event)
            found = self._table.list_of_invocation(token(event), Deadline.after(_TIMEOUT_S))
            records += sorted(found, key=lambda record: (record.created_at, record.rule))
            executions += self._machines.list_named(event.invocation_id)
        return records, executions


def _from_record(record: HoldRecord) -> Hold:
    return Hold(record.rule, record.state, record.approvers, record.created_at, record.timeout_at, record.decided_by, record.reason)


def _from_execution(execution: Execution) -> Hold:
    state = HoldState.PENDING if execution.status == "RUNNING" else HoldState.TIMED_OUT
    if execution.status == "SUCCEEDED":
        state = HoldState.REJECTED if '"reject"' in execution.output else HoldState.APPROVED
    return Hold("", state, (), execution.started_at, state_machine=execution.arn.split(":")[-2])
