"""The mail platforms after WorkMail: what each can do with a message."""

from typing import Final

from mailhooks.core.prepared_change import prepare_change
from mailhooks.platform import HoldMethod, Platform

GATEWAY: Final = Platform(
    "gateway",
    "The next host",
    prepare_change,
    # By LMTP recipients can get different copies. By SMTP a client has one answer for all of them.
    splits_copies=False,
)
"""The SMTP and LMTP gateway."""

MILTER: Final = Platform("milter", "The mail server", prepare_change, holds=HoldMethod.QUARANTINE, splits_copies=False)
"""The milter: a mail server has one copy of a message."""

SES: Final = Platform(
    "ses",
    "The next host",
    prepare_change,
    # SES receives the mail (SES guide, "Email authentication verdicts").
    authserv_ids=frozenset({"amazonses.com"}),
    result_fields={"spf": "received-spf", "spam": "x-ses-spam-verdict", "virus": "x-ses-virus-verdict"},
)
"""The function for receipt rules of Amazon SES."""

PLATFORMS: Final = (GATEWAY, MILTER, SES)
