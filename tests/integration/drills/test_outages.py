"""Services that fail for a while, on the local WorkMail whose clock is faster: each message arrives once, with one change."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_CONTENT_BYTES, MAX_MESSAGE_BYTES
from tests.integration.conftest import FUNCTIONS
from tests.integration.drills.company import ANA, BEN, NORA, PLAIN, RAW, SERVICES, Company, found_company, lines_of
from tests.integration.drills.gate import DOWN, Call, Fault, Gate, open_gate, refuse_time, throttle
from tests.integration.drills.page import Drill, read_drill
from tests.support.hooks import without_stamp
from workmail_local.config.configuration import load_configuration
from workmail_local.mail.history import Destination, MessageTrace, Origin, RuleRun
from workmail_local.mail.submission import Submission
from workmail_local.workmail import LocalWorkMail

_APP = """
import importlib.util, types
import botocore.endpoint
botocore.endpoint.time = types.SimpleNamespace(sleep=lambda _seconds: None)  # botocore tries again at once
spec = importlib.util.spec_from_file_location("function", {path!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
handler = module.handler
"""

_CONFIGURATION = """
organization = {{ domains = ["example.com"] }}
users = [{{ address = "ana@example.com" }}, {{ address = "ben@example.com" }}]
groups = [{{ address = "board@example.com" }}]

[[rules]]
name = "Hook"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "hook"
timeout-minutes = {minutes}
fallback = "default"

[functions.hook]
path = "{path}"
timeout-seconds = 14
environment = {{ {variables} }}
"""

MESSAGES = 2
SPEED = 60


@pytest.fixture(scope="module")
def running() -> Iterator[LocalWorkMail]:
    """A local WorkMail that is as fast as `SPEED`."""
    with LocalWorkMail(speed=SPEED) as wm:
        yield wm


class Scene:
    """A company whose mail a function processes; its calls go through a gate."""

    def __init__(self, wm: LocalWorkMail, gate: Gate, company: Company, folder: Path) -> None:
        self.wm, self.gate, self.company, self._folder = wm, gate, company, folder

    def send(
        self, function: str, *, raw: bytes = PLAIN, minutes: int = 240, count: int = MESSAGES, start: str = "", **variables: str
    ) -> list[MessageTrace]:
        """Send messages by a flow rule that runs a function of the project. Return their traces at the end.

        Args:
            start: code that the function's process runs first.
        """
        (self._folder / "app.py").write_text(start + _APP.format(path=str(FUNCTIONS / function / "app.py")))
        variables = self.gate.environment | variables | {"POWERTOOLS_SERVICE_NAME": "drill"}
        text = ", ".join(f"{name} = {json.dumps(value)}" for name, value in variables.items())
        configuration = load_configuration(_CONFIGURATION.format(minutes=minutes, path=self._folder, variables=text))
        self.wm._configuration = configuration
        numbers = [self.wm.accept(Submission(FlowDirection.INBOUND, NORA, (ANA, BEN), raw)) for _ in range(count)]
        return [self.wm.wait_for(number, 30) for number in numbers]

    def send_by_policy(self, **variables: str) -> list[MessageTrace]:
        """Send messages through the company's policy, with the function's own ON_ERROR, which is deliver."""
        (self._folder / "policy.yaml").write_text(self.company.policy())
        more = self.company.variables() | {"POLICY": str(self._folder / "policy.yaml"), "ON_ERROR": "deliver"}
        more["ORGANIZATION_ID"] = load_configuration('organization = { domains = ["example.com"] }').organization_id
        return self.send("mailflow", raw=RAW, **more | variables)

    def check_company_mail(self, traces: list[MessageTrace], drill: Drill) -> None:
        """Assert that each message is once in Ana's mailbox, changed once, and bounced for Ben; and that the log states each attempt."""
        for trace in traces:
            [run] = trace.rule_runs
            assert {result.recipient: result.destination for result in run.results} == {ANA: Destination.INBOX, BEN: Destination.BOUNCED}
            assert run.puts == 1
            check_log(run, drill)
        copies = self.wm.delivered(ANA)
        assert len(copies) == MESSAGES
        assert {without_stamp(copy.raw).count(b"[SEEN]") for copy in copies} == {1}
        assert {b"octet-stream" in copy.raw for copy in copies} == {False}
        assert self.wm.delivered(BEN) == []
        assert sorted(self.company.archived().values()) == [RAW] * MESSAGES
        assert len(set(self.company.notified)) == MESSAGES


def check_log(run: RuleRun, drill: Drill) -> None:
    """Assert that each attempt but the last has the first log line of the drill, and the last one has the last."""
    for attempt in run.attempts[:-1]:
        assert attempt.problem
        drill.check(lines_of(attempt.log), 0)
    drill.check(lines_of(run.attempts[-1].log), -1)


_TEMPLATE = Path(__file__).parents[3] / "template.yaml"

_LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_DATA, ({0}, {0}))\n"
"""Limits the memory that a process may write to. Lambda limits what it has written to, which is less."""


def make_large_message() -> bytes:
    """Return a message of 40 MB, the most that WorkMail accepts: text, HTML, an executable, and an attachment that fills it."""
    head, end = RAW[: -len(b"--b--\r\n")], b"--b--\r\n"
    part = b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    line = b"JVBERi0xLjcKJVBERi0xLjcKJVBERi0xLjcKJVBERi0xLjcKJVBERi0xLjcKJVBERi0xLjcKJVBE\r\n"
    size = min(MAX_MESSAGE_BYTES - 100_000, MAX_CONTENT_BYTES * 78 // 57 - 100_000)
    return head + part + line * ((size - len(head + part + end)) // len(line)) + end


@pytest.fixture
def scene(running: LocalWorkMail, tmp_path: Path) -> Iterator[Scene]:
    running.reset()
    with open_gate(running) as gate, found_company(running) as company:
        yield Scene(running, gate, company, tmp_path)


def fail_first(number: int, fault: Fault) -> Callable[[Call], Fault | None]:
    """Return a rule for a gate: the first calls of each service fail."""
    counts: Counter[str] = Counter()

    def find_fault(call: Call) -> Fault | None:
        counts[call.service] += 1
        return fault if counts[call.service] <= number else None

    return find_fault


def down_for_a_minute(service: str) -> Callable[[Call], Fault | None]:
    """Return a rule for a gate: a service is down for a minute of the local WorkMail, from its first call on."""
    ends: list[float] = []

    def find_fault(call: Call) -> Fault | None:
        if call.service != service:
            return None
        if not ends:
            ends.append(time.monotonic() + 60 / SPEED)
        return DOWN if time.monotonic() < ends[0] else None

    return find_fault


def test_while_s3_is_down_mail_waits_and_is_changed_once(scene: Scene) -> None:
    drill = read_drill("S3 is down for a minute")
    scene.gate.find_fault = down_for_a_minute("s3")
    traces = scene.send_by_policy()
    scene.check_company_mail(traces, drill)
    assert any(len(trace.rule_runs[0].attempts) > 1 for trace in traces)


@pytest.mark.parametrize("function, setting", [("rewrite", "SUBJECT_TAG"), ("disclaimer", "DISCLAIMER_TEXT")])
def test_while_s3_is_down_the_functions_with_a_setting_wait_too(scene: Scene, function: str, setting: str) -> None:
    drill = read_drill("S3 is down for a minute")
    scene.gate.find_fault = down_for_a_minute("s3")
    traces = scene.send(function, **{setting: "[SEEN]"})
    for trace in traces:
        check_log(trace.rule_runs[0], drill)
    for address in (ANA, BEN):
        assert [without_stamp(copy.raw).count(b"[SEEN]") for copy in scene.wm.delivered(address)] == [1] * MESSAGES


def test_s3_is_down_longer_than_the_rule_timeout_and_the_fallback_action_delivers(scene: Scene) -> None:
    drill = read_drill("S3 is down longer than the rule timeout")
    scene.gate.find_fault = lambda call: DOWN if call.service == "s3" else None
    traces = scene.send("rewrite", minutes=1, SUBJECT_TAG="[SEEN]")
    for trace in traces:
        check_log(trace.rule_runs[0], drill)
        assert {result.origin for result in trace.rule_runs[0].results} == {Origin.FALLBACK}
    for address in (ANA, BEN):
        assert [copy.raw for copy in scene.wm.delivered(address)] == [PLAIN] * MESSAGES


def test_in_a_storm_of_throttling_each_message_is_retried_until_it_is_done(scene: Scene) -> None:
    drill = read_drill("Each service throttles")
    scene.gate.find_fault = fail_first(3 * MESSAGES, Fault(throttle))
    scene.company.refusals = [429] * MESSAGES
    traces = scene.send_by_policy()
    scene.check_company_mail(traces, drill)
    assert {call.service for call in scene.gate.calls} | {"webhook"} == SERVICES


def test_signatures_that_each_service_refuses_for_their_time_delay_mail_and_change_nothing(scene: Scene) -> None:
    drill = read_drill("Services refuse the time of signatures")
    scene.gate.find_fault = fail_first(MESSAGES, Fault(refuse_time))
    scene.check_company_mail(scene.send_by_policy(), drill)


@pytest.mark.slow
@pytest.mark.parametrize("function", ["mailflow", "rewrite", "disclaimer"])
def test_the_largest_message_is_changed_in_the_smallest_memory(function: str, scene: Scene, tmp_path: Path) -> None:
    drill = read_drill("A message of 40 MB in the smallest memory")
    smallest = re.search(r"  MemorySize:\n    Type: Number\n    Default: \d+\n    MinValue: (\d+)\n", _TEMPLATE.read_text())
    assert smallest
    actions = {
        "mailflow": [
            {"strip_attachments": {"extensions": ["exe"]}},
            {"subject_tag": "[SEEN]"},
            {"archive": {"bucket": scene.company.archive}},
        ],
        "rewrite": [{"strip_attachments": {"extensions": ["exe"]}}, {"subject_tag": "[SEEN]"}],
        "disclaimer": [{"strip_attachments": {"extensions": ["exe"]}}, {"disclaimer": {"text": "[SEEN]"}}],
    }
    (tmp_path / "policy.yaml").write_text(json.dumps({"version": 1, "rules": [{"name": "all", "do": actions[function]}]}))
    raw = make_large_message()
    variables = {"POLICY": str(tmp_path / "policy.yaml"), "ON_ERROR": "retry"}
    start = _LIMIT.format(int(smallest[1]) * 1024 * 1024)
    [trace] = scene.send(function, raw=raw, count=1, start=start, **variables)
    [run] = trace.rule_runs
    assert len(run.attempts) == 1
    drill.check(lines_of(run.attempts[0].log), 0)
    [copy] = scene.wm.delivered(ANA)
    assert without_stamp(copy.raw).count(b"[SEEN]") == 1
    assert b"octet-stream" not in copy.raw
    assert len(copy.raw) > 0.99 * len(raw)
