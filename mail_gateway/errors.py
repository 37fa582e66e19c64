"""The errors of commands. Each message names the mistake and the remedy."""


class CommandError(Exception):
    """A command cannot run."""


class GatewayError(CommandError):
    """A gateway or a milter cannot start."""
