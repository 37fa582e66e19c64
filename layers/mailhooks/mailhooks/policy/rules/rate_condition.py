"""The condition `rate`: more than N messages in M minutes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar, Final

from mailhooks.errors import Misconfigured
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, RecipientSet
from mailhooks.policy.facts.services import Rates
from mailhooks.policy.rules.conditions import Cost, EvaluateCondition

_PARALLEL: Final = 16
"""Counters of one message that are incremented in parallel."""


@dataclass(frozen=True, slots=True)
class RateCondition:
    """Counts the message for each candidate, or once for its author, and matches above a limit.

    A message without an author is not counted by author and does not match: the delivery reports of the whole world have no common author.

    Attributes:
        rule: the name of its rule. Each rule has its own counters.
        limit: the highest number of messages that does not match.
        per: `recipient`, `sender` or `pair`.
    """

    name: str
    rule: str
    limit: int
    window_s: int
    per: str

    cost: ClassVar[Cost] = Cost.COUNTER

    @property
    def per_recipient(self) -> bool:
        return self.per != "sender"

    def matching(self, facts: Facts, candidates: RecipientSet, evaluate: EvaluateCondition) -> RecipientSet:  # noqa: ARG002 - the protocol's
        """Count the message, and return the candidates above the limit.

        Raises:
            Misconfigured: the function has no counters; else as `Rates.increment`.
        """
        rates = facts.services.rates
        if rates is None:
            raise Misconfigured("the policy counts messages, and there is no table to count in: set RATES_TABLE (docs/policy.md)")
        if self.per != "recipient" and not facts.author:
            return NO_RECIPIENTS
        name = f"{len(self.rule)}:{self.rule}"
        if self.per == "sender":
            return candidates if self._find_above_limit(facts, rates, [f"{name} from {facts.author}"]) else NO_RECIPIENTS
        author = f" from {facts.author}" if self.per == "pair" else ""
        # A recipient that a truncated event omits has no address to count by.
        keys = {address: f"{name} to {address}{author}" for address in facts.recipients.list_addresses(candidates) if address}
        above = self._find_above_limit(facts, rates, list(keys.values()))
        return facts.recipients.select(lambda address: keys.get(address) in above, candidates)

    def _find_above_limit(self, facts: Facts, rates: Rates, keys: Sequence[str]) -> set[str]:
        """Count the message under each key, and return the keys above the limit."""
        invocation = facts.envelope.invocation_id

        def increment(key: str) -> int:
            # Stored, because rules may be evaluated again when another rule is left out.
            known = (key, self.window_s, self.limit)
            if known not in facts.counts:
                facts.counts[known] = rates.increment(key, invocation, window_s=self.window_s, limit=self.limit, deadline=facts.deadline)
            return facts.counts[known]

        if len(keys) <= 1:
            return {key for key in keys if increment(key) > self.limit}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return {key for key, count in zip(keys, pool.map(increment, keys), strict=True) if count > self.limit}

    def observed(self, facts: Facts) -> str:  # noqa: ARG002 - the protocol's
        return f"at most {self.limit} in {self.window_s // 60} min per {self.per}"
