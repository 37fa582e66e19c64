"""Certificate authorities of a configuration, for those clients that take them as a file only."""

import atexit
import os
import tempfile
from pathlib import Path


def ca_file(pem: str | None) -> str | None:
    """The name of a file with these certificates, kept until the process ends; None for None."""
    if pem is None:
        return None
    handle, name = tempfile.mkstemp(prefix="ca-", suffix=".pem")
    with os.fdopen(handle, "w", encoding="ascii", errors="replace") as file:
        file.write(pem)
    atexit.register(Path(name).unlink, missing_ok=True)
    return name
