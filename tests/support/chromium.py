"""Chromium for tests. They are skipped where it is not installed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

# Not 5 s: many processes may share a processor.
expect.set_options(timeout=30_000)

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND"


def launch_chromium(playwright: Playwright, *arguments: str) -> Browser:
    """Start Debian's Chromium with command-line arguments, for example `NO_NETWORK`."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian package `chromium`)")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not work for root
    return playwright.chromium.launch(executable_path=chromium, args=[*sandbox, *arguments])


@contextmanager
def start_chromium(*arguments: str) -> Iterator[Browser]:
    """Start Chromium and the driver for it."""
    with sync_playwright() as playwright, launch_chromium(playwright, *arguments) as browser:
        yield browser
