"""A policy: rules in their order, evaluated for one message at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mailhooks.address_patterns import ascii_domain
from mailhooks.deadline import Deadline
from mailhooks.envelope import Envelope
from mailhooks.mime.message import Message
from mailhooks.policy.evaluation.evaluate import Evaluation
from mailhooks.policy.evaluation.outcome import Outcome, Trace
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.services import Services
from mailhooks.policy.rules.rule import Rule

if TYPE_CHECKING:
    from mailhooks.platform import Platform
    from mailhooks.policy.facts.gateway import Gateway

_SERVICE_TIMEOUT_S: Final = 10.0
"""Seconds for calls of services, if the caller gives no deadline."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one policy file, in their order. Use `load` to make one.

    Attributes:
        rules: including those that are not enabled.
        domains: the organization's mail domains in the policy, in the form of `ascii_domain`; may be empty.
        digest: an identifier of the policy's text, in hexadecimal digits.
        file: the name of the file.
        gateway: the gateway whose results of authentication are believed.
        contact_days: days for which contacts are recorded; 0 if no enabled rule asks for first contacts.
        plus_addresses: whether addresses with a tag match the address without it, if a condition does not decide.
        lists: the texts of each list by its name, as written; a list in a list is `list:NAME`.
        files: the paths, from the policy's folder, of the files that it shows: templates, images and the address book.
    """

    rules: tuple[Rule, ...]
    domains: frozenset[str] = frozenset()
    digest: str = ""
    file: str = "policy"
    gateway: "Gateway | None" = None
    contact_days: int = 0
    plus_addresses: bool = False
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False, repr=False)
    files: tuple[str, ...] = ()

    def evaluate(
        self,
        envelope: Envelope,
        message: Message | bytes | Callable[[], Message],
        *,
        platform: "Platform | None" = None,
        authserv_ids: Collection[str] = (),
        services: Services | None = None,
        domains: Collection[str] = (),
        now: datetime | None = None,
        deadline: Deadline | None = None,
        trace: Trace | None = None,
    ) -> Outcome:
        """Evaluate the rules for one message.

        Args:
            message: the message or its bytes, or a function that fetches it. The function is called only if a rule needs the content.
            platform: the mail platform; by default one without limits.
            authserv_ids: the authserv-ids whose results of authentication are believed.
            services: the counters and the directory that conditions use.
            domains: the organization's mail domains, used if the policy has none.
            now: the time for schedules; the current time by default.
            deadline: for calls of services.
            trace: records the value and the result of each condition.

        Raises:
            RuleFailed: a rule failed whose `on_error` is retry.
            Exception: an error of the function `message`.
        """
        evaluation = self.start_evaluation(
            envelope,
            message,
            platform=platform,
            authserv_ids=authserv_ids,
            services=services,
            domains=domains,
            now=now,
            deadline=deadline,
            trace=trace,
        )
        return evaluation.outcome()

    def start_evaluation(
        self,
        envelope: Envelope,
        message: Message | bytes | Callable[[], Message],
        *,
        platform: "Platform | None" = None,
        authserv_ids: Collection[str] = (),
        services: Services | None = None,
        domains: Collection[str] = (),
        now: datetime | None = None,
        deadline: Deadline | None = None,
        trace: Trace | None = None,
    ) -> Evaluation:
        """Return an evaluation whose outcome is not computed yet. Arguments as for `evaluate`."""
        given = Message(message) if isinstance(message, bytes) else message
        facts = Facts(
            envelope,
            given if callable(given) else lambda: given,
            self.domains or frozenset(map(ascii_domain, domains)),
            services or Services(),
            now or datetime.now(UTC),
            deadline or Deadline.after(_SERVICE_TIMEOUT_S),
            gateway=self.gateway,
            platform=platform,
            authserv_ids=frozenset(map(str.lower, authserv_ids)),
            contact_days=self.contact_days,
            plus_addresses=self.plus_addresses,
        )
        return Evaluation(self.rules, facts, trace)
