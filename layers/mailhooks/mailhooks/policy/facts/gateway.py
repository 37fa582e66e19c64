"""The results of authentication by a mail gateway in front of Amazon SES (RFC 8601 sections 1.6 and 5).

SES puts its fields above those of the gateway, and the gateway puts its fields above those that a sender wrote, or below its own Received
field. So the fields of a gateway are between the Received field of SES and the Received field before the gateway's first one. In mail
that did not come from the gateway, the sender wrote them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from mailhooks.mime.message import Message
from mailhooks.policy.facts.message_types import parse_results

Network = IPv4Network | IPv6Network

_ADDRESS: Final = re.compile(r"[\[(](?:IPv6:)?([0-9a-f.:]{3,45})[\])]", re.IGNORECASE)

_INTERNAL: Final = tuple(
    map(ip_network, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 169.254.0.0/16 100.64.0.0/10 ::1 fc00::/7 fe80::/10".split())
)
"""Addresses of hosts within one network (RFC 6890)."""

_LONGEST: Final = 10_000
"""Characters of a field that are read."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that receives all mail and sends it to SES.

    Attributes:
        authserv_ids: the identifiers in its Authentication-Results fields, in lower case.
        networks: the addresses from which it sends to SES, and those of its other hosts.
    """

    authserv_ids: frozenset[str]
    networks: tuple[Network, ...]

    @classmethod
    def of(cls, authserv_ids: Iterable[str], networks: Iterable[Network]) -> Self:
        return cls(frozenset(map(str.lower, authserv_ids)), tuple(networks))

    def find_results(self, message: Message) -> dict[str, frozenset[str]] | None:
        """Return the results by method, in lower case; None for mail that did not come from the gateway.

        A method has the results of the topmost field with it: a field of a sender that the gateway left counts for no method that the
        gateway checks.
        """
        fields = self._list_fields(message)
        if fields is None:
            return None
        found: dict[str, frozenset[str]] = {}
        for value in fields:
            server, results = parse_results(value)
            if server in self.authserv_ids:
                found = {**results, **found}
        return found

    def _list_fields(self, message: Message) -> list[str] | None:
        """Return the Authentication-Results between the Received fields of SES and of the host before the gateway."""
        fields: list[str] | None = None
        has_entered = False
        for name, value in _list_trace_fields(message):
            if name == "authentication-results":
                if fields is not None:
                    fields.append(value)
            elif fields is None:
                if not self._is_gateway(_find_sender(value)):
                    return None
                fields = []
            elif has_entered:
                break
            else:
                sender = _find_sender(value)
                is_inner = sender is not None and any(sender in network for network in _INTERNAL)
                # Hosts of one gateway also write Received fields without `from`.
                has_entered = not (is_inner or self._is_gateway(sender)) and value[:9].lower().startswith("from")
        return fields

    def _is_gateway(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)


def parse_network(text: str) -> Network:
    """Parse an IP address or a network in CIDR notation.

    Raises:
        ValueError: it is neither, or it has host bits.
    """
    try:
        return ip_network(text.strip())
    except ValueError:
        raise ValueError("an IP address or a network such as 192.0.2.0/24") from None


def _list_trace_fields(message: Message) -> Iterator[tuple[str, str]]:
    for field in message.header.fields:
        if field.lname in {"received", "authentication-results"}:
            yield field.lname, field.displayed_value(message.raw)[:_LONGEST].decode("utf-8", "replace")


def _find_sender(received: str) -> IPv4Address | IPv6Address | None:
    """Return the address of the sending host, which the receiving host writes last before `by` (RFC 5321 section 4.4).

    The name before it is the sender's word, and may look like an address.
    """
    trace, date, rest = received.rpartition(";")
    addresses = _ADDRESS.findall((trace if date else rest).rpartition(" by ")[0])
    try:
        found = ip_address(addresses[-1]) if addresses else None
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
