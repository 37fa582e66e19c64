"""Reads a policy file for a command."""

from pathlib import Path

from mailhooks.policy import Policy, PolicyError, load
from workmail_local.console.style import display_path
from workmail_local.errors import InvalidPolicy


def load_policy(path: Path) -> Policy:
    """Return the policy in a file.

    Raises:
        InvalidPolicy: the policy is invalid; the error has one line for each problem.
        OSError: the file cannot be read.
    """
    try:
        return load(path)
    except PolicyError as error:
        raise InvalidPolicy(
            "\n".join([f"{display_path(path)} is invalid (see workmail-hooks check {display_path(path)})", *error.lines()])
        ) from None
