"""Exports in which services and people do what they can do: at the end, each mailbox is exported once, or listed with its reason."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest

from mailhooks.aws import client as aws
from mailhooks.errors import ServiceFailed
from mailhooks.mailbox_export.manifest import FINAL, State
from tests.support.mailbox_export import KMS_KEY, ROLE, Clock, Company, run_company
from workmail_local.aws.export_jobs import Outcome
from workmail_local.aws.faults import Operation
from workmail_local.workmail import LocalWorkMail

BAD: Final = (Outcome.FAILED, Outcome.CANCELLED, Outcome.NO_FILE, Outcome.DAMAGED, Outcome.CUT)
THROTTLED: Final = {"error": "ThrottlingException", "status": 400}
OPERATIONS: Final[tuple[Operation, ...]] = (
    "ListUsers",
    "ListResources",
    "GetMailboxDetails",
    "StartMailboxExportJob",
    "DescribeMailboxExportJob",
    "ListMailboxExportJobs",
)


def check_result(company: Company) -> None:
    """Check that each mailbox is exported once, or listed with its reason, and that no limit was exceeded."""
    company.check_limits()
    company.check_files()
    jobs = Counter((job.entity_id, job.state) for job in company.workmail.exports.jobs if job.path.startswith("mailboxes/"))
    for mailbox in company.read_manifest().mailboxes.values():
        assert mailbox.state in FINAL
        assert (mailbox.reason == "") is (mailbox.state is State.EXPORTED)
        known = Counter(each.state for each in mailbox.attempts if each.job_id)
        # The manifest knows each job that was started for it.
        assert known == {state: count for (entity, state), count in jobs.items() if entity == mailbox.entity_id}


@pytest.mark.parametrize("count, seed", [(30, 1), pytest.param(200, 2, marks=pytest.mark.slow)])
def test_an_export_with_all_kinds_of_faults_ends_with_a_complete_manifest(count: int, seed: int, company: Company) -> None:
    rng = random.Random(seed)
    entities = company.add_users(count, rng)
    workmail = company.workmail
    for entity in rng.sample(entities, count // 5):
        workmail.exports.plan_outcomes(entity, *rng.choices(BAD, k=rng.randrange(1, 5)))

    for _ in range(2):
        machine = company.make_machine()
        invoke = machine.invoke

        def disturb(function: str, event: Any, invoke: Callable[[str, Any], Any] = invoke) -> Any:
            if rng.random() < 0.3:
                workmail.faults.add(rng.choice(OPERATIONS), times=rng.choice((1, 4)), **THROTTLED)
            if rng.random() < 0.2:
                workmail.faults.add("StartMailboxExportJob", error="InternalFailure", status=500, times=3, after=True)
            if rng.random() < 0.1:
                workmail.faults.add("StartMailboxExportJob", error="AccessDeniedException", status=400)
            if rng.random() < 0.1:
                _start_by_hand(company, rng.choice(entities))
            return invoke(function, event)

        machine.invoke = disturb
        machine.run({})
        workmail.faults.clear()
        check_result(company)

    # Each run repeats a cancelled job once, and no mailbox has more than four bad outcomes.
    for _ in range(5):
        company.run()
        check_result(company)
    assert Counter(each.state for each in company.read_manifest().mailboxes.values()) == {State.EXPORTED: count}


def _start_by_hand(company: Company, entity: str) -> None:
    """Start a job as another administrator does, if WorkMail lets it."""
    client = company.workmail.client("workmail")
    try:
        client.start_mailbox_export_job(
            OrganizationId=company.workmail.organization.id,
            EntityId=entity,
            RoleArn=ROLE,
            KmsKeyArn=KMS_KEY,
            S3BucketName=company.bucket,
            S3Prefix="by-hand/",
        )
    except client.exceptions.ClientError:
        pass
    finally:
        client.close()


class Killed(Exception):
    """The function's container ends."""


class Killer:
    """Ends the function after one of its calls of AWS. That is before the next one, because nothing else has an effect.

    Attributes:
        calls: the calls so far.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._call = aws.call
        self.calls = 0

    def __call__(self, operation: str, work: Callable[[], Any], *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        answer = self._call(operation, work, *arguments, **named)
        if self.calls == self._number:
            raise Killed
        return answer


CALLS: Final = 40
"""The calls of AWS of an export of two mailboxes."""


def list_calls(step: int, slow_step: int = 1) -> list[Any]:
    """Return the numbers of calls: every `step`-th of them, and every `slow_step`-th if slow tests run."""
    numbers = [number for number in range(1, CALLS + 1) if number % step == 0 or number % slow_step == 0]
    return [pytest.param(number, marks=[] if number % step == 0 else [pytest.mark.slow]) for number in numbers]


@pytest.fixture
def pair(workmail: LocalWorkMail, clock: Clock) -> Any:
    with run_company(workmail, clock) as company:
        company.add_users(2)
        yield company


def test_the_calls_of_an_export_are_those_at_which_it_is_ended(pair: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Killer(0)
    monkeypatch.setattr(aws, "call", counting)
    pair.run()
    assert counting.calls == CALLS


@pytest.mark.parametrize("number", list_calls(8))
def test_an_export_whose_function_ends_after_any_call_continues(number: int, pair: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "call", Killer(number))
    pair.run()

    check_result(pair)
    assert [len(each.attempts) for each in pair.read_manifest().mailboxes.values()] == [1, 1]
    assert len(pair.workmail.exports.jobs) == 2


@pytest.mark.parametrize("number", list_calls(12, 3))
def test_a_second_run_continues_an_execution_that_was_stopped_after_any_call(
    number: int, pair: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "call", Killer(number))
    machine = pair.make_machine()
    machine.definition = {
        **machine.definition,
        "States": {name: _without_retry(state) for name, state in machine.definition["States"].items()},
    }
    with pytest.raises(Exception, match="Killed"):
        machine.run({})
    pair.run()

    check_result(pair)
    assert len(pair.workmail.exports.jobs) == 2


def _without_retry(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}]} if "Retry" in state else state


class Intruder:
    """Runs a task of a second execution before one of the calls of the first."""

    def __init__(self, number: int, task: Callable[[], Any]) -> None:
        self._number = number
        self._task = task
        self._call = aws.call
        self._calls = 0
        self._is_inside = False

    def __call__(self, operation: str, work: Callable[[], Any], *arguments: Any, **named: Any) -> Any:
        if not self._is_inside:
            self._calls += 1
            if self._calls == self._number:
                self._is_inside = True
                self._task()
                self._is_inside = False
        return self._call(operation, work, *arguments, **named)


@pytest.mark.parametrize("task", ["plan", "step", "verify"])
@pytest.mark.parametrize("number", list_calls(8, 3))
def test_two_executions_at_once_do_no_harm(number: int, task: str, pair: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    other = pair.make_handler()
    event = {"task": task, "execution": "other", "input": {}, "steps": 0}
    monkeypatch.setattr(aws, "call", Intruder(number, lambda: other(event)))
    pair.run()

    check_result(pair)
    assert len(pair.workmail.exports.jobs) == 2


def test_a_limit_that_workmail_counts_otherwise_only_delays_a_mailbox(company: Company) -> None:
    company.add_users(1)
    company.workmail.faults.add("StartMailboxExportJob", error="LimitExceededException", status=400, times=3 * 5)
    company.run()

    check_result(company)
    [job] = company.workmail.exports.jobs
    assert job.started_at - company.read_manifest().created_at.timestamp() >= 5 * 30 * 60


def test_a_start_without_the_right_fails_after_some_minutes_with_the_reason(company: Company) -> None:
    company.add_users(12)
    company.workmail.faults.add("StartMailboxExportJob", error="AccessDeniedException", status=400, times=None)
    company.run()

    reasons = {each.reason for each in company.read_manifest().in_state(State.FAILED)}
    assert reasons == {"StartMailboxExportJob: AccessDeniedException (400): check the function's role, the resource and its policy"}
    assert len(company.read_manifest().in_state(State.FAILED)) == 12
    company.workmail.faults.clear()

    company.run()
    assert len(company.read_manifest().in_state(State.EXPORTED)) == 12


def test_s3_that_fails_for_a_while_only_delays_the_export(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.add_users(2)
    call, failures = aws.call, iter([True] * 4)

    def fail(operation: str, work: Callable[[], Any], *arguments: Any, **named: Any) -> Any:
        if operation == "PutObject" and next(failures, False):
            raise ServiceFailed("PutObject: 503")
        return call(operation, work, *arguments, **named)

    monkeypatch.setattr(aws, "call", fail)
    company.run()
    check_result(company)
