"""A configuration that is loaded again when its file is saved."""

import threading
from collections.abc import Callable
from pathlib import Path

from mail_gateway.errors import CommandError
from workmail_local.config.configuration import Configuration, load_configuration
from workmail_local.config.problems import FileProblem
from workmail_local.console.plain_errors import describe_error
from workmail_local.console.style import format_count


class ConfigReload:
    """Returns the configuration of a file, as it was last saved without an error. Safe to use from any thread.

    Args:
        path: the file.
        report: is called with a sentence about each change.

    Raises:
        ConfigurationError: the file is invalid at the start.
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        self._path = path
        self._report = report
        self._problem: FileProblem | None = None
        self._lock = threading.Lock()
        self._text: bytes | None = path.read_bytes()
        self._configuration = load_configuration(path)

    def __call__(self) -> Configuration:
        with self._lock:
            text = self._read()
            if text != self._text:
                self._text = text
                self._load()
            return self._configuration

    @property
    def problems(self) -> list[FileProblem]:
        """The errors in files as they are saved now, which are not in force for this reason."""
        return [self._problem] if self._problem else []

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def _load(self) -> None:
        """Load the file. A file with an error, or saved in part, does not replace a valid configuration."""
        try:
            self._configuration = load_configuration(self._path)
        except (CommandError, OSError) as error:
            why, kept = describe_error(error), "the configuration before it stays in force"
            self._problem = FileProblem(self._path.name, getattr(error, "line", 0), why, kept)
            self._report(f"{self._path.name} has changed, but has an error, so {kept}: {why}")
        else:
            self._problem = None
            self._report(f"{self._path.name} has changed: {format_count(len(self._configuration.rules), 'rule')}")
