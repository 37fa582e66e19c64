"""The port from the pages to the local WorkMail: rules, sending, addresses, availability. Messages are read by `History`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.rules.matching import Match
from local.rules.rule import Rule
from mailhooks.contract import FlowDirection


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of the servers, with examples to try.

    Attributes:
        inbound, outbound: the SMTP ports, each as `host:port`.
        endpoints: URLs of the APIs, by the names of the services.
        environment: variables that point boto3 and the AWS CLI to these servers.
        domains: the domains of the organization, lower-case.
        user: an address of the organization, for examples.
        calendars: addresses that have free/busy times, for examples.
    """

    inbound: str
    outbound: str
    endpoints: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    domains: Sequence[str] = ("example.com",)
    user: str = "ana@example.com"
    calendars: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AvailabilityAnswer:
    """The result of one call of the availability function.

    Attributes:
        response: the response for WorkMail, checked; None when there is an error.
        milliseconds: from the call to the answer, measured by the caller.
        log: the output of the function.
        error: why there is no response, a sentence; "" when there is one.
    """

    response: Mapping[str, Any] | None
    milliseconds: float
    log: str = ""
    error: str = ""


class Actions(Protocol):
    """The actions of the pages. The pages call them in worker threads, so they are safe in any thread and may be slow."""

    def list_rules(self) -> Sequence[Rule]:
        """Return the flow rules in the order of the configuration."""
        ...

    def test_rule(self, direction: FlowDirection, author: str, sender: str, recipients: Sequence[str]) -> Sequence[Match]:
        """Return the rule that WorkMail runs for each recipient.

        Args:
            author: the address in `From`.
            sender: the address in `Sender`; "" when there is none.
        """
        ...

    def send(self, direction: FlowDirection, mail_from: str, recipients: Sequence[str], raw: bytes) -> int:
        """Submit a message as if the SMTP port of that direction had received it, and return its number.

        Args:
            mail_from: the reverse-path; "" for the null one.

        Raises:
            LocalError: the message is rejected; the page shows the text to the user.
        """
        ...

    def list_samples(self) -> Mapping[str, bytes]:
        """Return the sample messages by name."""
        ...

    def get_addresses(self) -> Addresses:
        """Return the addresses of the servers."""
        ...

    def ask_availability(self, request: Mapping[str, Any]) -> AvailabilityAnswer:
        """Call the availability function with WorkMail's time limit of 25 s.

        Args:
            request: checked, in the shape of the guide's "Request elements".
        """
        ...
