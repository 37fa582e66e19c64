"""The botocore session of all clients of this process.

botocore and not boto3, which adds resources and file transfers to it: a third of the time of its import.
"""

from functools import cache
from threading import Lock
from typing import Any, Final

from botocore.config import Config
from botocore.session import Session

_CREATING: Final = Lock()
"""A botocore session must not create two clients at the same time."""


@cache
def open_session() -> Session:
    """Return the session: a new one would read its service models and find its credentials again."""
    return Session()


def create_client(service: str, config: Config, region: str | None = None) -> Any:
    """Return a new client of a service, in the region of the function unless one is given."""
    with _CREATING:
        return open_session().create_client(service, region_name=region, config=config)


def list_regions(service: str) -> list[str]:
    """Return the regions of AWS's commercial partition that have a service."""
    with _CREATING:
        regions: list[str] = open_session().get_available_regions(service)
        return regions
