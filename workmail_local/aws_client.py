"""boto3 clients for local endpoints, independent of the developer's AWS configuration."""

import os
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import botocore.config
    import botocore.session

REGION: Final = "us-east-1"
"""The region of the local WorkMail."""

KEYS: Final = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local"}
"""Keys that AWS accepts nowhere. Lambda gives a function the keys of a session, so there is a token too."""

_CREATING: Final = threading.Lock()
"""A botocore session must not create two clients at the same time."""


def create_client(service: str, endpoint_url: str, config: "botocore.config.Config | None" = None) -> Any:
    """Create a client of a service at a local endpoint. Close it after use."""
    with _CREATING:
        return _session().create_client(
            service,
            region_name=REGION,
            endpoint_url=endpoint_url,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=config,
        )


@cache
def _session() -> "botocore.session.Session":
    """Return one session for all clients: a new one reads its service models again, in 100 ms.

    It reads none of the developer's files: a profile could lead to AWS, or be missing.
    """
    # Not at the top: botocore is most of the start time, and `--help` does not need it.
    import botocore.session

    return botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
