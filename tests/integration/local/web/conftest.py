"""A server of the pages, alone and with a browser. The browser is Debian's Chromium; its tests are skipped where there is none."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.integration.local.web.pages import Site, Trap, Visit


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.server.start()
    yield site
    site.session.close()
    site.server.stop()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright, trap: Trap) -> Iterator[Browser]:
    """Every name below example.net leads into the trap, so that a connection is seen that is no request yet."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium is installed (Debian package `chromium`)")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own refuses to run as root
    rules = f"--host-resolver-rules=MAP *.example.net 127.0.0.1:{trap.port}"
    browser = playwright.chromium.launch(executable_path=chromium, args=[*sandbox, rules])
    yield browser
    browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.close()
