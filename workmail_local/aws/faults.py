"""Injected faults: the Message Flow API, the directory or EWS answers late or with an error, to test how a hook handles that.

    wm.faults.add("get", error="ThrottlingException", status=429, times=None)

boto3 itself retries throttled calls and 5xx errors (4 times in its "legacy" mode): `times=1` tests boto3, `times=None` tests the hook.
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
    "AssumeImpersonationRole",
    "Subscribe",
    "ListResources",
    "GetMailboxDetails",
    "StartMailboxExportJob",
    "DescribeMailboxExportJob",
    "ListMailboxExportJobs",
    "CancelMailboxExportJob",
]


@dataclass(slots=True)
class Fault:
    """One injected fault.

    Attributes:
        error: the service's name of the error; None for a delay alone.
        status: the HTTP status of the error.
        message: the text of the error.
        delay_s: seconds before the answer.
        times: number of calls that it still affects; None for no limit.
        after: whether the service does the work first, so that only its answer is lost.
    """

    error: str | None
    status: int
    message: str
    delay_s: float
    times: int | None = 1
    after: bool = False


class Faults:
    """The faults to come, by operation: those added first are used first."""

    def __init__(self) -> None:
        self._queues: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()

    def add(
        self,
        operation: Operation,
        *,
        error: str | None = None,
        status: int = 500,
        times: int | None = 1,
        delay_s: float = 0.0,
        message: str = "injected by a test",
        after: bool = False,
    ) -> None:
        """Add a fault for the next `times` calls of an operation; None for all calls until `clear`.

        Args:
            operation: `get` or `put` of the Message Flow API, or an operation of the WorkMail API by its name.
            after: whether an operation of the WorkMail API does its work, and only the answer is lost.

        Raises:
            ValueError: there is no such operation, or the fault has neither an error nor a delay.
        """
        if operation not in get_args(Operation):
            raise ValueError(f"no operation {operation!r}; use one of {', '.join(get_args(Operation))}")
        if error is None and delay_s <= 0:
            raise ValueError("a fault needs an error, a delay, or both")
        with self._lock:
            self._queues.setdefault(operation, []).append(Fault(error, status, message, delay_s, times, after))

    def clear(self) -> None:
        """Remove all faults that are still to come."""
        with self._lock:
            self._queues.clear()

    def next(self, operation: Operation) -> Fault | None:
        """Remove and return the fault for the current call; None when there is none."""
        with self._lock:
            queue = self._queues.get(operation)
            if not queue:
                return None
            if queue[0].times is None:
                return queue[0]
            queue[0].times -= 1
            return queue[0] if queue[0].times else queue.pop(0)
