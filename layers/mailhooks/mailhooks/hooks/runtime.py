"""Turns a small object into a Lambda handler: event in, checked; hook called; verdict checked; content written once, if it changed.

What the shell guarantees is written down in docs/failure.md; in short: a message that cannot be changed goes on unchanged, trouble that may
pass is raised so that WorkMail tries again, and nothing but identifiers, counts and kinds of error is logged.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from mailhooks.contract import MailFlowEvent, Verdict
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, PermanentError, TransientError
from mailhooks.hooks.invocation import ContentStore, Mail
from mailhooks.hooks.report import Handler, Record, Reporter
from mailhooks.settings import OnError, Settings, env

__all__ = ["AsyncHook", "Configurable", "ContentStore", "HookFailed", "Mail", "SyncHook", "async_hook", "sync_hook"]

SYNC_BUDGET_S: Final = 14.0
"""WorkMail gives up after 15 seconds (guide, "Synchronous Run Lambda action limits"), of which the way to and fro takes a part."""

MARGIN_S: Final = 0.5
"""Kept back for the answer, the log line and the metrics."""


class SyncHook(Protocol):
    """Anything that answers a message. None means: let it go to everybody.

    Optional attributes: `name` (else the function's or class's name) for logs and metrics; `on_error`, a `mailhooks.settings.OnError`
    (else DELIVER), for when the setting ON_ERROR is not there.
    """

    def __call__(self, mail: Mail, /) -> Verdict | None: ...


class AsyncHook(Protocol):
    """Anything that takes notice of a message. It cannot change it (guide, "Run Lambda", asynchronous configuration)."""

    def __call__(self, mail: Mail, /) -> object: ...


class Configurable(Protocol):
    """A hook or a content class that makes itself from the settings."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Any: ...


class HookFailed(MailhooksError):
    """A hook raised what nobody foresaw. Names the kind of error only: its text might quote the message."""


def sync_hook(
    hook: SyncHook | type[Configurable], *, content: ContentStore | type[Configurable] | None = None, settings: Settings | None = None
) -> Handler:
    """The Lambda handler of a synchronous Run Lambda rule.

    Args:
        hook: see `SyncHook`; or a class with `from_settings`, which is then called here. A mistake in its settings is an unforeseen
            error of every message: ON_ERROR decides, and no message is held up by a slip of the pen unless it says so.
        content: where messages are read and written, an object or a class likewise. Give `MessageFlow` to have its clients made while
            the function is loaded; without it they are made when a hook first touches `mail.raw`.
        settings: else the environment's.

    Returns:
        `handler(event, context) -> dict`, the response of guide section "Synchronous Run Lambda response schema". It raises
        `TransientError`, and `HookFailed` when ON_ERROR is retry.
    """
    settings = settings or env()
    shell = _Shell(hook, content, settings, default_on_error=OnError.DELIVER, writable=True)

    def handler(event: Any, context: Any) -> dict[str, Any]:
        deadline = Deadline.after(min(SYNC_BUDGET_S, _remaining_s(context)) - MARGIN_S)
        response: dict[str, Any] = shell.run(event, deadline, shell.answer)
        return response

    return shell.reporter.traced(handler)


def async_hook(
    hook: AsyncHook | type[Configurable], *, content: ContentStore | type[Configurable] | None = None, settings: Settings | None = None
) -> Handler:
    """The Lambda handler of an asynchronous Run Lambda rule. Arguments as for `sync_hook`.

    Lambda delivers at least once, and tries again what raises: a hook must bear the same event twice. An unforeseen error is raised unless
    ON_ERROR says deliver, so that Lambda's retries and then the dead-letter queue get the event.
    """
    settings = settings or env()
    shell = _Shell(hook, content, settings, default_on_error=OnError.RETRY, writable=False)

    def handler(event: Any, context: Any) -> None:
        shell.run(event, Deadline.after(_remaining_s(context) - MARGIN_S), shell.notice)

    return shell.reporter.traced(handler)


class _Shell:
    """What both kinds of handler share: one run of a hook over one event."""

    def __init__(self, hook: Any, content: Any, settings: Settings, *, default_on_error: OnError, writable: bool) -> None:
        self._settings = settings
        self._writable = writable
        self._on_error = settings.on_error or getattr(hook, "on_error", default_on_error)
        self._noticed: deque[str] = deque(maxlen=1000)
        name = getattr(hook, "name", None) or getattr(hook, "__name__", None) or type(hook).__name__
        self.reporter = Reporter(str(name), settings)
        self._unusable: Exception | None = None
        try:
            self._hook = _made(hook, settings)
            self._stated_content = _made(content, settings)
        except Exception as error:  # noqa: BLE001 - raised again for each message
            self._unusable = error

    def run(self, event: Any, deadline: Deadline, step: Callable[[Mail, Record], Any]) -> Any:
        """Takes one event through `step` and sorts what goes wrong there (see `mailhooks.errors`)."""
        record = Record(self._deliver_to_all() if self._writable else None)
        try:
            parsed = record.event = MailFlowEvent.parse(event)
            self._require_usable()
            mail = Mail(parsed, self._content, deadline, self._settings, writable=self._writable)
            try:
                return step(mail, record)
            finally:
                record.bytes_read, record.log, record.counts = mail.bytes_read, mail.log, mail.counts
        except TransientError as trouble:
            record.passing = trouble
            raise
        except Exception as error:  # noqa: BLE001 - whatever a hook raises, the mail behind the event is not lost
            record.unforeseen = error
            if self._on_error is OnError.RETRY:
                raise HookFailed(f"{type(error).__name__} in hook {self.reporter.hook}; see the log line before this") from None
            return record.response
        except BaseException as error:  # sys.exit() in a hook, for one
            record.unforeseen = error
            raise
        finally:
            self.reporter.report(record)

    def _require_usable(self) -> None:
        if self._unusable:
            raise self._unusable

    def answer(self, mail: Mail, record: Record) -> dict[str, Any]:
        """The sync step: verdict first and checked, then the content, so that a verdict which cannot be said leaves no change behind."""
        try:
            verdict = self._hook(mail)
            if verdict is None:
                verdict = mail.verdict()
            if not isinstance(verdict, Verdict):
                raise TypeError("a hook returns a Verdict or None")
            if mail.unforeseen and self._on_error is OnError.RETRY:
                raise mail.unforeseen
            record.permanent, record.unforeseen = mail.unchanged_because, mail.unforeseen
        except PermanentError as trouble:
            record.permanent = trouble
            mail.discard()
            verdict = mail.verdict()
        response = _recorded(verdict, record)
        try:
            if verdict.delivers and mail.changed:
                record.bytes_written = mail.write()
        except (PermanentError, Misconfigured) as trouble:
            if isinstance(trouble, PermanentError):
                record.permanent = trouble
            elif self._on_error is OnError.RETRY:
                raise
            else:
                record.unforeseen = trouble
            if mail.otherwise:
                response = _recorded(mail.otherwise(trouble), record)
        return response

    def notice(self, mail: Mail, record: Record) -> None:
        """The async step. What this process has noticed without trouble is not noticed again: Lambda delivers at least once."""
        invocation = mail.event.invocation_id
        if invocation in self._noticed:
            record.duplicate = True
            return
        try:
            self._hook(mail)
        except PermanentError as trouble:
            record.permanent = trouble
        self._noticed.append(invocation)

    @staticmethod
    def _deliver_to_all() -> dict[str, Any]:
        return {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}

    def _content(self) -> ContentStore:
        content: ContentStore | None = self._stated_content
        if content is None:
            # Imported late: boto3 is most of a cold start, and a hook that never touches content has no use for it.
            from mailhooks.aws.message_flow import MessageFlow

            content = self._stated_content = MessageFlow.from_settings(self._settings)
        return content


def _recorded(verdict: Verdict, record: Record) -> dict[str, Any]:
    record.response = response = verdict.to_response()
    record.verdict = verdict.types
    return response


def _made(given: Any, settings: Settings) -> Any:
    """The object, or what the class makes of the settings."""
    make = getattr(given, "from_settings", None) if isinstance(given, type) else None
    return given if make is None else make(settings)


def _remaining_s(context: Any) -> float:
    """Seconds until Lambda ends the invocation; without a Lambda context, WorkMail's own limit."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return SYNC_BUDGET_S if remaining is None else remaining() / 1000
