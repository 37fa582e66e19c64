"""The table of docs/failure.md has the drills that are tests, and no others."""

import re
from pathlib import Path

from tests.integration.drills.page import read_drills


def test_each_drill_of_the_page_is_a_test_and_each_test_is_on_the_page() -> None:
    files = [file.read_text() for file in Path(__file__).parent.glob("test_*.py")]
    tested = {name for text in files for name in re.findall(r'read_drill\("([^"]+)"\)', text)}
    assert tested == read_drills().keys()
