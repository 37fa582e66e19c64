"""The errors of the gateway and the milter. Each message names the mistake and the remedy."""


class GatewayError(Exception):
    """A gateway or a milter cannot start."""
