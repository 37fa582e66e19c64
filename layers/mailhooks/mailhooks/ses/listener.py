"""The listener of the function `ses` for the relay: what is known of all messages that SES stores."""

from typing import Final

from mailhooks.envelope import FlowDirection
from mailhooks.relay.listener import HeaderField, Listener
from mailhooks.relay.platforms import SES
from mailhooks.ses.settings import SesSettings
from mailhooks.settings import OnError

NAME: Final = "ses"


def make_listener(settings: SesSettings, mark_secrets: str) -> Listener:
    """Return the listener.

    Args:
        mark_secrets: separated by white space; the first one makes marks, all verify them.
    """
    return Listener(
        name=NAME,
        flow_direction=FlowDirection.INBOUND,
        host_name=settings.host_name,
        postmaster=settings.bounce_sender,
        organization_domains=settings.organization_domains,
        authserv_ids=SES.authserv_ids,
        junk_field=_parse_field(settings.junk_header),
        bypass_field=_parse_field(settings.bypass_header),
        mark_secrets=tuple(secret.encode() for secret in mark_secrets.split()),
        on_error=settings.on_error or OnError.RETRY,
    )


def _parse_field(text: str) -> HeaderField | None:
    name, colon, value = text.partition(":")
    return HeaderField(name, value.strip()) if colon else None
