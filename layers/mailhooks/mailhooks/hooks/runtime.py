"""Makes a Lambda handler of a hook: event in, checked; hook called; verdict checked; content written once, if it changed.

docs/failure.md states the guarantees. In short: a message that cannot be changed is delivered unchanged, a transient error is raised so
that WorkMail retries, and the log has only identifiers, counts and kinds of errors.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from mailhooks.content.change import Change
from mailhooks.contract import MailFlowEvent, Verdict
from mailhooks.deadline import Deadline
from mailhooks.errors import CannotChangeSafely, MailhooksError, MessageRejected, Misconfigured, PermanentError, StillHeld, TransientError
from mailhooks.hooks.invocation import ContentStore, Mail, Record, Reply, to_reply
from mailhooks.hooks.report import Handler, Reporter
from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.settings import OnError, Settings, env

if TYPE_CHECKING:
    from mailhooks.core.prepared_change import PreparedChange

SYNC_BUDGET_S: Final = 14.0
"""WorkMail waits 15 seconds (guide, "Synchronous Run Lambda action limits"), including the time on the network."""

MARGIN_S: Final = 0.5
"""Time for the response, the log line and the metrics."""


class SyncHook(Protocol):
    """A callable that decides on a message. None delivers it to all recipients.

    Optional attributes: `name` (else the name of the function or class) for logs and metrics; `on_error`, a `mailhooks.settings.OnError`
    (else DELIVER), the default of the setting ON_ERROR.
    """

    def __call__(self, mail: Mail, /) -> Verdict | Reply | None: ...


class AsyncHook(Protocol):
    """A callable that observes a message and cannot change it (guide, "Run Lambda", asynchronous configuration)."""

    def __call__(self, mail: Mail, /) -> object: ...


class Configurable(Protocol):
    """A hook or a content store that is made from the settings."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Any: ...


class HookFailed(MailhooksError):
    """A hook raised an unexpected error. Names its kind only: its text may quote the message."""


def sync_hook(
    hook: SyncHook | type[Configurable], *, content: ContentStore | type[Configurable] | None = None, settings: Settings | None = None
) -> Handler:
    """Return the Lambda handler of a synchronous Run Lambda rule.

    Args:
        hook: see `SyncHook`; or a class with `from_settings`, which is called now. An error in its settings becomes an unexpected error of
            every message: ON_ERROR decides, so that by default a typing error delays no mail.
        content: an object that reads and writes messages, or its class. Pass `MessageFlow` to make its clients while Lambda loads the
            function; without it they are made when a hook first reads `mail.raw`.
        settings: those of the environment by default.

    Returns:
        `handler(event, context) -> dict`, the response of guide section "Synchronous Run Lambda response schema". It raises
        `TransientError`, and `HookFailed` when ON_ERROR is retry.
    """
    settings = settings or env()
    runtime = _HandlerRuntime(hook, content, settings, default_on_error=OnError.DELIVER, writable=True)

    def handler(event: Any, context: Any) -> dict[str, Any]:
        deadline = Deadline.after(min(SYNC_BUDGET_S, _remaining_s(context)) - MARGIN_S)
        response: dict[str, Any] = runtime.run(event, deadline, runtime.answer)
        return response

    return runtime.reporter.traced(handler)


def async_hook(
    hook: AsyncHook | type[Configurable], *, content: ContentStore | type[Configurable] | None = None, settings: Settings | None = None
) -> Handler:
    """Return the Lambda handler of an asynchronous Run Lambda rule. Arguments as for `sync_hook`.

    Lambda delivers an event at least once and retries after an error: a hook must handle the same event twice. An unexpected error is
    raised unless ON_ERROR is deliver, so that Lambda retries and then sends the event to the dead-letter queue.
    """
    settings = settings or env()
    runtime = _HandlerRuntime(hook, content, settings, default_on_error=OnError.RETRY, writable=False)

    def handler(event: Any, context: Any) -> None:
        runtime.run(event, Deadline.after(_remaining_s(context) - MARGIN_S), runtime.observe)

    return runtime.reporter.traced(handler)


class _HandlerRuntime:
    """Runs a hook for one event after another, in both kinds of handlers."""

    def __init__(self, hook: Any, content: Any, settings: Settings, *, default_on_error: OnError, writable: bool) -> None:
        self._settings = settings
        self._writable = writable
        self._on_error = settings.on_error or getattr(hook, "on_error", default_on_error)
        self._observed: deque[str] = deque(maxlen=1000)
        name = getattr(hook, "name", None) or getattr(hook, "__name__", None) or type(hook).__name__
        self.reporter = Reporter(str(name), settings)
        self._unusable: Exception | None = None
        try:
            self._hook = _make(hook, settings)
            self._content_store = _make(content, settings)
        except Exception as error:  # noqa: BLE001 - raised again for each message
            self._unusable = error

    def run(self, event: Any, deadline: Deadline, step: Callable[[Mail, Record], Any]) -> Any:
        """Check an event, call `step`, and handle its errors (see `mailhooks.errors`)."""
        record = Record({"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]} if self._writable else None)
        try:
            parsed = record.event = MailFlowEvent.parse(event)
            self._require_usable()
            mail = Mail(parsed, self._content, deadline, self._settings, writable=self._writable)
            try:
                return step(mail, record)
            finally:
                record.message = mail.message_read
        except StillHeld as error:
            # Lambda counts an error, and WorkMail retries. It is none in the log and the metrics.
            record.held, record.log = error, error.log
            raise
        except TransientError as error:
            record.transient = error
            raise
        except Exception as error:  # noqa: BLE001 - no error of a hook may lose the mail
            record.unexpected = error
            if self._on_error is OnError.RETRY:
                raise HookFailed(f"{type(error).__name__} in hook {self.reporter.name}; see the log line before this") from None
            return record.response
        except BaseException as error:  # such as sys.exit() in a hook
            record.unexpected = error
            raise
        finally:
            self.reporter.report(record)

    def _require_usable(self) -> None:
        if self._unusable:
            raise self._unusable

    def answer(self, mail: Mail, record: Record) -> dict[str, Any]:
        """Call a synchronous hook: check its verdict, then write its change, so that an invalid verdict leaves no change behind."""
        try:
            reply = to_reply(mail, self._hook(mail))
        except PermanentError as error:
            reply = Reply(skip_reason=error)
        if reply.unexpected_error and self._on_error is OnError.RETRY:
            raise reply.unexpected_error
        record.permanent, record.unexpected = reply.skip_reason, reply.unexpected_error
        response = self._respond(mail, reply, record)
        if reply.change is not None and (reply.verdict is None or reply.verdict.delivers):
            try:
                record.bytes_written = self._write(mail, reply.change)
            except (PermanentError, Misconfigured) as error:
                if isinstance(error, PermanentError):
                    record.permanent = error
                elif self._on_error is OnError.RETRY:
                    raise
                else:
                    record.unexpected = error
                if reply.on_put_rejected:
                    reply = reply.on_put_rejected(error)
                    response = self._respond(mail, reply, record)
        if reply.after_write:
            finished = reply.after_write()
            record.log, record.counts = finished.log, finished.counts
        return response

    def observe(self, mail: Mail, record: Record) -> None:
        """Call an asynchronous hook, unless this process has handled the event before: Lambda delivers at least once."""
        invocation = mail.event.invocation_id
        if invocation in self._observed:
            record.duplicate = True
            return
        try:
            returned = self._hook(mail)
        except PermanentError as error:
            record.permanent = error
        else:
            if isinstance(returned, Reply):
                record.log, record.counts = returned.log, returned.counts
        self._observed.append(invocation)

    @staticmethod
    def _respond(mail: Mail, reply: Reply, record: Record) -> dict[str, Any]:
        """Return the checked response for a reply, and record it.

        Raises:
            ContractError: WorkMail's contract does not allow the verdict.
        """
        verdict = mail.verdict() if reply.verdict is None else reply.verdict
        record.log, record.counts = reply.log, reply.counts
        record.response = response = verdict.to_response()
        record.verdict = verdict.types
        return response

    def _write(self, mail: Mail, change: "Change | PreparedChange") -> int | None:
        """Write a change. Return the new size in octets; None if it changes nothing.

        Raises:
            MessageRejected: WorkMail would reject the content that the hook made.
            CannotChangeSafely: WorkMail would reject any change, for a fault of the received message.
            PermanentError, TransientError, Misconfigured: see `MessageFlow.put`.
        """
        from mailhooks.core.prepared_change import rejection_text
        from mailhooks.hooks.preflight import prepare_change

        prepared = prepare_change(mail.message, change)
        if not prepared.edits:
            return None
        if prepared.rejections:
            of_message = all(rejection.before for rejection in prepared.rejections)
            raise (CannotChangeSafely if of_message else MessageRejected)(rejection_text(prepared.rejections, WORKMAIL.title))
        self._content().put(mail.event.message_id, prepared.pieces(), mail.deadline)
        return prepared.size

    def _content(self) -> ContentStore:
        content: ContentStore | None = self._content_store
        if content is None:
            # Late: botocore is most of a cold start, and a hook that never reads content does not need it.
            from mailhooks.aws.message_flow import MessageFlow

            content = self._content_store = MessageFlow.from_settings(self._settings)
        return content


def _make(given: Any, settings: Settings) -> Any:
    """Return an object, or make it from the settings if it is a class with `from_settings`."""
    make = getattr(given, "from_settings", None) if isinstance(given, type) else None
    return given if make is None else make(settings)


def _remaining_s(context: Any) -> float:
    """Return the seconds until Lambda ends the invocation; without a Lambda context, WorkMail's own limit."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return SYNC_BUDGET_S if remaining is None else remaining() / 1000
