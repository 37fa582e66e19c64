"""Messages that the action `archive` has kept: beside each `message.eml` stands what WorkMail said of it."""

import json
from pathlib import Path
from typing import Any

from local.errors import NoEnvelope
from local.mail.event_builder import EnvelopeOverrides
from mailhooks.contract import ContractError, MailFlowEvent


def kept_event(file: Path, wishes: EnvelopeOverrides, *, truncated: bool) -> MailFlowEvent | None:
    """The event of a kept message, with what somebody wishes otherwise; None for other messages.

    Raises:
        NoEnvelope: what stands beside it is none that was kept.
        OSError: it cannot be read.
    """
    beside = file.with_name("envelope.json")
    if file.name != "message.eml" or not beside.is_file():
        return None
    try:
        kept = json.loads(beside.read_bytes())
        return MailFlowEvent.parse(_event(kept, wishes, truncated=truncated))
    except (ContractError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = f": {error}" if isinstance(error, ContractError) else ""
        raise NoEnvelope(f"envelope.json beside it is none that `archive` has written{why}") from None


def _event(kept: dict[str, Any], wishes: EnvelopeOverrides, *, truncated: bool) -> dict[str, Any]:
    author = wishes.mail_from or kept["mailFrom"]
    # On whose behalf somebody else wrote is not known of another author.
    sender = None if wishes.mail_from else kept.get("sender")
    return {
        "summaryVersion": "2019-07-28",
        "envelope": {
            "mailFrom": {"address": author} if author else None,
            "recipients": [{"address": address} for address in wishes.recipients or kept["recipients"]],
        },
        "sender": {"address": sender} if sender else None,
        "subject": kept.get("subject"),
        "messageId": kept["messageId"],
        "invocationId": kept["invocationId"],
        "flowDirection": str(wishes.direction) if wishes.direction else kept["flowDirection"],
        "truncated": truncated or bool(kept.get("truncated")),
    }
