"""The next host of the gateway, which keeps what it gets."""

from collections.abc import Iterator

import pytest

from tests.support.smtp_sink import Sink, run_sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    with run_sink() as running:
        yield running
