"""The event of a Run Lambda rule, as a value."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from mailhooks.contract.schema import check


class FlowDirection(StrEnum):
    """Whether the mail comes into the organization or leaves it."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


def check_event(document: object) -> None:
    """Checks a Run Lambda event, sync or async, against the guide's section "Lambda event data".

    Unknown properties and newer values of `summaryVersion` pass: WorkMail may add properties at any time.

    Raises:
        ContractError: where it breaks, what was expected and what kind of thing came.
    """
    check("run-lambda-event", document)


@dataclass(frozen=True, slots=True)
class MailFlowEvent:
    """One invocation for one message, as WorkMail describes it (guide, "Lambda event data").

    Attributes:
        summary_version: version of the event's layout; `2018-10-10` and `2019-07-28` have been seen.
        mail_from: the person on whose behalf the mail is sent; `""` for mail without one, such as a delivery report.
        recipients: To, Cc and Bcc together. Inbound: only those in the organization's domains.
        sender: who sent it, when that is somebody else than `mail_from`.
        subject: cut by WorkMail at 256 characters: good to decide by, never to write back.
        message_id: opens the content, for 24 hours.
        invocation_id: stays the same when WorkMail tries the same invocation again.
        flow_direction: inbound or outbound.
        truncated: the event was over 128 KB, so that `recipients` does not hold all of them.
    """

    summary_version: str
    mail_from: str
    recipients: tuple[str, ...]
    sender: str | None
    subject: str
    message_id: str
    invocation_id: str
    flow_direction: FlowDirection
    truncated: bool = False

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Checks the event and reads it.

        Raises:
            ContractError: the event is not what WorkMail's contract says.
        """
        check_event(event)
        envelope = event["envelope"]
        return cls(
            summary_version=event["summaryVersion"],
            mail_from=_address(envelope.get("mailFrom")) or "",
            recipients=tuple(recipient["address"] for recipient in envelope["recipients"]),
            sender=_address(event.get("sender")),
            # Cut by WorkMail, which may leave half of a surrogate pair at the end: no text that could be logged or sent.
            subject=(event.get("subject") or "").encode("utf-8", "replace").decode("utf-8"),
            message_id=event["messageId"],
            invocation_id=event["invocationId"],
            flow_direction=FlowDirection(event["flowDirection"]),
            truncated=bool(event.get("truncated")),
        )


def _address(party: dict[str, Any] | None) -> str | None:
    return (party or {}).get("address") or None
