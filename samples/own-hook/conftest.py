"""The rules of the tests. The package workmail-hooks brings their fixture `workmail`."""

from pathlib import Path

import pytest


@pytest.fixture
def workmail_configuration() -> Path:
    return Path(__file__).with_name("workmail.toml")
