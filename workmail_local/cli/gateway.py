"""`workmail-hooks gateway`: the same policy after WorkMail, as an SMTP gateway or a milter."""

import argparse
import asyncio
import io
import sys
from pathlib import Path

from mail_gateway.config import Protocol
from mail_gateway.health import is_healthy
from mail_gateway.readiness import notify_ready
from mail_gateway.run import Gateway, check_configuration

_PROTOCOLS = {"serve": (Protocol.SMTP, Protocol.LMTP), "milter": (Protocol.MILTER,)}


def run_gateway(options: argparse.Namespace) -> int:
    """Run the listeners of a configuration until SIGTERM or Ctrl-C, check it, or ask for the health of a process that runs them.

    Returns:
        0, or 1 if that process does not accept mail.

    Raises:
        CommandError: the configuration or the policy is invalid, or an address cannot be used.
        OSError: the configuration cannot be read.
    """
    file: Path = options.file
    if options.action == "health":
        if is_healthy(file):
            return 0
        print(f"workmail-hooks gateway: no listener of {file.name} accepts mail", file=sys.stderr)
        return 1
    if options.action == "check":
        for line in check_configuration(file):
            print(line)
        return 0
    # Lines that a full buffer would keep back are late for the reader of the log.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    asyncio.run(_serve(file, _PROTOCOLS[options.action]))
    return 0


async def _serve(file: Path, protocols: tuple[Protocol, ...]) -> None:
    await Gateway(file, protocols).serve(lambda _: notify_ready())
