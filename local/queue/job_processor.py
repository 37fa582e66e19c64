"""Takes one passage of a message as far as it goes now: calls the function, decides, hands over. What is decided is on disk before that.

Of synchronous rules as in the guide's section "Configuring AWS Lambda for Amazon WorkMail": 15 seconds for an answer, exponential backoff
until the rule's timeout, then the fallback action. Of asynchronous ones as Lambda does: two more attempts, after one and two minutes (AWS
Lambda Developer Guide, "Error handling for asynchronous invocation"), then the dead-letter queue.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from local.config.configuration import Configuration
from local.errors import LocalError
from local.mail.history import Attempt, State
from local.mail.job import DeliveryJob
from local.mail.verdict import Delivery, apply_verdict
from local.queue.disposition import hand_over
from local.queue.response_check import taken
from local.queue.routing import fates, without_function
from local.runtime.logs import troubles
from local.runtime.sandbox import Invocation, Invoker
from local.storage.maildir import MaildirStore
from local.storage.message_store import MessageStore, StoredMessage
from local.storage.s3_reference import S3Reference
from local.storage.spool import Spool
from mailhooks.contract import MailFlowEvent

SYNC_LIMIT_S: Final = 15.0
"""Seconds that WorkMail waits for a synchronous function (guide, "Synchronous Run Lambda action limits")."""

_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 300.0
"""The guide says "exponential backoff" and no numbers."""

_ASYNC_WAITS_S: Final = (60.0, 120.0)
_MOST_TOLD: Final = 100_000
"""Characters of a log, or a response, that are kept of an attempt."""


@dataclass(frozen=True, slots=True)
class Means:
    """What is needed for it.

    Attributes:
        spool, office, store: see there.
        configuration: the one that is in force.
        function: what calls a function, by its name, and the seconds after which Lambda ends it. Raises LocalError when there is none.
        used: told of objects from which content was put, when it has been taken.
        dead_letter: told of an asynchronous invocation that is given up: the function's name, the event, the error.
        speed: how much faster than in WorkMail time goes by where something is waited for.
        clock: seconds since the epoch.
    """

    spool: Spool
    office: MaildirStore
    store: MessageStore
    configuration: Callable[[], Configuration]
    function: Callable[[str], tuple[Invoker, float]]
    dead_letter: Callable[[str, Mapping[str, Any], str], None]
    used: Callable[[Sequence[S3Reference]], None]
    speed: float = 1.0
    clock: Callable[[], float] = time.time


def go_on(leg: DeliveryJob, means: Means) -> int | None:
    """Takes a passage on until it is done or has to wait (`passage.due`).

    Returns:
        The number of a message that comes of it.
    """
    passage = leg.passage
    if not passage.fates and not _decided(leg, means):
        return None
    onward = None
    if not leg.delivered:
        onward = _hand_over(leg, means)
    if leg.passage.function and not leg.passage.synchronous:
        _notify(leg, means)
    return onward


def _decided(leg: DeliveryJob, means: Means) -> bool:
    """Whether it is known now what becomes of the message. The attempt that told it, or failed to, is kept."""
    configuration = means.configuration()
    attempts: tuple[Attempt, ...] = ()
    if leg.passage.function and leg.passage.synchronous:
        attempt, delivery = _ask(leg, means, configuration)
        attempts = (attempt,)
    else:
        delivery = without_function(leg)
    if delivery is None:
        leg.tell(state=State.RETRYING)
        means.spool.save(leg, attempts=attempts)
        return False
    leg.note(*delivery.notes)
    leg.tell(state=State.DECIDED, due=None, fates=fates(leg, delivery, configuration))
    means.spool.save(leg, attempts=attempts)
    return True


def _ask(leg: DeliveryJob, means: Means, configuration: Configuration) -> tuple[Attempt, Delivery | None]:
    """Calls a synchronous function once."""
    original = means.spool.original(leg.number) or b""
    _into_transit(leg, means, original)
    attempt, invocation = _attempt(leg, means, SYNC_LIMIT_S)
    event = MailFlowEvent.parse(leg.event)
    response, problem = taken(invocation, event.flow_direction)
    leg.content = _out_of_transit(leg, means)
    leg.tell(changed=leg.content != original)
    if problem:
        leg.trouble(problem)
        attempt = replace(attempt, problem=problem)
    leg.elapsed_s += attempt.milliseconds / 1000
    if response is None and leg.elapsed_s < leg.timeout_s:
        wait = min(_FIRST_WAIT_S * 2 ** (attempt.number - 1), _LONGEST_WAIT_S, leg.timeout_s - leg.elapsed_s)
        leg.elapsed_s += wait
        leg.tell(due=means.clock() + wait / means.speed)
        return attempt, None
    if response is None:
        leg.trouble(f"no valid response in {attempt.number} attempts: the fallback action applies to all")
    return attempt, apply_verdict(event, response, leg.fallback, configuration.domains)


def _hand_over(leg: DeliveryJob, means: Means) -> int | None:
    if leg.content is None:
        leg.content = means.spool.content(leg.passage.message_id) or b""
    onward = hand_over(leg, leg.content, means.office, means.configuration())
    leg.delivered = True
    waits = bool(leg.passage.function) and not leg.passage.synchronous
    leg.tell(state=State.RETRYING if waits else State.DONE, due=means.clock() if waits else None)
    return means.spool.save(leg, onward=onward)


def _notify(leg: DeliveryJob, means: Means) -> None:
    """Calls an asynchronous function once. The message is delivered already."""
    original = means.spool.original(leg.number) or b""
    _into_transit(leg, means, original)
    attempt, invocation = _attempt(leg, means, None)
    if means.store.puts(leg.passage.message_id):
        leg.trouble("an asynchronous function put content: WorkMail ignores it, the message is delivered already")
    _out_of_transit(leg, means)
    leg.tell(state=State.DONE, due=None)
    if invocation.error is not None:
        leg.trouble(f"the function failed: {invocation.error}")
        if attempt.number <= len(_ASYNC_WAITS_S):
            leg.tell(state=State.RETRYING, due=means.clock() + _ASYNC_WAITS_S[attempt.number - 1] / means.speed)
        else:
            leg.trouble(f"given up after {attempt.number} attempts: the event is in the dead-letter queue")
            means.dead_letter(leg.passage.function, leg.event or {}, invocation.error)
    means.spool.save(leg, attempts=(attempt,))


def _attempt(leg: DeliveryJob, means: Means, limit_s: float | None) -> tuple[Attempt, Invocation]:
    number = means.spool.attempts(leg.passage.message_id) + 1
    started = means.clock()
    try:
        invoker, timeout_s = means.function(leg.passage.function)
        request_id = f"{leg.passage.invocation_id}-{number}"
        invocation = invoker.invoke(leg.event or {}, request_id, min(timeout_s, limit_s or timeout_s))
    except LocalError as error:
        invocation = Invocation(None, str(error), 0.0, False, "")
    for level, text in troubles(invocation.log):
        (leg.note if level == "WARNING" else leg.trouble)(f"logged: {text}")
    for why in means.store.refusals(leg.passage.message_id):
        leg.trouble(f"Put refused: {why}")
    response = "" if invocation.error is not None else json.dumps(invocation.response, ensure_ascii=False)
    told = Attempt(
        number, started, invocation.milliseconds, invocation.cold, invocation.error or "", response[:_MOST_TOLD], _end_of(invocation.log)
    )
    return told, invocation


def _into_transit(leg: DeliveryJob, means: Means, original: bytes) -> None:
    message_id = leg.passage.message_id
    content = means.spool.content(message_id) or original
    direction = str(leg.passage.direction)
    means.store.take(StoredMessage(message_id, direction, original, content, received_at=leg.received))


def _out_of_transit(leg: DeliveryJob, means: Means) -> bytes:
    """The content as it is now; from now on the spool has it."""
    message = means.store.get(leg.passage.message_id)
    means.store.forget(leg.passage.message_id)
    means.used(message.references)
    return message.content


def _end_of(log: str) -> str:
    """Of a long log what came last, as Lambda's own tail has it."""
    return log if len(log) <= _MOST_TOLD else f"... {len(log) - _MOST_TOLD:,} characters before ...\n{log[-_MOST_TOLD:]}"


def kept(spool: Spool, message_id: str) -> StoredMessage | None:
    """A message that is not in transit any more, as the Message Flow API finds it for a day: to be read, and not to be changed."""
    found = spool.kept(message_id)
    content = spool.content(message_id)
    if found is None or content is None:
        return None
    received, direction, number = found
    original = spool.original(number) or content
    return StoredMessage(message_id, str(direction), original, content, received_at=received, frozen=True)
