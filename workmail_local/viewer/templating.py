"""Jinja templates for pages that show mail: every value is escaped, and control characters are visible."""

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from workmail_local.console.text_columns import escape_controls

FOLDER: Final = Path(__file__).parent
STYLE: Final = FOLDER / "static" / "viewer.css"


def create_environment(*folders: Path) -> Environment:
    """Return an environment with the templates in these folders and the viewer's own."""
    return Environment(
        loader=FileSystemLoader([*folders, FOLDER / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escape_controls,
    )


def _escape_controls(value: Any) -> Any:
    """Escape control and direction characters: they could change how text from mail is read."""
    if isinstance(value, str) and not isinstance(value, Markup) and not value.isprintable():
        return "".join(char if char in "\n\t" else escape_controls(char) for char in value.replace("\r\n", "\n"))
    return value
