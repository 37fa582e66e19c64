"""Carries out the action `hold`: records a held message, asks its approvers, and applies their decisions.

    first attempt:  read the records -> create a record -> ask the approvers -> mark it as notified -> raise StillHeld
    each retry:     read the records -> raise StillHeld, until there is a decision or the time is over

Each step may be the last of an attempt: the next attempt continues from the record. Approvers of a record without the mark are asked again,
so that one may get a second mail, and never none; the mark names those whom SES throttled, for the next attempt. A hold with a state
machine has no record: the execution has its place.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from mailhooks.address_patterns import canonical
from mailhooks.aws.hold_table import HoldKey, HoldRecord, HoldTable
from mailhooks.core.holds.approval_requests import ApprovalRequests, require
from mailhooks.core.mail import Mail
from mailhooks.core.side_effects_base import fail_action
from mailhooks.deadline import Deadline
from mailhooks.envelope import FlowDirection
from mailhooks.errors import StillHeld
from mailhooks.policy.evaluation.outcome import Failure, Outcome, WantedHold
from mailhooks.policy.facts.recipients import RecipientSet
from mailhooks.policy.rules.rule import Hold
from mailhooks.report_names import HoldState
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.core.holds.state_machine_holds import StateMachineHolds

_MAX_REASON: Final = 500
"""Characters of a reason in a bounce message. With 500 recipients, the response must be below 256 KB."""

_APPROVAL_MAIL: Final = "not held: the message is a mail to an approver"


class AwsHolds:
    """Implements `mailhooks.core.side_effects_base.Holds`.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self.clock = clock
        self.requests = ApprovalRequests(settings)

    @cached_property
    def table(self) -> HoldTable:
        return HoldTable(require(self._settings, "holds_table"))

    @cached_property
    def state_machines(self) -> "StateMachineHolds":
        # Late for the cold start: few rules have a state machine.
        from mailhooks.core.holds.state_machine_holds import StateMachineHolds

        return StateMachineHolds()

    def resolve(self, mail: Mail, outcome: Outcome) -> Outcome:
        """Return the outcome after the decisions on its holds; see `Holds.resolve`."""
        return _Attempt(self, mail, outcome).resolve()


@dataclass(slots=True)
class _OpenHold:
    """A hold without a decision.

    Attributes:
        begin: what an attempt does that has not been done: it creates the record and asks the approvers, or starts the execution.
    """

    wanted: WantedHold
    begin: Callable[[], None] | None


@dataclass
class _Attempt:
    """One attempt of an invocation."""

    holds: AwsHolds
    mail: Mail
    outcome: Outcome
    failures: list[Failure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._now = int(self.holds.clock())
        self._invocation = self.mail.envelope.token
        self._records: dict[HoldKey, HoldRecord] = {}
        self._open: list[_OpenHold] = []

    def resolve(self) -> Outcome:
        """Raises:
        StillHeld: a hold has no decision yet.
        TransientError: a hold failed, and the `on_error` of its rule is retry.
        """
        self._look_up_records([wanted for wanted in self.outcome.holds if not wanted.hold.state_machine])
        for wanted in self.outcome.holds:
            if wanted.hold.state_machine:
                self._try([wanted], partial(self._look_up_execution, wanted))
        # A rejection may leave no recipient for another hold.
        waiting = [each for each in self._open if each.wanted.recipients & self.outcome.reached]
        waiting = [each for each in waiting if each.begin is None or self._try([each.wanted], each.begin)]
        if waiting:
            states = dict.fromkeys((each.wanted.rule.name for each in waiting), HoldState.PENDING)
            raise StillHeld({**self.outcome.hold_states, **states}, [failure._asdict() for failure in self.failures])
        self._withdraw_open_records()
        return self.outcome.with_failures(*self.failures)

    def _try(self, holds: Sequence[WantedHold], step: Callable[[], None]) -> bool:
        """Carry out a step for some holds. Return whether it succeeded; if not, their rules decide. Raises as `resolve`."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the rule decides
            self.failures += [fail_action(wanted.rule, wanted.hold, error) for wanted in holds]
            return False
        return True

    def _look_up_records(self, holds: list[WantedHold]) -> None:
        if not holds or not self._try(holds, self._read_records):
            return
        if not self._records and any(wanted.recipients for wanted in holds):
            is_approval_mail: list[bool] = []
            if not self._try(holds, lambda: is_approval_mail.append(self.holds.requests.is_approval_mail(self.mail, self._now))):
                return
            if is_approval_mail[0]:
                self.outcome = replace(self.outcome, notes=(*self.outcome.notes, _APPROVAL_MAIL))
                return
        # The decisions of approvers first: if one is a rejection, no time-out replaces its reason.
        for wanted in sorted(holds, key=self._has_decision, reverse=True):
            self._try([wanted], partial(self._look_up_record, wanted))

    def _has_decision(self, wanted: WantedHold) -> bool:
        record = self._records.get(self._key(wanted))
        return record is not None and record.state in {HoldState.APPROVED, HoldState.REJECTED}

    def _read_records(self) -> None:
        found = self.holds.table.list_of_invocation(self._invocation, self.mail.deadline)
        self._records = {record.key: record for record in found}

    def _look_up_record(self, wanted: WantedHold) -> None:
        """Apply the decision on a hold, or note that there is none."""
        key = self._key(wanted)
        record = self._records.get(key)
        if record is None:
            if wanted.recipients & self.outcome.reached:
                self._note_new(wanted)
            return
        wanted = wanted._replace(recipients=wanted.recipients | self._find_held(record.held))
        if not self._has_decision(wanted) and not wanted.recipients & self.outcome.reached:
            return
        if record.state is HoldState.PENDING and self._now >= record.timeout_at:
            # An approver may decide at this moment: the table has one decision, and that one counts.
            record = self._close(record, HoldState.TIMED_OUT)
        if record.state is HoldState.PENDING:
            self._open.append(_OpenHold(wanted, partial(self._ask, wanted, record) if record.to_ask else None))
        elif record.state is HoldState.WITHDRAWN:
            # Another rule had stopped the message, and does not do so any more: no approver can decide on this hold now.
            self._apply(wanted, HoldState.TIMED_OUT)
        else:
            self._apply(wanted, record.state, record.reason)

    def _note_new(self, wanted: WantedHold) -> None:
        """Note a hold without a record. Its time has begun with the first record of the invocation, as WorkMail's rule timeout has."""
        begun_at = min((record.created_at for record in self._records.values()), default=self._now)
        record = self._make_record(wanted, begun_at + wanted.hold.timeout_s)
        if self._now < record.timeout_at:
            self._open.append(_OpenHold(wanted, partial(self._create, wanted, record)))
            return
        # With its record, so that an attempt that runs at this moment decides likewise.
        record = replace(record, state=HoldState.TIMED_OUT, decided_at=self._now)
        self._records[record.key] = self.holds.table.create(record, self.mail.deadline) or record
        self._look_up_record(wanted)

    def _make_record(self, wanted: WantedHold, timeout_at: int) -> HoldRecord:
        envelope = self.mail.envelope
        return HoldRecord(
            key=self._key(wanted),
            rule=wanted.rule.name,
            message_id=envelope.message_id,
            direction=envelope.flow_direction,
            mail_from=envelope.mail_from,
            recipients=envelope.recipients,
            held=self._list_held(wanted),
            approvers=self._list_approvers(wanted.hold),
            created_at=self._now,
            timeout_at=timeout_at,
            on_timeout=str(wanted.hold.on_timeout),
        )

    def _create(self, wanted: WantedHold, record: HoldRecord) -> None:
        existing = self.holds.table.create(record, self.mail.deadline)
        self._records[record.key] = existing or record
        # Another attempt that runs at this moment has created an existing record, and asks.
        if existing is None:
            self._ask(wanted, record)

    def _list_approvers(self, hold: Hold) -> tuple[str, ...]:
        """Return the approvers without the sender of an outbound message, unless there is no other, and the kind of the target."""
        envelope, approvers = self.mail.envelope, hold.approvers
        if envelope.flow_direction is FlowDirection.OUTBOUND:
            senders = {canonical(envelope.mail_from), canonical(envelope.sender or "")}
            approvers = tuple(address for address in approvers if canonical(address) not in senders)
        kinds = (hold.target.kind,) if hold.target else ()
        return (*approvers, *kinds) or hold.approvers

    def _ask(self, wanted: WantedHold, record: HoldRecord) -> None:
        # The rest of the time is for the mark. Without it, a retry asks again.
        half = Deadline.after(self.mail.time_left() / 2)
        missed, failures = self.holds.requests.ask(self.mail, wanted, record, half)
        self.failures += failures
        try:
            self.holds.table.mark_notified(record.key, missed, self._now, self.mail.deadline)
        except Exception as error:  # noqa: BLE001 - an approver can decide, so that the hold has not failed
            self.failures.append(Failure.of(wanted.rule.name, wanted.hold.name, error))

    def _look_up_execution(self, wanted: WantedHold) -> None:
        """Apply the decision of a state machine, or note that there is none."""
        machines, recipients = self.holds.state_machines, self.outcome.recipients
        execution = machines.read(self.mail, wanted)
        if execution is None:
            if wanted.recipients:
                self._open.append(_OpenHold(wanted, partial(machines.start, self.mail, wanted, self._list_held(wanted))))
            return
        wanted = wanted._replace(recipients=wanted.recipients | self._find_held(machines.list_held(execution, wanted.rule.name)))
        if not wanted.recipients:
            # Another rule with this state machine started it.
            return
        decision = machines.read_decision(self.mail, wanted, execution, recipients.list_addresses(wanted.recipients), self._now)
        if decision.failure:
            self.failures.append(decision.failure)
        if decision.state is HoldState.PENDING:
            self._open.append(_OpenHold(wanted, None))
        elif decision.actions is not None:
            self.outcome = decision.apply_actions(self.outcome, wanted)
        else:
            self._apply(wanted, decision.state, decision.reason)

    def _apply(self, wanted: WantedHold, state: HoldState, reason: str = "") -> None:
        self.outcome = self.outcome.with_decision(wanted, state, reason[:_MAX_REASON])

    def _close(self, record: HoldRecord, state: HoldState) -> HoldRecord:
        """Close a record that no approver has decided. Return it as it is in the table, with the decision of an approver who was first."""
        found = self.holds.table.decide(record.key, state, decided_by="", now=self._now, deadline=self.mail.deadline)
        self._records[record.key] = found or replace(record, state=state)
        return self._records[record.key]

    def _withdraw_open_records(self) -> None:
        """Withdraw the holds that no longer matter, so that their page does not ask for a decision.

        Another rule has stopped the message, or the policy has no such rule now.
        """
        for record in [each for each in self._records.values() if each.state is HoldState.PENDING]:
            try:
                self._close(record, HoldState.WITHDRAWN)
            except Exception as error:  # noqa: BLE001 - the message needs no decision
                note = f"the record of a hold was not withdrawn: {type(error).__name__}"
                self.outcome = replace(self.outcome, notes=(*self.outcome.notes, note))

    def _key(self, wanted: WantedHold) -> HoldKey:
        return HoldKey.of(self._invocation, self.mail.envelope.flow_direction, wanted.rule.name)

    def _list_held(self, wanted: WantedHold) -> tuple[str, ...] | None:
        """Return the recipients of a hold, for its record; None for all."""
        recipients = self.outcome.recipients
        return None if wanted.recipients == recipients.all else tuple(recipients.list_addresses(wanted.recipients))

    def _find_held(self, held: Sequence[str] | None) -> RecipientSet:
        """Return the recipients that `_list_held` named in an earlier attempt."""
        recipients = self.outcome.recipients
        return recipients.all if held is None else recipients.with_addresses(frozenset(map(canonical, held)))
