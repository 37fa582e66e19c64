"""Executions of state machines, in memory, for the action `hold`: a test or the web page gives them their output."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Execution:
    """An execution of a state machine.

    Attributes:
        name: the ID of the invocation that started it.
        started_at: seconds since the epoch.
        output: JSON; "" while it runs.
    """

    arn: str
    name: str
    input: str
    started_at: float = field(default_factory=time.time)
    status: str = "RUNNING"
    output: str = ""

    @property
    def state_machine(self) -> str:
        """The name of the state machine."""
        return self.arn.split(":")[-2]


class StateMachines:
    """The executions of all state machines. Safe for use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executions: dict[str, Execution] = {}

    def start(self, state_machine: str, name: str, document: str) -> Execution | None:
        """Start an execution. Return the running one with the same name and input; None if there was another of this name."""
        arn = f"{state_machine.replace(':stateMachine:', ':execution:')}:{name}"
        with self._lock:
            found = self._executions.setdefault(arn, Execution(arn, name, document))
        return found if found.input == document and found.status == "RUNNING" else None

    def find(self, arn: str) -> Execution | None:
        """Return an execution; None if there is none."""
        with self._lock:
            return self._executions.get(arn)

    def list_named(self, name: str) -> list[Execution]:
        """Return the executions of a name, in the order of their start."""
        with self._lock:
            return [each for each in self._executions.values() if each.name == name]

    def end(self, execution: Execution, output: Mapping[str, Any] | None) -> None:
        """End a running execution with an output; None ends it as after its own time-out."""
        with self._lock:
            if execution.status == "RUNNING":
                execution.output = "" if output is None else json.dumps(output)
                execution.status = "TIMED_OUT" if output is None else "SUCCEEDED"

    def clear(self) -> None:
        """Forget all executions."""
        with self._lock:
            self._executions.clear()
