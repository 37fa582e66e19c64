"""A built template for `sam local invoke` that lets local endpoints in.

`sam local invoke --env-vars` sets only variables that the template declares, and the template that is deployed declares no endpoints
(`--container-env-vars` works only under a debugger, samcli/local/docker/lambda_container.py). So the built template is copied with the
missing names added.
"""

from collections.abc import Iterable
from pathlib import Path

import yaml


def overlay(built: Path, function: str, variables: Iterable[str]) -> Path:
    """Writes the copy next to the built template, whose relative paths it shares.

    Args:
        built: the template that `sam build` wrote; it has no short-form tags (`!Ref`), so plain YAML reads it.
        function: logical ID of the one to invoke.
        variables: names that `--env-vars` shall be able to set.

    Returns:
        The copy's path, for `sam local invoke --template`.
    """
    template = yaml.safe_load(built.read_text("utf-8"))
    for_all = template["Globals"]["Function"]["Environment"]["Variables"]
    own = template["Resources"][function]["Properties"]["Environment"]["Variables"]
    for name in variables:
        if name not in for_all:
            own.setdefault(name, "")
    copy = built.with_name("template.local.yaml")
    copy.write_text(yaml.safe_dump(template, sort_keys=False), "utf-8")
    return copy
