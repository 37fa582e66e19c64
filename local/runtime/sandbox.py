"""A function in a process of its own, as in Lambda: its own environment, its own cold start, its own log; ended when it takes too long."""

import json
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from local.config.file_watch import EVERY_S, Mark, Sources
from local.config.functions import ROOT, Function
from local.runtime.invocation import Invocation
from local.runtime.lambda_environment import environment
from local.runtime.process import Log, Process

LAYER: Final = ROOT / "layers" / "mailhooks"
"""The folder that stands for /opt/python: the library is in it."""
_LIBRARY = "mailhooks"
LIMIT: Final = 4
"""Processes of one function at once, where nobody says otherwise."""
_WORKER = Path(__file__).with_name("runtime_client.py")
_CLOSE_S = 5.0
"""How long a call that was cut off may take to be over."""
_CLOSED = "its sandbox was closed"


class Sandbox:
    """One function's process: started at the first call, after each that had to be ended, and when its files have changed.

    Safe to use from any thread; one call waits for the other, as a process of Lambda's has one invocation at a time.

    Args:
        function: which one.
        variables: its environment variables, besides those that every function has in Lambda.
        layer: the folder that stands for /opt/python.
        sources: what tells that its files have changed; None for one of its own.
    """

    def __init__(self, function: Function, variables: Mapping[str, str], *, layer: Path = LAYER, sources: Sources | None = None) -> None:
        self._function = function
        self._variables = variables
        self._layer = layer
        self._sources = sources or Sources(function.folder, layer / _LIBRARY)
        self._mark: Mark = (0, 0)
        self._uses_library = False
        self._process: Process | None = None
        self._log = Log()
        self._busy = threading.Lock()
        self._closed = False

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        """See `Invoker`. The function has no more time than its own `timeout_s`."""
        with self._busy:
            if self._closed:
                return Invocation(None, _CLOSED, 0.0, False, "")
            return self._invoke(event, request_id, min(timeout_s, self._function.timeout_s))

    def close(self) -> None:
        """Ends the process, and with it a call that another thread may be making."""
        self._closed = True
        process = self._process
        if process is not None:
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
        if self._process is not None and (not self._process.idle or self._sources.changed(self._mark, library=self._uses_library)):
            self._end()
        cold = self._process is None
        try:
            process = self._process = self._process or self._start()
        except OSError as error:
            return Invocation(None, f"its process cannot be started: {error.strerror}", 0.0, cold, "")
        # close() may have come by while there was no process yet to kill.
        line = b"" if self._closed else process.ask(request, until)
        milliseconds = (time.perf_counter() - started) * 1000
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._why(process, line, timeout_s), "over": True}
        self._uses_library = answer.get("library", self._uses_library)
        if answer.get("over"):
            self._end()
        return Invocation(answer.get("response"), answer.get("error"), milliseconds, cold, self._log.new())

    def _why(self, process: Process, line: bytes | None, timeout_s: float) -> str:
        if self._closed:
            return _CLOSED
        return f"no answer within {timeout_s:g} s" if line is None else f"Runtime.ExitError: its process ended ({process.status()})"

    def _start(self) -> Process:
        # Before the process reads the files: what is saved in between shows at the next call.
        self._mark = self._sources.mark()
        # -P: the folder of the worker, full of modules, is no place for a function to import from. -u: logs in order.
        command = [sys.executable, "-P", "-u", str(_WORKER), self._function.name]
        return Process(command, environment(self._function, self._variables, self._layer), self._function.folder, self._log)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()


class Pool:
    """Up to so many processes of one function at once, as Lambda runs one invocation a process. Safe to use from any thread.

    Args:
        function, variables, layer: see `Sandbox`.
        limit: how many at most; further calls wait for one that is free. Their wait is no part of an invocation's time.
        every_s: seconds between two looks at whether the function's files have changed.
    """

    def __init__(
        self,
        function: Function,
        variables: Mapping[str, str],
        *,
        limit: int = LIMIT,
        layer: Path = LAYER,
        every_s: float = EVERY_S,
    ) -> None:
        sources = Sources(function.folder, layer / _LIBRARY, every_s)
        self._make = partial(Sandbox, function, variables, layer=layer, sources=sources)
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
        sandbox = self._take()
        if sandbox is None:
            return Invocation(None, _CLOSED, 0.0, False, "")
        try:
            return sandbox.invoke(event, request_id, timeout_s)
        finally:
            self._give_back(sandbox)

    def retire(self) -> None:
        """Lets the calls that are being made, and those of whoever has this pool at hand, come to their ends, and keeps no process after
        that: another pool has taken its place.
        """
        with self._changed:
            self._retired = True
            idle, self._free = self._free, []
        for sandbox in idle:
            sandbox.close()

    def _give_back(self, sandbox: Sandbox) -> None:
        with self._changed:
            if not self._retired:
                self._free.append(sandbox)
            else:
                self._all.remove(sandbox)
            self._changed.notify()
        if self._retired:
            sandbox.close()

    def close(self) -> None:
        """Ends all processes, and with them the calls that are being made or waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            made = list(self._all)
        for sandbox in made:
            sandbox.close()

    def _take(self) -> Sandbox | None:
        """The free one that was used last, for it is the warmest; None when the pool is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._free or len(self._all) < self._limit)
            if self._closed:
                return None
            if self._free:
                return self._free.pop()
            self._all.append(self._make())
            return self._all[-1]
