"""A child process that answers each line with a line; and the log of its output."""

import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_CHUNK = 1 << 18
_LINGER_S = 1.0
"""Seconds that a process which has closed its output has to end."""

LOG_LIMIT: Final = 256 * 1024
"""Bytes of the log of one call, from its beginning and its end."""
_LOG_FILE_LIMIT = 16 * 1024 * 1024


class Log:
    """The output of processes, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._read = 0

    def fileno(self) -> int:
        """Return the descriptor of the file; any number of processes may write to it."""
        return self._file.fileno()

    def read_new(self) -> str:
        """Return the output since the last call; of a long one only the beginning and the end."""
        end = os.fstat(self.fileno()).st_size
        start, self._read = min(self._read, end), end
        if end - start <= LOG_LIMIT:
            text = self._between(start, end)
        else:
            half = LOG_LIMIT // 2
            left_out = end - start - 2 * half
            text = f"{self._between(start, start + half)}\n[... {left_out} bytes left out ...]\n{self._between(end - half, end)}"
        if end > _LOG_FILE_LIMIT:
            # The processes share the position in the file with this one: they continue at its beginning.
            os.ftruncate(self.fileno(), 0)
            os.lseek(self.fileno(), 0, os.SEEK_SET)
            self._read = 0
        return text

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _between(self, start: int, end: int) -> str:
        return os.pread(self.fileno(), end - start, start).decode("utf-8", "backslashreplace")


class Process:
    """A child in its own process group, so that its children end with it.

    Args:
        command, environment, folder: the program, its variables and its current folder.
        log: receives its standard error.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Log) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - the command is our own
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.fileno(),
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            bufsize=0,
        )
        self._ending = threading.RLock()
        self._closed = False
        # Not blocking, so that neither a request that is not read nor half a response delays a caller beyond its deadline.
        self._to, self._from = _without_blocking(self._child.stdin), _without_blocking(self._child.stdout)
        self._writable, self._readable = select.poll(), select.poll()
        self._writable.register(self._to, select.POLLOUT)
        self._readable.register(self._from, select.POLLIN)

    @property
    def idle(self) -> bool:
        """Whether the process waits for a request; False when it has ended or printed since its last response."""
        return not self._readable.poll(0)

    def ask(self, request: bytes, until: float) -> bytes | None:
        """Send a line and wait for the response.

        Args:
            request: the line, with its line end.
            until: the deadline, by `time.monotonic`. After it the process must not be asked again.

        Returns:
            The line of the response; b"" when the process ended; None when the deadline passed.
        """
        try:
            rest = memoryview(request)
            while rest:
                if not _wait(self._writable, until):
                    return None
                rest = rest[os.write(self._to, rest) :]
        except BrokenPipeError:
            return b""
        answer = bytearray()
        while not answer.endswith(b"\n"):
            if not _wait(self._readable, until):
                return None
            chunk = os.read(self._from, _CHUNK)
            if not chunk:
                return b""
            answer += chunk
        return bytes(answer)

    def status(self) -> str:
        """Describe how the process ended by itself."""
        with suppress(subprocess.TimeoutExpired):
            code = self._child.wait(_LINGER_S)
            return f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        return "it closed its standard output"

    def kill(self) -> None:
        """Kill the process and its children, from any thread; `ask` returns."""
        with self._ending:
            # After close(), the process ID may belong to another process. The group may exist longer than the process; it may also be
            # gone, or have only a zombie left.
            if not self._closed:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._child.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process and release its resources. Not while another thread calls `ask`."""
        with self._ending:
            self.kill()
            self._closed = True
            # Leaving the context closes the pipes and waits for the end.
            with self._child:
                pass


def _wait(poll: select.poll, until: float) -> bool:
    """Return whether a descriptor was ready before the deadline."""
    return bool(poll.poll(max(0.0, (until - time.monotonic()) * 1000)))


def _without_blocking(pipe: IO[bytes] | None) -> int:
    assert pipe is not None
    os.set_blocking(pipe.fileno(), False)
    return pipe.fileno()
