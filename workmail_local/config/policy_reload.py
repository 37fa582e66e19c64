"""A configuration whose rules send all mail through one policy, which is loaded again when its file is saved."""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Final

from mailhooks.contract import FlowDirection
from mailhooks.policy import Policy, PolicyError, load
from workmail_local.config.config_reload import ConfigReload
from workmail_local.config.configuration import Configuration
from workmail_local.config.directory import Directory
from workmail_local.config.functions import project_function
from workmail_local.config.policy_file import load_policy
from workmail_local.config.problems import AGAIN_S, FileProblem, Mark, list_errors, read_marks
from workmail_local.console.style import format_count
from workmail_local.rules.rule import Rule, RuleAction

_FUNCTION: Final = "mailflow"

_KEPT: Final = 5
"""Copies that stay: the function may still start with one of them."""

_EFFECT: Final = "the policy before it stays in force"


class PolicyReload(ConfigReload):
    """Returns the configuration of a file, with the function `mailflow` and a policy for all mail in place of its rules.

    The function runs a copy of each valid version, with the files that the policy names: a saved error reaches no process of it.

    Args:
        path: the configuration.
        policy: the policy.
        copies: an existing folder for the copies, which the caller removes at the end.
        report: is called with a sentence about each change.

    Raises:
        ConfigurationError, InvalidPolicy: a file is invalid at the start.
        OSError: a file cannot be read or copied.
    """

    def __init__(self, path: Path, policy: Path, copies: Path, report: Callable[[str], None]) -> None:
        super().__init__(path, report)
        self._file = policy
        self._copies = copies.absolute()
        self._folders: list[Path] = []
        self._policy_problems: list[FileProblem] = []
        self._next_load = 0.0
        self._saved: dict[str, Mark] = {}
        self._made: tuple[Configuration, Path, Configuration] | None = None
        self._load_policy(load_policy(policy).files)

    def __call__(self) -> Configuration:
        configuration = super().__call__()
        with self._lock:
            self._load_policy_after_change()
            if self._made is None or self._made[:2] != (configuration, self._copy):
                self._made = configuration, self._copy, _run_policy(configuration, self._policy, self._copy)
            return self._made[2]

    @property
    def problems(self) -> list[FileProblem]:
        return [*super().problems, *self._policy_problems]

    def _load_policy_after_change(self) -> None:
        saved = self._read_marks(self._policy.files)
        if saved == self._saved and not (self._policy_problems and time.monotonic() >= self._next_load):
            return
        self._saved = saved
        self._next_load = time.monotonic() + AGAIN_S
        before, self._policy_problems = self._policy_problems, []
        try:
            self._load_policy(load(self._file).files)
        except (PolicyError, OSError) as error:
            self._policy_problems = [FileProblem(self._file.name, line, text, _EFFECT) for line, text in list_errors(self._file, error)]
            if self._policy_problems != before:
                texts = "; ".join(problem.text for problem in self._policy_problems)
                self._report(f"{self._file.name} has changed, but has an error, so {_EFFECT}: {texts}")
        else:
            self._report(f"{self._file.name} has changed: {format_count(len(self._policy.rules), 'rule')}")

    def _load_policy(self, files: tuple[str, ...]) -> None:
        """Copy the policy and the files that it names into a folder of this version, and load the copy.

        Raises:
            PolicyError: a file was saved while it was copied.
            OSError: a file cannot be read or copied.
        """
        # Before the copy: a file that is saved later has changed.
        saved = self._read_marks(files)
        folder = Path(mkdtemp(prefix="policy-", dir=self._copies))
        self._folders.append(folder)
        for name in (self._file.name, *files):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._file.parent / name, folder / name)
        self._policy = load(folder / self._file.name)
        self._copy, self._saved = folder / self._file.name, saved
        while len(self._folders) > _KEPT:
            shutil.rmtree(self._folders.pop(0), ignore_errors=True)

    def _read_marks(self, names: tuple[str, ...]) -> dict[str, Mark]:
        """Return what differs after each save of the policy or of a file that it names."""
        return read_marks(self._file.parent, (self._file.name, *names))


def _run_policy(configuration: Configuration, policy: Policy, file: Path) -> Configuration:
    """Return a configuration with one rule for each direction, whose function `mailflow` runs the policy in a file.

    Domains that only the policy has are added. Then every address has a mailbox, as the users of the configuration are of other domains.
    """
    function = configuration.functions.get(_FUNCTION) or project_function(_FUNCTION)
    assert function is not None, "functions/mailflow is part of this project"
    function = replace(function, environment={**function.environment, "POLICY": str(file)})
    rules = tuple(
        Rule(f"Policy, {direction.lower()} mail", direction, RuleAction.LAMBDA, ("*",), function=_FUNCTION) for direction in FlowDirection
    )
    domains = tuple(dict.fromkeys((*configuration.domains, *sorted(policy.domains))))
    return replace(
        configuration,
        domains=domains,
        directory=configuration.directory if domains == configuration.domains else Directory(domains),
        rules=rules,
        functions=MappingProxyType({**configuration.functions, _FUNCTION: function}),
    )
