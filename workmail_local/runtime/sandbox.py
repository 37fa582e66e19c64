"""Runs functions in processes as Lambda does: each with its environment, its cold start, its log and its timeout."""

import json
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import mailhooks
from workmail_local.config.functions import Function
from workmail_local.runtime.file_watch import EVERY_S, Mark, Sources
from workmail_local.runtime.invocation import Invocation
from workmail_local.runtime.lambda_environment import build_environment
from workmail_local.runtime.process import Log, Process

LAYER: Final = Path(mailhooks.__file__).resolve().parents[1]
"""The folder in place of /opt/python; it contains the library. In an installation it is the folder of all packages."""
_LIBRARY = "mailhooks"
LIMIT: Final = 4
"""Processes of one function at once, by default; `Workers` has as many threads for it."""
_RUNTIME_CLIENT = Path(__file__).with_name("runtime_client.py")
_CLOSE_S = 5.0
"""Seconds that a cancelled call has to return."""
_CLOSED = "its sandbox was closed"


class Sandbox:
    """One process of a function. It starts at the first call, and again after it was killed or the function's files have changed.

    Safe to use from any thread. Calls wait for each other, because a process of Lambda has one invocation at a time.

    Args:
        function: the function.
        variables: its environment variables, in addition to those of Lambda.
        layer: the folder in place of /opt/python.
        sources: watches the function's files; None to create a watch.

    Raises:
        UnknownFunction: the function has no code here.
    """

    def __init__(self, function: Function, variables: Mapping[str, str], *, layer: Path = LAYER, sources: Sources | None = None) -> None:
        self._function = function
        self._variables = variables
        self._layer = layer
        self._sources = sources or Sources(function.folder, layer / _LIBRARY)
        self._mark: Mark = (frozenset(), frozenset())
        self._uses_library = False
        self._process: Process | None = None
        self._log = Log()
        self._busy = threading.Lock()
        self._closed = False

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        """See `Invoker`. The function's own `timeout_s` limits the time too."""
        with self._busy:
            if self._closed:
                return Invocation(error=_CLOSED)
            return self._invoke(event, request_id, min(timeout_s, self._function.timeout_s))

    def close(self) -> None:
        """End the process, and with it a call in another thread."""
        self._closed = True
        if process := self._process:
            process.kill()
        if self._busy.acquire(timeout=_CLOSE_S):
            try:
                self._end()
                self._log.close()
            finally:
                self._busy.release()

    def _invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        started, until = time.perf_counter(), time.monotonic() + timeout_s
        request = json.dumps({"event": event, "requestId": request_id, "endsAt": time.time() + timeout_s}).encode() + b"\n"
        if self._process is not None and (not self._process.idle or self._sources.has_changed(self._mark, library=self._uses_library)):
            self._end()
        cold = self._process is None
        try:
            process = self._process = self._process or self._start()
        except OSError as error:
            return Invocation(error=f"its process cannot be started: {error.strerror}", cold=cold, unloadable=True)
        # close() may have been called before there was a process to kill.
        line = b"" if self._closed else process.ask(request, until)
        milliseconds = (time.perf_counter() - started) * 1000
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._describe_failure(process, line, timeout_s)}
        self._uses_library = answer.get("library", self._uses_library)
        unloadable = answer.get("unloadable", False)
        if unloadable or not line:
            self._end()
        return Invocation(answer.get("response"), answer.get("error"), milliseconds, cold, self._log.read_new(), unloadable)

    def _describe_failure(self, process: Process, line: bytes | None, timeout_s: float) -> str:
        if self._closed:
            return _CLOSED
        return f"no answer within {timeout_s:g} s" if line is None else f"Runtime.ExitError: its process ended ({process.status()})"

    def _start(self) -> Process:
        # Note the file times before the process reads the files, so that a later save counts as a change.
        self._mark = self._sources.mark()
        # -P: a function must not import the modules in the folder of the runtime client. -u: logs stay in order.
        command = [sys.executable, "-P", "-u", str(_RUNTIME_CLIENT), self._function.name]
        return Process(command, build_environment(self._function, self._variables, self._layer), self._function.folder, self._log)

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class Pool:
    """Several processes of one function, because one process has one invocation at a time. Safe to use from any thread.

    Args:
        function, variables, layer: see `Sandbox`.
        limit: maximum number of processes. Further calls wait for a free one; the wait does not count as time of the invocation.
        every_s: see `Watch`.
    """

    def __init__(
        self, function: Function, variables: Mapping[str, str], *, limit: int = LIMIT, layer: Path = LAYER, every_s: float = EVERY_S
    ) -> None:
        sources = Sources(function.folder, layer / _LIBRARY, every_s)
        self._create_sandbox = partial(Sandbox, function, variables, layer=layer, sources=sources)
        self._limit = limit
        self._all: list[Sandbox] = []
        self._free: list[Sandbox] = []
        self._changed = threading.Condition()
        self._closed = False
        self._retired = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        """See `Invoker`."""
        sandbox = self._acquire()
        if sandbox is None:
            return Invocation(error=_CLOSED)
        try:
            return sandbox.invoke(event, request_id, timeout_s)
        finally:
            self._release(sandbox)

    def retire(self) -> None:
        """Finish the current calls, and end each process after its call: another pool replaces this one."""
        with self._changed:
            self._retired = True
            idle, self._free = self._free, []
        for sandbox in idle:
            sandbox.close()

    def _release(self, sandbox: Sandbox) -> None:
        with self._changed:
            if not self._retired:
                self._free.append(sandbox)
            else:
                self._all.remove(sandbox)
            self._changed.notify()
        if self._retired:
            sandbox.close()

    def close(self) -> None:
        """End all processes, and with them the current and the waiting calls."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            sandboxes = list(self._all)
        for sandbox in sandboxes:
            sandbox.close()

    def _acquire(self) -> Sandbox | None:
        """Return the free sandbox that was used last, as Lambda does; None when the pool is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._free or len(self._all) < self._limit)
            if self._closed:
                return None
            if self._free:
                return self._free.pop()
            self._all.append(self._create_sandbox())
            return self._all[-1]
