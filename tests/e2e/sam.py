"""`sam build` once, `sam local invoke` often."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.toolchain import ROOT, Toolchain
from workmail_local.containers.sam_template import write_local_template

BUILD_TIMEOUT_S = 300
INVOKE_TIMEOUT_S = 120
"""The first invocation also makes the image that carries the layer."""
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


class SamError(AssertionError):
    """A `sam` command failed; the text is its output."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function returned, and everything else that it and SAM printed."""

    response: Any
    log: str

    def lines(self) -> Iterator[dict[str, Any]]:
        """What the function logged: every printed line that is a JSON object."""
        for line in self.log.splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


class Sam:
    """One build of this project, or of another stack.

    Args:
        toolchain: see `toolchain.find`.
        workspace: an empty folder for the build, so that the project's own `.aws-sam` stays as it is; or the `.aws-sam` of a stack that is
            built.

    Attributes:
        folder: the built functions, layer and template.
    """

    def __init__(self, toolchain: Toolchain, workspace: Path) -> None:
        self._toolchain = toolchain
        # One level down, because SAM keeps its notes (build.toml) next to the build.
        self.folder = workspace / "build"

    def build(self) -> None:
        """Builds all functions and the layer.

        Raises:
            SamError: it failed.
        """
        template = str(ROOT / "template.yaml")
        # Not cached, although samconfig.toml sets it: the cache is the project's own, and what is tested is made now.
        self._run(["build", "--template", template, "--build-dir", str(self.folder), "--no-cached"], BUILD_TIMEOUT_S)

    def invoke(self, function: str, event: Mapping[str, Any], variables: Mapping[str, str], network: str) -> Answer:
        """Runs one function in a fresh container, so each call is a cold start.

        Args:
            function: its logical ID.
            event: what it gets.
            variables: its environment variables, added to the template's or in their place (`workmail_local.containers.sam_template`).
            network: the Docker network to be on (see `tests.support.containers.relay`).

        Raises:
            SamError: SAM failed, or the function did.
        """
        event_file, variables_file = self.folder / "event.json", self.folder / "variables.json"
        event_file.write_text(json.dumps(event), "utf-8")
        variables_file.write_text(json.dumps({function: variables}), "utf-8")
        template = write_local_template(self.folder / "template.yaml", {function: variables})
        files = ["--template", str(template), "--event", str(event_file), "--env-vars", str(variables_file)]
        done = self._run(["local", "invoke", function, *files, "--skip-pull-image", "--docker-network", network], INVOKE_TIMEOUT_S)
        # The response is the last line of standard output, after what the function printed.
        *printed, last = done.stdout.strip().splitlines() or [""]
        try:
            response = json.loads(last)
        except ValueError:
            raise SamError(f"{function} gave no JSON: {done.stdout}\n{done.stderr}") from None
        if isinstance(response, dict) and "errorType" in response:
            raise SamError(f"{function} failed: {last}\n{done.stderr}")
        return Answer(response, "\n".join([done.stderr, *printed]))

    def start_lambda(self, function: str, variables: Mapping[str, str], network: str) -> AbstractContextManager[str]:
        """The address of `sam local start-lambda`, up inside; see `invoke` and `lambda_endpoint`."""
        variables_file, log = self.folder / "variables.lambda.json", self.folder / "start-lambda.log"
        variables_file.write_text(json.dumps({function: variables}), "utf-8")
        template = write_local_template(self.folder / "template.yaml", {function: variables})
        options = ["--template", str(template), "--env-vars", str(variables_file), "--docker-network", network]
        return lambda_endpoint(self._toolchain, options, log)

    def _run(self, arguments: list[str], timeout_s: int) -> subprocess.CompletedProcess[str]:
        command = [str(self._toolchain.sam), *arguments]
        try:
            return subprocess.run(
                command,
                env=self._toolchain.environment(),
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise SamError(f"sam {arguments[0]} ended with {error.returncode}:\n{error.stdout}\n{error.stderr}") from None
        except subprocess.TimeoutExpired as error:
            raise SamError(f"sam {arguments[0]} took longer than {timeout_s} s:\n{error.stdout}\n{error.stderr}") from None


def build(toolchain: Toolchain, workspace: Path) -> Sam:
    """Build this project in an empty folder. The project's own `.aws-sam` stays as it is.

    Raises:
        SamError: it failed.
    """
    sam = Sam(toolchain, workspace)
    sam.build()
    return sam


@contextmanager
def lambda_endpoint(toolchain: Toolchain, options: Sequence[str], log: Path) -> Iterator[str]:
    """The address of `sam local start-lambda`, up inside.

    Args:
        toolchain: see `toolchain.find`.
        options: such as `--template`.
        log: where to write what SAM and the functions print.

    Raises:
        SamError: it did not come up.
    """
    port = free_port()
    command = [str(toolchain.sam), "local", "start-lambda", *options, "--port", str(port), "--skip-pull-image"]
    with started(command, port, log, toolchain.environment()):
        yield f"http://127.0.0.1:{port}"


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def started(command: Sequence[str], port: int, log: Path, environment: Mapping[str, str], folder: Path = ROOT) -> Iterator[None]:
    """A `sam local start-lambda`, up inside on that port of 127.0.0.1; in that folder.

    Raises:
        SamError: it did not come up.
    """
    with log.open("wb") as out:
        running = subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait_for(port, running, log)
        yield
    finally:
        _stop(running)


def _wait_for(port: int, running: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        if running.poll() is not None or time.monotonic() > deadline:
            raise SamError(f"sam local start-lambda did not come up:\n{log.read_text('utf-8', 'replace')}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)


def _stop(running: "subprocess.Popen[bytes]") -> None:
    """As Ctrl-C would, on which SAM removes its containers; by force if that is too slow."""
    with suppress(ProcessLookupError):
        running.send_signal(signal.SIGINT)
    try:
        running.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
