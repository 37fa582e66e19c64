"""The metric of crashes counts the lines of functions that crash in Lambda containers, and not those of a function that raises an error.

SAM's emulator writes time-outs and an end by the kernel in words of its own: tests/monitoring/test_crashes.py has Lambda's words for them.
"""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.e2e.toolchain import Toolchain
from tests.monitoring.stacks import main_stack
from tests.support.cloudwatch.filter_patterns import compile_pattern

CODE = {
    "imports": "import missing_module",
    "misses": "def other(event, context): pass",
    "exits": "import os\ndef handler(event, context): os._exit(3)",
    "raises": "class Throttled(Exception): pass\ndef handler(event, context): raise Throttled('too many calls')",
}


@pytest.mark.parametrize("name, crashes", [("imports", True), ("misses", True), ("exits", True), ("raises", False)])
def test_a_crash_is_counted_and_a_raised_error_is_not(name: str, crashes: bool, toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CODE[name])
    function = {"CodeUri": ".", "Handler": "app.handler", "Runtime": "python3.13", "Timeout": 60, "MemorySize": 256}
    resources = {"Function": {"Type": "AWS::Serverless::Function", "Properties": function}}
    (tmp_path / "template.yaml").write_text(yaml.safe_dump({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}))
    done = subprocess.run(
        [toolchain.sam, "local", "invoke", "--event", "-", "--skip-pull-image"],
        cwd=tmp_path,
        env=toolchain.environment(),
        input="{}",
        capture_output=True,
        text=True,
        timeout=300,
    )
    # Lambda logs the text about an exit as a line; the emulator returns it in a document.
    lines = (done.stdout + done.stderr).replace('"errorMessage": "', "\n").splitlines()
    [crashed] = main_stack().of_type("AWS::Logs::MetricFilter").values()
    pattern = compile_pattern(crashed["FilterPattern"])
    assert bool([line for line in lines if pattern.search(line)]) is crashes, lines
    assert crashes or any(line.startswith("[ERROR] Throttled: too many calls") for line in lines)
