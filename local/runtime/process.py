"""One process that answers lines with lines: started, asked, ended with all that it started. What it prints is kept."""

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
from typing import Final

_CHUNK = 1 << 18
_LINGER_S = 1.0
"""How long a process that has closed its side may take to say with which status it ends."""

LOG_LIMIT: Final = 256 * 1024
"""Bytes of log kept of one call: its beginning and its end."""
_LOG_FILE_LIMIT = 16 * 1024 * 1024


class Log:
    """What a process prints, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._read = 0

    def fileno(self) -> int:
        """The descriptor to print to; it may be handed to any number of processes."""
        return self._file.fileno()

    def new(self) -> str:
        """What has come since the last call; of very much only the beginning and the end."""
        end = os.fstat(self.fileno()).st_size
        start, self._read = min(self._read, end), end
        if end - start <= LOG_LIMIT:
            text = self._between(start, end)
        else:
            half = LOG_LIMIT // 2
            left_out = end - start - 2 * half
            text = f"{self._between(start, start + half)}\n[... {left_out} bytes left out ...]\n{self._between(end - half, end)}"
        if end > _LOG_FILE_LIMIT:
            # The processes share the file's position with this one, so that they go on at the beginning.
            os.ftruncate(self.fileno(), 0)
            os.lseek(self.fileno(), 0, os.SEEK_SET)
            self._read = 0
        return text

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    def _between(self, start: int, end: int) -> str:
        return os.pread(self.fileno(), end - start, start).decode("utf-8", "backslashreplace")


class Process:
    """A child in a process group of its own, so that whatever it starts ends with it.

    Args:
        command, environment, folder: what to run, and where.
        log: gets its standard error.

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
        self._ending = threading.Lock()
        self._closed = False
        # Neither a request that nobody reads nor half an answer may hold a caller longer than its time.
        self._to, self._from = (_not_blocking(pipe) for pipe in (self._child.stdin, self._child.stdout))
        self._writable, self._readable = select.poll(), select.poll()
        self._writable.register(self._to, select.POLLOUT)
        self._readable.register(self._from, select.POLLIN)

    @property
    def idle(self) -> bool:
        """Whether it waits for the next request; False when it has ended since it last answered."""
        return not self._readable.poll(0)

    def ask(self, request: bytes, until: float) -> bytes | None:
        """Sends a line and waits for the line that answers it.

        Args:
            request: with its line end.
            until: when to give up, by `time.monotonic`. The process cannot be asked again then.

        Returns:
            The line; b"" when the process ended before; None when the time was up.
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
        """How a process ended that did so by itself, in words."""
        with suppress(subprocess.TimeoutExpired):
            code = self._child.wait(_LINGER_S)
            return f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        return "it closed its standard output"

    def kill(self) -> None:
        """Ends it and its children at once, from any thread; `ask` returns."""
        with self._ending:
            self._kill()

    def close(self) -> None:
        """Ends it and gives everything back. Not while another thread asks."""
        with self._ending:
            self._kill()
            self._closed = True
            # Leaving the context closes the pipes and waits for the end.
            with self._child:
                pass

    def _kill(self) -> None:
        if self._closed:
            return  # the number may be another's by now
        # The group may outlive the process itself; that it is gone, or is no more than a zombie, is as well.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)


def _wait(poll: select.poll, until: float) -> bool:
    """Whether it became ready in time."""
    return bool(poll.poll(max(0.0, (until - time.monotonic()) * 1000)))


def _not_blocking(pipe: object) -> int:
    descriptor: int = pipe.fileno()  # type: ignore[attr-defined]
    os.set_blocking(descriptor, False)
    return descriptor
