"""The errors that end a command. Each message names the mistake and the remedy."""


class LocalError(Exception):
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
    """A folder contains other files than delivered mail, so it is not emptied."""


class ServerError(LocalError):
    """A server cannot start."""


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


class NotConnected(LocalError):
    """WorkMail does not accept the availability function."""


class InvalidPolicy(LocalError):
    """A policy is invalid, or cannot be evaluated with the given options."""


class SpoolError(LocalError):
    """The spool cannot be opened or written. Messages that were accepted before are still in it."""


class UnknownMessage(LocalError):
    """No stored message has this number."""


class NotNow(LocalError):
    """The state of a message, or the configuration, does not allow an action."""
