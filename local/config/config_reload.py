"""A configuration that is loaded again when its file is saved."""

import threading
from collections.abc import Callable
from pathlib import Path

from local.config.configuration import Configuration, load_configuration
from local.config.file_watch import Watch
from local.console.style import format_count
from local.errors import LocalError


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
        self._watch = Watch(path.parent)
        self._lock = threading.Lock()
        self._version = self._watch.version(now=True)
        self._text = path.read_bytes()
        self._configuration = load_configuration(path)

    def __call__(self) -> Configuration:
        version = self._watch.version()
        if version != self._version:
            with self._lock:
                self._version = version
                self._load()
        return self._configuration

    def _load(self) -> None:
        """Load the file. A file with an error, or saved in part, does not replace a valid configuration."""
        try:
            text = self._path.read_bytes()
            if text == self._text:
                return
            configuration = load_configuration(self._path)
        except (LocalError, OSError) as error:
            self._report(f"{self._path.name} has changed, but has an error, so the configuration before it stays in force: {error}")
            return
        self._text, self._configuration = text, configuration
        self._report(f"{self._path.name} has changed: {format_count(len(configuration.rules), 'rule')}")
