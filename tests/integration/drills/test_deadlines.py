"""The deadline passes at each stage of a message: the function ends in time, and WorkMail's retry finishes the work once."""

from pathlib import Path

import pytest

from mailhooks.errors import TransientError
from tests.integration.conftest import Load
from tests.integration.drills.company import RAW, Company, lines_of
from tests.integration.drills.gate import Fault, Gate
from tests.integration.drills.page import Drill, read_drill
from tests.integration.hooks.test_functions import Remaining

STAGES = {
    "the message is read": ("GetRawMessageContent", False),
    "a message is counted": ("Query", False),
    "a count is written": ("UpdateItem", True),
    "a copy is archived": ("PUT archive", True),
    "the decision is stored": ("PUT decided", False),
    "the decision was stored": ("PUT decided", True),
    "the content is stored": ("PUT rewritten", True),
    "the content is put": ("PutRawMessageContent", False),
    "the content was put": ("PutRawMessageContent", True),
    "a topic is notified": ("Publish", True),
    "a bus is notified": ("PutEvents", True),
}
"""The stages of a message: the call that gets no response, and whether the service receives it."""


def hang(gate: Gate, operation: str, *, forwarded: bool) -> None:
    gate.find_fault = lambda call: Fault(waits=True, forwarded=forwarded) if call.operation == operation else None


@pytest.mark.parametrize("stage", STAGES)
def test_the_retry_of_an_attempt_without_time_finishes_the_work_once(
    stage: str, company: Company, gate: Gate, load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill: Drill = read_drill("The time is over at a stage")
    (tmp_path / "policy.yaml").write_text(company.policy())
    handler = load("mailflow", **company.variables(), **gate.environment, POLICY=str(tmp_path / "policy.yaml")).handler
    calm = company.arrive(1)
    expected = handler(calm, Remaining(14))
    company.notified.clear()
    document = company.arrive(2)
    capsys.readouterr()
    operation, forwarded = STAGES[stage]
    hang(gate, operation, forwarded=forwarded)
    with pytest.raises(TransientError, match="time for the message"):
        handler(document, Remaining(1.6))
    drill.check(lines_of(capsys.readouterr().out), 0)
    gate.find_fault = lambda _call: None
    assert handler(document, Remaining(14)) == expected
    drill.check(lines_of(capsys.readouterr().out), 1)
    assert company.content(document) == company.content(calm)
    assert company.workmail.store.puts(document["messageId"]) == 1
    assert set(company.archived().values()) == {RAW}
    assert len(set(company.notified)) == 1
