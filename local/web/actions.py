"""What the pages can do beside reading the history: asked for by the pages, done by the local WorkMail that serves them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.rules.matching import Match, Rule
from mailhooks.contract import FlowDirection


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is, for people to try.

    Attributes:
        inbound, outbound: the SMTP ports, each as `host:port`.
        endpoints: URLs of the APIs, by the names of the services.
        environment: variables that lead boto3 and the AWS CLI there.
        domains: those of the organization, lower-case.
        user: an address of the organization, for examples.
        calendars: addresses whose free/busy times can be asked for, for examples.
    """

    inbound: str
    outbound: str
    endpoints: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    domains: Sequence[str] = ("example.com",)
    user: str = "ana@example.com"
    calendars: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking the availability function.

    Attributes:
        response: as it would go to WorkMail, checked; None when there is none.
        milliseconds: from the call to the answer, as seen from outside.
        log: what the function printed.
        error: why there is no response, a sentence; "" when there is one.
    """

    response: Mapping[str, Any] | None
    milliseconds: float
    log: str = ""
    error: str = ""


class Actions(Protocol):
    """Safe to call from any thread; each may take its time, as it is called from a worker thread."""

    def rules(self) -> Sequence[Rule]:
        """The flow rules, in the order in which they are written."""
        ...

    def test_rule(self, direction: FlowDirection, author: str, sender: str, recipients: Sequence[str]) -> Sequence[Match]:
        """The rule that each recipient would meet.

        Args:
            author: the address in `From`.
            sender: the address in `Sender`; "" when there is none.
        """
        ...

    def send(self, direction: FlowDirection, mail_from: str, recipients: Sequence[str], raw: bytes) -> int:
        """Takes a message as the SMTP port of that direction would, and returns its number.

        Args:
            mail_from: the reverse-path; "" for the null one.

        Raises:
            LocalError: it is refused; the text says why and is shown to the sender.
        """
        ...

    def samples(self) -> Mapping[str, bytes]:
        """Messages to try, by their names."""
        ...

    def addresses(self) -> Addresses:
        """Where everything is."""
        ...

    def ask_availability(self, request: Mapping[str, Any]) -> Answer:
        """Calls the availability function as WorkMail would, within its 25 s.

        Args:
            request: checked; in the shape of the guide's "Request elements".
        """
        ...
