"""The Lambda handler of a custom availability provider. Every requested mailbox has a result, also after an error."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mailhooks.availability.errors import AuthenticationFailed
from mailhooks.availability.function import config
from mailhooks.availability.function.config import Configuration
from mailhooks.availability.function.config_source import FileSource, SecretSource, Source
from mailhooks.availability.function.report import Reporter
from mailhooks.availability.provider import LookupStats
from mailhooks.contract import ContractError
from mailhooks.contract.availability import AvailabilityRequest, list_mailboxes
from mailhooks.contract.freebusy import AvailabilityErrorCode
from mailhooks.deadline import Deadline
from mailhooks.errors import NoTimeLeft, SettingsError
from mailhooks.settings import Settings, env

_MARGIN_S: Final = 1.0
"""Time reserved for the response and the log."""

_REREAD_S: Final = 10.0
"""Minimum time between two reads of the configuration because of rejected credentials."""

_RETRY_S: Final = 60.0
"""Time between two reads after a failed one, while the last valid configuration is used."""

_FIRST_READ_S: Final = 8.0
"""Time for the first read: Lambda lets a function load for ten seconds."""

_READ_S: Final = 6.0
"""Time for a read while a request waits."""

_MIN_READ_S: Final = 3.0
"""With less time left for a request, the last valid configuration is used without a new read."""

_MIN_RETRY_S: Final = 0.5
"""Minimum time for a retry of the look-ups."""


def availability_handler(*, settings: Settings | None = None, source: Source | None = None) -> Callable[[Any, Any], dict[str, Any]]:
    """Create the handler for `aws workmail create-availability-configuration --lambda-provider`.

    Args:
        settings: None: the environment's. AVAILABILITY_SECRET names the configuration's secret, AVAILABILITY_CONFIG its file.
        source: None: the source that the settings name.

    Returns:
        `handler(event, context) -> dict`, which returns the response for WorkMail. It raises ContractError if the request has no list of
        mailboxes; all other errors become the `error` of each mailbox.
    """
    return _Handler(settings or env(), source)


class _Handler:
    def __init__(self, settings: Settings, source: Source | None) -> None:
        self._reporter = Reporter(settings)
        self._settings = settings
        self._source = source
        # The name of the setting, for errors.
        self._setting = "AVAILABILITY_CONFIG" if settings.availability_config else "AVAILABILITY_SECRET"
        self._text = ""
        self._configuration: Configuration | None = None
        self._config_error: Exception | None = None
        self._next_read = 0.0
        self._next_reread = 0.0
        # While Lambda loads the function, it has a whole processor and no request waits.
        self._refresh(Deadline.after(_FIRST_READ_S))

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:
        started = time.monotonic()
        stats = LookupStats()
        failure: Exception | None = None
        response: dict[str, Any] = {}
        try:
            request = AvailabilityRequest.parse(event)
            at_latest = started + _seconds_left(context)
            if started >= self._next_read and (self._configuration is None or at_latest - started >= _MIN_READ_S):
                self._refresh(Deadline(min(started + _READ_S, at_latest)))
            # The budget includes the time for reading the configuration.
            deadline = Deadline(min(started + self._require_configuration().budget_s, at_latest))
            response, stats = self._answer(request, deadline)
        except Exception as error:  # noqa: BLE001 - every mailbox must have a result
            failure = error
            response = _build_failure(event, error)
        finally:
            self._reporter.report(response, stats, failure or self._config_error, time.monotonic() - started)
        return response

    def _answer(self, request: AvailabilityRequest, deadline: Deadline) -> tuple[dict[str, Any], LookupStats]:
        """Serve the request. If a backend rejects its credentials and the configuration has new ones, retry its mailboxes."""
        configuration = self._require_configuration()
        stats = LookupStats()
        response = configuration.provider.answer(request, deadline, stats)
        rejected = tuple(mailbox for mailbox, failure in stats.failed.items() if isinstance(failure, AuthenticationFailed))
        now = time.monotonic()
        if not rejected or now < self._next_reread or deadline.left() < 2 * _MIN_RETRY_S:
            return response, stats
        self._next_reread = now + _REREAD_S
        self._refresh(Deadline(deadline.at - _MIN_RETRY_S), fresh=True)
        if self._require_configuration() is not configuration and deadline.left() >= _MIN_RETRY_S:
            retry_stats = LookupStats()
            retry = self._require_configuration().provider.answer(replace(request, mailboxes=rejected), deadline, retry_stats)
            retried = {result["mailbox"]: result for result in retry["mailboxes"]}
            response = {"mailboxes": [retried.get(result["mailbox"], result) for result in response["mailboxes"]]}
            stats.merge_retry(retry_stats, AuthenticationFailed)
        return response, stats

    def _create_source(self) -> Source:
        if self._settings.availability_config:
            return FileSource(Path(self._settings.availability_config))
        if self._settings.availability_secret:
            return SecretSource(self._settings.availability_secret)
        raise SettingsError("set it to the name or ARN of the configuration's secret")

    def _require_configuration(self) -> Configuration:
        if self._configuration is None:
            raise self._config_error or SettingsError(f"{self._setting}: there is no configuration")
        return self._configuration

    def _refresh(self, deadline: Deadline, *, fresh: bool = False) -> None:
        """Read the configuration, and create a new provider if it has changed. If that fails, keep the last valid provider."""
        given = deadline.left()
        try:
            source = self._source = self._source or self._create_source()
            text = deadline.wait_for("the configuration", lambda: source.read(fresh=fresh))
            if text != self._text or self._configuration is None:
                # The cached schedules are still valid.
                cache = self._configuration.provider.cache if self._configuration else None
                self._configuration = config.load(text, cache=cache)
                self._text = text
            self._config_error = None
        except Exception as error:  # noqa: BLE001 - reported with each request
            if isinstance(error, NoTimeLeft) and given < _READ_S and self._configuration is not None:
                # The request had too little time, which is no error of the configuration: the next request reads it.
                return
            self._config_error = SettingsError(f"{self._setting}: {error}") if isinstance(error, SettingsError) else error
            if self._configuration is not None:
                self._next_read = time.monotonic() + _RETRY_S


def _seconds_left(context: Any) -> float:
    """Return the seconds that Lambda leaves for the response."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return float("inf") if remaining is None else remaining() / 1000 - _MARGIN_S


def _build_failure(event: Any, error: Exception) -> dict[str, Any]:
    """Return the response with the same error for every mailbox.

    Raises:
        ContractError: the event has no list of mailboxes.
    """
    requested = event.get("mailboxes") if isinstance(event, dict) else None
    if not isinstance(requested, list):
        if isinstance(error, ContractError):
            raise error
        raise ContractError("/mailboxes", "the requested mailboxes (an array of strings)", "something else")
    return {"mailboxes": [{"mailbox": mailbox, "error": str(_error_code(error))} for mailbox in list_mailboxes(requested)]}


def _error_code(error: Exception) -> AvailabilityErrorCode:
    match error:
        case SettingsError():
            return AvailabilityErrorCode.CONFIG_NOT_FOUND
        case NoTimeLeft():
            return AvailabilityErrorCode.TIMEOUT_EXPIRED
        case _:
            return AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED
