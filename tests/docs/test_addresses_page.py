"""The patterns on docs/addresses.md match as the page states."""

import re
from pathlib import Path

import pytest

from mailhooks.address_patterns import Pattern

PAGE = (Path(__file__).parents[2] / "docs/addresses.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| (.*) \| (.*) \|$", PAGE.partition("## Plus")[0], re.MULTILINE)
[NOT_ACCEPTED] = re.findall(r"^Not accepted: (.*)$", PAGE, re.MULTILINE)
REJECTED = re.findall(r"`([^`]+)`", NOT_ACCEPTED)


def addresses(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_page_has_the_four_forms() -> None:
    assert [row[0] for row in ROWS] == ["ana@example.com", "example.com", "*.example.com", "*"]


@pytest.mark.parametrize("pattern, matching, other", ROWS, ids=[row[0] for row in ROWS])
def test_a_pattern_matches_the_addresses_of_its_row(pattern: str, matching: str, other: str) -> None:
    assert all(Pattern.parse(pattern).matches(each) for each in addresses(matching))
    assert not any(Pattern.parse(pattern).matches(each) for each in addresses(other))


@pytest.mark.parametrize("text", REJECTED)
def test_other_forms_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="a pattern"):
        Pattern.parse(text, tagged=True)


def test_a_mailbox_with_a_tag_is_a_pattern_of_policies_only() -> None:
    assert Pattern.parse("ana+news@example.com", tagged=True).matches("ana+news@example.com")
    with pytest.raises(ValueError, match=r"without \+"):
        Pattern.parse("ana+news@example.com")
