"""One availability request, from WorkMail's JSON to its answer: checked, routed, looked up, made fit for the requester's eyes, checked."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..contract import ContractError
from ..contract.availability import AvailabilityRequest, AvailabilityResponse, Window
from ..contract.freebusy import AvailabilityErrorCode, MailboxAvailability, MailboxError, WorkingHours
from ..deadline import Deadline
from .breaker import Breaker
from .cache import Cache
from .errors import AuthenticationFailed, LookupFailed
from .lookups import Asked, Result, look_up
from .model import Backend, Schedule
from .privacy import Privacy, visible
from .routes import Routes

BUDGET_S: Final = 20.0
"""WorkMail waits 25 seconds (guide, "Building a Custom Availability Provider Lambda function"); the way to and fro and a cold start take
their part."""


@dataclass
class Tally:
    """What became of the look-ups of a request. All but `failed` is fit for a log: counts and kinds, no addresses.

    Attributes:
        mailboxes: by backend, how many were asked of it.
        failures: by kind of failure, how many mailboxes.
        reasons: the failures' texts, which name neither addresses nor credentials.
        events: how many are in the answer.
        cached: how many mailboxes were answered from the cache.
        refused: whether a backend refused our credentials.
        failed: by mailbox, spelled as asked, why it has no answer; for a screen.
    """

    mailboxes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    reasons: set[str] = field(default_factory=set)
    events: int = 0
    cached: int = 0
    refused: bool = False
    failed: dict[str, LookupFailed] = field(default_factory=dict)


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
    new_breaker: Callable[[], Breaker] = Breaker

    def __post_init__(self) -> None:
        self._breakers = {name: self.new_breaker() for name in self.backends}

    def answer(self, request: AvailabilityRequest, deadline: Deadline, tally: Tally | None = None) -> dict[str, Any]:
        """The response for WorkMail: for every mailbox asked, in the order asked, its events or an error. What has not come by the
        deadline is an error.

        Args:
            tally: counted up.
        """
        tally = tally or Tally()
        # Of two spellings of one mailbox the first is asked for.
        spelled: dict[str, str] = {}
        for mailbox in request.mailboxes:
            spelled.setdefault(mailbox.lower(), mailbox)
        results = self._results(list(spelled.values()), request.window, deadline, tally)
        show = self.privacy.show(request.requester.email)
        answers: list[MailboxAvailability | MailboxError] = []
        for mailbox in request.mailboxes:
            result = results[spelled[mailbox.lower()]]
            if isinstance(result, LookupFailed):
                tally.failures[type(result).__name__] += 1
                tally.reasons.add(str(result))
                tally.failed[mailbox] = result
                tally.refused = tally.refused or isinstance(result, AuthenticationFailed)
                answers.append(MailboxError(mailbox, result.code))
                continue
            events = visible(result.events, request.window, show)
            tally.events += len(events)
            hours = result.working_hours or self.default_hours(request.window)
            answers.append(MailboxAvailability(mailbox, events, self.convert(hours) if hours else None))
        return _response(request, answers)

    def _results(self, mailboxes: Sequence[str], window: Window, deadline: Deadline, tally: Tally) -> dict[str, Result]:
        results: dict[str, Result] = {}
        by_backend: dict[str, list[str]] = {}
        for mailbox in mailboxes:
            name = self.routes.of_mailbox(mailbox)
            if isinstance(name, LookupFailed):
                results[mailbox] = name
            elif (kept := self.cache.get((name, mailbox.lower(), window))) is not None:
                results[mailbox] = kept
                tally.cached += 1
            else:
                by_backend.setdefault(name, []).append(mailbox)
                tally.mailboxes[name] += 1
        asked = [Asked(name, self.backends[name], self._breakers[name], wanted) for name, wanted in by_backend.items()]
        for (name, mailbox), result in look_up(asked, window, deadline).items():
            results[mailbox] = result
            if isinstance(result, Schedule):
                self.cache.put((name, mailbox.lower(), window), result)
        return results


def _response(request: AvailabilityRequest, answers: Sequence[MailboxAvailability | MailboxError]) -> dict[str, Any]:
    """Checked. What WorkMail would not take of one mailbox, whatever its source made it of, is not the others' harm."""
    try:
        return AvailabilityResponse(tuple(answers)).to_response(request)
    except ContractError:
        return AvailabilityResponse(tuple(_fit(request, answer) for answer in answers)).to_response(request)


def _fit(request: AvailabilityRequest, answer: MailboxAvailability | MailboxError) -> MailboxAvailability | MailboxError:
    """An answer that fits the contract; rather without working hours than not at all."""
    alone = replace(request, mailboxes=(answer.mailbox,))
    candidates = [answer]
    if isinstance(answer, MailboxAvailability):
        candidates.append(replace(answer, working_hours=None))
    for candidate in candidates:
        with suppress(ContractError):
            AvailabilityResponse((candidate,)).to_response(alone)
            return candidate
    return MailboxError(answer.mailbox, AvailabilityErrorCode.RESPONSE_SCHEMA_VALIDATION)


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
