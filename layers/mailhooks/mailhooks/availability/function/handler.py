"""The Lambda handler of a custom availability provider: one answer for every mailbox, whatever goes wrong."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mailhooks.availability.errors import AuthenticationFailed
from mailhooks.availability.function import config
from mailhooks.availability.function.config import Configured
from mailhooks.availability.function.config_source import FileSource, SecretSource, Source
from mailhooks.availability.function.report import Reporter
from mailhooks.availability.provider import LookupStats
from mailhooks.contract import ContractError
from mailhooks.contract.availability import AvailabilityRequest
from mailhooks.contract.freebusy import AvailabilityErrorCode
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError
from mailhooks.settings import Settings, env

_MARGIN_S: Final = 1.0
"""Kept back for the answer and the log."""

_REREAD_S: Final = 10.0
"""Between two readings of the configuration because credentials were refused."""

_RETRY_S: Final = 60.0
"""Between two readings of a configuration that cannot be read, while the last good one is in force."""

_LOADING_S: Final = 8.0
"""For the first reading: Lambda gives a function ten seconds to load."""

_READING_S: Final = 6.0
"""For a reading while a request waits."""

_SMALL_S: Final = 0.5
"""What it takes at least to ask again."""


def availability_handler(*, settings: Settings | None = None, source: Source | None = None) -> Callable[[Any, Any], dict[str, Any]]:
    """The handler for `aws workmail create-availability-configuration --lambda-provider`.

    Args:
        settings: else the environment's: AVAILABILITY_SECRET names the configuration's secret, or AVAILABILITY_CONFIG its file.
        source: else by these settings.

    Returns:
        `handler(event, context) -> dict`, the response of the guide. It raises ContractError when the request has no list of mailboxes,
        and nothing else: trouble is each mailbox's `error`.
    """
    return _Handler(settings or env(), source)


class _Handler:
    def __init__(self, settings: Settings, source: Source | None) -> None:
        self._reporter = Reporter(settings)
        self._settings = settings
        self._source = source
        self._text = ""
        self._configured: Configured | None = None
        self._trouble: Exception | None = None
        self._next_reading = 0.0
        self._next_rereading = 0.0
        # While Lambda loads the function it has a whole processor, and no request waits.
        self._refresh(Deadline.after(_LOADING_S))

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:
        started = time.monotonic()
        tally = LookupStats()
        trouble: Exception | None = None
        response: dict[str, Any] = {}
        try:
            request = AvailabilityRequest.parse(event)
            at_latest = started + _left(context)
            if started >= self._next_reading:
                self._refresh(Deadline(min(started + _READING_S, at_latest)))
            # What reading the configuration took is part of the budget.
            deadline = Deadline(min(started + self._usable().budget_s, at_latest))
            response, tally = self._answer(request, deadline)
        except Exception as error:  # noqa: BLE001 - whatever it is, every mailbox gets an answer
            trouble = error
            response = _failed(event, error)
        finally:
            self._reporter.report(response, tally, trouble or self._trouble, time.monotonic() - started)
        return response

    def _answer(self, request: AvailabilityRequest, deadline: Deadline) -> tuple[dict[str, Any], LookupStats]:
        """With those mailboxes asked for again whose backend refused the credentials, if there are others meanwhile: rotated ones."""
        configured = self._usable()
        tally = LookupStats()
        response = configured.provider.answer(request, deadline, tally)
        refused = tuple(mailbox for mailbox, failure in tally.failed.items() if isinstance(failure, AuthenticationFailed))
        now = time.monotonic()
        if not refused or now < self._next_rereading or deadline.left() < 2 * _SMALL_S:
            return response, tally
        self._next_rereading = now + _REREAD_S
        self._refresh(Deadline(deadline.at - _SMALL_S), fresh=True)
        if self._usable() is not configured and deadline.left() >= _SMALL_S:
            again = LookupStats()
            second = self._usable().provider.answer(replace(request, mailboxes=refused), deadline, again)
            answers = {answer["mailbox"]: answer for answer in second["mailboxes"]}
            response = {"mailboxes": [answers.get(answer["mailbox"], answer) for answer in response["mailboxes"]]}
            tally.take(again, instead_of=AuthenticationFailed)
        return response, tally

    def _usable(self) -> Configured:
        if self._configured is None:
            raise self._trouble or SettingsError("there is no configuration")
        return self._configured

    def _refresh(self, deadline: Deadline, *, fresh: bool = False) -> None:
        """Reads the configuration, and makes a provider of it when it is another. One that cannot be read in time, or meant, leaves the
        last good one in force.
        """
        try:
            source = self._source = self._source or _source(self._settings)
            text = deadline.wait_for("the configuration", lambda: source.read(fresh=fresh))
            if text != self._text:
                # What was learned a moment ago is not asked for again because a password has changed.
                kept = self._configured.provider.cache if self._configured else None
                self._configured = config.load(text, cache=kept)
                self._text = text
            self._trouble = None
        except Exception as error:  # noqa: BLE001 - reported with each request
            self._trouble = error
            if self._configured is not None:
                self._next_reading = time.monotonic() + _RETRY_S


def _left(context: Any) -> float:
    """Seconds for the answer, as far as Lambda is concerned."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return float("inf") if remaining is None else remaining() / 1000 - _MARGIN_S


def _source(settings: Settings) -> Source:
    if settings.availability_config:
        return FileSource(Path(settings.availability_config))
    if settings.availability_secret:
        return SecretSource(settings.availability_secret)
    raise SettingsError("AVAILABILITY_SECRET: set it to the name or ARN of the configuration's secret")


def _failed(event: Any, error: Exception) -> dict[str, Any]:
    """The same error for every mailbox.

    Raises:
        ContractError: it cannot be told which mailboxes were asked for.
    """
    mailboxes = event.get("mailboxes") if isinstance(event, dict) else None
    if not isinstance(mailboxes, list) or not all(isinstance(mailbox, str) for mailbox in mailboxes):
        raise (
            error
            if isinstance(error, ContractError)
            else ContractError("/mailboxes", "the mailboxes asked for (an array)", "another thing")
        )
    not_set_up = isinstance(error, SettingsError)
    code = AvailabilityErrorCode.CONFIG_NOT_FOUND if not_set_up else AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED
    return {"mailboxes": [{"mailbox": mailbox, "error": str(code)} for mailbox in mailboxes]}
