import json

import pytest

from tests.support.hooks import Log


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]):
    """`log()`: what the handlers have printed since it was last asked."""

    def read() -> Log:
        text = capsys.readouterr().out
        documents = [json.loads(line) for line in text.splitlines()]
        return Log([d for d in documents if "_aws" not in d], [d for d in documents if "_aws" in d], text)

    return read
