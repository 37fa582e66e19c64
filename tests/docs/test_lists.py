"""A list item begins behind an empty line or another item. Without it, the site shows the item as a part of the paragraph before it."""

import re
from pathlib import Path

import pytest

from workmail_local.config.functions import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "samples").rglob("*.md"))]

_ITEM = re.compile(r" *(\d+\.|-) ")
_FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def find_items_in_paragraphs(text: str) -> list[str]:
    """Return the lines that look like list items, and belong to a paragraph that is not an item."""
    found = []
    previous, in_item = "", False
    for line in _FENCED.sub("", text).splitlines():
        is_item = _ITEM.match(line) is not None
        if is_item and previous.strip() and not in_item:
            found.append(line.strip())
        in_item = is_item or (in_item and bool(line.strip()))
        previous = line
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_list_item_belongs_to_the_paragraph_before_it(page: Path) -> None:
    assert find_items_in_paragraphs(page.read_text("utf-8")) == []


def test_an_item_behind_a_paragraph_is_found() -> None:
    assert find_items_in_paragraphs("1. One\n\n    Text of one.\n2. Two\n") == ["2. Two"]
    assert find_items_in_paragraphs("Text:\n- one\n") == ["- one"]
    assert find_items_in_paragraphs("1. One\n    continued\n2. Two\n\n    Text.\n\n3. Three\n") == []
