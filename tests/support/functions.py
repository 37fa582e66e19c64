"""Writes Lambda functions for tests."""

import textwrap
from pathlib import Path
from typing import Any

from workmail_local.config.functions import Function


def write(folder: Path, files: dict[str, str], **settings: Any) -> Function:
    """Write a function of several files, given by their paths in its code folder; `settings` are those of `Function`."""
    for name, source in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source), "utf-8")
    return Function("hook", folder, **settings)


def app(folder: Path, source: str, **settings: Any) -> Function:
    """Write a function of one app.py."""
    return write(folder, {"app.py": source}, **settings)
