"""Sends outbound mail to an SMTP gateway, as WorkMail does for the rule action "Route to SMTP gateway"."""

import smtplib
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Final

from workmail_local.config.gateways import Gateway
from workmail_local.queue.smtp_client import format_reply, transfer

_TIMEOUT_S: Final = 10.0
"""Seconds for each reply."""


def send_to_gateway(gateway: Gateway, mail_from: str, recipients: Sequence[str], content: bytes, *, hostname: str) -> dict[str, str]:
    """Send a message in one SMTP transaction.

    Returns:
        Why the gateway does not accept the message, for each recipient for whom it does not. WorkMail bounces such mail, also mail to a
        gateway that it cannot reach (guide, "Configuring SMTP gateways").
    """
    try:
        with closing(smtplib.SMTP(gateway.host, gateway.port, hostname, timeout=_TIMEOUT_S)) as client:
            if gateway.user:
                client.login(gateway.user, gateway.password)
            refused = transfer(client, mail_from, recipients, content)
            # The gateway has the message: what follows cannot change that.
            with suppress(OSError):
                client.quit()
            return refused
    except smtplib.SMTPResponseException as error:
        return dict.fromkeys(recipients, format_reply(error.smtp_code, error.smtp_error))
    except OSError as error:  # also SMTPException
        return dict.fromkeys(recipients, f"5.4.1 The SMTP gateway cannot be reached ({type(error).__name__}).")
