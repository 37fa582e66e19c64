"""Fixtures for tests of your own hooks: `pytest_plugins = ["workmail_local.pytest_plugin"]` in a conftest.py (docs/testing.md).

`workmail` is a `LocalWorkMail` for each test. Override the fixture `workmail_configuration` to give it rules.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from workmail_local.config.configuration import Configuration
from workmail_local.workmail import LocalWorkMail


@pytest.fixture
def workmail_configuration() -> Configuration | Path | str | None:
    """The configuration of `LocalWorkMail`: the path of a `workmail.toml`, its text, or None for no rules."""
    return None


@pytest.fixture
def workmail(workmail_configuration: Configuration | Path | str | None) -> Iterator[LocalWorkMail]:
    """A local WorkMail for one test. While the test runs, boto3 calls its servers, in this process too."""
    with LocalWorkMail(workmail_configuration) as wm, patch.dict(os.environ, wm.environment):
        yield wm
