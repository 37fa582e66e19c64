"""The screen of `workmail-hooks serve`: lines from all threads, printed by one."""

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Final

_STOP_S: Final = 2.0


class Screen:
    """Prints lines in a thread of its own: a terminal that does not read must not delay mail.

    Attributes:
        is_gone: whether the reader of the output has ended.
    """

    def __init__(self) -> None:
        self.is_gone = False
        self._queue: SimpleQueue[Callable[[], Iterable[str]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)

    def show(self, make_lines: Callable[[], Iterable[str]]) -> None:
        """Print lines, after those that were given before. They are made in the thread of the screen."""
        self._queue.put(make_lines)

    def start(self) -> None:
        """Start to print. The lines given so far are printed too."""
        self._thread.start()

    def stop(self) -> None:
        """Print what is left, and stop. A terminal that does not read is not waited for."""
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        while (make_lines := self._queue.get()) is not None:
            try:
                print(*make_lines(), sep="\n", flush=True)
            except BrokenPipeError:
                self.is_gone = True
                return
            except (OSError, ValueError):
                # A closed terminal, or a full disk: the servers continue without a screen.
                continue
