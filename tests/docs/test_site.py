"""The static site that `make docs` builds works without a server and without a network."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import start_chromium

ROOT = Path(__file__).parents[2]
MKDOCS = ROOT / ".venv-docs/bin/mkdocs"

PROSE = """() => {
  const copy = document.querySelector("article").cloneNode(true);
  copy.querySelectorAll("code").forEach(code => code.remove());
  return copy.textContent;
}"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does; broken links, broken anchors and pages outside of the navigation are errors."""
    if not MKDOCS.exists():
        pytest.skip("mkdocs is not installed (`make docs` installs it)")
    folder = tmp_path_factory.mktemp("site")
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([MKDOCS, "build", "--quiet", "--strict", "--site-dir", folder], cwd=ROOT, env=environment, check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with start_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a page of the browser that fails the test when the site asks for anything but its own files."""
    foreign: list[str] = []
    with browser.new_context(viewport={"width": 400, "height": 800}) as context, context.new_page() as page:
        page.on("request", lambda request: None if request.url.startswith(("file:", "data:", "about:")) else foreign.append(request.url))
        yield page
    assert foreign == []


def test_the_search_finds_pages_from_the_file_system(site: Path, browser: Browser, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto((site / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("fallback action")
    page.get_by_text("matching documents").wait_for()
    assert page.locator(".md-search-result__link").filter(has_text="Connect a function to WorkMail").count() > 0


def test_no_page_is_wider_than_a_narrow_window_or_shows_markup(site: Path, page: Page) -> None:
    docs = ROOT / "docs"
    for source in sorted(docs.rglob("*.md")):
        name = "index" if source.stem == "README" else source.stem
        path = (site / source.relative_to(docs)).with_name(f"{name}.html")
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path.name
        prose = page.evaluate(PROSE)
        assert "```" not in prose, path.name
        assert "<!--" not in prose, path.name


def test_bullets_behind_numbers_are_a_list_of_their_own(site: Path, page: Page) -> None:
    page.goto((site / "after.html").as_uri())
    assert page.locator("ul > li", has_text="Order of milters").count() == 1
    assert page.locator("ol > li", has_text="Order of milters").count() == 0


def test_a_name_in_the_first_column_of_a_table_is_shown_in_one_line(site: Path, page: Page) -> None:
    page.goto((site / "gateway.html").as_uri())
    names = page.locator("td:first-child code").filter(has_text=re.compile(r"^\S+$"))
    assert names.count() > 20
    assert set(names.evaluate_all("codes => codes.map(code => code.getClientRects().length)")) == {1}


def test_code_in_tables_is_shown_without_the_escapes_of_pipes(site: Path, page: Page) -> None:
    page.goto((site / "policy.html").as_uri())
    codes = page.locator("td code").all_inner_texts()
    assert r"(?:^|[^\pL\pM\pN_])word(?:[^\pL\pM\pN_]|$)" in codes
    assert not any(r"\|" in code for code in codes)


def test_the_front_page_leads_each_reader_in_one_step(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    for link, title in (
        ("Deploy the functions", "Deploy"),
        ("Write your own hook", "Write your own hook"),
        ("Leave WorkMail", "Leave WorkMail"),
    ):
        page.locator("article").get_by_role("link", name=link).first.click()
        assert title in page.locator("h1").inner_text()
        page.go_back()
