"""docs/monitoring.md names every alarm, folder of queries and audit log; the texts that CloudWatch shows are plain English."""

import re
from collections.abc import Iterator

from tests.docs.test_plain_english import BANNED
from tests.infrastructure.stack import ROOT
from tests.monitoring.stacks import alarms, main_stack, organization_stack, widgets
from tests.monitoring.test_organization_stack import LOG_TYPES

PAGE = (ROOT / "docs/monitoring.md").read_text("utf-8")


def rows(heading: str) -> list[str]:
    """Return the first cells of the first table under a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table
    return [line.split("|")[1].strip(" `") for line in table[0].splitlines()[2:]]


def test_each_alarm_has_its_row() -> None:
    assert rows("Alarms") == [*sorted(alarms(main_stack()), key=rows("Alarms").index)]


def test_each_folder_of_queries_has_its_row() -> None:
    names = [each["Name"] for each in organization_stack().of_type("AWS::Logs::QueryDefinition").values()]
    assert set(rows("Saved queries")) == {name.split("/")[2] for name in names}


def test_each_audit_log_has_its_row() -> None:
    assert set(rows("Audit logs")) == LOG_TYPES.keys()
    assert all(f"`{log_type}`" in PAGE for log_type in LOG_TYPES.values())


def test_the_texts_in_cloudwatch_use_no_banned_word() -> None:
    found = [(text, word[0]) for text in _texts() for word in BANNED.finditer(text)]
    assert not found


def _texts() -> Iterator[str]:
    for alarm in alarms(main_stack()).values():
        yield alarm["AlarmDescription"]
    for widget in widgets(main_stack()):
        yield widget.title
        yield widget.properties.get("markdown", "")
    for query in organization_stack().of_type("AWS::Logs::QueryDefinition").values():
        yield query["Name"]
        for parameter in query.get("Parameters", ()):
            yield parameter["Description"]
