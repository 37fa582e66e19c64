"""Each table of the pages has a header, without which Markdown shows its rows as text."""

from pathlib import Path

import pytest

from workmail_local.config.functions import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "samples").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_table_has_a_header(page: Path) -> None:
    lines = ["", *(line.strip() for line in page.read_text("utf-8").splitlines()), ""]
    first_rows = [number for number, line in enumerate(lines) if line.startswith("|") and not lines[number - 1].startswith("|")]
    assert [lines[number] for number in first_rows if not lines[number + 1].startswith("|--")] == []
