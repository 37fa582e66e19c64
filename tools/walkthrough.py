"""Follow README.md and docs/deploy.md word for word in a clean container: `make walkthrough`.

The container has Debian's Python, make and git, and a fresh clone of the last commit. The `sh` blocks of the pages run in their order, each
in a shell of its own in the project's folder. A block is left out if the line above it is `<!-- needs an account -->` or another comment
`<!-- needs ... -->`. The first block that fails ends the walk-through.

pip in the container has the configuration of pip here, so it asks the same package index. The container gets `PYTEST_ADDOPTS` too.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from ast import literal_eval
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tools.debian_image import SUITE, make_debian_image
from tools.pages import read_fences

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = ("README.md", "docs/deploy.md")

_IMAGE: Final = f"workmail-hooks-walkthrough:{SUITE}"
_PACKAGES: Final = ("ca-certificates", "git", "make", "python3", "python3-pip", "python3-venv")
_FOLDER: Final = "/workmail-hooks"
_BLOCK_LIMIT_S: Final = 900
_PASSED_ON: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PYTEST_ADDOPTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


class Block(NamedTuple):
    """Commands of a page.

    Attributes:
        page: its path, from the project's folder.
        line: the line of the page with the first command.
        needs: the requirement that no container meets, or an empty text.
        commands: the commands, without the indentation of the block.
    """

    page: str
    line: int
    needs: str
    commands: str


def main() -> int:
    """Run the blocks, print each with its time, and return 1 if one fails."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        print("skipped: the walk-through needs Docker, and it does not run here")
        return 0
    with _container() as container:
        # Both pages name it as an alternative to an installed SAM CLI.
        setup = Block("docs/deploy.md", 0, "", "make .venv-sam/.ready\n")
        for block in [setup, *(block for page in PAGES for block in blocks(page, (ROOT / page).read_text("utf-8")))]:
            title = f"{block.page}:{block.line}: {'; '.join(block.commands.splitlines())}"
            if block.needs:
                print(f"left out, {block.needs}: {title}", flush=True)
                continue
            started = time.monotonic()
            status, output = _run(container, block.commands)
            print(f"{'ok' if status == 0 else 'FAILED'}, {time.monotonic() - started:.0f} s: {title}", flush=True)
            if status:
                print(output[-8000:])
                return 1
    return 0


def blocks(page: str, text: str) -> Iterator[Block]:
    """Yield the `sh` blocks of a page."""
    for fence in read_fences(text):
        if fence.language == "sh":
            yield Block(page, fence.line + 1, fence.marker if fence.marker.startswith("needs ") else "", fence.text)


@contextmanager
def _container() -> Iterator[str]:
    """Start a container with a clone of the project, yield its ID, and remove it at the end."""
    make_debian_image(_IMAGE, _PACKAGES)
    variables, folders = _pip_configuration()
    variables |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, f"{folder}/clone"], check=True)
        options = [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]
        options += [option for path in folders for option in ("--volume", f"{path}:{path}:ro")]
        # Docker turns IPv6 off, which each usual machine has on its loopback interface.
        options += ["--detach", "--init", "--sysctl", "net.ipv6.conf.all.disable_ipv6=0", "--workdir", _FOLDER]
        container = _output("docker", "run", *options, _IMAGE, "sleep", "infinity")
        try:
            subprocess.run(["docker", "cp", "--quiet", f"{folder}/clone/.", f"{container}:{_FOLDER}"], check=True)
            yield container
        finally:
            subprocess.run(["docker", "rm", "--force", "--volumes", container], check=True, capture_output=True)


def _run(container: str, commands: str) -> tuple[int, str]:
    """Run commands in the container. Return the exit status and the output."""
    # The pages use an activated environment.
    path = f"export PATH=$PATH:{_FOLDER}/.venv/bin:{_FOLDER}/.venv-sam/bin\n"
    shell = ["docker", "exec", container, "timeout", str(_BLOCK_LIMIT_S), "sh", "-euc", path + commands]
    done = subprocess.run(shell, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _pip_configuration() -> tuple[dict[str, str], set[str]]:
    """Return pip's configuration as environment variables, and the local files and folders it names."""
    listed = _output(sys.executable, "-m", "pip", "config", "list")
    # `global.index-url='...'` from a file, `:env:.index-url='...'` from a variable. The latter has precedence.
    options: Mapping[str, str] = {
        name: literal_eval(value)
        for source in ("global", "install", ":env:")
        for name, value in re.findall(rf"^{source}\.([\w-]+)=(.+)$", listed, re.MULTILINE)
    }
    # The pages of an index in a folder refer to files next to them.
    words = [word for value in options.values() for word in value.split()]
    paths = {str(Path(word.removeprefix("file://")).parent) if word.startswith("file://") else word for word in words}
    return (
        {f"PIP_{name.upper().replace('-', '_')}": value for name, value in options.items()},
        {path for path in paths if path.startswith("/") and Path(path).exists()},
    )


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    raise SystemExit(main())
