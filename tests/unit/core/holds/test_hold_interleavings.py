"""The action `hold` under 1,000 random schedules: crashes, errors, concurrent attempts and decisions between any two steps.

A model of the rules: a hold has one final state; a held recipient gets the message only after an approval or a timeout that delivers; no
approver can decide without a link; all verdicts of one invocation deliver to the same recipients; and a message has a verdict when its time
is over.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import pytest

from mailhooks.aws.hold_table import HoldKey
from mailhooks.errors import Misconfigured, NoTimeLeft, ServiceFailed, Throttled, TransientError
from mailhooks.policy import Policy
from mailhooks.report_names import HoldState
from tests.support.holds import HOLD, START, Company, hold_policy
from tests.support.mail import parsed

_SCHEDULES: Final = 1000
_TIMEOUT_S: Final = 7200
_ERRORS: Final = (
    Throttled("ThrottlingException"),
    ServiceFailed("InternalFailure"),
    NoTimeLeft("no time"),
    Misconfigured("AccessDenied"),
    RuntimeError("a defect"),
)
_FINAL: Final = frozenset(HoldState) - {HoldState.PENDING}


class Killed(BaseException):
    """The end of the process."""


@cache
def _load_policy(on_timeout: str, held: tuple[tuple[str, ...], ...]) -> Policy:
    rules = (
        {
            "name": f"rule {number}",
            "when": {"recipient": recipients},
            "do": {"hold": HOLD | {"on_timeout": on_timeout, "approvers": [f"{number}a@example.com", f"{number}b@example.com"]}},
        }
        for number, recipients in enumerate(held)
    )
    return hold_policy(*rules)


@dataclass
class Schedule:
    """One random run of an invocation."""

    chance: random.Random
    verdicts: list[set[str]] = field(default_factory=list)
    finals: dict[HoldKey, tuple[Any, ...]] = field(default_factory=dict)
    depth: int = 0
    is_calm: bool = False

    def __post_init__(self) -> None:
        self.on_timeout = self.chance.choice(["deliver", "bounce", "drop"])
        both = ["ana@example.com", "ben@example.com"]
        self.event = parsed(*both)
        self.held = {f"rule {number}": self.chance.choice([both[:1], both[1:], both]) for number in range(self.chance.randint(1, 2))}
        self.company = Company(_load_policy(self.on_timeout, tuple(map(tuple, self.held.values()))))
        for step in (self.company.table, self.company.outbox):
            step.before = step.after = self.disturb

    def disturb(self, _name: str) -> None:
        """Do something between two steps of an attempt."""
        self.check_finals()
        if self.is_calm:
            return
        draw = self.chance.random()
        if draw < 0.06:
            raise Killed
        if draw < 0.16:
            raise self.chance.choice(_ERRORS)
        if draw < 0.24:
            self.decide()
        elif draw < 0.30 and self.depth < 2:
            self.attempt()
        elif draw < 0.34:
            self.company.now += self.chance.choice([1, 60, 3000])

    def decide(self) -> None:
        """Let an approver who has a mail decide."""
        if mails := len(self.company.outbox.mails):
            state = self.chance.choice([HoldState.APPROVED, HoldState.REJECTED])
            with self.calm():
                self.company.decide(state, "a reason", self.chance.randrange(mails))
            self.check_finals()

    @contextmanager
    def calm(self) -> Iterator[None]:
        before, self.is_calm = self.is_calm, True
        yield
        self.is_calm = before

    def attempt(self) -> None:
        self.depth += 1
        try:
            reply = self.company.attempt(self.event)
        except Killed:
            return
        except TransientError:  # StillHeld is one
            return
        finally:
            self.depth -= 1
        assert reply.verdict is not None
        self.check_verdict(reply.verdict.to_response())

    def check_finals(self) -> None:
        """Check that a final state, its reason, its author and its time never change."""
        for key, record in self.company.table.records.items():
            if record.state in _FINAL:
                known = self.finals.setdefault(key, (record.state, record.reason, record.decided_by, record.decided_at))
                assert known == (record.state, record.reason, record.decided_by, record.decided_at)

    def check_verdict(self, response: dict[str, Any]) -> None:
        named = {address: entry["action"]["type"] for entry in response["actions"] for address in entry.get("recipients", ["*"])}
        states = {record.rule: record.state for record in self.company.table.records.values()}
        getting = {address for address in self.event.recipients if named.get(address, named.get("*")) == "DEFAULT"}
        self.verdicts.append(getting)
        assert getting == self.verdicts[0]
        # A rule has no record only if a rejection by another one has left it no recipient.
        assert states
        allowed = {HoldState.APPROVED} | ({HoldState.TIMED_OUT} if self.on_timeout == "deliver" else set())
        for address in self.event.recipients:
            assert (address in getting) == all(states.get(rule) in allowed for rule, held in self.held.items() if address in held), (
                address,
                states,
                response,
            )

    def run(self) -> None:
        for _ in range(self.chance.randint(1, 12)):
            self.attempt()
            self.company.now += self.chance.choice([0, 1, 300, 1800])
            if self.chance.random() < 0.3:
                self.decide()
        # WorkMail retries on: without faults, there is a verdict when the time is over.
        with self.calm():
            self.attempt()
            self.company.now = max(self.company.now, START) + 2 * _TIMEOUT_S
            self.attempt()
        assert self.verdicts
        asked = set(self.company.outbox.asked)
        for record in self.company.table.records.values():
            assert record.state in _FINAL
            assert not record.decided_by or record.decided_by in asked & set(record.approvers)


def test_each_hold_ends_in_one_state_and_no_recipient_gets_held_mail_before(monkeypatch: pytest.MonkeyPatch) -> None:
    # One mail after the other, so that a seed repeats its schedule.
    monkeypatch.setattr("mailhooks.core.holds.approval_requests._PARALLEL", 1)
    ends = set()
    for seed in range(_SCHEDULES):
        schedule = Schedule(random.Random(seed))
        try:
            schedule.run()
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}: {error}") from error
        ends |= {record.state for record in schedule.company.table.records.values()}
    assert ends == _FINAL
