"""Facts of one message, each computed at its first use."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mailhooks.address_patterns import ascii_domain, canonical, remove_tag
from mailhooks.deadline import Deadline
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.errors import Misconfigured
from mailhooks.policy.facts.recipients import UNLISTED, Recipients, RecipientSet
from mailhooks.policy.facts.searched_text import SearchedText
from mailhooks.policy.facts.services import Directory, Person, Services

# Late imports below: a policy on the event alone loads no module that reads content at its cold start.
if TYPE_CHECKING:
    from mailhooks.mime.mailboxes import Mailbox
    from mailhooks.mime.message import Message
    from mailhooks.platform import Platform
    from mailhooks.policy.facts.attachment_facts import AttachmentFacts
    from mailhooks.policy.facts.decoded_headers import DecodedHeaders
    from mailhooks.policy.facts.gateway import Gateway
    from mailhooks.policy.facts.links import Link
    from mailhooks.policy.facts.message_types import MessageType

_MAX_ADDRESSES: Final = 2000
"""Addresses of header fields that are compared. A message seldom has more than 500 recipients."""

_MAX_FIELD: Final = 100_000
"""Characters of a header field that are searched for addresses."""


class ContentUnavailable(Exception):
    """The content of the message is withheld or could not be fetched (then the error is the cause). Not a failure of a rule."""


@dataclass
class Facts:
    """Facts of one message.

    Attributes:
        fetch: fetches the message; called once.
        configured_domains: the organization's mail domains of policy and settings, in the form of `ascii_domain`.
        now: the time for schedules, with its zone.
        deadline: for calls of services.
        withholds_content: whether `message` raises ContentUnavailable instead of a fetch.
        counts: the results of counters by key, window and limit.
        gateway: the gateway whose results of authentication are believed.
        platform: the mail platform; None: one without limits.
        authserv_ids: the authserv-ids whose results of authentication are believed, in lower case.
        contact_days: days for which contacts are recorded; 0 if the policy asks for none.
        plus_addresses: whether a contact is the same with any tag in its addresses.
    """

    envelope: Envelope
    fetch: "Callable[[], Message]"
    configured_domains: frozenset[str]
    services: Services
    now: datetime
    deadline: Deadline
    withholds_content: bool = False
    counts: dict[tuple[str, int, int], int] = field(default_factory=dict)
    gateway: "Gateway | None" = None
    platform: "Platform | None" = None
    authserv_ids: frozenset[str] = frozenset()
    contact_days: int = 0
    plus_addresses: bool = False
    _contacts: RecipientSet | Exception | None = None
    _new_pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    _message: "Message | Exception | None" = None
    _header_addresses: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    _body_texts: dict[int, SearchedText] = field(default_factory=dict)
    _own_texts: dict[int, SearchedText] = field(default_factory=dict)

    @cached_property
    def recipients(self) -> Recipients:
        return Recipients(self.envelope.recipients, truncated=self.envelope.truncated)

    @property
    def inbound(self) -> bool:
        return self.envelope.flow_direction is FlowDirection.INBOUND

    @cached_property
    def senders(self) -> tuple[str, ...]:
        """The canonical addresses of the envelope's sender, if there is one, and of the author."""
        return tuple(canonical(address) for address in (self.envelope.sender, self.envelope.mail_from) if address)

    @cached_property
    def author(self) -> str:
        """The canonical address on whose behalf the message was sent; `""` for a delivery report."""
        return canonical(self.envelope.mail_from)

    @property
    def sender_scope(self) -> str:
        """`internal` or `external`; `""` for a message without an author. Raises as `domains`."""
        if not self.author:
            return ""
        return "internal" if self.is_internal(self.author) else "external"

    @cached_property
    def domains(self) -> frozenset[str]:
        """The organization's mail domains: the configured ones, or those of the directory.

        Raises:
            Misconfigured: there are neither. Without domains every address would count as external, such as those of colleagues.
            Exception: as `Directory.domains`.
        """
        found = self.configured_domains
        if not found and self.services.directory is not None:
            found = frozenset(map(ascii_domain, self.services.directory.domains(self.deadline)))
        if not found:
            raise Misconfigured(
                "the organization's domains are not known: set organization.domains in the policy, or POLICY_DIRECTORY=true"
            )
        return found

    def is_internal(self, address: str) -> bool:
        """Return whether an address is in one of the organization's domains."""
        return ascii_domain(address.rpartition("@")[2]) in self.domains

    @cached_property
    def internal_recipients(self) -> RecipientSet:
        """The recipients in the organization. Recipients that a truncated event omits are internal in inbound mail, else external."""
        return self.recipients.select(lambda address: self.is_internal(address) or (self.inbound and not address), self.recipients.all)

    @property
    def recipient_count(self) -> float:
        """The number of recipients; infinite if a truncated event omits some."""
        return math.inf if self.envelope.truncated else len(self.envelope.recipients)

    @property
    def external_count(self) -> float:
        """The number of recipients outside of the organization; infinite if a truncated event omits some. Raises as `domains`."""
        external = self.recipients.all - self.internal_recipients
        addresses = frozenset(map(canonical, self.recipients.list_addresses(external)))
        return math.inf if UNLISTED in addresses else len(addresses)

    @cached_property
    def visible_count(self) -> int:
        """The number of addresses in To and Cc, each once and in one reading."""
        from mailhooks.mime.addresses import find_envelope_addresses

        found = find_envelope_addresses(self.message, "to", "cc", max_characters=_MAX_FIELD)
        return len(set(map(canonical, found[:_MAX_ADDRESSES])))

    @property
    def message(self) -> "Message":
        """The message, fetched at the first use.

        Raises:
            ContentUnavailable: there is no content.
        """
        if self._message is None:
            if self.withholds_content:
                raise ContentUnavailable
            try:
                self._message = self.fetch()
            except Exception as error:  # noqa: BLE001 - raised again for each rule that reads the content
                self._message = error
        if isinstance(self._message, Exception):
            raise ContentUnavailable from self._message
        return self._message

    @cached_property
    def headers(self) -> "DecodedHeaders":
        from mailhooks.policy.facts.decoded_headers import DecodedHeaders

        return DecodedHeaders(self.message)

    @cached_property
    def subject(self) -> SearchedText:
        """The subject of the envelope. The message may have the tag of an earlier attempt instead."""
        return SearchedText(self.envelope.subject)

    def header_addresses(self, *names: str) -> tuple[str, ...]:
        """Return the canonical addresses in the header fields with these names, in lower case."""
        if names not in self._header_addresses:
            from mailhooks.mime.addresses import find_addresses

            found = find_addresses(self.message, *names, max_characters=_MAX_FIELD)
            self._header_addresses[names] = tuple(map(canonical, found[:_MAX_ADDRESSES]))
        return self._header_addresses[names]

    @cached_property
    def authors(self) -> "tuple[Mailbox, ...]":
        """The mailboxes in From, with their display names."""
        from mailhooks.mime.mailboxes import find_mailboxes

        return tuple(find_mailboxes(self.message, "from"))

    @cached_property
    def reply_addresses(self) -> tuple[str, ...]:
        """The canonical addresses in Reply-To that are not in From, each in one reading."""
        from mailhooks.mime.addresses import find_envelope_addresses

        names = frozenset(self.header_addresses("from"))
        found = find_envelope_addresses(self.message, "reply-to", max_characters=_MAX_FIELD)
        return tuple(address for address in map(canonical, found[:_MAX_ADDRESSES]) if address not in names)

    def body_text(self, limit: int) -> SearchedText:
        """Return the displayed text. At most `limit` octets of each text part are read."""
        if limit not in self._body_texts:
            from mailhooks.policy.facts.visible_text import read_visible_text

            self._body_texts[limit] = SearchedText(read_visible_text(self.message, limit))
        return self._body_texts[limit]

    def own_text(self, limit: int) -> SearchedText:
        """Return the newest reply in the displayed text, without quotes and signature. `limit` as for `body_text`."""
        if limit not in self._own_texts:
            from mailhooks.policy.facts.visible_text import read_own_texts

            self._own_texts[limit] = SearchedText(read_own_texts(self.message, limit))
        return self._own_texts[limit]

    @cached_property
    def attachments(self) -> "tuple[AttachmentFacts, ...]":
        from mailhooks.policy.facts.attachment_facts import list_attachments

        return tuple(list_attachments(self.message, self.deadline))

    @cached_property
    def shown_images(self) -> "frozenset[AttachmentFacts]":
        """The attachments that are images and that the HTML displays."""
        from mailhooks.policy.facts.shown_images import find_shown_images

        return find_shown_images(self.message, self.attachments)

    @cached_property
    def disputed_attachments(self) -> "tuple[AttachmentFacts, ...]":
        """The attachments that only some programs find, if the structure of the message is ambiguous."""
        from mailhooks.policy.facts.attachment_facts import list_disputed_attachments

        return tuple(list_disputed_attachments(self.message, self.deadline))

    @cached_property
    def links(self) -> "tuple[Link, ...]":
        """The links of the displayed text."""
        from mailhooks.policy.facts.links import find_links

        return tuple(find_links(self.message))

    @cached_property
    def message_types(self) -> "frozenset[MessageType]":
        from mailhooks.policy.facts.message_types import find_message_types

        return find_message_types(self.message, self.headers, null_sender=not self.envelope.mail_from)

    @cached_property
    def authentication(self) -> dict[str, frozenset[str]]:
        """The results of authentication by method, as `find_authentication_results`."""
        from mailhooks.policy.facts.message_types import find_authentication_results

        by_gateway = self.gateway.find_results(self.message) if self.gateway else None
        fields = self.platform.result_fields if self.platform else {}
        return find_authentication_results(self.headers, self.authserv_ids, fields, by_gateway)

    def record_contacts(self) -> RecipientSet:
        """Record the message once, and return the recipients who had no mail from the sender, and sent none, before it.

        Outbound mail counts as contact with recipients outside of the organization. Mail to the others is recorded when it comes in.

        Raises:
            Misconfigured: there is no table; else as `Contacts.record` and `domains`.
        """
        if self._contacts is None:
            try:
                self._contacts = self._record_pairs()
            except Exception as error:  # noqa: BLE001 - raised again for each rule: the service is asked once
                self._contacts = error
        if isinstance(self._contacts, Exception):
            raise self._contacts
        return self._contacts

    def _record_pairs(self) -> RecipientSet:
        if self.services.contacts is None:
            raise Misconfigured("the policy asks for contacts, and there is no table to record them: set RATES_TABLE (docs/policy.md)")
        bare = remove_tag if self.plus_addresses else str
        author = bare(self.author)
        has_domains = self.configured_domains or self.services.directory is not None
        pairs: dict[str, tuple[str, str]] = {}
        for address in self.recipients.addresses:
            other = bare(canonical(address))
            # A recipient that a truncated event omits has no address.
            if author and other and other != author and (self.inbound or not has_domains or not self.is_internal(other)):
                pairs[address] = min(author, other), max(author, other)
        found = self.services.contacts.record(
            frozenset(pairs.values()), self.envelope.invocation_id, keep_s=self.contact_days * 86_400, deadline=self.deadline
        )
        self._new_pairs = {address: pair for address, pair in pairs.items() if pair in found}
        return self.recipients.select(lambda address: address in self._new_pairs, self.recipients.all)

    def withdraw_contacts(self, unseen: Collection[str]) -> None:
        """Withdraw the first contacts with recipients who do not see the message, and all of them if it fails DMARC.

        Raises:
            ContentUnavailable: the results of authentication are unknown.
            Exception: as `Contacts.withdraw`.
        """
        seen = {pair for address, pair in self._new_pairs.items() if address not in unseen}
        if seen and self.inbound and "fail" in self.authentication.get("dmarc", ()):
            seen = set()
        if self.services.contacts is not None and (withdrawn := frozenset(self._new_pairs.values()) - seen):
            self.services.contacts.withdraw(withdrawn, self.envelope.invocation_id, deadline=self.deadline)

    @property
    def directory(self) -> Directory:
        """The directory.

        Raises:
            Misconfigured: there is none.
        """
        if self.services.directory is None:
            raise Misconfigured(
                "the policy asks for groups or people, and there is no directory: set POLICY_DIRECTORY=true (docs/policy.md)"
            )
        return self.services.directory

    def members(self, group: str) -> frozenset[str]:
        """Return the canonical addresses of the members of a group.

        Raises:
            Misconfigured: there is no directory; else as `Directory.members`.
        """
        return _canonical(self.directory.members(group, self.deadline))

    def list_addresses(self, person: Person) -> frozenset[str]:
        """Return the canonical addresses of a person. Raises as `members`."""
        return _canonical(self.directory.addresses(person.id, self.deadline))


def _canonical(addresses: frozenset[str]) -> frozenset[str]:
    return addresses if all(map(str.isascii, addresses)) else frozenset(map(canonical, addresses))
