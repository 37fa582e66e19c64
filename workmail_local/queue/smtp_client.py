"""Sends a message to an SMTP server in one transaction."""

import smtplib
from collections.abc import Mapping, Sequence
from typing import Final

_NEEDS_SMTPUTF8: Final = "5.6.7 The SMTP server does not accept addresses beyond ASCII (SMTPUTF8)."


def transfer(client: smtplib.SMTP, mail_from: str, recipients: Sequence[str], content: bytes) -> dict[str, str]:
    """Send a message by a connection.

    Returns:
        Why the server does not accept the message, for each recipient for whom it does not: its reply.

    Raises:
        OSError: the connection ended without a reply. The server may have accepted the message.
    """
    client.ehlo_or_helo_if_needed()
    is_ascii = all(map(str.isascii, (mail_from, *recipients)))
    if not is_ascii and not client.has_extn("smtputf8"):
        return dict.fromkeys(recipients, _NEEDS_SMTPUTF8)
    options = ["BODY=8BITMIME"] if client.has_extn("8bitmime") else []
    refused: Mapping[str, tuple[int, bytes | str]]
    try:
        refused = client.sendmail(mail_from, recipients, content, options if is_ascii else [*options, "SMTPUTF8"])
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except smtplib.SMTPResponseException as error:
        refused = dict.fromkeys(recipients, (error.smtp_code, error.smtp_error))
    return {address: format_reply(code, reply) for address, (code, reply) in refused.items()}


def format_reply(code: int, reply: bytes | str) -> str:
    """Return a reply, which may have several lines, as one line."""
    return f"{code} {' '.join((reply if isinstance(reply, str) else reply.decode('utf-8', 'replace')).split())}"
