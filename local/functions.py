"""The functions under `functions/`, and the settings that they get here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BadSettings, UnknownFunction

ROOT = Path(__file__).resolve().parent.parent
ASYNCHRONOUS = frozenset({"observe"})
"""Functions that are made for asynchronous rules: WorkMail does not wait for them and ignores what they return."""

PROVIDERS = frozenset({"availability"})
"""Functions that are not for mail: `python -m local availability` asks them."""

Settings = Mapping[str, Mapping[str, str]]
"""As in `events/env.json`: variables by a function's logical ID, the file format of `sam local invoke --env-vars`."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `functions/<name>/app.py`."""

    name: str
    path: Path
    asynchronous: bool

    @property
    def logical_id(self) -> str:
        """Its name in the template: `rewrite` is `RewriteFunction`."""
        return "".join(word.capitalize() for word in self.name.replace("_", "-").split("-")) + "Function"

    def variables(self, settings: Settings) -> dict[str, str]:
        """Its environment variables: those for all functions (`Parameters`, in SAM's own words), then its own."""
        return {**settings.get("Parameters", {}), **settings.get(self.logical_id, {})}


def names(root: Path = ROOT) -> list[str]:
    """All functions for mail, sorted."""
    return sorted({path.parent.name for path in (root / "functions").glob("*/app.py")} - PROVIDERS)


def function(name: str, root: Path = ROOT, asynchronous: bool | None = None) -> Function:
    """The function of this name.

    Args:
        name: its folder's name.
        root: the project's folder.
        asynchronous: how its rule runs it; None for the way it is made for.

    Raises:
        UnknownFunction: there is no such folder with an app.py.
    """
    if name not in names(root):
        raise UnknownFunction(f"no function {name!r}; there are: {', '.join(names(root)) or 'none'}")
    asynchronous = name in ASYNCHRONOUS if asynchronous is None else asynchronous
    return Function(name, root / "functions" / name / "app.py", asynchronous)


def read_settings(path: Path) -> Settings:
    """Reads a file such as `events/env.json`.

    Raises:
        BadSettings: it is not an object of objects of strings.
        OSError: it cannot be read.
    """
    try:
        settings: Any = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadSettings(f"{path.name} is not JSON: {error}") from error
    if not (isinstance(settings, dict) and all(map(_is_variables, settings.values()))):
        raise BadSettings(f'{path.name} should look like {{"RewriteFunction": {{"NAME": "value"}}}}')
    return settings


def _is_variables(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
