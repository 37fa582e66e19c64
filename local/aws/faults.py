"""Trouble on order: makes the Message Flow API or the directory slow, or answer with an error, so that a hook can be tested against it.

    wm.faults.add("get", error="ThrottlingException", status=429, times=None)

boto3 tries again by itself (4 times in its "legacy" mode) when it is throttled or meets a 5xx: `times=1` tests boto3, `times=None`
tests you.
"""

import threading
from dataclasses import dataclass
from typing import Literal, get_args

Operation = Literal[
    "get",
    "put",
    "ListGroupMembers",
    "ListUsers",
    "ListGroups",
    "ListAliases",
    "ListMailDomains",
    "DescribeOrganization",
    "DescribeUser",
    "DescribeGroup",
    "DescribeEntity",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One piece of trouble.

    Attributes:
        error: the name that the service would give it; None to be only slow.
        status: the HTTP status that goes with `error`.
        message: the text that goes with `error`.
        delay_s: seconds to wait before answering.
    """

    error: str | None
    status: int
    message: str
    delay_s: float


class Faults:
    """What is to go wrong, by operation: first ordered, first used."""

    def __init__(self) -> None:
        self._ordered: dict[str, list[tuple[Fault, int | None]]] = {}
        self._lock = threading.Lock()

    def add(
        self,
        operation: Operation,
        *,
        error: str | None = None,
        status: int = 500,
        times: int | None = 1,
        delay_s: float = 0.0,
        message: str = "ordered by a test",
    ) -> None:
        """Orders a fault for the next `times` calls of `operation`; None: for all until `clear`.

        Args:
            operation: `get` or `put` of the Message Flow API, or an operation of the directory by its name.

        Raises:
            ValueError: no such operation, or a fault that neither fails nor takes time.
        """
        if operation not in get_args(Operation):
            raise ValueError(f"no operation {operation!r}: {', '.join(get_args(Operation))}")
        if error is None and delay_s <= 0:
            raise ValueError("a fault needs an error, a delay, or both")
        with self._lock:
            self._ordered.setdefault(operation, []).append((Fault(error, status, message, delay_s), times))

    def clear(self) -> None:
        """Forgets every fault that is still to come."""
        with self._lock:
            self._ordered.clear()

    def next(self, operation: Operation) -> Fault | None:
        """The fault that the present call meets, counted as used."""
        with self._lock:
            queue = self._ordered.get(operation)
            if not queue:
                return None
            fault, times = queue.pop(0)
            if times is None:
                queue.insert(0, (fault, None))
            elif times > 1:
                queue.insert(0, (fault, times - 1))
            return fault
