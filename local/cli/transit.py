"""A message's way through one rule: into transit, through the function, to the mailboxes."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from local.config.functions import Function
from local.config.samples import Sample
from local.mail.verdict import Delivery, apply_to_all, apply_verdict
from local.queue.response_check import taken
from local.runtime.logs import troubles
from local.runtime.sandbox import Invocation, Invoker
from local.storage.mailboxes import Copy, Mailboxes, digest, directory_name
from local.storage.message_store import MessageStore
from mailhooks.contract import Action, ContractError, MailFlowEvent

SYNC_TIMEOUT_S = 14.0
"""Seconds after which the stack has Lambda end a synchronous function: one less than WorkMail waits (guide, "Synchronous Run Lambda
action limits")."""
ASYNC_TIMEOUT_S = 60.0
"""Likewise for a function that nobody waits for."""
MAX_ATTEMPTS = 3
"""WorkMail tries again until the rule's timeout, Lambda twice for an asynchronous rule. Here: this often, and without pauses."""


@dataclass(slots=True)
class Walk:
    """What happened to one message.

    Attributes:
        sample: what came.
        function: through which function it went.
        event: the event, read; None when it breaks the contract.
        attempts: each call of the function.
        delivery: who gets it; None when it never came so far.
        after: the content that was delivered.
        puts: how many Puts were accepted.
        problems: what makes this a failure.
        notes: what is worth a line, and no failure.
    """

    sample: Sample
    function: Function
    event: MailFlowEvent | None = None
    attempts: list[Invocation] = field(default_factory=list)
    delivery: Delivery | None = None
    after: bytes = b""
    puts: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        """What the function printed, over all attempts."""
        return "".join(attempt.log for attempt in self.attempts)


class Transit:
    """Walks messages, as WorkMail would with one Run Lambda rule for each function.

    Args:
        store: where messages in transit lie; the Message Flow API serves the same one.
        mailboxes: where delivered mail goes.
        invoker: what calls a function.
        fallback: the rules' fallback action.
        organization_domains: the organization's domains, lower-case.
    """

    def __init__(
        self,
        store: MessageStore,
        mailboxes: Mailboxes,
        invoker: Callable[[Function], Invoker],
        fallback: Action,
        organization_domains: Collection[str],
    ) -> None:
        self._store = store
        self._mailboxes = mailboxes
        self._invoker = invoker
        self._fallback = fallback
        self._domains = frozenset(organization_domains)

    def walk(self, sample: Sample, function: Function) -> Walk:
        """Takes one message all the way. What goes wrong stands in the walk's `problems`."""
        walk = Walk(sample, function)
        try:
            event = walk.event = MailFlowEvent.parse(sample.event)
        except ContractError as error:
            walk.problems.append(f"contract broken, in the event: {error}")
            return walk
        self._store.add(sample.raw, event.message_id, event.flow_direction)
        if function.asynchronous:
            self._walk_async(walk, event)
        else:
            self._walk_sync(walk, event)
        walk.puts = self._store.puts(event.message_id)
        walk.problems.extend(f"Put refused: {why}" for why in self._store.refusals(event.message_id))
        for level, text in troubles(walk.log):
            (walk.notes if level == "WARNING" else walk.problems).append(f"logged: {text}")
        walk.problems, walk.notes = _unique(walk.problems), _unique(walk.notes)
        return walk

    def _walk_sync(self, walk: Walk, event: MailFlowEvent) -> None:
        response = self._response(walk, event)
        delivery = walk.delivery = apply_verdict(event, response, self._fallback, self._domains)
        walk.notes.extend(delivery.notes)
        if response is None:
            walk.problems.append(f"no valid response in {len(walk.attempts)} attempts: the fallback action applies to all")
        self._hand_over(walk, delivery, self._store.content(event.message_id))

    def _walk_async(self, walk: Walk, event: MailFlowEvent) -> None:
        delivery = walk.delivery = apply_to_all(event)
        self._hand_over(walk, delivery, walk.sample.raw)
        for _ in range(MAX_ATTEMPTS):
            error = self._attempt(walk, event, ASYNC_TIMEOUT_S).error
            if error is None:
                break
            walk.problems.append(f"the function failed: {error}")
        if self._store.puts(event.message_id):
            walk.problems.append("an asynchronous function put content: WorkMail ignores it, the message is delivered already")

    def _response(self, walk: Walk, event: MailFlowEvent) -> dict[str, Any] | None:
        """The first response that WorkMail would take; None when there is none."""
        for _ in range(MAX_ATTEMPTS):
            response, problem = taken(self._attempt(walk, event, SYNC_TIMEOUT_S), event.flow_direction)
            if problem:
                walk.problems.append(problem)
            if response is not None:
                return response
        return None

    def _attempt(self, walk: Walk, event: MailFlowEvent, timeout_s: float) -> Invocation:
        request_id = f"{event.invocation_id}-{len(walk.attempts) + 1}"
        invocation = self._invoker(walk.function).invoke(walk.sample.event, request_id, timeout_s)
        walk.attempts.append(invocation)
        return invocation

    def _hand_over(self, walk: Walk, delivery: Delivery, content: bytes) -> None:
        walk.after = content
        for fate in delivery.fates:
            if fate.folder:
                self._mailboxes.deliver(fate.recipient, fate.folder, content)


def lost_or_doubled(walks: Iterable[Walk], mailboxes: Mailboxes) -> list[str]:
    """What is wrong with the mailboxes, read back from disk: every recipient that was accepted has each message exactly once, byte for
    byte, unless it was bounced or dropped; and nobody else has anything.
    """
    expected: Counter[Copy] = Counter()
    problems: list[str] = []
    for walk in walks:
        fates = walk.delivery.fates if walk.delivery else ()
        times = Counter(fate.recipient.lower() for fate in fates)
        accepted = {address.lower() for address in walk.event.recipients} if walk.event else set()
        problems.extend(f"{walk.sample.stem}: nothing became of it for {address}" for address in sorted(accepted - times.keys()))
        problems.extend(f"{walk.sample.stem}: twice for {address}" for address, count in sorted(times.items()) if count > 1)
        for fate in fates:
            if fate.folder:
                expected[Copy(directory_name(fate.recipient), fate.folder, digest(walk.after))] += 1
    found = mailboxes.copies()
    problems.extend(f"lost: a copy for {copy.mailbox}, {copy.folder}" for copy in (expected - found).elements())
    problems.extend(f"too many: a copy for {copy.mailbox}, {copy.folder}" for copy in (found - expected).elements())
    return problems


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
