"""Errors in files that a developer has saved: the configuration, and the policies of the functions."""

import math
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from mailhooks.policy import PolicyError, load
from mailhooks.settings import BUILT_IN_POLICY
from workmail_local.config.configuration import Configuration
from workmail_local.config.functions import Function

_LIBRARY = b"mailhooks"

AGAIN_S: Final = 1.0
"""Seconds after which an invalid policy is loaded again: a file that it misses may have been saved."""

Mark = tuple[int, int, int] | None
"""Time of the change, size and number of a file; None without the file."""


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
    """Yield the errors in the policy files of the functions.

    A policy is read again only after a change of its file or of a file that it names; one with errors each second.
    """
    for function in configuration.functions.values():
        policy = _find_policy(function)
        if policy is None:
            continue
        effect = f"until it is valid, the function {function.name} fails for each message"
        for line, text in _check_policy(policy):
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
        is_policy = policy.is_file() and _uses_library(code, read_mark(code))
    except (OSError, ValueError):
        return None
    return policy if is_policy else None


def read_mark(path: Path) -> Mark:
    """Return what differs after each save of a file; None without the file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_marks(folder: Path, names: Iterable[str]) -> dict[str, Mark]:
    """Return what differs after each save of one of these files."""
    return {name: read_mark(folder / name) for name in names}


@lru_cache(maxsize=256)
def _uses_library(code: Path, _mark: Mark) -> bool:
    return _LIBRARY in code.read_bytes()


class _Check(NamedTuple):
    """Line and text of each error in a policy, with the marks of its files, and until when they count."""

    errors: tuple[tuple[int, str], ...]
    saved: dict[str, Mark]
    until: float


_checks: Final[dict[Path, _Check]] = {}
"""The last checks, by the policy's path."""


def _check_policy(policy: Path) -> tuple[tuple[int, str], ...]:
    """Return line and text of each error in a policy."""
    known = _checks.get(policy)
    if known is None or time.monotonic() >= known.until or read_marks(policy.parent, known.saved) != known.saved:
        saved = read_marks(policy.parent, [policy.name])
        files, errors = _load(policy)
        saved |= read_marks(policy.parent, files)
        # A valid policy is loaded twice: one of its files may have been saved after it was read, and before its mark was.
        is_final = not errors and known is not None and known.saved == saved
        known = _checks[policy] = _Check(errors, saved, math.inf if is_final else time.monotonic() + AGAIN_S)
    return known.errors


def _load(policy: Path) -> tuple[tuple[str, ...], tuple[tuple[int, str], ...]]:
    """Return the files that a policy names, and line and text of each of its errors."""
    try:
        return load(policy).files, ()
    except (PolicyError, OSError) as error:
        return (), list_errors(policy, error)


def list_errors(policy: Path, error: PolicyError | OSError) -> tuple[tuple[int, str], ...]:
    """Return line and text of each error for which a policy cannot be loaded."""
    if isinstance(error, PolicyError):
        return tuple((problem.line, text) for problem, text in zip(error.problems, error.lines(), strict=False))
    return ((0, f"{policy.name}: {error.strerror or type(error).__name__}"),)
