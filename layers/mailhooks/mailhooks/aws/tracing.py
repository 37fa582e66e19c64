"""X-Ray subsegments for calls to AWS.

They replace the X-Ray SDK's patch of botocore, which sends the error texts of services to X-Ray: these may quote a message.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_recorder: Any = None


def enable() -> None:
    """Trace calls from now on. Imports the X-Ray SDK here, as it loads slowly."""
    global _recorder
    from aws_xray_sdk.core import xray_recorder

    _recorder = xray_recorder


@contextmanager
def subsegment(name: str) -> Iterator[None]:
    """Trace the block by its name, its duration and whether it raised. Does nothing if tracing is not enabled."""
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
