"""A base class for servers that start in several steps and stop in reverse."""

from contextlib import ExitStack
from typing import Self


class Lifecycle:
    """Starts on entering and stops on leaving. If a step of the start fails, the steps before it are undone.

    A subclass starts its parts in `_start`, and registers the end of each with `_stack`.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        raise NotImplementedError
