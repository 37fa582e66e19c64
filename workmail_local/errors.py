"""The errors that end a command. Each message names the mistake and the remedy."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mail_gateway.errors import CommandError

_OWN: Final = frozenset({"mailhooks", "mail_gateway", "workmail_local"})


class LocalError(CommandError):
    """A command cannot run. No message has been processed."""


class UnknownFunction(LocalError):
    """No function has this name, or it has no code here."""


class InvalidSettings(LocalError):
    """A file of settings does not have the format of `events/env.json`, or a setting is invalid."""


class InvalidSample(LocalError):
    """A sample message cannot be read."""


class NoEnvelope(LocalError):
    """The headers of a message have no sender or no recipient."""


class ForeignFolder(LocalError):
    """A folder contains other files, so it stays as it is."""


class ServerError(LocalError):
    """A server cannot start."""


class PortError(ServerError):
    """A server cannot listen on its port.

    Attributes:
        port: the port.
        reason: why, such as `is in use`.
    """

    def __init__(self, port: int, host: str, reason: str) -> None:
        super().__init__(f"port {port} on {host} {reason}")
        self.port, self.reason = port, reason


class PreviewError(LocalError):
    """The message or the disclaimer of a preview is missing or invalid."""


class InvalidArgument(LocalError):
    """An argument, or a combination of arguments, is invalid."""


class InvalidField(InvalidArgument):
    """A field of a form or a question is invalid; the text describes how to correct it.

    Attributes:
        field: the name of the field.
    """

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class InvalidSearch(InvalidArgument):
    """A search that no reader can check has a part that may mean something else, or no condition although messages are deleted."""


class NotConnected(LocalError):
    """WorkMail does not accept the availability function."""


class InvalidPolicy(LocalError):
    """A policy is invalid, or cannot be evaluated with the given options."""


class HookFailed(LocalError):
    """A function raised an error, cannot be loaded, ran out of time or returned an invalid response. The text has all that is known.

    Attributes:
        function: the function's name.
        failures: what is wrong, a sentence each.
        traceback: that of the function's error; "" for none.
        log: the function's output in that attempt.
    """

    def __init__(self, text: str, *, function: str, failures: tuple[str, ...], traceback: str, log: str) -> None:
        super().__init__(text)
        self.function = function
        self.failures = failures
        self.traceback = traceback
        self.log = log


class SpoolError(LocalError):
    """The spool cannot be opened or written. Messages that were accepted before are still in it."""


class UnknownMessage(LocalError):
    """No stored message has this number."""


class NotNow(LocalError):
    """The state of a message, or the configuration, does not allow an action."""


class MissingPackage(LocalError, ImportError):
    """A package of an extra is not installed."""


@contextmanager
def explain_missing_package(extra: str = "local") -> Iterator[None]:
    """Raise MissingPackage with the command that installs a package when an import of it fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if not name or name in _OWN | sys.stdlib_module_names:
            raise
        raise MissingPackage(f"the package {name} is not installed: pip install 'workmail-hooks[{extra}]'") from error
