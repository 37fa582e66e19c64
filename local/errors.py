"""The family of errors that end a command: something is to be put right before it can do its work. Their texts say what."""


class LocalError(Exception):
    """The command cannot be carried out; nothing has been done to a message yet."""


class UnknownFunction(LocalError):
    """There is no such function; the text lists those that there are."""


class InvalidSettings(LocalError):
    """A file of settings does not look like `events/env.json`."""


class InvalidSample(LocalError):
    """A sample message cannot be read; the text says which and why."""


class NoEnvelope(LocalError):
    """A message's headers do not say who sends to whom; the text says what to give."""


class ForeignFolder(LocalError):
    """A folder holds something else than mail delivered here: it is not emptied."""


class ServerError(LocalError):
    """A server could not be started; the text says why."""


class PreviewError(LocalError):
    """There is no message or no disclaimer to preview; the text says why."""


class InvalidArgument(LocalError):
    """A question for free/busy times, or the configuration that shall answer it, cannot be meant; the text says why."""


class NotConnected(LocalError):
    """WorkMail does not take the availability function; the text says why and what to do."""


class InvalidPolicy(LocalError):
    """A policy is refused, or cannot be tried as somebody wants; the text says where and why."""


class SpoolError(LocalError):
    """The spool cannot be opened or written; what was accepted before is still there."""
