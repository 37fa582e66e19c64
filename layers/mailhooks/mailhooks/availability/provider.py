"""One availability request, from WorkMail's JSON to its answer: checked, routed, looked up, made fit for the requester's eyes, checked."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mailhooks.address_patterns import canonical
from mailhooks.availability.cache import Cache
from mailhooks.availability.circuit_breaker import CircuitBreaker
from mailhooks.availability.errors import LookupFailed
from mailhooks.availability.lookups import BackendQuery, look_up
from mailhooks.availability.model import Backend, Result, Schedule
from mailhooks.availability.privacy import Privacy, visible
from mailhooks.availability.routes import Routes
from mailhooks.contract import ContractError
from mailhooks.contract.availability import AvailabilityRequest, AvailabilityResponse, Window
from mailhooks.contract.freebusy import AvailabilityErrorCode, MailboxAvailability, MailboxError, WorkingHours
from mailhooks.deadline import Deadline

BUDGET_S: Final = 20.0
"""WorkMail waits 25 seconds (guide, "Building a Custom Availability Provider Lambda function"); the way to and fro and a cold start take
their part."""


MAX_OCTETS: Final = 5_500_000
"""Of a response as JSON. Lambda refuses one over 6 MB (6,291,456 bytes), and with it every mailbox."""


@dataclass
class LookupStats:
    """What became of the look-ups of a request. All but `failed` is fit for a log: counts and kinds, no addresses.

    Attributes:
        mailboxes: by backend, how many were asked of it.
        failures: by kind of failure, how many mailboxes.
        reasons: the failures' texts, which name neither addresses nor credentials.
        events: how many are in the answer.
        cached: how many mailboxes were answered from the cache.
        failed: by mailbox, spelled as asked, why it has no answer; for a screen.
    """

    mailboxes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    reasons: set[str] = field(default_factory=set)
    events: int = 0
    cached: int = 0
    failed: dict[str, LookupFailed] = field(default_factory=dict)

    def take(self, other: "LookupStats", *, instead_of: type[LookupFailed]) -> None:
        """Counts `other` in, in which the mailboxes were asked for again that had failed so."""
        del self.failures[instead_of.__name__]
        self.failed = {mailbox: failure for mailbox, failure in self.failed.items() if not isinstance(failure, instead_of)} | other.failed
        self.failures += other.failures
        self.reasons |= other.reasons
        self.events += other.events
        self.cached += other.cached


@dataclass
class Provider:
    """Answers requests. Holds what is worth keeping from one to the next: connections and tokens in the backends, breakers, a cache.

    Attributes:
        backends: by name.
        routes: which mailbox is whose.
        privacy: what a requester sees.
        default_hours: working hours for a window, where a source tells none.
        convert: last touch to working hours, such as the other sign of biases (`worktime.flipped`).
        cache: see `Cache`.
        new_breaker: makes a backend's breaker.
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

    def answer(self, request: AvailabilityRequest, deadline: Deadline, tally: LookupStats | None = None) -> dict[str, Any]:
        """The response for WorkMail: for every mailbox asked, in the order asked, its events or an error. What has not come by the
        deadline is an error.

        Args:
            tally: counted up.
        """
        tally = tally or LookupStats()
        # Of two spellings of one mailbox the first is asked for.
        spelled: dict[str, str] = {}
        for mailbox in request.mailboxes:
            spelled.setdefault(canonical(mailbox), mailbox)
        results = self._results(list(spelled.values()), request.window, deadline, tally)
        show = self.privacy.show(request.requester.email)
        default = self.default_hours(request.window)
        answers: list[MailboxAvailability | MailboxError] = []
        for mailbox in request.mailboxes:
            result = results[spelled[canonical(mailbox)]]
            if isinstance(result, LookupFailed):
                tally.failures[type(result).__name__] += 1
                tally.reasons.add(str(result))
                tally.failed[mailbox] = result
                answers.append(MailboxError(mailbox, result.code))
                continue
            events = visible(result.events, request.window, show)
            tally.events += len(events)
            hours = result.working_hours or default
            answers.append(MailboxAvailability(mailbox, events, self.convert(hours) if hours else None))
        return _response(request, answers)

    def _results(self, mailboxes: Sequence[str], window: Window, deadline: Deadline, tally: LookupStats) -> dict[str, Result]:
        results: dict[str, Result] = {}
        together: dict[tuple[str, str], list[str]] = {}
        for mailbox in mailboxes:
            name = self.routes.of_mailbox(mailbox)
            if isinstance(name, LookupFailed):
                results[mailbox] = name
            elif (kept := self.cache.get((name, canonical(mailbox), window))) is not None:
                results[mailbox] = kept
                tally.cached += 1
            else:
                together.setdefault((name, self._scope(name, mailbox)), []).append(mailbox)
                tally.mailboxes[name] += 1
        asked = [BackendQuery(key[0], self.backends[key[0]], self._breaker(key), wanted) for key, wanted in together.items()]
        for (name, mailbox), result in look_up(asked, window, deadline).items():
            results[mailbox] = result
            if isinstance(result, Schedule):
                self.cache.put((name, canonical(mailbox), window), result)
        return results

    def _scope(self, name: str, mailbox: str) -> str:
        scope: Callable[[str], str] | None = getattr(self.backends[name], "scope", None)
        return scope(mailbox) if scope else ""

    def _breaker(self, key: tuple[str, str]) -> CircuitBreaker:
        # Of two threads that come first at once, `setdefault` lets one win.
        return self._breakers.get(key) or self._breakers.setdefault(key, self.new_breaker())


def _response(request: AvailabilityRequest, answers: Sequence[MailboxAvailability | MailboxError]) -> dict[str, Any]:
    """Checked, one by one: what WorkMail would not take of one mailbox, whatever its source made it of, is not the others' harm."""
    documents = [_fit(request, answer) for answer in answers]
    sizes = [len(json.dumps(document)) for document in documents]
    # Rather without details than not at all, and rather a few not at all than none.
    for shrink in (_without_details, _too_large):
        for index in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
            if sum(sizes) <= MAX_OCTETS:
                break
            documents[index] = shrink(documents[index])
            sizes[index] = len(json.dumps(documents[index]))
    return {"mailboxes": documents}


def _without_details(document: dict[str, Any]) -> dict[str, Any]:
    events = [{name: value for name, value in event.items() if name != "details"} for event in document.get("events", ())]
    return document | ({"events": events} if "events" in document else {})


def _too_large(document: dict[str, Any]) -> dict[str, Any]:
    return {"mailbox": document["mailbox"], "error": str(AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED)}


def _fit(request: AvailabilityRequest, answer: MailboxAvailability | MailboxError) -> dict[str, Any]:
    """An answer that fits the contract; rather without working hours than not at all."""
    alone = replace(request, mailboxes=(answer.mailbox,))
    candidates = [answer, MailboxError(answer.mailbox, AvailabilityErrorCode.RESPONSE_SCHEMA_VALIDATION)]
    if isinstance(answer, MailboxAvailability):
        candidates.insert(1, replace(answer, working_hours=None))
    for candidate in candidates[:-1]:
        with suppress(ContractError):
            return _alone(candidate, alone)
    return _alone(candidates[-1], alone)


def _alone(answer: MailboxAvailability | MailboxError, request: AvailabilityRequest) -> dict[str, Any]:
    document: dict[str, Any] = AvailabilityResponse((answer,)).to_response(request)["mailboxes"][0]
    return document


def answer(request: dict[str, Any], backends: Mapping[str, Backend], *, budget_s: float = BUDGET_S) -> dict[str, Any]:
    """Answers one availability request.

    Args:
        request: as WorkMail sends it.
        backends: by which mailboxes they know, in WorkMail's pattern forms: `{"example.net": exchange, "*": feeds}`; the narrowest counts.
        budget_s: seconds after which the answer goes out with what has come by then.

    Returns:
        The response, checked: for every mailbox asked its events or an error of WorkMail's.

    Raises:
        ContractError: the request is not what the guide says.
        ValueError: a key of `backends` is no pattern.
    """
    deadline = Deadline.after(budget_s)
    provider = Provider(backends, Routes.of((pattern, pattern) for pattern in backends))
    return provider.answer(AvailabilityRequest.parse(request), deadline)
