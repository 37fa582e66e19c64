"""A listener: what an adapter knows of all messages that it receives at one place."""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from mailhooks.envelope import FlowDirection
from mailhooks.relay.mark import FIELD_NAME, LISTENER_NAME, is_covered
from mailhooks.settings import OnError

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,255}")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,64}")
_FIELD_VALUE: Final = re.compile(r"[!-~](?:[ -~]{0,900}[!-~])?")


class HeaderField(NamedTuple):
    """A header field that means something to the next host, such as `X-Spam-Flag: YES`."""

    name: str
    value: str

    @property
    def may_mark(self) -> bool:
        """Whether it may mark junk or bypass: the HMAC of a mark does not cover it, and it is no mark itself."""
        return not is_covered(self.name.lower()) and self.name.lower() != FIELD_NAME.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What is known of all messages that one listener receives.

    Attributes:
        name: in the log, in the metrics and in its marks.
        flow_direction: of its messages.
        host_name: of this host, in Received fields and delivery status notifications.
        postmaster: the author of delivery status notifications, an address.
        organization_domains: the organization's mail domains, as `ascii_domain` writes them, if the policy has none.
        authserv_ids: the authserv-ids (RFC 8601 section 2.5) in lower case whose Authentication-Results are believed.
        junk_field: marks a message as junk for the next host; None: it cannot be marked.
        bypass_field: makes the next host deliver without a spam check; None: it cannot. Such a field in a received message is removed,
            because any sender can write one.
        mark_secrets: the secrets of its marks: the first one makes them, and all verify them.
        on_error: what happens to a message after an unexpected error.

    Raises:
        ValueError: a name, or the value of a field, cannot be written into a header, or marks cover the field.
    """

    name: str
    flow_direction: FlowDirection
    host_name: str
    postmaster: str
    organization_domains: frozenset[str] = frozenset()
    authserv_ids: frozenset[str] = frozenset()
    junk_field: HeaderField | None = None
    bypass_field: HeaderField | None = None
    mark_secrets: tuple[bytes, ...] = ()
    on_error: OnError = OnError.DELIVER

    def __post_init__(self) -> None:
        if not LISTENER_NAME.fullmatch(self.name):
            raise ValueError("a listener's name has letters, digits, dots, hyphens and underscores, at most 63")
        if not _HOST_NAME.fullmatch(self.host_name):
            raise ValueError("a host name has letters, digits, dots and hyphens")
        for field in filter(None, (self.junk_field, self.bypass_field)):
            if not (_FIELD_NAME.fullmatch(field.name) and _FIELD_VALUE.fullmatch(field.value)):
                raise ValueError("a header field has a name and a value of printable ASCII, such as X-Spam-Flag: YES")
            if not field.may_mark:
                raise ValueError(f"{field.name} cannot mark junk or bypass: use a field of your own, such as X-Spam-Flag")
