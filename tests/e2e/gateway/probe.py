"""A program in the gateway's container: the mail servers on both sides of it. It prints the message that the next host gets.

python probe.py PORT NEXT_PORT
"""

import smtplib
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Offer\r\n\r\nHello\r\n"


class NextHost:
    """Prints each message that it accepts."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Print a message."""
        assert isinstance(envelope.content, bytes)
        print(envelope.mail_from, *envelope.rcpt_tos, envelope.content.decode(), sep="\n", flush=True)
        return "250 OK"


def main(port: int, next_port: int) -> None:
    """Send a message through the gateway."""
    next_host = Controller(NextHost(), hostname="127.0.0.1", port=next_port)
    next_host.start()
    with smtplib.LMTP("127.0.0.1", port) as client:
        client.sendmail("nora@example.net", ["ana@example.com"], MESSAGE)
    next_host.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
