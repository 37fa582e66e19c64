"""What a policy can know of one message, each thing found out when it is first asked for and then kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from mailhooks.address_patterns import ascii_domain, canonical
from mailhooks.contract import FlowDirection, MailFlowEvent
from mailhooks.deadline import Deadline
from mailhooks.policy.facts.recipients import Recipients
from mailhooks.policy.facts.services import Services

if TYPE_CHECKING:
    from mailhooks.mime.message import Message
    from mailhooks.mime.structure import Part
    from mailhooks.policy.facts.attachment_facts import File
    from mailhooks.policy.facts.message_types import DecodedHeaders, MessageType

_MAX_FIELD = 100_000
"""Characters of a header field that are read."""

_MAX_ADDRESSES = 2000
"""Of a header's, that are looked at: WorkMail delivers to 500."""


class ContentFailed(Exception):
    """The message could not be had: no failure of a rule. Carries what the content raised."""


def asked_once(content: Callable[[], "Message"]) -> Callable[[], "Message"]:
    """The content, or why it cannot be had: asked for once, however many rules want it."""
    failed: list[Exception] = []

    def had() -> "Message":
        if not failed:
            try:
                return content()
            except Exception as error:  # noqa: BLE001 - raised again for each rule
                failed.append(error)
        raise ContentFailed from failed[0]

    return had


@dataclass
class Facts:
    """One message.

    Attributes:
        event: what WorkMail says of it.
        content: fetches it, when first asked for. What this raises is no failure of a rule.
        stated_domains: the organization's, as `ascii_domain` makes them, as far as policy and settings say.
        services: what may be asked.
        now: the moment that counts, with its zone.
        deadline: until when an answer is wanted.
        hits: what was counted, by key, window and limit.
    """

    event: MailFlowEvent
    content: Callable[[], "Message"]
    stated_domains: frozenset[str]
    services: Services
    now: datetime
    deadline: Deadline
    hits: dict[tuple[str, int, int], int] = field(default_factory=dict)
    _body_texts: dict[int, tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def recipients(self) -> Recipients:
        return Recipients.of(self.event.recipients, truncated=self.event.truncated)

    @property
    def everybody(self) -> int:
        return self.recipients.everybody

    @property
    def inbound(self) -> bool:
        return self.event.flow_direction is FlowDirection.INBOUND

    @cached_property
    def senders(self) -> tuple[str, ...]:
        """Who WorkMail says has sent it, as addresses are compared: the one who sent it on somebody's behalf, if so, and that somebody."""
        return tuple(canonical(address) for address in (self.event.sender, self.event.mail_from) if address)

    @cached_property
    def author(self) -> str:
        """The address on whose behalf it was sent, as addresses are compared; `""` for a delivery report."""
        return canonical(self.event.mail_from)

    @property
    def sender_scope(self) -> str:
        """Whether the author is `internal` or `external`; `""` where there is none, who is neither. Raises as `domains`."""
        if not self.author:
            return ""
        return "internal" if self.is_internal(self.author) else "external"

    @cached_property
    def domains(self) -> frozenset[str]:
        """The organization's mail domains, as addresses are compared: those that are stated, or else the directory's.

        Raises as `Directory.domains`.
        """
        if self.stated_domains or self.services.directory is None:
            return self.stated_domains
        return frozenset(map(ascii_domain, self.services.directory.domains(self.deadline)))

    def is_internal(self, address: str) -> bool:
        return ascii_domain(address.rpartition("@")[2]) in self.domains

    @cached_property
    def internal_recipients(self) -> int:
        """Who is in the organization. Inbound mail is for nobody else; whom an event leaves out is not known, and taken for external."""
        return sum(
            bit for bit, address in self.recipients.named(self.everybody) if self.is_internal(address) or (self.inbound and not address)
        )

    @cached_property
    def message(self) -> "Message":
        return self.content()

    @property
    def raw(self) -> bytes:
        return self.message.raw

    @property
    def root(self) -> "Part":
        return self.message.structure.root

    @cached_property
    def headers(self) -> "DecodedHeaders":
        from mailhooks.policy.facts.message_types import DecodedHeaders

        return DecodedHeaders(self.message)

    @cached_property
    def subject(self) -> tuple[str, str]:
        """The event's: as expressions see it, and for comparing. The message itself may have a tag of an earlier try."""
        from mailhooks.policy.facts.text_normalization import composed, normal

        return composed(self.event.subject), normal(self.event.subject)

    def header_addresses(self, *fields: str) -> tuple[str, ...]:
        """The addresses in these fields, as addresses are compared."""
        from mailhooks.mime.addresses import find_addresses

        found = find_addresses(self.message, *fields, max_characters=_MAX_FIELD)
        return tuple(map(canonical, found[:_MAX_ADDRESSES]))

    def body_text(self, limit: int) -> tuple[str, str]:
        """The text that it shows, of each text part the first `limit` octets: as expressions see it, and for comparing."""
        if limit not in self._body_texts:
            from mailhooks.policy.facts.text_normalization import composed, normal
            from mailhooks.policy.facts.visible_text import shown_text

            text = composed(shown_text(self.raw, self.root, limit))
            self._body_texts[limit] = (text, normal(text))
        return self._body_texts[limit]

    @cached_property
    def files(self) -> "tuple[File, ...]":
        from mailhooks.policy.facts.attachment_facts import files

        return tuple(files(self.message))

    @cached_property
    def kinds(self) -> "frozenset[MessageType]":
        from mailhooks.policy.facts.message_types import kinds

        return kinds(self.message, self.headers)

    @cached_property
    def authentication(self) -> dict[str, frozenset[str]]:
        from mailhooks.policy.facts.authentication import results

        return results(self.headers)

    def members(self, group: str) -> frozenset[str]:
        """The members of a group, as addresses are compared.

        Raises:
            Misconfigured: there is no directory to ask; else as `Directory.members`.
        """
        if self.services.directory is None:
            from mailhooks.errors import Misconfigured

            raise Misconfigured("the policy names groups, and there is no directory: set POLICY_DIRECTORY=true (docs/policy.md)")
        found = self.services.directory.members(group, self.deadline)
        return found if all(map(str.isascii, found)) else frozenset(map(canonical, found))
