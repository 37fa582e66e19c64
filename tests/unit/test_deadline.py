import gc
import multiprocessing
import subprocess
import sys
import threading
import time
import weakref
from contextvars import ContextVar
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import pytest

from mailhooks import deadline
from mailhooks.deadline import Deadline
from mailhooks.errors import NoTimeLeft

LAYER: Final = Path(__file__).parents[2] / "layers/mailhooks"


class Message:
    """An object that a test can observe."""


@pytest.fixture
def idle() -> list[Any]:
    """Idle threads of earlier tests would make the counts differ: they stay, and this test has its own."""
    deadline._idle.clear()
    return deadline._idle


def test_a_call_in_time_returns_its_result_or_raises_its_error():
    assert Deadline.after(5).wait_for("call", lambda: 42) == 42
    assert Deadline.after(5).wait_for("call", lambda: None) is None
    with pytest.raises(TimeoutError, match="the call's own"):
        Deadline.after(5).wait_for("call", lambda: _raise(TimeoutError("the call's own")))


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), Empty(), StopIteration(), NoTimeLeft("its own"), GeneratorExit()])
def test_any_error_of_the_call_is_raised_and_the_thread_makes_the_next_call(idle, error):
    first = Deadline.after(5).wait_for("call", threading.get_ident)
    with pytest.raises(type(error)) as caught:
        Deadline.after(5).wait_for("call", lambda: _raise(error))
    assert caught.value is error
    assert Deadline.after(5).wait_for("call", threading.get_ident) == first


def test_a_result_at_the_last_moment_is_returned(monkeypatch: pytest.MonkeyPatch):
    class TooLate(SimpleQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            if timeout is None:
                return super().get(block)
            while self.empty():
                pass
            raise Empty

    monkeypatch.setattr(deadline, "SimpleQueue", TooLate)
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


def test_one_thread_makes_calls_that_follow_each_other(idle):
    threads = {Deadline.after(5).wait_for("call", threading.get_ident) for _ in range(50)}
    assert len(threads) == len(idle) == 1
    assert threading.get_ident() not in threads


def test_a_call_within_a_call_has_another_thread(idle):
    def inner():
        return threading.get_ident(), Deadline.after(5).wait_for("inner", threading.get_ident)

    outer_thread, inner_thread = Deadline.after(5).wait_for("outer", inner)
    assert outer_thread != inner_thread
    assert len(idle) == 2


def test_a_call_that_never_ends_delays_no_other_call(idle):
    never = threading.Event()
    with pytest.raises(NoTimeLeft):
        Deadline.after(0.01).wait_for("Slow", never.wait)
    assert not idle
    assert Deadline.after(5).wait_for("call", lambda: 42) == 42
    never.set()


def test_threads_of_hundreds_of_late_calls_end_but_for_a_few(idle):
    release, before = threading.Event(), set(threading.enumerate())
    for _ in range(300):
        with pytest.raises(NoTimeLeft):
            Deadline.after(0.0001).wait_for("Slow", release.wait)
    # A deadline so short may pass before the call starts: then it needs no thread.
    started = set(threading.enumerate()) - before
    assert len(started) <= 300
    release.set()
    for _ in range(1000):
        if len(left := started & set(threading.enumerate())) <= deadline._MAX_IDLE:
            break
        next(iter(left)).join(0.01)
    assert len(left) <= deadline._MAX_IDLE
    assert Deadline.after(5).wait_for("call", lambda: 42) == 42


def test_threads_that_wait_at_the_same_time_get_their_own_answers(idle):
    found: list[tuple[int, int]] = []

    def ask(number: int) -> None:
        for each in range(100):
            wanted = 1000 * number + each
            found.append((wanted, Deadline.after(30).wait_for("call", lambda: wanted)))  # noqa: B023 - called at once

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(found) == 3000
    assert all(wanted == got for wanted, got in found)


@pytest.mark.parametrize("fails", [False, True])
def test_a_kept_thread_does_not_refer_to_the_last_message(idle, fails):
    gc.collect()
    gc.disable()
    try:
        message = Message()
        observed = weakref.ref(message)

        def call(message: Message) -> Message:
            if fails:
                raise ValueError(message)
            return message

        try:
            Deadline.after(5).wait_for("call", lambda message=message: call(message))
        except ValueError:
            assert fails
        del message
        # The same thread makes this call, after it has dropped the call before.
        Deadline.after(5).wait_for("next", lambda: 42)
        assert len(idle) == 1
        assert observed() is None
    finally:
        gc.enable()


def test_the_result_of_a_late_call_is_dropped(idle):
    release, observed = threading.Event(), []

    def late() -> Message:
        release.wait()
        message = Message()
        observed.append(weakref.ref(message))
        return message

    with pytest.raises(NoTimeLeft):
        Deadline.after(0.05).wait_for("Slow", late)
    release.set()
    for _ in range(1000):
        if not idle:
            time.sleep(0.001)
    Deadline.after(5).wait_for("next", lambda: 42)
    assert observed[0]() is None


def test_a_call_has_a_context_of_its_own(idle):
    variable: ContextVar[int] = ContextVar("variable", default=0)
    variable.set(1)
    assert Deadline.after(5).wait_for("first", lambda: (variable.get(), variable.set(2))[0]) == 0
    assert Deadline.after(5).wait_for("second", variable.get) == 0
    assert variable.get() == 1


def _call_in_fork(answers: Any) -> None:
    answers.put(Deadline.after(20).wait_for("call", lambda: 42))


def test_a_forked_process_starts_its_own_threads():
    assert Deadline.after(5).wait_for("call", lambda: 42) == 42
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    child = fork.Process(target=_call_in_fork, args=(answers,))
    child.start()
    child.join(10)
    assert child.exitcode == 0
    assert answers.get() == 42


def test_a_process_ends_though_a_call_has_not():
    program = """
import threading
from mailhooks.deadline import Deadline
from mailhooks.errors import NoTimeLeft
print(Deadline.after(5).wait_for("call", lambda: 42))
try:
    Deadline.after(0.05).wait_for("Slow", threading.Event().wait)
except NoTimeLeft:
    print("late")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(LAYER)}, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout + done.stderr == "42\nlate\n"


def _raise(error: BaseException) -> None:
    raise error
