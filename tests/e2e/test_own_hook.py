"""samples/own-hook/README.md: the sample is built in its folder, without this project."""

import shutil
import subprocess
from pathlib import Path

from tests.e2e.sam import BUILD_TIMEOUT_S
from tests.e2e.toolchain import ROOT, Toolchain


def test_it_is_built_in_its_folder_without_the_layer(toolchain: Toolchain, tmp_path: Path) -> None:
    sample = tmp_path / "own-hook"
    shutil.copytree(ROOT / "samples/own-hook", sample, ignore=shutil.ignore_patterns(".aws-sam", "__pycache__"))
    command = [toolchain.sam, "build"]

    done = subprocess.run(
        command, cwd=sample, env=toolchain.environment(), capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    built = sample / ".aws-sam/build"
    assert {each.name for each in built.iterdir()} == {"Hook", "template.yaml"}
    assert (built / "Hook/app.py").read_bytes() == (sample / "app.py").read_bytes()
    assert [each.name for each in (built / "Hook").iterdir()] == ["app.py"]
