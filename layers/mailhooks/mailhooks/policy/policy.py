"""A policy: rules in their order, evaluated for one message at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mailhooks.address_patterns import ascii_domain
from mailhooks.contract import MailFlowEvent
from mailhooks.deadline import Deadline
from mailhooks.mime.message import Message
from mailhooks.policy.evaluation.evaluate import Evaluation
from mailhooks.policy.evaluation.outcome import Outcome
from mailhooks.policy.evaluation.trace import Trace
from mailhooks.policy.facts.message_facts import Facts, asked_once
from mailhooks.policy.facts.services import Services
from mailhooks.policy.rules.rule import Rule

_PATIENCE_S = 10.0
"""Seconds for what is asked of services, where the caller does not say until when."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in their order, and what they are about. Make one by `load`.

    Attributes:
        rules: all of them, those that are not enabled too.
        domains: the organization's, as `ascii_domain` makes them, as far as the policy says.
        digest: names the policy's text: hexadecimal digits.
        file: its name.
        lists: by name, as they are written: a list in a list is `list:NAME`.
    """

    rules: tuple[Rule, ...]
    domains: frozenset[str] = frozenset()
    digest: str = ""
    file: str = "policy"
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False, repr=False)

    def evaluate(
        self,
        event: MailFlowEvent,
        message: Message | bytes | Callable[[], Message],
        *,
        services: Services | None = None,
        domains: Collection[str] = (),
        now: datetime | None = None,
        deadline: Deadline | None = None,
        trace: Trace | None = None,
    ) -> Outcome:
        """What shall become of one message.

        Args:
            event: what WorkMail says of it.
            message: the message or its bytes, or a function that fetches it, called only if a rule needs the content.
            services: what rules may ask: counts, the directory.
            domains: the organization's, where the policy does not say.
            now: else this moment.
            deadline: until when services are waited for.
            trace: is told what each rule saw.

        Raises:
            RuleFailed: a rule failed whose `on_error` is retry.
            Exception: what the function `message` raises.
        """
        return self.start_evaluation(event, message, services=services, domains=domains, now=now, deadline=deadline, trace=trace).outcome()

    def start_evaluation(
        self,
        event: MailFlowEvent,
        message: Message | bytes | Callable[[], Message],
        *,
        services: Services | None = None,
        domains: Collection[str] = (),
        now: datetime | None = None,
        deadline: Deadline | None = None,
        trace: Trace | None = None,
    ) -> Evaluation:
        """Return an evaluation whose outcome is not computed yet. Arguments as for `evaluate`."""
        given = Message(message) if isinstance(message, bytes) else message
        facts = Facts(
            event,
            asked_once(given if callable(given) else lambda: given),
            self.domains or frozenset(map(ascii_domain, domains)),
            services or Services(),
            now or datetime.now(UTC),
            deadline or Deadline.after(_PATIENCE_S),
        )
        return Evaluation(self.rules, facts, trace)
