"""One Postfix for all tests of this folder; or the exact reason why this machine cannot have it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.postfix.gateways import run_gateways
from tests.e2e.postfix.mail_path import MailPath, run_mail_path
from tests.support.gateway_process import GatewayProcess
from tests.support.servers.caldav.debian import Missing


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that other users can enter, which they cannot in pytest's own."""
    with tempfile.TemporaryDirectory(prefix="postfix-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def mail_path(folder: Path) -> Iterator[MailPath]:
    try:
        with run_mail_path(folder / "mail-path") as path:
            yield path
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def gateways(mail_path: MailPath, folder: Path) -> Iterator[dict[str, GatewayProcess]]:
    with run_gateways(mail_path, folder) as processes:
        yield processes
