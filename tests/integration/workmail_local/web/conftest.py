"""One browser for all tests of the folder, one server and one page for those of a module.

Tests in the browser are skipped when Debian's Chromium is not installed.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.integration.workmail_local.web.pages import Site, Trap, Visit
from tests.support.chromium import launch_chromium


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def site(served: Site) -> Site:
    served.clear()
    return served


@pytest.fixture(scope="package")
def shared_trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def trap(shared_trap: Trap) -> Trap:
    shared_trap.connections = 0
    return shared_trap


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    # For the folder only: while it runs, `asyncio.run` is not possible in this thread.
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def shared_browser(playwright: Playwright, shared_trap: Trap) -> Iterator[Browser]:
    """Start a browser that resolves all names in example.net to the trap, which sees connections even without a request."""
    with launch_chromium(playwright, f"--host-resolver-rules=MAP *.example.net 127.0.0.1:{shared_trap.port}") as browser:
        yield browser


@pytest.fixture(scope="module")
def browser(shared_browser: Browser) -> Browser:
    return shared_browser


@pytest.fixture(scope="module")
def opened(browser: Browser, served: Site) -> Iterator[Visit]:
    visit = Visit(browser, served)
    yield visit
    visit.close()


@pytest.fixture
def visit(opened: Visit) -> Visit:
    opened.clear()
    return opened
