"""WorkMail as a mail platform: what it can do with a message."""

from typing import TYPE_CHECKING, Final

from mailhooks.contract.limits import MAX_MESSAGE_BYTES, MAX_RECIPIENTS
from mailhooks.platform import SES_AUTHSERV_IDS, SES_RESULT_FIELDS, JunkMark, Platform

if TYPE_CHECKING:
    from mailhooks.content.change import Change
    from mailhooks.core.prepared_change import PreparedChange
    from mailhooks.mime.message import Message

MAX_ACTIONS: Final = 10
"""Different actions in one response (guide, "Synchronous Run Lambda action limits")."""

_SURE_HOLD_S: Final = 110 * 60
"""The longest timeout of a hold after which an attempt of WorkMail is sure to come.

WorkMail retries with exponential backoff for at most 240 minutes (guide, "Run Lambda"), and does not document the pauses. If each is twice
as long as the one before, the last attempt may come 120 minutes after the first, or some minutes earlier.
"""


def _prepare_change(message: "Message", change: "Change | PreparedChange") -> "PreparedChange":
    # Late for the cold start: a hook that changes nothing needs no pre-flight.
    from mailhooks.hooks.preflight import prepare_change

    return prepare_change(message, change)


WORKMAIL: Final = Platform(
    "workmail",
    "WorkMail",
    _prepare_change,
    max_actions=MAX_ACTIONS,
    adds_only_own_domains=True,
    max_recipients=MAX_RECIPIENTS,
    max_message_octets=MAX_MESSAGE_BYTES,
    marks_junk=JunkMark.ACTION,
    authserv_ids=SES_AUTHSERV_IDS,
    result_fields=SES_RESULT_FIELDS,
    sure_hold_s=_SURE_HOLD_S,
    fetches_content=True,
    has_directory=True,
)
