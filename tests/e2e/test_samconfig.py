"""The parameters in `samconfig.toml`, as docs/deploy.md has them, reach CloudFormation whole: SAM itself reads them here."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.toolchain import ROOT, Toolchain
from tests.infrastructure.stack import accepts

READ = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.samconfig import SamConfig
written = SamConfig(sys.argv[1]).get_all(["deploy"], "parameters")["parameter_overrides"]
print(json.dumps(CfnParameterOverridesType().convert(written, None, None)))
"""
"""The steps of `sam deploy` from its configuration file to the parameters of the stack."""


@pytest.fixture(scope="module")
def python(toolchain: Toolchain) -> Path:
    """The Python of the SAM CLI."""
    return toolchain.sam.parent / "python"


def read_parameters(python: Path, folder: Path, text: str) -> dict[str, str]:
    """Return the parameters that SAM reads from our `samconfig.toml` and a text that is appended to it."""
    (folder / "samconfig.toml").write_text((ROOT / "samconfig.toml").read_text("utf-8") + text, "utf-8")
    done = subprocess.run([python, "-c", READ, folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_the_values_of_the_page_are_whole_and_valid(python: Path, tmp_path: Path) -> None:
    [block] = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs/deploy.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)

    found = read_parameters(python, tmp_path, block)

    assert found == {
        "OrganizationId": "m-0123456789abcdef0123456789abcdef",
        "Functions": "disclaimer,bounce",
        "DisclaimerText": "Example GmbH, Köln",
        "BounceRules": '[{"action": "MOVE_TO_JUNK", "senders": ["*.example.net"]}]',
    }
    assert all(accepts(name, value) for name, value in found.items())


def test_an_empty_value_clears_a_parameter(python: Path, tmp_path: Path) -> None:
    text = '[default.deploy.parameters.parameter_overrides]\nDisclaimerText = ""\nBounceRules = "[]"\n'

    assert read_parameters(python, tmp_path, text) == {"DisclaimerText": "", "BounceRules": "[]"}
