"""Processes delivery jobs: calls the function, decides for each recipient, delivers. Every decision is on disk before it is carried out.

WorkMail waits 15 seconds for the response of a synchronous function. After the last attempt (`retry_schedule`) the fallback action applies,
or the event of an asynchronous function enters its dead-letter queue.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mail_gateway.errors import CommandError
from mailhooks.contract import MailFlowEvent
from workmail_local.config.configuration import Configuration
from workmail_local.console.style import format_count
from workmail_local.mail.history import Attempt, State
from workmail_local.mail.job import DeliveryJob
from workmail_local.mail.verdict import Delivery, apply_verdict
from workmail_local.queue.disposition import apply_results
from workmail_local.queue.response_check import accepted_response, describe_error
from workmail_local.queue.retry_schedule import next_asynchronous_pause, next_pause
from workmail_local.queue.routing import create_jobs, decide
from workmail_local.runtime.invocation import Invocation, Invoker
from workmail_local.runtime.logs import find_problems, split_decision
from workmail_local.storage.maildir import MaildirStore
from workmail_local.storage.message_store import MessageStore, StoredMessage
from workmail_local.storage.spool import NewMessage, Spool

SYNC_LIMIT_S: Final = 15.0
"""Seconds that WorkMail waits for a synchronous function (guide, "Synchronous Run Lambda action limits")."""

_MAX_RESPONSE: Final = 100_000
"""Characters of a response that an attempt stores; `LOG_LIMIT` bounds its log."""


@dataclass(frozen=True)
class JobProcessor:
    """Advances delivery jobs.

    Attributes:
        spool: stores jobs.
        maildirs: stores delivered mail.
        store: the messages in transit, which the Message Flow API serves.
        configuration: returns the current configuration.
        find_function: returns the invoker of a function, by name, and the function's timeout in seconds. Raises CommandError.
        dead_letter: stores the event of an abandoned asynchronous invocation: function name, event, error.
        pass_time: lets the time of a held message pass; see `Holds.pass_time`.
        speed: divides the pauses between attempts.
        retry_unloadable: whether a function that cannot be loaded is called again as in WorkMail, or fails at once.
    """

    spool: Spool
    maildirs: MaildirStore
    store: MessageStore
    configuration: Callable[[], Configuration]
    find_function: Callable[[str], tuple[Invoker, float]]
    dead_letter: Callable[[str, Mapping[str, Any], str], None]
    pass_time: Callable[[DeliveryJob], None] = lambda _: None
    speed: float = 1.0
    retry_unloadable: bool = True

    def advance(self, job: DeliveryJob) -> tuple[DeliveryJob, NewMessage | None]:
        """Advance a job until it is done or has to wait: then `job.run.due` is set.

        Returns:
            The job; and the message that it created, None for none.
        """
        if not job.run.results:
            job = self._decide(job)
            if not job.run.results:
                return job, None
        child = None
        if not job.delivered:
            job, child = self._deliver(job)
        if job.is_asynchronous:
            job = self._call_after_delivery(job)
        return job, child

    def _decide(self, job: DeliveryJob) -> DeliveryJob:
        """Call the function and store the decision for all recipients; without a valid response, schedule the next attempt."""
        configuration = self.configuration()
        job, attempt, delivery = self._call_before_delivery(job, configuration)
        waiting = State.HELD if attempt.held else State.RETRYING
        job = decide(job, delivery, configuration) if delivery else job.with_run(state=waiting)
        self.spool.save(job, attempts=(attempt,))
        return job

    def _call_before_delivery(self, job: DeliveryJob, configuration: Configuration) -> tuple[DeliveryJob, Attempt, Delivery | None]:
        """Call a synchronous function once."""
        if job.run.state is State.HELD:
            self.pass_time(job)
        original = self._check_out(job)
        job, attempt, invocation = self._attempt(job, SYNC_LIMIT_S)
        event = MailFlowEvent.parse(job.event)
        response, problem = accepted_response(invocation, event)
        message = self._check_in(job)
        changed = message.content != original
        job = job._replace(content=message.content).with_run(changed=changed, puts=job.run.puts + message.puts)
        if problem:
            attempt = attempt._replace(problem=problem)
            job = job if attempt.held else job.with_failures(problem)
        job = job._replace(elapsed_s=job.elapsed_s + attempt.milliseconds / 1000)
        if response is None:
            pause = next_pause(attempt.number, job.elapsed_s, job.timeout_s) if self._may_retry(invocation) else None
            if pause is not None:
                job = job._replace(elapsed_s=job.elapsed_s + pause).with_run(due=time.time() + pause / self.speed)
                return job, attempt, None
            attempts = format_count(attempt.number, "attempt")
            job = job.with_problems(f"no valid response in {attempts}: the fallback action applies to all")
        return job, attempt, apply_verdict(event, response, job.fallback, configuration.domains)

    def _deliver(self, job: DeliveryJob) -> tuple[DeliveryJob, NewMessage | None]:
        """Apply the results of the rule; return the message that they create."""
        configuration = self.configuration()
        content = job.content if job.content is not None else self.spool.content(job.run.message_id) or b""
        job, onward = apply_results(job._replace(content=content, delivered=True), content, self.maildirs, configuration)
        waits = job.is_asynchronous
        job = job.with_run(state=State.RETRYING if waits else State.DONE, due=time.time() if waits else None)
        return job, self.spool.save(job, onward=onward, create_jobs=partial(create_jobs, configuration=configuration))

    def _call_after_delivery(self, job: DeliveryJob) -> DeliveryJob:
        """Call an asynchronous function once. The message is delivered already, so WorkMail ignores what the function puts."""
        self._check_out(job)
        job, attempt, invocation = self._attempt(job, None)
        message = self._check_in(job)
        if message.puts:
            self.store.keep_update(message)
            job = job.with_failures("an asynchronous function put content: WorkMail ignores it, the message is delivered already")
        job = job.with_run(puts=job.run.puts + message.puts, state=State.DONE, due=None)
        if invocation.error is not None:
            job = job.with_failures(describe_error(invocation))
            pause = next_asynchronous_pause(attempt.number) if self._may_retry(invocation) else None
            if pause is not None:
                job = job.with_run(state=State.RETRYING, due=time.time() + pause / self.speed)
            else:
                attempts = format_count(attempt.number, "attempt")
                job = job.with_problems(f"abandoned after {attempts}: the event is in the dead-letter queue")
                self.dead_letter(job.run.function, job.event or {}, invocation.error)
        self.spool.save(job, attempts=(attempt,))
        return job

    def _may_retry(self, invocation: Invocation) -> bool:
        return self.retry_unloadable or not invocation.unloadable

    def _attempt(self, job: DeliveryJob, limit_s: float | None) -> tuple[DeliveryJob, Attempt, Invocation]:
        """Call the function, and add what its log and its Puts reveal to the job."""
        number = self.spool.attempts(job.run.message_id) + 1
        started = time.time()
        try:
            invoker, timeout_s = self.find_function(job.run.function)
            invocation = invoker.invoke(job.event or {}, str(uuid.uuid4()), min(timeout_s, limit_s or timeout_s))
        except CommandError as error:
            invocation = Invocation(error=str(error), unloadable=True)
        for logged in find_problems(invocation.log):
            add = job.with_failures if logged.is_failure else job.with_notes if logged.level == "WARNING" else job.with_problems
            job = add(f"logged: {logged.text}")
        job = job.with_failures(*(f"Put refused: {why}" for why in self.store.rejections(job.run.message_id)))
        response = "" if invocation.error is not None else json.dumps(invocation.response, ensure_ascii=False)
        attempt = Attempt(
            number,
            started,
            invocation.milliseconds,
            invocation.cold,
            invocation.error or "",
            response[:_MAX_RESPONSE],
            *split_decision(invocation.log),
        )
        return job, attempt, invocation

    def _check_out(self, job: DeliveryJob) -> bytes:
        """Move the message from the spool to the store, where the Message Flow API finds it; return its original bytes."""
        message_id = job.run.message_id
        message = self.spool.load_message(message_id) or StoredMessage(message_id, job.received, job.run.direction, b"", b"")
        message.content = self.store.find_update(message_id) or message.content
        self.store.insert(message)
        return message.original

    def _check_in(self, job: DeliveryJob) -> StoredMessage:
        """Remove the message from the store; return it with the content that the function left."""
        message = self.store.get(job.run.message_id)
        self.store.remove(job.run.message_id)
        return message
