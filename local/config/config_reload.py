"""A configuration that is read again when its file is saved."""

import threading
from collections.abc import Callable
from pathlib import Path

from local.config.configuration import Configuration, load
from local.config.file_watch import Watch
from local.errors import LocalError


class ConfigReload:
    """Gives the configuration in a file, as it was last saved without a mistake. Safe to use from any thread.

    Args:
        path: of the file.
        told: is told in a sentence what became of a change.

    Raises:
        BadConfiguration: it cannot be used to begin with.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, told: Callable[[str], None]) -> None:
        self._path = path
        self._told = told
        self._watch = Watch(path.parent)
        self._lock = threading.Lock()
        self._version = self._watch.version(now=True)
        self._text = path.read_bytes()
        self._configuration = load(path)

    def __call__(self) -> Configuration:
        version = self._watch.version()
        if version != self._version:
            with self._lock:
                self._version = version
                self._read()
        return self._configuration

    def _read(self) -> None:
        """A file half written, or with a mistake, does not take the place of a good one."""
        try:
            text = self._path.read_bytes()
            if text == self._text:
                return
            configuration = load(self._path)
        except (LocalError, OSError) as error:
            self._told(f"{self._path.name} has changed, and what was there before goes on: {error}")
            return
        self._text, self._configuration = text, configuration
        self._told(f"{self._path.name} has changed: {len(configuration.rules)} rules")
