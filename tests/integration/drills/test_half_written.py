"""The process ends between two writes that belong together: the retry completes them, once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailhooks.errors import TransientError
from mailhooks.hooks.report import Handler
from tests.integration.conftest import Load
from tests.integration.drills.company import RAW, Company, lines_of
from tests.integration.drills.gate import DOWN, Call, Fault, Gate
from tests.integration.drills.page import read_drill
from tests.integration.hooks.test_functions import Remaining


def fail_from(gate: Gate, operation: str, number: int) -> None:
    """Let all calls of an operation fail from the one with this number on; 1 is the first."""
    before = number - 1

    def find_fault(call: Call) -> Fault | None:
        nonlocal before
        if call.operation != operation:
            return None
        before -= 1
        return DOWN if before < 0 else None

    gate.find_fault = find_fault


@pytest.fixture
def load_mailflow(company: Company, gate: Gate, load: Load, tmp_path: Path) -> Callable[[], Handler]:
    """Loads the function mailflow with the company's policy."""

    def load_it() -> Handler:
        (tmp_path / "policy.yaml").write_text(company.policy())
        handler: Handler = load("mailflow", **company.variables(), **gate.environment, POLICY=str(tmp_path / "policy.yaml")).handler
        return handler

    return load_it


@pytest.mark.parametrize(
    "operation, number",
    [
        pytest.param("PUT archive", 2, id="a copy without its envelope"),
        pytest.param("PUT rewritten", 1, id="a decision without content"),
        pytest.param("PutRawMessageContent", 1, id="content that is not put"),
    ],
)
def test_the_retry_completes_what_is_half_written(
    operation: str, number: int, load_mailflow: Callable[[], Handler], company: Company, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = read_drill("The process ends between two writes")
    handler = load_mailflow()
    calm = company.arrive(1)
    expected = handler(calm, Remaining(14))
    document = company.arrive(2)
    capsys.readouterr()
    fail_from(gate, operation, number)
    with pytest.raises(TransientError):
        handler(document, Remaining(14))
    drill.check(lines_of(capsys.readouterr().out), 0)
    gate.find_fault = lambda _call: None
    assert handler(document, Remaining(14)) == expected
    drill.check(lines_of(capsys.readouterr().out), 1)
    assert company.content(document) == company.content(calm)
    assert company.workmail.store.puts(document["messageId"]) == 1
    assert list(company.archived().values()) == [RAW, RAW]
    assert len(company.list_keys(company.archive)) == 4


def test_a_decision_whose_message_is_frozen_in_the_meantime_does_not_count(
    load_mailflow: Callable[[], Handler], company: Company, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = read_drill("A decision is stored, and then the message is frozen")
    handler = load_mailflow()
    document = company.arrive(1)
    fail_from(gate, "PutRawMessageContent", 1)
    with pytest.raises(TransientError):
        handler(document, Remaining(14))
    drill.check(lines_of(capsys.readouterr().out), 0)
    gate.find_fault = lambda _call: None
    company.workmail.store.freeze(document["messageId"])
    answer = handler(document, Remaining(14))
    drill.check(lines_of(capsys.readouterr().out), 1)
    assert {entry["action"]["type"] for entry in answer["actions"]} == {"BOUNCE"}, "the executable must not pass"
    assert company.content(document) == RAW
