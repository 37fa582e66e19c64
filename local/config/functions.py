"""The functions under `functions/` and elsewhere, and the settings that they get here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.errors import InvalidSettings, UnknownFunction

ROOT = Path(__file__).resolve().parents[2]

REGION = "us-east-1"
"""The region of the local WorkMail."""
ASYNCHRONOUS = frozenset({"observe"})
"""Functions that are made for asynchronous rules: WorkMail does not wait for them and ignores what they return."""

PROVIDERS = frozenset({"availability"})
"""Functions that are not for mail: `python -m local availability` asks them."""

Settings = Mapping[str, Mapping[str, str]]
"""As in `events/env.json`: variables by a function's logical ID, the file format of `sam local invoke --env-vars`."""


HANDLER: Final = "app.handler"
LONGEST_S: Final = 900.0
"""Seconds that Lambda lets a function have at most."""
MEMORY_MB: Final = 512


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `functions/<name>/app.py`, or any other that Lambda could run.

    Attributes:
        name: its name in Lambda.
        path: its code folder, or a file in it.
        asynchronous: whether its rule does not wait for it.
        handler: as Lambda's setting: `module.function`, `package.module.function` or `package/module.function`, in the code folder.
        timeout_s: seconds after which Lambda ends an invocation; whoever calls it may wait for less.
        memory_mb: what the function is told that it has. Here nothing holds it to that.
    """

    name: str
    path: Path
    asynchronous: bool
    handler: str = HANDLER
    timeout_s: float = LONGEST_S
    memory_mb: int = MEMORY_MB

    @property
    def folder(self) -> Path:
        """Its code folder, in Lambda /var/task."""
        return self.path if self.path.is_dir() else self.path.parent

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
        InvalidSettings: it is not an object of objects of strings.
        OSError: it cannot be read.
    """
    try:
        settings: Any = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InvalidSettings(f"{path.name} is not JSON: {error}") from error
    if not (isinstance(settings, dict) and all(map(_is_variables, settings.values()))):
        raise InvalidSettings(f'{path.name} should look like {{"RewriteFunction": {{"NAME": "value"}}}}')
    return settings


def _is_variables(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
