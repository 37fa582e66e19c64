"""Stores the verdict of an invocation that changed the message, and finds it again in a retry.

After a Put, Get returns the changed message. Rules could decide differently on it, or at another time, or under a new policy. So a retry
returns the first verdict again.

The changed message has a stamp that names the invocation. WorkMail creates the invocation's ID after the message was sent, so that a sender
cannot forge the stamp.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from mailhooks.actions import Action
from mailhooks.address_patterns import canonical
from mailhooks.contract import MailFlowEvent, Verdict
from mailhooks.contract.schema import check
from mailhooks.errors import Misconfigured, PermanentError
from mailhooks.hooks.invocation import Mail
from mailhooks.mime.edits import Edit

STAMP: Final = "X-Mailhooks-Invocation"

_DELIVERED: Final = b"delivered"
"""The verdict delivers to all recipients and is not stored."""
_STORED: Final = b"decided"

_NOTIFYING: Final = "notifyingRules"
"""The property of a stored decision that is not part of a response."""


class EarlierDecision(NamedTuple):
    """The decision of an attempt that changed the message.

    Attributes:
        verdict: None if the decision cannot be found or used: the bucket was replaced, or another version of the function stored it.
        notifying_rules: the names of the rules that notify when the change is written.
    """

    verdict: Verdict | None
    notifying_rules: tuple[str, ...] = ()


def load_earlier_decision(mail: Mail) -> EarlierDecision | None:
    """Return the decision of an earlier attempt of this invocation that changed the message; None if there is none.

    Fetches the message. If it cannot be read, there is no earlier decision: it cannot have been changed either.

    Raises:
        TransientError: the message or the decision cannot be read now.
    """
    try:
        message = mail.message
    except (PermanentError, Misconfigured):
        return None
    # There may be other stamps: those of the outbound rule, in mail between colleagues, and any that the sender wrote.
    stamps = [field.value(message.raw).partition(b" ") for field in message.header.named(STAMP.lower())]
    kind = next((kind for name, _, kind in stamps if name == mail.event.token.encode()), None)
    if kind is None:
        return None
    if kind == _DELIVERED:
        return EarlierDecision(mail.verdict())
    store = mail.decision_store
    text = store.load_decision(_key(mail.event), mail.deadline) if store else None
    try:
        return _parse_decision(mail.event, text or "")
    except (ValueError, AttributeError):  # no JSON, no object, or a ContractError
        return EarlierDecision(None)


def store_decision(mail: Mail, verdict: Verdict, notifying_rules: Sequence[str] = ()) -> Edit:
    """Store a decision for retries and return the edit that stamps the changed message.

    A verdict that delivers to all, without notifications, is in the stamp alone.

    Raises:
        TransientError, PermanentError, Misconfigured: the decision cannot be stored.
    """
    kind = _STORED
    if verdict.is_default and not notifying_rules:
        kind = _DELIVERED
    elif (store := mail.decision_store) is not None:
        document = verdict.to_response() | ({_NOTIFYING: list(notifying_rules)} if notifying_rules else {})
        store.save_decision(_key(mail.event), json.dumps(document), mail.deadline)
    header = mail.message.header
    return header.appended(f"{STAMP}: {mail.event.token} ".encode() + kind + header.newline)


def _key(event: MailFlowEvent) -> str:
    return f"decided/{event.token}"


def _parse_decision(event: MailFlowEvent, text: str) -> EarlierDecision:
    """Return a stored decision. Properties that only another version of the function knows are ignored.

    Raises:
        ValueError, AttributeError: the text is no JSON object, or its verdict breaks WorkMail's contract.
    """
    document: dict[str, Any] = json.loads(text)
    response: dict[str, Any] = {"actions": document.get("actions")}
    check(f"run-lambda-response-{event.flow_direction.lower()}", response)
    known = set(map(canonical, event.recipients))
    # The first attempt checked the domains of the recipients that it added; ORGANIZATION_DOMAINS may have changed since.
    domains = {address.rpartition("@")[2] for entry in response["actions"] for address in entry.get("recipients", ())}
    verdict = Verdict(event, domains)
    for entry in response["actions"]:
        action = Action.from_dict(entry["action"])
        addresses = entry.get("recipients", [])
        verdict.apply(action, to=[address for address in addresses if canonical(address) in known])
        if added := [address for address in addresses if canonical(address) not in known]:
            verdict.add(added, action)
        if entry.get("allRecipients"):
            verdict.apply(action)
    return EarlierDecision(verdict, tuple(document.get(_NOTIFYING, ())))
