"""Each CalDAV server, started once; or the exact reason why this machine cannot have it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.servers import radicale as radicale_server
from tests.support.servers.caldav import cyrus, davical, debian, sabredav, sogo, xandikos
from tests.support.servers.caldav.site import Site


@contextmanager
def _radicale(folder: Path) -> Iterator[Site]:
    folder.mkdir()
    with radicale_server.running(folder) as server:
        user = radicale_server.USER
        yield Site("Radicale", server.url, f"/{user}/", f"/{user}/", user, (user, radicale_server.PASSWORD))


OF_THE_INDEX: Final[dict[str, Callable[[Path], AbstractContextManager[Site]]]] = {"Radicale": _radicale, "Xandikos": xandikos.running}
OF_DEBIAN: Final[dict[str, Callable[[Path], AbstractContextManager[Site]]]] = {
    "sabre/dav": sabredav.running,
    "DAViCal": davical.running,
    "Cyrus": cyrus.running,
    "SOGo": sogo.running,
}


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that other users can enter, which they cannot in pytest's own."""
    with tempfile.TemporaryDirectory(prefix="calendar-servers-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session", params=[*OF_THE_INDEX, *OF_DEBIAN])
def site(request: pytest.FixtureRequest, folder: Path) -> Iterator[Site]:
    name = request.param
    if name == "Xandikos" and not xandikos.PYTHON.exists():
        pytest.skip("Xandikos is not installed: run make servers")
    if name in OF_DEBIAN:
        try:
            debian.require()
        except debian.Missing as missing:
            pytest.skip(str(missing))
    with (OF_THE_INDEX | OF_DEBIAN)[name](folder / name.replace("/", "-")) as running:
        yield running
