"""Fixtures for tests of your own hooks: `pytest_plugins = ["local.pytest_plugin"]` in a conftest.py (docs/testing.md).

`workmail` is a `LocalWorkMail` for each test, with the configuration that the fixture `workmail_configuration` gives: override that one.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from local.config.configuration import Configuration
from local.workmail import LocalWorkMail


@pytest.fixture
def workmail_configuration() -> Configuration | Path | str | None:
    """What `LocalWorkMail` takes: the path of a `workmail.toml`, its text, or None for no rules."""
    return None


@pytest.fixture
def workmail(workmail_configuration: Configuration | Path | str | None) -> Iterator[LocalWorkMail]:
    """A local WorkMail of the test's own. boto3, in this process too, is led to it while the test runs."""
    with LocalWorkMail(workmail_configuration) as wm, patch.dict(os.environ, wm.environment):
        yield wm
