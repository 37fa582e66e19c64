"""One local WorkMail for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.support.mailbox_export import Clock, Company, run_company
from workmail_local.workmail import LocalWorkMail


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def workmail(clock: Clock) -> Iterator[LocalWorkMail]:
    with LocalWorkMail(clock=clock) as wm:
        yield wm


@pytest.fixture
def company(workmail: LocalWorkMail, clock: Clock) -> Iterator[Company]:
    with run_company(workmail, clock) as company:
        yield company
