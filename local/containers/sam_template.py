"""A built template for `sam local` that lets local endpoints in.

`sam local --env-vars` sets only variables that the template declares, and the template that is deployed declares no endpoints
(`--container-env-vars` works only under a debugger, samcli/local/docker/lambda_container.py). So the built template is copied with the
missing names added. `sam build` empties its folder, the copy with it: `python -m local.containers.sam_template FILE` makes it again.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from local.config.functions import ROOT, Settings, read_settings
from local.errors import InvalidSettings, LocalError

BUILT: Final = ROOT / ".aws-sam" / "build" / "template.yaml"
"""Where `sam build` puts this project's."""

FOR_ALL: Final = "Parameters"
"""SAM's own word for all functions, in a file for `--env-vars`."""

_FUNCTIONS: Final = frozenset({"AWS::Serverless::Function", "AWS::Lambda::Function"})


def local_template_path(built: Path = BUILT) -> Path:
    """Where the copy of a built template lies: beside it, as its paths are relative."""
    return built.with_name("template.local.yaml")


def overlay(built: Path, settings: Settings) -> Path:
    """Writes the copy.

    Args:
        built: the template that `sam build` wrote; it has no short-form tags (`!Ref`), so plain YAML reads it.
        settings: what the file for `--env-vars` says: variables by a function's logical ID, and under `FOR_ALL` those of every function.

    Returns:
        The copy's path, for `--template`.

    Raises:
        InvalidSettings: the template is none.
        OSError: it cannot be read.
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
    copy = local_template_path(built)
    copy.write_text(yaml.safe_dump(template, sort_keys=False), "utf-8")
    return copy


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m local.containers.sam_template FILE`: the copy of this project's built template, for that file of `--env-vars`.

    Returns:
        0, or 2 when it cannot be written; then the reason is on standard error.
    """
    parser = argparse.ArgumentParser(
        prog="python -m local.containers.sam_template", description="Lets `sam local` set what a file for --env-vars says."
    )
    parser.add_argument("env_vars", type=Path, help="the file for --env-vars")
    parser.add_argument("--template", type=Path, default=BUILT, help="as `sam build` wrote it (default: .aws-sam/build/template.yaml)")
    options = parser.parse_args(arguments)
    try:
        overlay(options.template, read_settings(options.env_vars))
    except (LocalError, OSError) as error:
        print(f"local.containers.sam_template: {error}", file=sys.stderr)
        return 2
    return 0


def _read(built: Path) -> dict[str, Any]:
    try:
        template: Any = yaml.safe_load(built.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{built.name} is no template that `sam build` wrote: {error}") from error
    if not (isinstance(template, dict) and isinstance(template.get("Resources"), dict)):
        raise InvalidSettings(f"{built.name} is no template that `sam build` wrote: it has no Resources")
    return template


def _variables(properties: dict[str, Any]) -> dict[str, Any]:
    """The variables that it declares; to be added to."""
    found: dict[str, Any] = properties.setdefault("Environment", {}).setdefault("Variables", {})
    return found


if __name__ == "__main__":
    sys.exit(main())
