"""A copy of the built SAM template that declares the variables of local endpoints.

`sam local --env-vars` sets only variables that the template declares, and the deployed template declares no endpoints
(`--container-env-vars` works only under a debugger, samcli/local/docker/lambda_container.py). `sam build` removes the copy with the rest
of its folder; `python -m workmail_local.containers.sam_template FILE` writes it again.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from mail_gateway.errors import CommandError
from workmail_local.config.functions import Settings, read_settings
from workmail_local.errors import InvalidSettings

BUILT: Final = Path(".aws-sam", "build", "template.yaml")
"""The template that `sam build` writes in the current folder: of this project, or of another."""

LOCAL_TEMPLATE: Final = "template.local.yaml"
"""The name of the copy, in the folder of the built template, because its paths are relative."""

FOR_ALL: Final = "Parameters"
"""The key for all functions in a file for `--env-vars`."""

_FUNCTIONS: Final = frozenset({"AWS::Serverless::Function", "AWS::Lambda::Function"})


def write_local_template(built: Path, settings: Settings) -> Path:
    """Write the copy and return its path, for `--template`.

    Args:
        built: the template that `sam build` wrote. It has no short-form tags such as `!Ref`, so plain YAML reads it.
        settings: the content of the file for `--env-vars`: variables by a function's logical ID, and those of all functions by `FOR_ALL`.

    Raises:
        InvalidSettings: the file is not a built template.
        OSError: the file cannot be read, or the copy not written.
    """
    template = _read(built)
    declared_for_all = _variables(template.get("Globals", {}).get("Function", {}))
    for logical_id, resource in template["Resources"].items():
        if resource.get("Type") not in _FUNCTIONS:
            continue
        own = _variables(resource.setdefault("Properties", {}))
        for name in (*settings.get(FOR_ALL, ()), *settings.get(logical_id, ())):
            if name not in declared_for_all:
                own.setdefault(name, "")
    copy = built.with_name(LOCAL_TEMPLATE)
    copy.write_text(yaml.safe_dump(template, sort_keys=False), "utf-8")
    return copy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of this module. Return 0, or 2 when the copy cannot be written, with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m workmail_local.containers.sam_template",
        description="Write a copy of the built template in which `sam local` can set the variables of a file for --env-vars.",
    )
    parser.add_argument("env_vars", type=Path, help="the file for --env-vars")
    parser.add_argument("--template", type=Path, default=BUILT, help="as `sam build` wrote it (default: .aws-sam/build/template.yaml)")
    options = parser.parse_args(arguments)
    try:
        write_local_template(options.template, read_settings(options.env_vars))
    except (CommandError, OSError) as error:
        print(f"workmail_local.containers.sam_template: {error}", file=sys.stderr)
        return 2
    return 0


def _read(built: Path) -> dict[str, Any]:
    try:
        template: Any = yaml.safe_load(built.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{built.name} is not a template that `sam build` wrote: {error}") from error
    if not (isinstance(template, dict) and isinstance(template.get("Resources"), dict)):
        raise InvalidSettings(f"{built.name} is not a template that `sam build` wrote: it has no Resources")
    return template


def _variables(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the declared variables, for the caller to extend."""
    found: dict[str, Any] = properties.setdefault("Environment", {}).setdefault("Variables", {})
    return found


if __name__ == "__main__":
    sys.exit(main())
