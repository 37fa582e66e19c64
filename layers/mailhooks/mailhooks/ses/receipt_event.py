"""The event of the Lambda action of an SES receipt rule, as a dataclass."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from mailhooks.contract.errors import ContractError, describe_kind
from mailhooks.contract.schema import check


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that SES received (SES developer guide, "Contents of notifications for Amazon SES email receiving").

    Of the message's header the event has only a part (`headersTruncated`), so nothing of it is used: the stored message has all of it.

    Attributes:
        message_id: the ID that SES gave to the message, which is its key in the bucket.
        mail_from: the envelope's sender; `""` for a null sender, as for a delivery report.
        recipients: the envelope's recipients that match the receipt rule. The recipients in the header (`destination`) may be others.
        received_at: in seconds since 1970.
    """

    message_id: str
    mail_from: str
    recipients: tuple[str, ...]
    received_at: float

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Check and read an event.

        Raises:
            ContractError: it is not the event of a receipt rule.
        """
        check("ses-receipt-event", event)
        mail, receipt = event["Records"][0]["ses"]["mail"], event["Records"][0]["ses"]["receipt"]
        source = (mail.get("source") or "").strip()
        return cls(
            message_id=mail["messageId"],
            mail_from="" if source == "<>" else source,
            recipients=_without_repetitions(receipt["recipients"]),
            received_at=_parse_time(mail["timestamp"]),
        )

    def to_event(self) -> dict[str, Any]:
        """Return the event with the properties that `parse` reads: the function accepts it in place of the original."""
        received = datetime.fromtimestamp(self.received_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        mail = {"messageId": self.message_id, "source": self.mail_from, "timestamp": received}
        return {
            "Records": [
                {
                    "eventSource": "aws:ses",
                    "eventVersion": "1.0",
                    "ses": {"mail": mail, "receipt": {"recipients": list(self.recipients)}},
                }
            ]
        }


def _without_repetitions(recipients: Iterable[str]) -> tuple[str, ...]:
    """Return the recipients, each in its first spelling: one in two spellings gets the message once."""
    found: dict[str, str] = {}
    for each in recipients:
        found.setdefault(each.lower(), each)
    return tuple(found.values())


def _parse_time(text: str) -> float:
    """Raises:
    ContractError: the text is no time in ISO 8601.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ContractError("/Records/0/ses/mail/timestamp", "a time in ISO 8601", describe_kind(text)) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
