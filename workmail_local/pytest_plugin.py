"""The pytest plugin for tests of your own hooks: the fixture `workmail` and its marker (docs/testing.md).

An installation registers it. It is part of every test run of the environment then, so it imports the local WorkMail at the first use.
"""

import os
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import pytest

if TYPE_CHECKING:
    from workmail_local.config.configuration import Configuration
    from workmail_local.workmail import LocalWorkMail

_MARKER: Final = (
    "workmail(configuration, *, speed, environment): the local WorkMail of the fixture `workmail`: a workmail.toml, as a path from the "
    "test's file or as text; what divides the pauses between attempts; variables of all functions"
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def workmail_configuration() -> "Configuration | Path | str | None":
    """The configuration of tests without one in a marker: a path from the test's file, the text of a `workmail.toml`, or None: no rules."""
    return None


@pytest.fixture(scope="session")
def shared_local_workmail() -> "Iterator[LocalWorkMail]":
    """The local WorkMail that the tests of a process share: a reset needs a quarter of the time of a start."""
    from workmail_local import LocalWorkMail

    with LocalWorkMail() as shared:
        yield shared


@pytest.fixture
def workmail(
    request: pytest.FixtureRequest,
    shared_local_workmail: "LocalWorkMail",
    workmail_configuration: "Configuration | Path | str | None",
) -> "Iterator[LocalWorkMail]":
    """A local WorkMail, as new for each test. While the test runs, boto3 calls its servers, in this process too."""
    options: dict[str, Any] = {"configuration": workmail_configuration}
    # The marker of a module is last.
    for marker in reversed(list(request.node.iter_markers("workmail"))):
        options = _read_marker(options, *marker.args, **marker.kwargs)
    shared_local_workmail.reset(
        _find_configuration(options.pop("configuration"), request.path.parent),
        speed=options.get("speed"),
        function_environment=options.get("environment"),
    )
    # An invalid configuration is an error of the fixture, not of the first message.
    _ = shared_local_workmail.configuration
    with patch.dict(os.environ, shared_local_workmail.environment):
        yield shared_local_workmail
    # Ends the processes of the functions, and removes the mail.
    shared_local_workmail.reset()


def _read_marker(
    outer: dict[str, Any],
    configuration: "Configuration | Path | str | None" = None,
    *,
    speed: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the options of a marker, and those of `outer`, a marker further out, that it does not set."""
    return {
        "configuration": outer.get("configuration") if configuration is None else configuration,
        "speed": outer.get("speed") if speed is None else speed,
        "environment": {**(outer.get("environment") or {}), **(environment or {})},
    }


def _find_configuration(given: "Configuration | Path | str | None", folder: Path) -> "Configuration | Path | str | None":
    """Return a configuration for `LocalWorkMail`: a path starts at the test's file, and a text of several lines is the file's own text."""
    if given is None or not isinstance(given, Path | str) or (isinstance(given, str) and "=" in given):
        return given
    path = folder / given
    if not path.is_file():
        raise pytest.UsageError(f"{path} is missing: the configuration of the fixture workmail is a path from the test's file, or its text")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what happened to the messages of a failed test to its report."""
    report = yield
    wm = getattr(item, "funcargs", {}).get("shared_local_workmail")
    if report.when == "call" and report.failed and wm is not None:
        from workmail_local.message_report import describe_messages

        if lines := list(describe_messages(wm)):
            report.sections.append(("messages of the local WorkMail", "\n".join(lines)))
    return report
