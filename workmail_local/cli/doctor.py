"""`workmail-hooks doctor`: checks a deployed stack and its WorkMail organization, and prints how to mend them. Changes nothing."""

import argparse
import json
import shlex
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from workmail_local.console.style import WIDTH, Style
from workmail_local.console.text_columns import escape_controls
from workmail_local.doctor.account import Account
from workmail_local.doctor.examination import Topic, examine
from workmail_local.doctor.findings import Finding, Status, hide_addresses
from workmail_local.doctor.target import Target, find_region, find_target

_NAME: Final = 16
_COLUMN: Final = 2 + len(Status.UNCHECKED) + 2 + _NAME
_INDENT: Final = 6


def doctor(options: argparse.Namespace) -> int:
    """Check an account, and print the report.

    Returns:
        0 when nothing wrong was found, 1 otherwise. Warnings and rows that could not be checked are not wrong.

    Raises:
        NotConnected: no check can be made, because region or credentials are missing.
    """
    account = Account(find_region(options.function, options.region))
    target = find_target(
        account,
        stack=options.stack,
        functions=options.function,
        organization=options.organization_id,
        now=datetime.now(UTC),
        test_availability=options.test_availability,
    )
    topics = examine(account, target)
    print(_format_json(target, topics) if options.json else "\n".join(format_report(topics, Style.of(sys.stdout))))
    return 1 if _count(topics)[Status.WRONG] else 0


def format_report(topics: list[Topic], style: Style) -> Iterator[str]:
    """Yield the lines of the table, at most 100 columns wide unless a single word, such as an ARN, is longer."""
    for topic in topics:
        yield style.bold(topic.name)
        for finding in topic.findings:
            yield from _format_finding(finding, style)
    counts = _count(topics)
    yield ", ".join(f"{counts[status]} {status}" for status in Status)


def _format_finding(finding: Finding, style: Style) -> Iterator[str]:
    found, mend = (escape_controls(hide_addresses(text)) for text in (finding.found, finding.mend))
    colour = {Status.OK: style.good, Status.WRONG: style.bad}.get(finding.status, style.bold)
    label = colour(finding.status) + " " * (len(Status.UNCHECKED) + 2 - len(finding.status))
    first, *more = _wrap(found, WIDTH - _COLUMN)
    yield f"  {label}{finding.name:<{_NAME}}{first}"
    yield from (" " * _COLUMN + line for line in more)
    if mend:
        yield from (" " * _INDENT + line for line in _wrap(f"Mend: {mend}", WIDTH - _INDENT))
    yield from (" " * _INDENT + line for line in _break_command(finding.command))


def _wrap(text: str, width: int) -> list[str]:
    """Break a text into lines. A word is never cut: it may be an ARN to copy."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _break_command(words: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a command that can be pasted into a shell."""
    line = ""
    for word in map(shlex.quote, map(hide_addresses, words)):
        if line and _INDENT + len(line) + len(word) + 3 > WIDTH:
            yield f"{line} \\"
            line = ""
        line += f" {word}" if line else word
    if line:
        yield line


def _count(topics: list[Topic]) -> Counter[Status]:
    return Counter(finding.status for topic in topics for finding in topic.findings)


def _format_json(target: Target, topics: list[Topic]) -> str:
    findings = [
        {"topic": topic.name, **{key: hide_addresses(value) if isinstance(value, str) else value for key, value in asdict(finding).items()}}
        for topic in topics
        for finding in topic.findings
    ]
    document = {
        "account": target.account,
        "region": target.region,
        "organization": target.organization.id,
        "stack": target.stack_name,
        "counts": {status: _count(topics)[status] for status in Status},
        "findings": findings,
    }
    return json.dumps(document, indent=2)
