"""A function in a process of its own, as in Lambda: its own environment, its own cold start, its own log; ended when it takes too long."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from .functions import ROOT, Function

# What a child needs of the developer's own environment. Nothing else passes: an AWS profile or an ON_ERROR that happens to be set there
# would not be in Lambda either.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONHOME")


@dataclass(frozen=True, slots=True)
class Invocation:
    """What came of calling a function once.

    Attributes:
        response: what it returned; None when it failed.
        error: how it failed ("ValueError: ..."); None when it returned.
        milliseconds: from the call to the answer, as seen from outside.
        cold: whether the process was started for it.
        log: what the function printed.
    """

    response: Any
    error: str | None
    milliseconds: float
    cold: bool
    log: str


class Invoker(Protocol):
    """What can call a function with an event."""

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        """Calls it. Never raises for what the function does."""
        ...


class Sandbox:
    """One function's process, started at the first call and after each that had to be ended.

    Args:
        function: which one.
        variables: its environment variables, besides those that every function has in Lambda.
    """

    def __init__(self, function: Function, variables: Mapping[str, str]) -> None:
        self._function = function
        self._variables = variables
        self._process: subprocess.Popen[str] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="workmail-local-")
        self._log = Path(self._folder.name) / "log"
        self._log.touch()
        self._read = 0

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        """See `Invoker`."""
        started = time.perf_counter()
        cold = self._process is None
        process = self._process = self._process or self._start()
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(timeout_s, end)
        timer.start()
        try:
            line = self._ask(process, {"event": event, "requestId": request_id, "timeoutS": timeout_s})
        finally:
            timer.cancel()
            timer.join()
        milliseconds = (time.perf_counter() - started) * 1000
        if line:
            answer = json.loads(line)
        else:
            self._end()
            answer = {"error": f"no answer within {timeout_s:g} s" if late.is_set() else "its process ended"}
        return Invocation(answer.get("response"), answer.get("error"), milliseconds, cold, self._new_log())

    def close(self) -> None:
        """Ends the process and removes what it left."""
        self._end()
        self._folder.cleanup()

    @staticmethod
    def _ask(process: "subprocess.Popen[str]", request: Mapping[str, Any]) -> str:
        """The line that answers, or "" when the process ended before it."""
        if process.stdin is None or process.stdout is None:
            return ""
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return ""
        return process.stdout.readline()

    def _start(self) -> "subprocess.Popen[str]":
        worker = Path(__file__).with_name("worker.py")
        with self._log.open("ab") as log:
            # -P: the folder of the worker, full of modules, is no place for a function to import from. -u: logs in order.
            return subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
                [sys.executable, "-P", "-u", str(worker), str(self._function.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment(),
                cwd=self._function.path.parent,
                encoding="utf-8",
            )

    def _environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "PYTHONPATH": str(ROOT / "layers" / "mailhooks"),
            "PYTHONUTF8": "1",
            "TZ": "UTC",
            "AWS_LAMBDA_FUNCTION_NAME": self._function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            **self._variables,
        }

    def _new_log(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        return new.decode("utf-8", "backslashreplace")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            # Leaving the context closes the pipes and waits for the end.
            with process:
                pass


class Sandboxes:
    """A sandbox for each function that is called; all are closed at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._open: dict[str, Sandbox] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, function: Function, variables: Mapping[str, str]) -> Sandbox:
        """The function's sandbox; made with these variables when there is none yet."""
        if function.name not in self._open:
            sandbox = self._open[function.name] = Sandbox(function, variables)
            self._stack.callback(sandbox.close)
        return self._open[function.name]
