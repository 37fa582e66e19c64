"""One local WorkMail for the tests of a module, and its clients."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from workmail_local.workmail import LocalWorkMail

NOW = 1_800_000_000.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(clock: Clock) -> Iterator[LocalWorkMail]:
    with LocalWorkMail(clock=clock) as wm:
        yield wm


@pytest.fixture
def wm(running: LocalWorkMail, clock: Clock) -> LocalWorkMail:
    running.faults.clear()
    clock.now = NOW
    return running


@pytest.fixture(scope="module")
def workmail(running: LocalWorkMail) -> Iterator[Any]:
    with closing(running.client("workmailmessageflow")) as client:
        yield client


@pytest.fixture(scope="module")
def s3(running: LocalWorkMail) -> Iterator[Any]:
    with closing(running.client("s3")) as client:
        yield client
