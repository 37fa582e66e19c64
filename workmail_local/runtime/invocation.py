"""One call of a function, and the interface of everything that can make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Invocation:
    """The outcome of one call of a function.

    Attributes:
        response: the function's response; None when the call failed.
        error: why the call failed ("ValueError: ..."); None when the function returned.
        milliseconds: from the call to the response, measured by the caller.
        cold: whether a process was started for the call.
        log: the function's output.
        unloadable: whether the function cannot be loaded, so that each further call would fail too until its code has changed.
    """

    response: Any = None
    error: str | None = None
    milliseconds: float = 0.0
    cold: bool = False
    log: str = ""
    unloadable: bool = False


class Invoker(Protocol):
    """Calls one function."""

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        """Call the function with an event. Never raises because of the function."""
