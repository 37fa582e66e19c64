"""What a hook decided for an invocation, kept for its retries: after a Put the message that Get returns is the changed one, of which rules
would think otherwise, and counts, clocks and the policy itself go on meanwhile.

The changed message carries a stamp that names the invocation. Its ID is made by WorkMail when the message has been sent, so that no sender
can have written the stamp.
"""

import hashlib
import json
from typing import Final

from mailhooks.contract import Action, MailFlowEvent, Verdict
from mailhooks.contract.schema import check
from mailhooks.hooks.invocation import Mail
from mailhooks.mime.edits import Edit
from mailhooks.mime.headers import HeaderBlock

STAMP: Final = "X-Mailhooks-Invocation"

_PLAIN: Final = b"delivered"
_KEPT: Final = b"decided"


class AlreadyDecided(BaseException):
    """An earlier try of this invocation has changed the message and decided. Not an `Exception`: no rule's failure, and nobody's to catch
    but the hook's.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("decided by an earlier try")
        self.verdict = verdict


def token(event: MailFlowEvent) -> str:
    """Names an invocation without telling its ID: hexadecimal digits."""
    return hashlib.sha256(f"mailhooks {event.invocation_id} {event.message_id}".encode()).hexdigest()[:32]


def raise_if_decided(mail: Mail) -> None:
    """Raises:
    AlreadyDecided: the message has this invocation's stamp, and what was decided with it is known.
    """
    ours = token(mail.event).encode()
    # Others' may stand before ours: mail between colleagues meets the outbound rule, then the inbound one; and a sender may write any.
    stamps = (field.value(mail.raw).partition(b" ") for field in mail.message.header.named(STAMP.lower()))
    kind = next((kind for name, _, kind in stamps if name == ours), None)
    if kind is None:
        return
    if kind == _PLAIN:
        raise AlreadyDecided(mail.verdict())
    memory = mail.memory()
    text = memory.load_decision(_key(mail.event), mail.deadline) if memory else None
    if text is not None:
        raise AlreadyDecided(_read(mail, text))


def stamp_edit(mail: Mail, block: HeaderBlock, verdict: Verdict) -> Edit:
    """The edit that stamps the changed message; the verdict is kept where it says more than to deliver to all."""
    response = verdict.to_response()
    kept = response != mail.verdict().to_response()
    if kept and (memory := mail.memory()):
        memory.save_decision(_key(mail.event), json.dumps(response), mail.deadline)
    line = f"{STAMP}: {token(mail.event)} ".encode() + (_KEPT if kept else _PLAIN) + block.newline
    return block.appended(line)


def _key(event: MailFlowEvent) -> str:
    return f"decided/{token(event)}"


def _read(mail: Mail, text: str) -> Verdict:
    """A verdict from its response. Raises ContractError where it is none."""
    response = json.loads(text)
    check(f"run-lambda-response-{mail.event.flow_direction.lower()}", response)
    known = {address.lower() for address in mail.event.recipients}
    # Its own words were checked when it was said: whom it adds may be added, whatever the policy says of domains now.
    domains = {address.rpartition("@")[2] for entry in response["actions"] for address in entry.get("recipients", ())}
    verdict = Verdict(mail.event, domains)
    for entry in response["actions"]:
        action = Action.from_dict(entry["action"])
        addresses = entry.get("recipients", [])
        verdict.apply(action, to=[address for address in addresses if address.lower() in known])
        if added := [address for address in addresses if address.lower() not in known]:
            verdict.add(added, action)
        if entry.get("allRecipients"):
            verdict.apply(action)
    return verdict
