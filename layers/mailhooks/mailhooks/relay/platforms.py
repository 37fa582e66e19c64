"""The mail platforms after WorkMail: what each can do with a message."""

from typing import Final

from mailhooks.core.prepared_change import prepare_change
from mailhooks.platform import SES_AUTHSERV_IDS, SES_RESULT_FIELDS, HoldMethod, Platform

_RESULTS: Final = "authserv_ids of the listener, the hosts whose Authentication-Results is believed"
_JUNK: Final = "junk_header of the listener"
_BYPASS: Final = "bypass_header of the listener, and a next host that honours it"

GATEWAY: Final = Platform(
    "gateway",
    "the gateway",
    prepare_change,
    # By SMTP a client has one answer for all recipients.
    splits_copies=False,
    results_need=_RESULTS,
    splits_by_lmtp=True,
    sender_retries=True,
    # Postfix sends a content filter at most 50 recipients at a time (`default_destination_recipient_limit`).
    splits_recipients=True,
    in_aws=False,
    junk_needs=_JUNK,
    bypass_needs=_BYPASS,
    ascii_bounces=True,
)
"""The SMTP and LMTP gateway."""

MILTER: Final = Platform(
    "milter",
    "the milter",
    prepare_change,
    holds=HoldMethod.QUARANTINE,
    # A mail server has one copy of a message.
    splits_copies=False,
    results_need=_RESULTS,
    in_aws=False,
    junk_needs=_JUNK,
    bypass_needs=_BYPASS,
    bounce_needs="next_host of the listener: the milter sends the bounce if other recipients get the message",
    ascii_bounces=True,
)
"""The milter."""

SES: Final = Platform(
    "ses",
    "the function ses",
    prepare_change,
    authserv_ids=SES_AUTHSERV_IDS,
    result_fields=SES_RESULT_FIELDS,
    inbound_only=True,
    junk_needs="the setting JUNK_HEADER",
    bypass_needs="the setting BYPASS_HEADER, and a next host that honours it: Amazon SES has checked the message before",
    replaced_fields=frozenset({"reply-to"}),
)
"""The function for receipt rules of Amazon SES."""

PLATFORMS: Final = (GATEWAY, MILTER, SES)
