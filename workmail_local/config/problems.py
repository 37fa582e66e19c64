"""Errors in files that a developer has saved: the configuration, and the policies of the functions."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mailhooks.policy import PolicyError, load
from mailhooks.settings import BUILT_IN_POLICY
from workmail_local.config.configuration import Configuration
from workmail_local.config.functions import Function

_LIBRARY = b"mailhooks"


class FileProblem(NamedTuple):
    """One error in a saved file.

    Attributes:
        file: the file's name, for a policy with the function's.
        line: 0 when it is unknown.
        text: the error with file and line, as a command prints it.
        effect: what is in force until the file is valid.
    """

    file: str
    line: int
    text: str
    effect: str


def find_policy_problems(configuration: Configuration) -> Iterator[FileProblem]:
    """Yield the errors in the policy files of the functions. A file is read again only after a change."""
    for function in configuration.functions.values():
        policy = _find_policy(function)
        if policy is None:
            continue
        effect = f"until it is valid, the function {function.name} fails for each message"
        for line, text in _check_policy(policy, *_read_mark(policy)):
            yield FileProblem(f"{function.name}/{policy.name}", line, f"{function.name}/{text}", effect)


def _find_policy(function: Function) -> Path | None:
    """Return the policy file of a function of this library; None when its policy is in no file."""
    if function.path is None:
        return None
    name = function.environment.get("POLICY", "") or BUILT_IN_POLICY
    policy = function.folder / name
    code = function.folder / f"{function.handler.rpartition('.')[0].replace('.', '/')}.py"
    try:
        # A file of this name next to another program may be anything.
        is_policy = policy.is_file() and _uses_library(code, *_read_mark(code))
    except (OSError, ValueError):
        return None
    return policy if is_policy else None


def _read_mark(path: Path) -> tuple[int, int]:
    """Return what differs after each save of a file."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=256)
def _uses_library(code: Path, *_mark: int) -> bool:
    return _LIBRARY in code.read_bytes()


@lru_cache(maxsize=256)
def _check_policy(policy: Path, *_mark: int) -> tuple[tuple[int, str], ...]:
    """Return line and text of each error in a policy."""
    try:
        load(policy)
    except PolicyError as error:
        return tuple((problem.line, text) for problem, text in zip(error.problems, error.lines(), strict=False))
    except OSError as error:
        return ((0, f"{policy.name}: {error.strerror}"),)
    return ()
