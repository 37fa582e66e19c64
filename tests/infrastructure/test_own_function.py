"""docs/deploy.md, "Add your own function": a function more in the template breaks no test."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.stack import ROOT

CHECKS = (
    "tests/infrastructure",
    "tests/monitoring",
    "tests/unit/workmail_local/config",
    "tests/integration/workmail_local/doctor/test_template.py",
    "tests/integration/rights/test_rights.py::TestCases",
)


def add_function(project: Path, name: str) -> None:
    """Follow the page for a copy of `bounce`."""
    shutil.copytree(project / "functions/bounce", project / "functions" / name)
    text = (project / "template.yaml").read_text("utf-8")
    for part in (
        r"^  # bounce: .*?(?=^  # \w+: )",  # its block, from its comment to the next one
        r"^  Bounce: !Not .*?\n",  # its condition
        r"^  BounceFunctionArn:\n.*?(?=^  \w)",  # its output
    ):
        [found] = re.findall(part, text, re.MULTILINE | re.DOTALL)
        text = text.replace(found, found + rename(found, name))
    text = text.replace("|bounce|", f"|bounce|{name}|", 1)  # the pattern of Functions
    (project / "template.yaml").write_text(text, "utf-8")


def rename(block: str, name: str) -> str:
    """Return a copy of a block for another function. The parameter BounceRules and comments about other blocks stay."""
    return re.sub(r"\bBounce(?!Rules)", name.title(), re.sub(r"\bbounce\b", name, block))


@pytest.mark.slow
def test_a_function_more_breaks_no_check_of_the_template(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(".*", "__pycache__", "node_modules", Path(__file__).name))
    shutil.copy(ROOT / ".dockerignore", project)
    for name in ("greeter", "calm"):
        add_function(project, name)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (project / "layers/mailhooks", project)))}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", *CHECKS]

    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=900, check=False)

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
