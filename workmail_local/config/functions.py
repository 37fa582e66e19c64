"""The functions that rules and availability name: those under `functions/`, and the tables [functions.NAME] of a `workmail.toml`.

`functions/` and `events/` are in the current folder, or else those of this project.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mail_gateway.toml_reader import ConfigurationError, Table
from mailhooks.errors import SettingsError
from mailhooks.settings import parse_json
from mailhooks.suggestions import suggest
from workmail_local.console.plain_errors import describe_error
from workmail_local.errors import InvalidSettings, UnknownFunction

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_DATA: Final = _PACKAGE / "project"

ROOT: Final = _DATA if _DATA.is_dir() else _PACKAGE.parent
"""The folder of this project's samples, functions and recipes: in an installation data of the package, otherwise the clone. Read only."""

SETTINGS_FILE: Final = "env.json"
"""The file of the functions' variables in `events/`."""

ASYNCHRONOUS: Final = frozenset({"observe"})
"""Functions written for asynchronous rules: WorkMail does not wait for them and ignores their response."""

APPROVE: Final = "approve"
"""The function with the page on which approvers decide on held mail."""

_NOT_FOR_MAIL: Final = frozenset({APPROVE, "availability", "export", "push"})

Settings = Mapping[str, Mapping[str, str]]
"""Variables by a function's logical ID, as in `events/env.json`; the file format of `sam local invoke --env-vars`."""

HANDLER: Final = "app.handler"
LONGEST_S: Final = 900.0
"""The longest timeout of a Lambda function."""
MEMORY_MB: Final = 512

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Lambda's own rule for names (CreateFunction)."""

_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_HANDLER: Final = re.compile(r"[\w./-]+\.[^\W\d]\w*")
_MEMORY: Final = (128, 10_240)
_KEYS: Final = ("path", "handler", "environment", "environment-file", "environment-name", "lambda-name", "timeout-seconds", "memory-mb")

_PROJECT_TIMEOUTS: Final = {"observe": 60.0, "availability": 24.0}
_PROJECT_TIMEOUT_S: Final = 14.0
_PROJECT_MEMORY_MB: Final = 1024
"""The memory size that template.yaml sets."""

CONTAINER_HOST: Final = "host.docker.internal"
"""The name by which a container reaches this machine, in Docker and in the SAM CLI."""

CONTAINERS_PORT: Final = 8026
"""The port of all local services for containers, after that of the web page."""

_ENDPOINT: Final = "AWS_ENDPOINT_URL"
"""The variable with the URL of AWS services that have none of their own, and the beginning of the other such variables."""

_REFERENCE: Final = re.compile(r"\$(?:\$(?=\{)|\{([A-Za-z_]\w*)\})")


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: `functions/<name>/app.py`, any other folder or file, or only a name at a Lambda endpoint.

    Attributes:
        name: the name that rules use, and the function's name in Lambda.
        path: its code folder, or a file in it, absolute; None when it exists only at a Lambda endpoint.
        handler: Lambda's setting: `module.function`, `package.module.function` or `package/module.function`, in the code folder.
        environment: its variables as written, without those of the local servers.
        endpoint_name: its name at a Lambda endpoint; "" for none.
        timeout_s: seconds after which Lambda ends an invocation; a caller may wait less.
        memory_mb: the memory size that the function reads in its environment. No limit is enforced here.
    """

    name: str
    path: Path | None
    handler: str = HANDLER
    environment: Mapping[str, str] = field(default_factory=dict)
    endpoint_name: str = ""
    timeout_s: float = LONGEST_S
    memory_mb: int = MEMORY_MB

    @property
    def folder(self) -> Path:
        """The code folder, in Lambda /var/task. Raises UnknownFunction when the function has no code here."""
        if self.path is None:
            raise UnknownFunction(
                f"the function {self.name!r} has no path and runs only at a Lambda endpoint: start with --lambda-endpoint URL"
            )
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def at_endpoint(self) -> str:
        """The name to call at a Lambda endpoint; "" when the function runs in a process in any case.

        SAM knows this project's functions by their logical IDs.
        """
        is_own = self.path is not None and self.path == _find_folder(self.name)
        return self.endpoint_name or (logical_id(self.name) if is_own else "")

    def variables(self, servers: Mapping[str, str]) -> dict[str, str]:
        """Return the variables with each `${NAME}` replaced by the value in `servers`, and `$${` by `${`.

        Raises:
            ConfigurationError: a value names a variable that the servers do not have.
        """
        return {name: _REFERENCE.sub(partial(self._replacement, name, servers), value) for name, value in self.environment.items()}

    def all_variables(self, servers: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the local servers and the function's own, as `merge_variables`. Raises ConfigurationError."""
        return merge_variables(self.variables(servers), servers)

    def _replacement(self, variable: str, servers: Mapping[str, str], found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        if name not in servers:
            place, expected = f'function "{self.name}"', f"one of {', '.join(sorted(servers))}"
            raise ConfigurationError("", 0, place, f"environment: {variable}", found=found[0], expected=expected)
        return servers[name]


def merge_variables(own: Mapping[str, str], servers: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a function's process: those of the local servers and its own.

    The function's own bucket, table and endpoint URLs stay; but not the URL for containers (`events/env.json`), which leads a process
    nowhere. Keys, region and the other `AWS_` variables are those of the servers, so that no value leads to AWS.
    """
    fixed = {name: value for name, value in servers.items() if name.startswith("AWS_") and not name.startswith(_ENDPOINT)}
    for_containers = {name for name, value in own.items() if name.startswith(_ENDPOINT) and urlsplit(value).hostname == CONTAINER_HOST}
    return {**servers, **{name: value for name, value in own.items() if name not in for_containers}, **fixed}


def logical_id(name: str) -> str:
    """Return a function's ID in the template: `rewrite` has `RewriteFunction`."""
    return "".join(word.capitalize() for word in name.replace("_", "-").split("-")) + "Function"


def _variables(settings: Settings, name: str) -> dict[str, str]:
    """Return the variables under a function's name in a file: those for all functions (`Parameters`, as in SAM), then its own."""
    return {**settings.get("Parameters", {}), **settings.get(name, {})}


def find_events() -> Path:
    """Return the folder of the sample events and of the functions' variables."""
    own = Path("events")
    return own if (own / SETTINGS_FILE).is_file() else ROOT / "events"


def mail_functions() -> list[str]:
    """Return the names of all functions for mail under `functions/`, sorted."""
    return sorted({path.parent.name for folder in _folders() for path in folder.glob("*/app.py")} - _NOT_FOR_MAIL)


def _folders() -> tuple[Path, Path]:
    return Path.cwd() / "functions", ROOT / "functions"


def _find_folder(name: str) -> Path | None:
    """Return the folder of the function `functions/NAME/app.py`; None when there is none."""
    return next((folder / name for folder in _folders() if (folder / name / "app.py").is_file()), None)


def mail_function(name: str, settings: Settings) -> Function:
    """Return a function for mail under `functions/`, with its variables.

    Raises:
        UnknownFunction: there is no such folder with an app.py.
    """
    known = mail_functions()
    folder = _find_folder(name) if name in known else None
    if folder is None:
        raise UnknownFunction(f"no function {name!r}; there are: {', '.join(known)}{suggest(name, known)}")
    return _project_function(folder, settings)


def project_function(name: str) -> Function | None:
    """Return `functions/NAME/app.py` with its variables in `events/env.json`; None when there is no such file.

    Raises:
        InvalidSettings: `events/env.json` is not a file of settings.
    """
    folder = _find_folder(name) if _NAME.fullmatch(name) else None
    if folder is None:
        return None
    settings = find_events() / SETTINGS_FILE
    return _project_function(folder, read_settings(settings) if settings.is_file() else {})


def _project_function(folder: Path, settings: Settings) -> Function:
    name = folder.name
    # Those for all functions are for containers: a process has the variables of its local servers.
    # Those of the approval page name the table of its sample events, and held mail is in the table of the local servers.
    variables = {} if name == APPROVE else dict(settings.get(logical_id(name), {}))
    timeout_s = _PROJECT_TIMEOUTS.get(name, _PROJECT_TIMEOUT_S)
    return Function(name, folder, environment=variables, timeout_s=timeout_s, memory_mb=_PROJECT_MEMORY_MB)


def read_settings(path: Path) -> Settings:
    """Read a file such as `events/env.json`.

    Raises:
        InvalidSettings: it is not an object of objects of strings.
        OSError: it cannot be read.
    """
    try:
        settings: Any = parse_json(path.name, path.read_text("utf-8"), "")
    except (ValueError, SettingsError) as error:
        raise InvalidSettings(f"{path.name} is not JSON: {error}") from error
    if not (isinstance(settings, dict) and all(map(_is_variables, settings.values()))):
        raise InvalidSettings(f'{path.name} should look like {{"RewriteFunction": {{"NAME": "value"}}}}')
    return settings


def _is_variables(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def read_functions(tables: Table) -> dict[str, Function]:
    """Read the table [functions]. Raises ConfigurationError."""
    return {name: _read_function(name, tables.read_table(name)) for name in tables}


def _read_function(name: str, table: Table) -> Function:
    table.place = f'function "{name}"'
    table.require(_NAME.fullmatch(name), "", found="another name", expected="a name of 1 to 64 letters, digits, - and _")
    table.reject_other_keys(*_KEYS)
    # A table about a function of this project only changes the keys that it has.
    base = project_function(name) or Function(name, None)
    path = _read_path(table) or base.path
    endpoint_name = table.read_text("lambda-name", "")
    expected = "path or lambda-name, as this project has no function of this name"
    table.require(path or endpoint_name, "path", found="none", expected=expected)
    inherited = base if path == base.path else Function(name, None)
    return Function(
        name,
        path,
        _read_handler(table, path),
        _read_environment(table, inherited.environment),
        endpoint_name,
        float(table.read_integer("timeout-seconds", int(inherited.timeout_s), 1, int(LONGEST_S))),
        table.read_integer("memory-mb", inherited.memory_mb, *_MEMORY),
    )


def _read_path(table: Table) -> Path | None:
    if "path" not in table:
        return None
    path = (table.folder / table.read_text("path")).resolve()
    expected = "the folder or the file of the function, from this file's folder"
    table.require(path.exists(), "path", found="a path to nothing", expected=expected)
    return path


def _read_handler(table: Table, path: Path | None) -> str:
    handler = table.read_text("handler", f"{path.stem}.handler" if path and path.is_file() else HANDLER)
    table.require(_HANDLER.fullmatch(handler), "handler", found=repr(handler), expected="module.function")
    return handler


def _read_environment(table: Table, inherited: Mapping[str, str]) -> dict[str, str]:
    from_file = _read_environment_file(table)
    return {**(inherited if from_file is None else from_file), **_read_variables(table.read_table("environment"))}


def _read_variables(table: Table) -> dict[str, str]:
    variables = {name: table.read_text(name, allow_empty=True) for name in table}
    for name, value in variables.items():
        expected = "a variable's name: letters, digits and _, a letter first"
        table.require(_VARIABLE.fullmatch(name), name, found="another name", expected=expected)
        table.require("\0" not in value, name, found="a NUL", expected="a text without NUL, which no variable can contain")
    return variables


def _read_environment_file(table: Table) -> dict[str, str] | None:
    """Read a function's variables in a file for `sam local invoke --env-vars`; None when the table names no file."""
    if "environment-file" not in table:
        expected = "environment-file together with environment-name"
        table.require("environment-name" not in table, "environment-name", found="no environment-file", expected=expected)
        return None
    name = table.read_text("environment-name")
    try:
        settings = read_settings(table.folder / table.read_text("environment-file"))
    except (InvalidSettings, OSError) as error:
        raise table.error(
            "environment-file", found=describe_error(error), expected="a JSON file as sam local invoke --env-vars reads"
        ) from None
    expected = f"one of {', '.join(settings) or 'none, as the file is empty'}"
    table.require(name in settings, "environment-name", found=repr(name), expected=expected)
    return _variables(settings, name)
