"""`workmail-hooks serve --export`: prints the variables that lead boto3 and the AWS CLI to a running server."""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from workmail_local.console.style import display_path
from workmail_local.errors import ServerError
from workmail_local.running_server import find_running

_PLAIN: Final = re.compile(r"[\w./:@%+,=-]*", re.ASCII)


def print_export(folder: Path, form: str) -> int:
    """Print the variables of the server that runs in this folder. Return 0.

    Args:
        form: `bash`, `powershell` or `dotenv`.

    Raises:
        ServerError: no server runs there.
    """
    running = find_running(folder)
    if running is None:
        shown = display_path(folder)
        raise ServerError(f"no server runs in {shown}: start `workmail-hooks serve` first, or name the folder of another with --folder")
    print(*(_FORMS[form](name, value) for name, value in running.environment.items()), sep="\n")
    return 0


def _format_bash(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _format_powershell(name: str, value: str) -> str:
    """Return an assignment. In PowerShell typographic quotes are quotes too; doubled, they are characters (about_Quoting_Rules)."""
    return f"$env:{name} = '{re.sub(f'[{_POWERSHELL_QUOTES}]', lambda quote: quote[0] * 2, value)}'"


_POWERSHELL_QUOTES: Final = "'\u2018\u2019\u201a\u201b"


def _format_dotenv(name: str, value: str) -> str:
    """Return an assignment for a `.env` file. Quotes only where needed: `docker run --env-file` makes them a part of the value."""
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'"


_FORMS: Final[Mapping[str, Callable[[str, str], str]]] = {
    "bash": _format_bash,
    "powershell": _format_powershell,
    "dotenv": _format_dotenv,
}
