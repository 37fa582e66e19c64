"""Limits, attempts, deadlines and circuit breakers of look-ups."""

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.availability import answer
from mailhooks.availability.circuit_breaker import CircuitBreaker
from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    ServerBusy,
    TimedOut,
    Unreachable,
)
from mailhooks.availability.lookups import BackendQuery, look_up, split_mailboxes, split_window
from mailhooks.availability.model import Limits, Schedule
from mailhooks.availability.provider import Provider
from mailhooks.availability.routes import Routes
from mailhooks.contract.availability import AvailabilityRequest, Window
from mailhooks.deadline import Deadline
from tests.support.backends import DAY, Fake, at, request


def errors(response: dict[str, Any]) -> list[str | None]:
    return [mailbox.get("error") for mailbox in response["mailboxes"]]


# Splitting


@given(st.lists(st.integers(), max_size=300), st.integers(1, 100))
def test_batches_are_within_the_limit_and_of_equal_size(mailboxes: list[int], most: int) -> None:
    batches = list(split_mailboxes([str(n) for n in mailboxes], Limits(most)))
    assert [mailbox for batch in batches for mailbox in batch] == [str(n) for n in mailboxes]
    sizes = [len(batch) for batch in batches]
    assert all(0 < size <= most for size in sizes)
    assert not sizes or max(sizes) - min(sizes) <= 1


@given(st.integers(1, 400 * 24), st.integers(1, 90 * 24))
def test_windows_are_within_the_limit_and_cover_the_requested_one(hours: int, most: int) -> None:
    window = Window(DAY, DAY + timedelta(hours=hours))
    parts = list(split_window(window, Limits(1, timedelta(hours=most))))
    assert (parts[0].start_date, parts[-1].end_date) == (window.start_date, window.end_date)
    assert all(one.end_date == other.start_date for one, other in itertools.pairwise(parts))
    assert all(part.end_date - part.start_date <= timedelta(hours=most) for part in parts)


def test_a_large_request_is_split_to_the_limits_of_ews() -> None:
    fake = Fake(limits=Limits(100, timedelta(days=42), at_once=2))
    mailboxes = [f"user{n}@example.net" for n in range(150)]
    response = answer(request(*mailboxes, days=100), {"*": fake})
    assert errors(response) == [None] * 150
    assert sorted(len(boxes) for boxes, _ in fake.calls) == [75] * 6
    assert fake.at_once <= 2


def test_an_event_in_two_windows_is_returned_once() -> None:
    fake = Fake({"a@example.net": (at(23, length=2),)}, limits=Limits(1, timedelta(days=1)))
    [mailbox] = answer(request("a@example.net", days=2), {"*": fake})["mailboxes"]
    assert len(fake.calls) == 2
    assert len(mailbox["events"]) == 1


def test_a_failure_in_one_window_is_a_failure_of_the_mailbox() -> None:
    def script(boxes: Sequence[str], window: Window) -> dict[str, Schedule | LookupFailed]:
        return {boxes[0]: Schedule((at(9),)) if window.start_date == DAY else GenerationFailed("x")}

    fake = Fake(limits=Limits(1, timedelta(days=1)), script=script)
    assert errors(answer(request("a@example.net", days=2), {"*": fake})) == ["ErrorFreeBusyGenerationFailed"]


# Attempts


@pytest.mark.parametrize("failures", [[ServerBusy("x", retry_after=0.01)] * 3, [Unreachable("x", retry_after=0.01)]])
def test_transient_failures_are_retried_after_the_servers_pause(failures: list[Exception]) -> None:
    fake = Fake({"a@example.net": (at(9),)}, failures=list(failures))
    assert errors(answer(request("a@example.net"), {"*": fake})) == [None]
    assert len(fake.calls) == len(failures) + 1


@pytest.mark.parametrize("failure", [MailboxNotFound("x"), GenerationFailed("x"), AuthenticationFailed("x"), TimedOut("x")])
def test_permanent_failures_are_not_retried(failure: LookupFailed) -> None:
    fake = Fake(failures=[failure])
    assert errors(answer(request("a@example.net"), {"*": fake})) == [failure.code]
    assert len(fake.calls) == 1


def test_a_pause_longer_than_the_budget_is_not_taken() -> None:
    fake = Fake(failures=[ServerBusy("x", retry_after=3600)])
    assert errors(answer(request("a@example.net"), {"*": fake}, budget_s=600)) == ["ErrorServerBusy"]
    assert len(fake.calls) == 1


@pytest.mark.parametrize("failure, attempts", [(ServerBusy("x", retry_after=0.01), 4), (Unreachable("x", retry_after=0.01), 2)])
def test_the_number_of_attempts_is_limited(failure: LookupFailed, attempts: int) -> None:
    fake = Fake(failures=[failure] * 100)
    assert errors(answer(request("a@example.net"), {"*": fake}, budget_s=600)) == [failure.code]
    assert len(fake.calls) == attempts


def test_only_transient_failures_of_a_batch_are_retried() -> None:
    def script(boxes: Sequence[str], _: Window) -> dict[str, Schedule | LookupFailed]:
        busy = ServerBusy("x", retry_after=0.01)
        first = len(fake.calls) == 1
        return {box: busy if first and box.startswith("b") else Schedule((at(9),)) for box in boxes}

    fake = Fake(script=script)
    assert errors(answer(request("a@example.net", "b@example.net"), {"*": fake})) == [None, None]
    assert [boxes for boxes, _ in fake.calls] == [("a@example.net", "b@example.net"), ("b@example.net",)]


# Time


@pytest.fixture
def hanging() -> Iterator[Fake]:
    """A backend that returns after the test."""
    released = threading.Event()

    def script(boxes: Sequence[str], _: Window) -> dict[str, Schedule | LookupFailed]:
        released.wait(60)
        return {}

    yield Fake(script=script)
    released.set()


def test_a_hanging_backend_does_not_affect_the_others(hanging: Fake) -> None:
    good = Fake({"b@example.org": (at(9),)})
    response = answer(request("a@example.net", "b@example.org"), {"example.net": hanging, "example.org": good}, budget_s=0.2)
    assert errors(response) == ["ErrorTimeoutExpired", None]


def test_no_look_up_starts_after_the_deadline(hanging: Fake) -> None:
    hanging.limits = Limits(1, at_once=1)
    response = answer(request("a@example.net", "b@example.net", "c@example.net"), {"*": hanging}, budget_s=0.2)
    assert errors(response) == ["ErrorTimeoutExpired"] * 3
    assert len(hanging.calls) == 1


def test_backends_and_batches_are_queried_in_parallel() -> None:
    together = threading.Barrier(6)

    def script(boxes: Sequence[str], _: Window) -> dict[str, Schedule | LookupFailed]:
        together.wait(20)  # breaks, and fails the look-up, unless all six look-ups run in parallel
        return {box: Schedule() for box in boxes}

    backends = {f"{name}.example.net": Fake(limits=Limits(1, at_once=3), script=script) for name in ("one", "two")}
    mailboxes = [f"{n}@{domain}" for domain in backends for n in range(3)]
    assert errors(answer(request(*mailboxes), backends, budget_s=30)) == [None] * 6


# Breakers


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def asking(fake: Fake, clock: Clock, failures: int = 3) -> "Provider":
    return Provider({"x": fake}, Routes.parse([("*", "x")]), new_breaker=lambda: CircuitBreaker(failures, 30, clock))


def ask(provider: Provider) -> str | None:
    [error] = errors(provider.answer(AvailabilityRequest.parse(request("a@example.net")), Deadline.after(5)))
    return error


def test_a_failing_backend_is_skipped_and_then_tried_once() -> None:
    clock = Clock()
    fake = Fake(failures=[TimedOut("x")] * 4)
    provider = asking(fake, clock)
    assert [ask(provider) for _ in range(5)] == ["ErrorTimeoutExpired"] * 3 + ["ErrorServerBusy"] * 2
    assert len(fake.calls) == 3
    clock.now += 31
    assert [ask(provider) for _ in range(2)] == ["ErrorTimeoutExpired", "ErrorServerBusy"]
    assert len(fake.calls) == 4
    clock.now += 31
    assert [ask(provider) for _ in range(2)] == [None, None]


def test_rejected_credentials_open_the_breaker_at_the_second_failure() -> None:
    fake = Fake(failures=[AuthenticationFailed("x")] * 9)
    provider = asking(fake, Clock(), failures=5)
    for _ in range(6):
        ask(provider)
    assert len(fake.calls) == 2


def test_a_failure_of_one_mailbox_does_not_open_the_breaker() -> None:
    fake = Fake(failures=[TimedOut("x"), TimedOut("x"), MailboxNotFound("x")] * 3)
    provider = asking(fake, Clock())
    for _ in range(9):
        ask(provider)
    assert len(fake.calls) == 9


def test_only_one_look_up_tries_an_open_breaker() -> None:
    clock = Clock()
    breaker = CircuitBreaker(1, 30, clock)
    breaker.record_failure(TimedOut("x"))
    clock.now += 31
    assert [breaker.allows_request() for _ in range(3)] == [True, False, False]
    breaker.record_success()
    assert breaker.allows_request()


class Hanging(Fake):
    """A backend whose first look-ups do not end before their deadline."""

    hangs = 0
    late_s = 0.0

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> Mapping[str, Schedule | LookupFailed]:
        if len(self.calls) < self.hangs:
            self.calls.append((tuple(mailboxes), window))
            threading.Event().wait(deadline.left() + self.late_s)
            raise TimedOut("no response in time")
        return super().look_up(mailboxes, window, deadline)


def ask_within(provider: Provider, seconds: float, *mailboxes: str) -> list[str | None]:
    return errors(provider.answer(AvailabilityRequest.parse(request(*mailboxes)), Deadline.after(seconds)))


def test_a_lack_of_our_own_time_does_not_open_the_breaker() -> None:
    fake = Hanging(limits=Limits(1, at_once=10))
    fake.hangs = 10
    provider = asking(fake, Clock())
    mailboxes = [f"user{number}@example.net" for number in range(10)]
    assert ask_within(provider, 0.3, *mailboxes) == ["ErrorTimeoutExpired"] * 10
    assert ask_within(provider, 5, *mailboxes) == [None] * 10


def test_no_response_in_a_fair_time_opens_the_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailhooks.availability.lookups._FAIR_S", 0.02)
    fake = Hanging()
    fake.hangs = 3
    provider = asking(fake, Clock())
    assert [ask_within(provider, 0.3, "a@example.net") for _ in range(3)] == [["ErrorTimeoutExpired"]] * 3
    assert ask_within(provider, 5, "a@example.net") == ["ErrorServerBusy"]


def test_a_look_up_that_a_frozen_process_ends_late_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailhooks.availability.lookups._FAIR_S", 0.1)
    monkeypatch.setattr("mailhooks.availability.lookups._FREEZE_S", 0.05)
    breaker = CircuitBreaker(1, 30, Clock())
    fake = Hanging()
    fake.hangs, fake.late_s = 1, 0.2
    query = BackendQuery("x", fake, breaker, ("a@example.net",))
    assert set(look_up([query], Window(DAY, DAY + timedelta(days=1)), Deadline.after(0.3))) == {("x", "a@example.net")}
    threading.Event().wait(0.4)
    assert breaker.allows_request()


def test_an_error_in_a_short_time_is_the_backends() -> None:
    fake = Fake(failures=[Unreachable("x"), ServerBusy("x"), TimedOut("x")])
    provider = asking(fake, Clock())
    for _ in range(3):
        ask_within(provider, 4, "a@example.net")
    assert ask_within(provider, 5, "a@example.net") == ["ErrorServerBusy"]


def test_a_trial_without_time_lets_the_next_look_up_try() -> None:
    clock = Clock()
    fake = Hanging(failures=[Unreachable("x")] * 3)
    provider = asking(fake, clock)
    for _ in range(3):
        ask_within(provider, 4, "a@example.net")
    clock.now += 31
    fake.hangs = len(fake.calls) + 1
    assert ask_within(provider, 0.3, "a@example.net") == ["ErrorTimeoutExpired"]
    assert ask_within(provider, 5, "a@example.net") == [None]


def test_an_error_of_a_look_up_thread_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    pause: Any = "https://example.net/secret"
    fake = Fake(failures=[ServerBusy("x", retry_after=pause)])
    assert errors(answer(request("a@example.net"), {"*": fake})) == ["ErrorFreeBusyGenerationFailed"]
    assert "".join(capfd.readouterr()) == ""


# Invalid backends


@pytest.mark.parametrize("answered", [None, [], [at(9)], "MailboxNotFound", RuntimeError("boom"), ()])
def test_an_invalid_result_is_not_free_time(answered: Any) -> None:
    fake = Fake(script=lambda boxes, _: dict.fromkeys(boxes, answered))
    assert errors(answer(request("a@example.net"), {"*": fake})) == ["ErrorFreeBusyGenerationFailed"]


@pytest.mark.parametrize("answered", [None, [], "x", 7])
def test_an_invalid_backend_does_not_affect_the_others(answered: Any) -> None:
    fake = Fake(script=lambda *_: answered)
    good = Fake({"b@example.org": (at(9),)})
    response = answer(request("a@example.net", "b@example.org"), {"example.net": fake, "example.org": good}, budget_s=600)
    assert errors(response) == ["ErrorFreeBusyGenerationFailed", None]


def test_results_are_used_during_a_retry_of_other_mailboxes() -> None:
    released = threading.Event()

    def script(boxes: Sequence[str], _: Window) -> dict[str, Schedule | LookupFailed]:
        if len(fake.calls) > 1:
            released.wait(60)
        return {box: ServerBusy("x", retry_after=0.01) if box.startswith("b") else Schedule((at(9),)) for box in boxes}

    fake = Fake(script=script)
    response = answer(request("a@example.net", "b@example.net", "c@example.net"), {"*": fake}, budget_s=1.0)
    released.set()
    assert errors(response) == [None, "ErrorServerBusy", None]


def test_results_at_the_backends_deadline_are_used() -> None:
    class Punctual(Fake):
        def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> dict[str, Schedule | LookupFailed]:
            threading.Event().wait(deadline.left())
            return {box: MailboxNotFound("x") for box in mailboxes}

    assert errors(answer(request("a@example.net"), {"*": Punctual()}, budget_s=1.0)) == ["MailboxNotFound"]


def test_a_trial_without_a_result_does_not_keep_the_breaker_open() -> None:
    clock = Clock()
    breaker = CircuitBreaker(1, 30, clock)
    breaker.record_failure(TimedOut("x"))
    clock.now += 31
    assert breaker.allows_request()
    assert not breaker.allows_request()
    clock.now += 31
    assert breaker.allows_request()


# Pauses and scopes


def test_no_look_up_starts_during_a_long_pause() -> None:
    fake = Fake(limits=Limits(1, at_once=1), failures=[ServerBusy("x", retry_after=3600)])
    provider = asking(fake, Clock())
    document = request("a@example.net", "b@example.net", "c@example.net")
    for _ in range(2):
        assert errors(provider.answer(AvailabilityRequest.parse(document), Deadline.after(5))) == ["ErrorServerBusy"] * 3
    assert len(fake.calls) == 1


def test_look_ups_wait_for_a_short_pause() -> None:
    fake = Fake(limits=Limits(1, at_once=1), failures=[ServerBusy("x", retry_after=0.05)])
    assert errors(answer(request("a@example.net", "b@example.net"), {"*": fake})) == [None, None]
    assert [boxes for boxes, _ in fake.calls] == [("a@example.net",), ("a@example.net",), ("b@example.net",)]


def test_each_scope_has_its_own_breaker() -> None:
    class Feeds(Fake):
        def scope(self, mailbox: str) -> str:
            return mailbox[0]

    def script(boxes: Sequence[str], _: Window) -> dict[str, Schedule | LookupFailed]:
        return {box: AuthenticationFailed("x") if box.startswith("a") else Schedule() for box in boxes}

    fake = Feeds(limits=Limits(1), script=script)
    provider = Provider({"x": fake}, Routes.parse([("*", "x")]))
    for _ in range(4):
        document = request("a@example.net", "b@example.net", days=len(fake.calls) + 1)
        response = provider.answer(AvailabilityRequest.parse(document), Deadline.after(5))
    assert errors(response) == ["ErrorServerBusy", None]
    assert sum(boxes == ("a@example.net",) for boxes, _ in fake.calls) == 2
