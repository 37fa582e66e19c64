"""Serves availability requests: routing, look-ups, privacy, and a response that fits the contract."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from mailhooks.address_patterns import canonical
from mailhooks.availability.cache import Cache
from mailhooks.availability.circuit_breaker import CircuitBreaker
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound
from mailhooks.availability.lookups import BackendQuery, look_up
from mailhooks.availability.model import Backend, Result, Schedule
from mailhooks.availability.privacy import Privacy, select_visible
from mailhooks.availability.routes import Routes
from mailhooks.contract import ContractError
from mailhooks.contract.availability import AvailabilityRequest, AvailabilityResponse, Window
from mailhooks.contract.freebusy import AvailabilityErrorCode, MailboxAvailability, MailboxError, WorkingHours, to_known_code
from mailhooks.deadline import Deadline

BUDGET_S: Final = 20.0
"""WorkMail waits 25 seconds (guide, "Building a Custom Availability Provider Lambda function"), including network and cold start."""

MAX_OCTETS: Final = 5_500_000
"""Size of a response as JSON. Lambda rejects a response of more than 6 MB (6,291,456 bytes)."""

MAX_SPAN: Final = timedelta(days=1830)
"""WorkMail requests weeks. A longer window would be split into too many look-ups."""


@dataclass
class LookupStats:
    """Statistics of a request's look-ups.

    Attributes:
        mailboxes: the number of mailboxes looked up, by backend.
        backends: the backend of each mailbox looked up, by the mailbox's canonical address. Not for logs.
        events: the number of events in the response.
        cached: the number of mailboxes found in the cache.
        failed: the failures by mailbox. Not for logs.
    """

    mailboxes: Counter[str] = field(default_factory=Counter)
    backends: dict[str, str] = field(default_factory=dict)
    events: int = 0
    cached: int = 0
    failed: dict[str, LookupFailed] = field(default_factory=dict)

    @property
    def failures(self) -> Counter[str]:
        """The number of failed mailboxes, by the failure's class."""
        return Counter(type(failure).__name__ for failure in self.failed.values())

    @property
    def failed_lookups(self) -> Counter[str]:
        """The number of mailboxes whose look-up failed, by backend. An unknown mailbox is an answer of the backend and no failure."""
        failed = {canonical(mailbox) for mailbox, failure in self.failed.items() if not isinstance(failure, MailboxNotFound)}
        return Counter(name for mailbox, name in self.backends.items() if mailbox in failed)

    def merge_retry(self, retry: "LookupStats", retried: type[LookupFailed]) -> None:
        """Add the statistics of a retry of all mailboxes that had failed with `retried`."""
        self.failed = {mailbox: failure for mailbox, failure in self.failed.items() if not isinstance(failure, retried)} | retry.failed
        self.events += retry.events
        self.cached += retry.cached


@dataclass
class Provider:
    """Serves requests. Keeps connections, tokens, circuit breakers and a cache between them.

    Attributes:
        backends: by name.
        default_hours: returns working hours for a window, for mailboxes without working hours.
        convert: converts working hours for the response, such as by `timezones.flip_bias`.
    """

    backends: Mapping[str, Backend]
    routes: Routes
    privacy: Privacy = field(default_factory=Privacy)
    default_hours: Callable[[Window], WorkingHours | None] = lambda _: None
    convert: Callable[[WorkingHours], WorkingHours] = lambda hours: hours
    cache: Cache = field(default_factory=Cache)
    new_breaker: Callable[[], CircuitBreaker] = CircuitBreaker

    def __post_init__(self) -> None:
        self._breakers: dict[tuple[str, str], CircuitBreaker] = {}

    def answer(self, request: AvailabilityRequest, deadline: Deadline, stats: LookupStats | None = None) -> dict[str, Any]:
        """Return the response for WorkMail: the events or an error of each requested mailbox.

        Args:
            deadline: a mailbox without a result by then has an error.
            stats: updated by this call.
        """
        stats = stats or LookupStats()
        # If one mailbox is requested in several spellings, look it up once in the first spelling.
        spelled: dict[str, str] = {}
        for mailbox in request.mailboxes:
            spelled.setdefault(canonical(mailbox), mailbox)
        results = self._look_up(list(spelled.values()), request.window, deadline, stats)
        show = self.privacy.show(request.requester.email)
        default = self.default_hours(request.window)
        response: list[MailboxAvailability | MailboxError] = []
        for mailbox in request.mailboxes:
            result = results[spelled[canonical(mailbox)]]
            if isinstance(result, LookupFailed):
                stats.failed[mailbox] = result
                response.append(MailboxError(mailbox, to_known_code(result.code)))
                continue
            events = select_visible(result.events, request.window, show)
            stats.events += len(events)
            hours = result.working_hours or default
            response.append(MailboxAvailability(mailbox, events, self.convert(hours) if hours else None))
        return _build_response(request, response)

    def _look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline, stats: LookupStats) -> dict[str, Result]:
        if window.end_date - window.start_date > MAX_SPAN:
            return dict.fromkeys(mailboxes, GenerationFailed(f"the window is longer than {MAX_SPAN.days} days"))
        results: dict[str, Result] = {}
        mailboxes_by_scope: dict[tuple[str, str], list[str]] = {}
        for mailbox in mailboxes:
            name = self.routes.find_backend(mailbox)
            if isinstance(name, LookupFailed):
                results[mailbox] = name
            elif (cached := self.cache.get((name, canonical(mailbox), window))) is not None:
                results[mailbox] = cached
                stats.cached += 1
            else:
                mailboxes_by_scope.setdefault((name, self._scope(name, mailbox)), []).append(mailbox)
                stats.mailboxes[name] += 1
                stats.backends[canonical(mailbox)] = name
        queries = [BackendQuery(key[0], self.backends[key[0]], self._breaker(key), group) for key, group in mailboxes_by_scope.items()]
        for (name, mailbox), result in look_up(queries, window, deadline).items():
            results[mailbox] = result
            if isinstance(result, Schedule):
                self.cache.put((name, canonical(mailbox), window), result)
        return results

    def _scope(self, name: str, mailbox: str) -> str:
        scope: Callable[[str], str] | None = getattr(self.backends[name], "scope", None)
        return scope(mailbox) if scope else ""

    def _breaker(self, key: tuple[str, str]) -> CircuitBreaker:
        # `setdefault` gives all threads the same breaker.
        return self._breakers.get(key) or self._breakers.setdefault(key, self.new_breaker())


def _build_response(request: AvailabilityRequest, results: Sequence[MailboxAvailability | MailboxError]) -> dict[str, Any]:
    """Build the response and limit its size. Each result is checked separately, so that an invalid one does not affect the others."""
    documents = [_to_valid_document(request, result) for result in results]
    sizes = [len(json.dumps(document)) for document in documents]
    excess = sum(sizes) - MAX_OCTETS
    # Remove the details of the largest calendars first, and whole calendars only if that is not enough.
    for shrink in (_remove_details, _replace_by_error):
        for index in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
            if excess <= 0:
                break
            documents[index] = shrink(documents[index])
            size = len(json.dumps(documents[index]))
            excess -= sizes[index] - size
            sizes[index] = size
    return {"mailboxes": documents}


def _remove_details(document: dict[str, Any]) -> dict[str, Any]:
    events = [{name: value for name, value in event.items() if name != "details"} for event in document.get("events", ())]
    return document | ({"events": events} if "events" in document else {})


def _replace_by_error(document: dict[str, Any]) -> dict[str, Any]:
    return {"mailbox": document["mailbox"], "error": str(AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED)}


def _to_valid_document(request: AvailabilityRequest, result: MailboxAvailability | MailboxError) -> dict[str, Any]:
    """Convert a result to valid JSON data, if necessary without working hours or as an error."""
    request = replace(request, mailboxes=(result.mailbox,))
    candidates = [result]
    if isinstance(result, MailboxAvailability):
        candidates.append(replace(result, working_hours=None))
    for candidate in candidates:
        with suppress(ContractError):
            return _to_document(candidate, request)
    return _to_document(MailboxError(result.mailbox, AvailabilityErrorCode.RESPONSE_SCHEMA_VALIDATION), request)


def _to_document(result: MailboxAvailability | MailboxError, request: AvailabilityRequest) -> dict[str, Any]:
    document: dict[str, Any] = AvailabilityResponse((result,)).to_response(request)["mailboxes"][0]
    return document


def answer(request: dict[str, Any], backends: Mapping[str, Backend], *, budget_s: float = BUDGET_S) -> dict[str, Any]:
    """Return the response to one availability request.

    Args:
        request: the JSON data that WorkMail sends.
        backends: by address pattern in WorkMail's forms: `{"example.net": exchange, "*": feeds}`. The most specific pattern applies.
        budget_s: seconds. A mailbox without a result after this time has an error.

    Returns:
        The response as JSON data, checked: the events or an error of each requested mailbox.

    Raises:
        ContractError: the request breaks the contract.
        ValueError: a key of `backends` is not a pattern.
    """
    deadline = Deadline.after(budget_s)
    provider = Provider(backends, Routes.parse((pattern, pattern) for pattern in backends))
    return provider.answer(AvailabilityRequest.parse(request), deadline)
