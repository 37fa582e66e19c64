"""Messages that the policy action `archive` stored: each `message.eml` has its event's envelope in `envelope.json`."""

import json
from pathlib import Path
from typing import Any

from local.errors import NoEnvelope
from local.mail.event_builder import EnvelopeOverrides
from mailhooks.contract import ContractError, MailFlowEvent


def read_archived_event(file: Path, overrides: EnvelopeOverrides, *, truncated: bool) -> MailFlowEvent | None:
    """Return the event of an archived message, or None for another message.

    Args:
        file: the message.
        overrides: values that replace those of the archived envelope.
        truncated: whether the event omits recipients, even if the archived one did not.

    Raises:
        NoEnvelope: `envelope.json` is not one that `archive` writes.
        OSError: `envelope.json` cannot be read.
    """
    envelope = file.with_name("envelope.json")
    if file.name != "message.eml" or not envelope.is_file():
        return None
    try:
        archived = json.loads(envelope.read_bytes())
        return MailFlowEvent.parse(_event(archived, overrides, truncated=truncated))
    except (ContractError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = f": {error}" if isinstance(error, ContractError) else ""
        raise NoEnvelope(f"envelope.json in its folder was not written by `archive`{why}") from None


def _event(archived: dict[str, Any], overrides: EnvelopeOverrides, *, truncated: bool) -> dict[str, Any]:
    author = overrides.mail_from or archived["mailFrom"]
    # The archived Sender acted for the archived author, not for another one.
    sender = None if overrides.mail_from else archived.get("sender")
    return {
        "summaryVersion": "2019-07-28",
        "envelope": {
            "mailFrom": {"address": author} if author else None,
            "recipients": [{"address": address} for address in overrides.recipients or archived["recipients"]],
        },
        "sender": {"address": sender} if sender else None,
        "subject": archived.get("subject"),
        "messageId": archived["messageId"],
        "invocationId": archived["invocationId"],
        "flowDirection": str(overrides.direction) if overrides.direction else archived["flowDirection"],
        "truncated": truncated or bool(archived.get("truncated")),
    }
