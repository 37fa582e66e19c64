"""The log of the function."""

import json
from collections.abc import Callable

import pytest

from tests.support.hooks import Log


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Callable[[], Log]:
    """`log()`: what the function has printed since it was last asked."""

    def read() -> Log:
        text = capsys.readouterr().out
        documents = [json.loads(line) for line in text.splitlines()]
        return Log([each for each in documents if "_aws" not in each], [each for each in documents if "_aws" in each], text)

    return read
