"""The condition `rate`: more than so many messages in so many minutes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from mailhooks.errors import Misconfigured
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.rules.conditions import Ask, Cost

_AT_ONCE: Final = 16
"""Counts that are asked for at once, of a message to many recipients."""


@dataclass(frozen=True, slots=True)
class RateCondition:
    """Counts the message for each recipient that is asked about, or once for its sender. Where it counts by sender, mail without one is
    neither counted nor too much: all the world's delivery reports have not one sender.

    Attributes:
        rule: whose count it is: each rule counts what meets its other conditions.
        limit: the number of messages that is not yet too many.
        window_s: seconds.
        per: `recipient`, `sender` or `pair`.
    """

    name: str
    rule: str
    limit: int
    window_s: int
    per: str

    @property
    def cost(self) -> Cost:
        return Cost.COUNTED

    @property
    def per_recipient(self) -> bool:
        return self.per != "sender"

    def mask(self, facts: Facts, among: int, ask: Ask) -> int:  # noqa: ARG002 - the protocol's
        """Raises:
        Misconfigured: there is nothing that counts; else as `Rates.hit`.
        """
        rates = facts.services.rates
        if rates is None:
            raise Misconfigured("the policy counts messages, and there is no table to count in: set RATES_TABLE (docs/policy.md)")

        def over(key: str) -> bool:
            # Kept: where rules are left out, the others are asked once more.
            known = (key, self.window_s, self.limit)
            if known not in facts.hits:
                invocation = facts.event.invocation_id
                facts.hits[known] = rates.hit(key, invocation, window_s=self.window_s, limit=self.limit, deadline=facts.deadline)
            return facts.hits[known] > self.limit

        keys = dict(self._keys(facts, among))
        if len(keys) <= 1:
            return sum(bits for bits, key in keys.items() if over(key))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return sum(bits for bits, too_many in zip(keys, pool.map(over, keys.values()), strict=True) if too_many)

    def _keys(self, facts: Facts, among: int) -> Iterator[tuple[int, str]]:
        rule = f"{len(self.rule)}:{self.rule}"
        if self.per != "recipient" and not facts.author:
            return
        if self.per == "sender":
            yield among, f"{rule} from {facts.author}"
            return
        for bit, address in facts.recipients.named(among):
            # Whom a truncated event leaves out is nobody whose messages could be counted.
            if address:
                yield bit, f"{rule} to {address}" + (f" from {facts.author}" if self.per == "pair" else "")

    def saw(self, facts: Facts) -> str:  # noqa: ARG002 - the protocol's
        return f"at most {self.limit} in {self.window_s // 60} min per {self.per}"
