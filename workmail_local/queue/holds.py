"""The messages that the action `hold` holds, and the decisions of a test or of the web page on them."""

import time
from enum import StrEnum
from typing import Any, Final, NamedTuple

from mailhooks.aws.hold_table import HoldRecord, HoldTable
from mailhooks.contract import MailFlowEvent
from mailhooks.deadline import Deadline
from mailhooks.report_names import HoldState
from workmail_local.aws.state_machines import Execution, StateMachines
from workmail_local.mail.history import MessageTrace
from workmail_local.mail.job import DeliveryJob
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
    """The hold of a message by a rule of a policy, or by the state machine of a rule.

    Attributes:
        name: that of the rule, or of the state machine.
        approvers: their addresses, and the kind of the notification's target; empty for a state machine.
        created_at, timeout_at: seconds since the epoch; `timeout_at` is None for a state machine, whose rule has it.
        decided_by: an approver; "" before a decision, and after a time-out.
        reason: that of a rejection.
    """

    name: str
    state: HoldState
    approvers: tuple[str, ...]
    created_at: float
    timeout_at: float | None = None
    decided_by: str = ""
    reason: str = ""


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
        self._client = client
        self._name = table
        self._table = HoldTable(table, client)
        self._machines = machines

    def find(self, trace: MessageTrace) -> list[Hold]:
        """Return the holds of a message that is not done, those of each rule run, the oldest first."""
        records, executions = self._read(trace)
        return [*map(_from_record, records), *map(_from_execution, executions)]

    def decide(self, trace: MessageTrace, decision: Decision, *, name: str = "", reason: str = "") -> int:
        """Decide on the pending holds of a message, in the name of the first approver. Return how many there were.

        Args:
            name: only on the hold of this name; "" for all.
        """
        records, executions = self._read(trace)
        pending = [record for record in records if record.state is HoldState.PENDING and name in ("", record.rule)]
        for record in pending:
            by = "" if decision is Decision.TIMEOUT else record.approvers[0]
            self._table.decide(
                record.key, _STATES[decision], reason=reason, decided_by=by, now=int(time.time()), deadline=Deadline.after(_TIMEOUT_S)
            )
        running = [each for each in executions if each.status == "RUNNING" and name in ("", each.state_machine)]
        for execution in running:
            output = {"decision": decision.value, **({"reason": reason} if reason else {})}
            self._machines.end(execution, None if decision is Decision.TIMEOUT else output)
        return len(pending) + len(running)

    def pass_time(self, job: DeliveryJob) -> None:
        """Let the time of a held message pass as fast as that of its job, whose pauses are shortened or skipped.

        A rule's `timeout` then ends before the timeout of the flow rule, as in WorkMail.
        """
        now = time.time()
        for record in self._read_records(job):
            if record.state is HoldState.PENDING and now < record.timeout_at and job.elapsed_s >= record.timeout_at - record.created_at:
                self._client.update_item(
                    TableName=self._name,
                    Key={"pk": {"S": record.key.invocation}, "sk": {"S": record.key.rule}},
                    UpdateExpression="SET timeoutAt = :now",
                    ExpressionAttributeValues={":now": {"N": str(int(now))}},
                )
        for execution in self._list_executions(job):
            execution.started_at = min(execution.started_at, now - job.elapsed_s)

    def _read(self, trace: MessageTrace) -> tuple[list[HoldRecord], list[Execution]]:
        found = (self._spool.job(run.message_id) for run in trace.rule_runs)
        jobs = [job for job in found if job is not None and not job.is_asynchronous]
        records = [record for job in jobs for record in self._read_records(job)]
        return records, [execution for job in jobs for execution in self._list_executions(job)]

    def _read_records(self, job: DeliveryJob) -> list[HoldRecord]:
        if job.event is None:
            return []
        found = self._table.list_of_invocation(MailFlowEvent.parse(job.event).token, Deadline.after(_TIMEOUT_S))
        return sorted(found, key=lambda record: (record.created_at, record.rule))

    def _list_executions(self, job: DeliveryJob) -> list[Execution]:
        return self._machines.list_named(job.run.invocation_id)


def _from_record(record: HoldRecord) -> Hold:
    return Hold(record.rule, record.state, record.approvers, record.created_at, record.timeout_at, record.decided_by, record.reason)


def _from_execution(execution: Execution) -> Hold:
    state = HoldState.PENDING if execution.status == "RUNNING" else HoldState.TIMED_OUT
    if execution.status == "SUCCEEDED":
        state = HoldState.REJECTED if '"reject"' in execution.output else HoldState.APPROVED
    return Hold(execution.state_machine, state, (), execution.started_at)
