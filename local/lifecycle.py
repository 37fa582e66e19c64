"""What is started in parts, one after the other: when one of them fails, those before it are stopped again."""

from contextlib import ExitStack
from typing import Self


class Lifecycle:
    """Entered, it is up; left, all of it is down. A subclass starts its parts in `_start` and has `_stack` stop each."""

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
