"""The Lambda handler of the keeper, which a schedule calls."""

import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from mailhooks.availability.backends.workmail import connect
from mailhooks.aws.client import QUICK_CONFIG, call
from mailhooks.aws.policy_providers import make_fetcher
from mailhooks.aws.secrets import SecretReader
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, SettingsError, TransientError
from mailhooks.push.callback_token import make_callback_url
from mailhooks.push.config import MAX_OCTETS, WantedSubscription, load
from mailhooks.push.ews_subscriber import EwsSubscriber
from mailhooks.push.keeper import Keeper, Result
from mailhooks.push.report import KEEPER, LogKey, Metric, Reporter
from mailhooks.push.settings import PushSettings
from mailhooks.push.subscription_table import SubscriptionTable

_NEEDED: Final = ("organization_id", "push_impersonation_role", "push_secret", "push_subscriptions_table", "push_url")
_MARGIN_S: Final = 3.0
"""Time for the log line."""

_DEFAULT_S: Final = 60.0
"""The time of a run without a context."""

_MAX_SHOWN: Final = 20
"""Failures in a log line."""

_SOURCES: Final = frozenset({"s3", "ssm"})


def keeper_handler(*, settings: PushSettings | None = None, clock: Callable[[], float] = time.time) -> Callable[[Any, Any], dict[str, Any]]:
    """Return the handler of the keeper.

    Args:
        settings: None: the environment's.
        clock: seconds since 1970.

    Returns:
        `handler(event, context) -> dict`: how many subscriptions were made, renewed, removed, and so on, with the names of the failed
        ones. It raises no error: the next run does the same work, and alarms read the metrics.
    """
    return _Handler(settings or PushSettings.from_env(os.environ), clock)


class _Handler:
    def __init__(self, settings: PushSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._reporter = Reporter(KEEPER, settings)

    def __call__(self, event: Any = None, context: Any = None) -> dict[str, Any]:  # noqa: ARG002 - a schedule's event has nothing of use
        started = time.monotonic()
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        deadline = Deadline.after(remaining() / 1000 - _MARGIN_S if remaining else _DEFAULT_S)
        result, error = Result(), None
        try:
            result = self._keep(deadline)
        except Exception as raised:  # noqa: BLE001 - reported; the next run does the same work
            error = raised
        return self._report(result, error, time.monotonic() - started)

    def _keep(self, deadline: Deadline) -> Result:
        settings = self._settings
        if missing := [name.upper() for name in _NEEDED if not getattr(settings, name)]:
            raise SettingsError(f"{', '.join(missing)}: not set")
        wanted = self._load(deadline)
        secret = call("GetSecretValue", lambda: SecretReader(QUICK_CONFIG).read(settings.push_secret), deadline)
        if not secret:
            raise Misconfigured("PUSH_SECRET: the secret has no text: store the key as its string value")
        connection = connect(
            settings.organization_id, settings.push_impersonation_role, region=os.environ["AWS_REGION"], url=settings.push_ews_url
        )
        table = SubscriptionTable(settings.push_subscriptions_table)
        make_url = partial(make_callback_url, settings.push_url, secret)
        return Keeper(table, EwsSubscriber(connection), make_url, clock=self._clock).run(wanted, deadline)

    def _load(self, deadline: Deadline) -> tuple[WantedSubscription, ...]:
        """Load the configuration. Raises SettingsError: it cannot be read or is invalid, and all subscriptions stay as they are."""
        try:
            return load(self._read(deadline))
        except SettingsError as error:
            raise SettingsError(f"PUSH_CONFIG: {error}") from None

    def _read(self, deadline: Deadline) -> str:
        kind, _, rest = self._settings.push_config.partition(":")
        try:
            if kind in _SOURCES and rest:
                content = deadline.wait_for("the configuration", make_fetcher(kind, rest, MAX_OCTETS))
                return content.decode("utf-8-sig") if isinstance(content, bytes) else str(content)
            return Path(self._settings.push_config).read_text("utf-8-sig")
        except MailhooksError:
            raise
        except UnicodeDecodeError:
            raise SettingsError("it is not text in UTF-8") from None
        except Exception as error:  # noqa: BLE001 - Powertools wraps the error of botocore
            cause = error.__cause__ or error.__context__ or error
            code = getattr(cause, "response", {}).get("Error", {}).get("Code", "") or type(cause).__name__
            raise SettingsError(f"it cannot be read ({code}): check its name and the function's role") from None

    def _report(self, result: Result, error: Exception | None, seconds: float) -> dict[str, Any]:
        """Log and count a run; return its summary."""
        transient = sum(isinstance(each, TransientError) for _, each in result.failures) + isinstance(error, TransientError)
        failures = Counter(str(each) for _, each in result.failures)
        summary: dict[str, Any] = {
            LogKey.KEPT: result.kept,
            LogKey.MADE: result.made,
            LogKey.RENEWED: result.renewed,
            LogKey.REMOVED: result.removed,
            LogKey.WAITING: result.waiting,
            LogKey.LEFT: result.left,
            LogKey.FAILURES: [f"{reason} ({number})" for reason, number in failures.most_common(_MAX_SHOWN)],
        }
        line = dict(summary)
        if self._reporter.log_addresses:
            line[LogKey.MAILBOX] = sorted({each.mailbox for each, _ in result.failures})[:_MAX_SHOWN] or None
        counts: dict[str, int] = {
            Metric.LOST: result.renewed,
            Metric.FAILED: len(result.failures) + (error is not None) - transient,
            Metric.PASSING: transient,
        }
        if error is None:
            counts[Metric.SUBSCRIPTIONS] = result.live
            text = "some subscriptions are not as configured" if result.failures or result.left else "the subscriptions are as configured"
            level = "warning" if result.failures or result.left else "info"
        else:
            text, level = "the subscriptions cannot be kept", "error"
            own = isinstance(error, MailhooksError)
            summary[LogKey.FAILURES] = [str(error) if own else type(error).__name__]
        self._reporter.report(text, line, counts, seconds, level=level, error=error)
        return summary
