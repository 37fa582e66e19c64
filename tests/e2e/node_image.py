"""A replacement for Lambda's base image of Node.js: this machine's Node.js, and the AWS SDK of npm."""

import shutil
import subprocess
from pathlib import Path

from tests.e2e.toolchain import Missing
from tests.support.containers.relay import IMAGE

NODE_IMAGE = "public.ecr.aws/lambda/nodejs:22-x86_64"
_FILES = Path(__file__).parents[1] / "support/containers/node"
_DOCKERFILE = f"""
FROM {IMAGE}
COPY libraries/ /usr/lib/x86_64-linux-gnu/
COPY node /var/lang/bin/node
COPY node_modules/ /node_modules/
COPY bootstrap.mjs bootstrap /var/runtime/
"""
_BOOTSTRAP = "#!/bin/sh\nexec /var/lang/bin/node /var/runtime/bootstrap.mjs\n"


def provide_node_image(folder: Path) -> None:
    """Build the replacement in an empty folder, unless this machine has an image of this name.

    Raises:
        Missing: there is no Node.js with npm here.
        subprocess.CalledProcessError: the build failed; standard output and error have the reason.
    """
    if subprocess.run(["docker", "image", "inspect", NODE_IMAGE], capture_output=True, check=False).returncode == 0:
        return
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Missing(f"no image {NODE_IMAGE}, and no Node.js with npm for a replacement: install them, or pull the image")
    for name in ("package.json", "bootstrap.mjs"):
        shutil.copy(_FILES / name, folder)
    shutil.copy(_FILES / "pins.json", folder / "package-lock.json")
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], folder)
    shutil.copy(node, folder / "node")
    (folder / "libraries").mkdir()
    for line in _run(["ldd", node], folder).splitlines():
        if "libstdc++" in line:
            shutil.copy(line.split()[2], folder / "libraries")
    (folder / "bootstrap").write_text(_BOOTSTRAP)
    (folder / "bootstrap").chmod(0o755)
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    _run(["docker", "build", "--quiet", "--tag", NODE_IMAGE, "."], folder)


def _run(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300).stdout
