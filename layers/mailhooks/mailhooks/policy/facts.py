"""What a policy can know of one message, each thing found out when it is first asked for and then kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from ..contract import FlowDirection, MailFlowEvent
from ..deadline import Deadline
from .recipients import Recipients
from .services import Services

if TYPE_CHECKING:
    from ..mime.scan import Part, Structure
    from .files import File
    from .kinds import Headers, Kind

_MAX_ADDRESSES = 2000
"""Of a header's, that are looked at: WorkMail delivers to 500."""


@dataclass
class Facts:
    """One message.

    Attributes:
        event: what WorkMail says of it.
        content: its bytes, fetched when first asked for. What this raises is no failure of a rule.
        stated_domains: the organization's, in lower case, as far as policy and settings say.
        services: what may be asked.
        now: the moment that counts, with its zone.
        deadline: until when an answer is wanted.
    """

    event: MailFlowEvent
    content: Callable[[], bytes]
    stated_domains: frozenset[str]
    services: Services
    now: datetime
    deadline: Deadline
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
        """Who WorkMail says has sent it, in lower case: the one who sent it on somebody's behalf, if so, and that somebody."""
        return tuple(address.lower() for address in (self.event.sender, self.event.mail_from) if address)

    @property
    def author(self) -> str:
        """The address on whose behalf it was sent, in lower case; `""` for a delivery report."""
        return self.event.mail_from.lower()

    @cached_property
    def domains(self) -> frozenset[str]:
        """The organization's mail domains, in lower case: those that are stated, or else the directory's. Raises as `Directory.domains`."""
        if self.stated_domains or self.services.directory is None:
            return self.stated_domains
        return self.services.directory.domains(self.deadline)

    def is_internal(self, address: str) -> bool:
        return address.rpartition("@")[2].lower() in self.domains

    @cached_property
    def internal_recipients(self) -> int:
        """Who is in the organization. Inbound mail is for nobody else; whom an event leaves out is not known, and taken for external."""
        return sum(
            bit for bit, address in self.recipients.named(self.everybody) if self.is_internal(address) or (self.inbound and not address)
        )

    @cached_property
    def raw(self) -> bytes:
        return self.content()

    @cached_property
    def structure(self) -> "Structure":
        from ..mime.scan import scan

        return scan(self.raw)

    @property
    def root(self) -> "Part":
        return self.structure.root

    @cached_property
    def headers(self) -> "Headers":
        from .kinds import Headers

        return Headers(self.raw, self.root)

    @cached_property
    def subject(self) -> str:
        """The event's, for comparing. The message's own may have got a tag by an earlier try of this invocation."""
        from .bodytext import normal

        return normal(self.event.subject)

    def header_addresses(self, *fields: str) -> tuple[str, ...]:
        """The addresses in these fields, in lower case."""
        from .mailboxes import addresses

        values = [field.value(self.raw).decode("utf-8", "replace") for field in self.root.header.fields if field.lname in fields]
        found = dict.fromkeys(address for value in values for address in addresses(value[:100_000]))
        return tuple(found)[:_MAX_ADDRESSES]

    def body_text(self, limit: int) -> tuple[str, str]:
        """The text that it shows, of each text part the first `limit` octets: as it is, and for comparing."""
        if limit not in self._body_texts:
            from .bodytext import normal, shown_text

            text = shown_text(self.raw, self.root, limit)
            self._body_texts[limit] = (text, normal(text))
        return self._body_texts[limit]

    @cached_property
    def files(self) -> "tuple[File, ...]":
        from .files import files

        return tuple(files(self.raw, self.structure))

    @cached_property
    def kinds(self) -> "frozenset[Kind]":
        from .kinds import kinds

        return kinds(self.raw, self.structure, self.headers)

    @cached_property
    def authentication(self) -> dict[str, frozenset[str]]:
        from .authentication import results

        return results(self.headers)

    def members(self, group: str) -> frozenset[str]:
        """The members of a group.

        Raises:
            Misconfigured: there is no directory to ask; else as `Directory.members`.
        """
        if self.services.directory is None:
            from ..errors import Misconfigured

            raise Misconfigured("the policy names groups, and there is no directory: set POLICY_DIRECTORY=true (docs/policy.md)")
        return self.services.directory.members(group, self.deadline)
