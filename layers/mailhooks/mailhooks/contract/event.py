"""The event of a Run Lambda rule, as a dataclass."""

from dataclasses import dataclass, field
from typing import Any, Final, Self

from mailhooks.contract.schema import check
from mailhooks.envelope import Envelope, FlowDirection

KNOWN_SUMMARY_VERSIONS: Final = frozenset({"2018-10-10", "2019-07-28"})
"""The versions of the event's layout that WorkMail has sent so far. A new one marks an incompatible change (guide, "Lambda event data")."""


def check_event(document: object) -> None:
    """Check a synchronous or asynchronous Run Lambda event against the guide's section "Lambda event data".

    Unknown properties and newer values of `summaryVersion` are accepted, because WorkMail may add properties at any time.

    Raises:
        ContractError: the event breaks the contract.
    """
    check("run-lambda-event", document)


@dataclass(frozen=True, slots=True)
class MailFlowEvent(Envelope):
    """One invocation of a hook for one message (guide, "Lambda event data").

    Attributes:
        mail_from: the person on whose behalf the message is sent; `""` if there is none, as for a delivery report.
        recipients: the addresses of To, Cc and Bcc. Inbound: only addresses in the organization's domains.
        subject: the subject, cut by WorkMail at 256 characters. Rules may match it; never write it back to the message.
        message_id: the key of the message's content, valid for 24 hours; in lower case, because the Message Flow API accepts no other.
        invocation_id: the same for all retries of an invocation. An event without one, as AWS's first samples are, has its message's ID.
        truncated: whether recipients are missing because the event would be larger than 128 KB.
        summary_version: the version of the event's layout; see `KNOWN_SUMMARY_VERSIONS`.
    """

    summary_version: str = field(kw_only=True)

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Check and read an event.

        Raises:
            ContractError: the event breaks the contract.
        """
        check_event(event)
        envelope, message_id = event["envelope"], event["messageId"].lower()
        return cls(
            summary_version=event["summaryVersion"],
            mail_from=_address(envelope.get("mailFrom")) or "",
            recipients=tuple(recipient["address"] for recipient in envelope["recipients"]),
            sender=_address(event.get("sender")),
            # WorkMail may cut a surrogate pair in two; the remaining half can be neither logged nor sent.
            subject=(event.get("subject") or "").encode("utf-8", "replace").decode("utf-8"),
            message_id=message_id,
            invocation_id=event.get("invocationId") or message_id,
            flow_direction=FlowDirection(event["flowDirection"]),
            truncated=bool(event.get("truncated")),
        )


def _address(party: dict[str, Any] | None) -> str | None:
    return (party or {}).get("address") or None
