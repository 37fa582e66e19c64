import threading
from concurrent.futures import Future

import pytest

from mailhooks.deadline import Deadline
from mailhooks.errors import NoTimeLeft


def test_a_call_in_time_returns_its_result_or_raises_its_error():
    assert Deadline.after(5).wait_for("call", lambda: 42) == 42
    with pytest.raises(TimeoutError, match="the call's own"):
        Deadline.after(5).wait_for("call", lambda: _raise(TimeoutError("the call's own")))


def test_a_result_at_the_last_moment_is_returned(monkeypatch: pytest.MonkeyPatch):
    def too_late(outcome: Future[int], timeout: float | None = None) -> int:
        while not outcome.done():
            pass
        if timeout is not None:
            raise TimeoutError
        return real(outcome)

    real = Future.result
    monkeypatch.setattr(Future, "result", too_late)
    assert Deadline.after(5).wait_for("call", lambda: 42) == 42


def test_a_call_that_never_ends_is_dropped_at_the_deadline():
    never = threading.Event()
    with pytest.raises(NoTimeLeft, match="Slow: no answer"):
        Deadline.after(0.05).wait_for("Slow", never.wait)
    never.set()


def test_no_call_starts_after_the_deadline():
    started = []
    over = Deadline.after(-1)
    assert over.left() == 0
    with pytest.raises(NoTimeLeft, match="not started"):
        over.wait_for("Late", lambda: started.append(1))
    assert not started


def _raise(error: Exception) -> None:
    raise error
