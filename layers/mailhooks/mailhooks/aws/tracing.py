"""X-Ray subsegments of our own making: the SDK's patch of botocore hands X-Ray a service's error texts, which may quote a message."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_recorder: Any = None


def switch_on() -> None:
    """From here on calls are traced. Loads the X-Ray SDK, which takes its time."""
    global _recorder
    from aws_xray_sdk.core import xray_recorder

    _recorder = xray_recorder


@contextmanager
def subsegment(name: str) -> Iterator[None]:
    """Traces what is done inside by its name, its time, and whether it raised; nothing when tracing is off."""
    if _recorder is None:
        yield
        return
    current = _recorder.begin_subsegment(name, namespace="aws")
    try:
        yield
    except BaseException:
        if current is not None:
            current.add_fault_flag()
        raise
    finally:
        _recorder.end_subsegment()
