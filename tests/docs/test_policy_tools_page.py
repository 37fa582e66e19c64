"""The table of platforms in docs/policy-tools.md names what `workmail-hooks check --platform` reports, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailhooks.policy import load
from mailhooks.policy.analysis.lint import lint
from tests.support.random_policies import ACTIONS, LEAVES
from tests.support.tables import check_rows
from tests.unit.policy.rules.test_conditions import LISTS
from workmail_local.cli.main import main
from workmail_local.cli.policy.check import PLATFORMS

_PAGE = Path(__file__).parents[2] / "docs" / "policy-tools.md"
_HOLD = {"approvers": "boss@example.com", "timeout": "230m", "on_timeout": "bounce"}

SAMPLES: list[tuple[str, dict[str, Any]]] = [
    *((action if isinstance(action, str) else next(iter(action)), {"do": action}) for action in ACTIONS),
    *((next(iter(when)), {"when": when}) for when in LEAVES),
    ("junk", {"when": {"recipient": "a@example.com"}, "do": "junk"}),
    ("bounce", {"do": {"bounce": "Zurück"}}),
    ("add_recipients", {"do": {"add_recipients": "a@example.org"}}),
    ("disclaimer", {"do": {"disclaimer": {"text": "x", "on_unmodifiable": "bounce"}}}),
    ("strip_attachments", {"do": {"strip_attachments": {"extensions": "exe", "on_unmodifiable": "bounce"}}}),
    ("headers", {"do": {"headers": {"set": {"Reply-To": "a@example.com"}}}}),
    ("hold", {"do": {"hold": _HOLD}}),
    ("direction", {"when": {"direction": "outbound"}}),
    ("rate", {"when": {"rate": {"more_than": 1, "minutes": 5}}}),
    ("header", {"when": {"header": {"name": "X-SES-Spam-Verdict", "contains": "FAIL"}}}),
]
"""Each action and condition, with a rule that has it."""


def find_limited(rule: dict[str, Any]) -> set[str]:
    """Return the platforms with a finding about their limits."""
    document = {
        "version": 1,
        "organization": {"domains": ["example.com"]},
        "lists": LISTS | {"bad": ["exe"], "fields": ["X-A"]},
        "rules": [{"name": "r", "do": {"count": "Seen"}} | rule],
    }
    return {found.platform for found in lint(load(json.dumps(document)), PLATFORMS.values())} - {""}


def read_rows() -> Iterator[tuple[list[str], dict[str, bool]]]:
    """Yield the names of each row of the table, and by platform whether they are the same there."""
    lines = _PAGE.read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| action or condition |"))
    platforms = re.findall(r"`(\w+)`", lines[start])
    assert set(platforms) == PLATFORMS.keys()
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return
        names, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        yield (
            re.findall(r"`([a-z_]+)", names.partition(" with ")[0].partition(" of ")[0]),
            {platform: cell == "same" for platform, cell in zip(platforms, cells, strict=True)},
        )


def test_the_table_of_platforms_has_exactly_what_is_reported() -> None:
    rows = {name: cells for names, cells in read_rows() for name in names}
    limited: dict[str, set[str]] = {name: set() for name in rows}
    for name, rule in SAMPLES:
        limited.setdefault(name, set()).update(find_limited(rule))

    def check(name: str, found: set[str]) -> None:
        assert rows.get(name, dict.fromkeys(PLATFORMS, True)) == {platform: platform not in found for platform in PLATFORMS}

    check_rows(limited.items(), check)


def test_the_command_knows_every_platform(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nrules: [{name: Staff, when: {sender_in_group: staff@example.com}, do: drop}]\n")
    for name in PLATFORMS:
        assert main(["check", str(file), "--platform", name, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["findings"]
        assert [each["platform"] for each in found] == ([] if name == "workmail" else [name])
