"""Sends outbound mail to an SMTP gateway, as WorkMail does for the rule action "Route to SMTP gateway"."""

import smtplib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from workmail_local.config.gateways import Gateway

_TIMEOUT_S: Final = 10.0
"""Seconds for each reply."""

_NEEDS_SMTPUTF8: Final = "5.6.7 The SMTP gateway does not accept addresses beyond ASCII (SMTPUTF8)."


def send_to_gateway(gateway: Gateway, mail_from: str, recipients: Sequence[str], content: bytes, *, hostname: str) -> dict[str, str]:
    """Send a message in one SMTP transaction.

    Returns:
        Why the gateway does not accept the message, for each recipient for whom it does not. WorkMail bounces such mail, also mail to a
        gateway that it cannot reach (guide, "Configuring SMTP gateways").
    """
    refused: Mapping[str, tuple[int, bytes | str]]
    try:
        client = smtplib.SMTP(gateway.host, gateway.port, hostname, timeout=_TIMEOUT_S)
        try:
            client.ehlo_or_helo_if_needed()
            is_ascii = all(map(str.isascii, (mail_from, *recipients)))
            if not is_ascii and not client.has_extn("smtputf8"):
                return dict.fromkeys(recipients, _NEEDS_SMTPUTF8)
            if gateway.user:
                client.login(gateway.user, gateway.password)
            options = ["BODY=8BITMIME"] if client.has_extn("8bitmime") else []
            refused = client.sendmail(mail_from, recipients, content, options if is_ascii else [*options, "SMTPUTF8"])
            # The gateway has the message: what follows cannot change that.
            with suppress(OSError):
                client.quit()
        finally:
            client.close()
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except smtplib.SMTPResponseException as error:
        refused = dict.fromkeys(recipients, (error.smtp_code, error.smtp_error))
    except OSError as error:  # also SMTPException
        return dict.fromkeys(recipients, f"5.4.1 The SMTP gateway cannot be reached ({type(error).__name__}).")
    return {address: f"{code} {_to_text(reply)}" for address, (code, reply) in refused.items()}


def _to_text(reply: bytes | str) -> str:
    """Return a reply, which may have several lines, as one line."""
    return " ".join((reply if isinstance(reply, str) else reply.decode("utf-8", "replace")).split())
