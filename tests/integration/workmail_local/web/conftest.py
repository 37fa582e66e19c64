"""One server and one browser page for the tests of a module. Tests in the browser are skipped when Debian's Chromium is not installed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.integration.workmail_local.web.pages import Site, Trap, Visit
from tests.support.chromium import start_chromium


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def site(served: Site) -> Site:
    served.clear()
    return served


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def browser(trap: Trap) -> Iterator[Browser]:
    """Start a browser that resolves all names in example.net to the trap, which sees connections even without a request."""
    with start_chromium(f"--host-resolver-rules=MAP *.example.net 127.0.0.1:{trap.port}") as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(browser: Browser, served: Site) -> Iterator[Visit]:
    visit = Visit(browser, served)
    yield visit
    visit.close()


@pytest.fixture
def visit(opened: Visit) -> Visit:
    opened.clear()
    return opened
