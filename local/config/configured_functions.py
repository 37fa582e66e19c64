"""The functions of a configuration: the tables [functions.NAME], and those of this project that need none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from local.config.functions import HANDLER, LONGEST_S, MEMORY_MB, ROOT, Function, read_settings
from local.config.toml_reader import ConfigurationError, Table
from local.errors import InvalidSettings

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Lambda's own rule for names (CreateFunction)."""

_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_HANDLER: Final = re.compile(r"[\w./-]+\.[^\W\d]\w*")
_MEMORY: Final = (128, 10_240)
_KEYS: Final = (
    "path",
    "handler",
    "environment",
    "environment-file",
    "environment-name",
    "lambda-name",
    "timeout-seconds",
    "memory-mb",
)

_PROJECT_TIMEOUTS: Final = {"observe": 60.0, "availability": 24.0}
_PROJECT_TIMEOUT_S: Final = 14.0
_PROJECT_MEMORY_MB: Final = 1024
"""As in template.yaml."""

_REFERENCE: Final = re.compile(r"\$(?:\$(?=\{)|\{([A-Za-z_]\w*)\})")


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """A function that rules, or availability, may name.

    Attributes:
        name: by which they do.
        path: its folder or file, absolute; None when it is only at the Lambda endpoint.
        handler: `module.function`, the module's file being in that folder.
        environment: its variables as written, without those of the local servers.
        endpoint_name: its name at the Lambda endpoint; "" when it runs in a process here.
        timeout_s: seconds after which Lambda would end it.
        memory_mb: what it is told that it has.
    """

    name: str
    path: Path | None
    handler: str = HANDLER
    environment: Mapping[str, str] = field(default_factory=dict)
    endpoint_name: str = ""
    timeout_s: float = LONGEST_S
    memory_mb: int = MEMORY_MB

    @property
    def at_endpoint(self) -> str:
        """Its name at a Lambda endpoint, where there is one; "" when it runs in a process all the same. SAM knows this project's functions
        by their logical IDs.
        """
        own = self.path is not None and self.path == ROOT / "functions" / self.name
        return self.endpoint_name or (Function(self.name, self.path or ROOT, asynchronous=False).logical_id if own else "")

    def variables(self, servers: Mapping[str, str]) -> dict[str, str]:
        """Its variables with `${NAME}` filled in, and `$${` made `${`.

        Args:
            servers: variables of the local servers, such as `LocalWorkMail.environment`.

        Raises:
            ConfigurationError: a value names a variable that the servers do not have.
        """
        return {name: _REFERENCE.sub(partial(self._filled, name, servers), value) for name, value in self.environment.items()}

    def _filled(self, variable: str, servers: Mapping[str, str], found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        if name not in servers:
            place = f'function "{self.name}"'
            raise ConfigurationError(
                "", 0, place, f"environment: {variable}", found=found[0], expected=f"one of {', '.join(sorted(servers))}"
            )
        return servers[name]


def project_function(name: str, root: Path = ROOT) -> FunctionSettings | None:
    """`functions/NAME/app.py` of this project, with the variables that `events/env.json` has for it; None when there is none.

    Raises:
        InvalidSettings: that file is none of settings.
    """
    folder = root / "functions" / name
    if not (_NAME.fullmatch(name) and (folder / "app.py").is_file()):
        return None
    settings = root / "events" / "env.json"
    variables = Function(name, folder, asynchronous=False).variables(read_settings(settings)) if settings.is_file() else {}
    return FunctionSettings(
        name, folder, environment=variables, timeout_s=_PROJECT_TIMEOUTS.get(name, _PROJECT_TIMEOUT_S), memory_mb=_PROJECT_MEMORY_MB
    )


def read_functions(tables: Table) -> dict[str, FunctionSettings]:
    """The functions in the table [functions]. Raises ConfigurationError."""
    return {name: _function(name, tables.table(name)) for name in tables}


def _function(name: str, table: Table) -> FunctionSettings:
    table.place = f'function "{name}"'
    if not _NAME.fullmatch(name):
        raise table.bad("", found="another name", expected="a name of 1 to 64 letters, digits, - and _")
    table.only(*_KEYS)
    # What a table does not say of a function of this project is as it is without a table.
    base = project_function(name) or FunctionSettings(name, None)
    path = _path(table) or base.path
    endpoint_name = table.text("lambda-name", "")
    if path is None and not endpoint_name:
        raise table.bad("path", found="none", expected="path or lambda-name, as this project has no function of this name")
    inherited = base if path == base.path else FunctionSettings(name, None)
    return FunctionSettings(
        name,
        path,
        _handler(table, path),
        _environment(table, inherited.environment),
        endpoint_name,
        float(table.integer("timeout-seconds", int(inherited.timeout_s), 1, int(LONGEST_S))),
        table.integer("memory-mb", inherited.memory_mb, *_MEMORY),
    )


def _path(table: Table) -> Path | None:
    if "path" not in table:
        return None
    path = (table.folder / table.text("path")).resolve()
    if not path.exists():
        raise table.bad("path", found="a path to nothing", expected="the folder or the file of the function, from this file's folder")
    return path


def _handler(table: Table, path: Path | None) -> str:
    handler = table.text("handler", f"{path.stem}.handler" if path and path.is_file() else HANDLER)
    if not _HANDLER.fullmatch(handler):
        raise table.bad("handler", found=repr(handler), expected="module.function")
    return handler


def _environment(table: Table, inherited: Mapping[str, str]) -> dict[str, str]:
    from_file = _from_file(table)
    return {**(inherited if from_file is None else from_file), **_own_environment(table.table("environment"))}


def _own_environment(table: Table) -> dict[str, str]:
    variables = {name: table.text(name, allow_empty=True) for name in table}
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name):
            raise table.bad(name, found="another name", expected="a variable's name, of letters, digits and _, a letter first")
        if "\0" in value:
            raise table.bad(name, found="a NUL", expected="text that a variable can hold")
    return variables


def _from_file(table: Table) -> dict[str, str] | None:
    """The variables that a file as of `sam local invoke --env-vars` has for a function; None when the table names no file."""
    if "environment-file" not in table:
        if "environment-name" in table:
            raise table.bad("environment-name", found="it alone", expected="environment-file beside it")
        return None
    name = table.text("environment-name")
    try:
        settings = read_settings(table.folder / table.text("environment-file"))
    except (InvalidSettings, OSError) as error:
        raise table.bad("environment-file", found=str(error), expected="a JSON file as sam local invoke --env-vars reads") from None
    if name not in settings:
        raise table.bad("environment-name", found=repr(name), expected=f"one of {', '.join(settings) or 'none, as the file is empty'}")
    return {**settings.get("Parameters", {}), **settings[name]}
