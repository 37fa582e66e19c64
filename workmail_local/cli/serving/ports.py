"""The ports of `workmail-hooks serve`: errors name the option, and the program that uses the port if it is known."""

import argparse
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from workmail_local.console.plain_errors import describe_reason
from workmail_local.console.style import display_path
from workmail_local.errors import InvalidArgument, PortError, ServerError
from workmail_local.running_server import find_running
from workmail_local.servers import HOST, listen
from workmail_local.smtp.server import IDENTITY

_GREETING_S: Final = 0.5
_FOR_OTHERS: Final = ("--smtp-port", "--submission-port", "--web-port")
"""The options of the servers that listen at `--host`."""

_OPTIONS: Final = (*_FOR_OTHERS, "--port", "--s3-port")


def check_folder(folder: Path) -> None:
    """Create the folder. Raises ServerError: it cannot be created, or another server runs in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ServerError(f"--folder: {display_path(folder)} cannot be created: {describe_reason(error)}") from None
    if running := find_running(folder):
        raise ServerError(
            f"a server already runs in {display_path(folder)} (process {running.pid}, {running.page}): stop it, or give another --folder"
        )


def check_ports(options: argparse.Namespace) -> None:
    """Check the ports before anything starts or is deleted.

    Raises:
        InvalidArgument: two options have the same port.
        ServerError: a port is in use.
    """
    seen: dict[int, str] = {}
    for option in (*_OPTIONS, *(["--containers-port"] if options.containers else [])):
        port = getattr(options, option[2:].replace("-", "_"))
        if port and seen.setdefault(port, option) != option:
            raise InvalidArgument(f"{seen[port]} and {option} are both {port}: give two ports")
    for port, option in seen.items():
        if option != "--containers-port":  # it listens on the address of Docker's bridge
            with name_option(option):
                listen(port, options.host if option in _FOR_OTHERS else HOST).close()


@contextmanager
def name_option(option: str, others: Mapping[int, str] | None = None) -> Iterator[None]:
    """Raise ServerError, which names the option and the remedy, for a PortError.

    Args:
        option: the option with the port.
        others: options by port, if the error may be about another server.
    """
    try:
        yield
    except PortError as error:
        named = (others or {}).get(error.port, option)
        user = ", by another local WorkMail" if _is_local_workmail(error.port) else ""
        raise ServerError(f"{named}: {error}{user}; end that program, or give another port: 0 is any free one") from None


def _is_local_workmail(port: int) -> bool:
    """Return whether a local WorkMail greets at a port of this machine."""
    try:
        with socket.create_connection((HOST, port), timeout=_GREETING_S) as client:
            return IDENTITY.encode() in client.recv(512)
    except (OSError, OverflowError):
        return False
