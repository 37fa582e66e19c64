"""`workmail-hooks test-rule`: show which flow rule each recipient of a message meets, like the console's "Test configuration"."""

import sys
from collections.abc import Iterator
from pathlib import Path

from mailhooks.contract import FlowDirection
from workmail_local.config.configuration import Configuration, load_configuration
from workmail_local.console.rows import format_cell, wrap
from workmail_local.console.style import WIDTH, Style, display_path
from workmail_local.console.text_columns import escape_controls, fit
from workmail_local.rules.matching import Match, match_rules
from workmail_local.rules.rule import Rule

_NAME = 40
_ACTION = 40
"""Columns."""


def print_matching_rules(author: str, sender: str, recipients: list[str], *, outbound: bool, file: Path) -> int:
    """Print the matching rule of each recipient, and why the other rules do not apply. Return 0.

    Args:
        author: the address in From.
        sender: the address in Sender; "" for none.
        outbound: match the outbound rules, not the inbound rules.
        file: the configuration, `workmail.toml`.

    Raises:
        ConfigurationError: the file is not a valid configuration.
        OSError: the file cannot be read.
    """
    configuration, style = load_configuration(file), Style.of(sys.stdout)
    direction = FlowDirection.OUTBOUND if outbound else FlowDirection.INBOUND
    headers = f"From {author}" + (f", Sender {sender}" if sender else "")
    print(fit(f"{direction}  {escape_controls(headers)}", WIDTH))
    print(f"Rules of {escape_controls(display_path(file))}")
    for found in match_rules(configuration.rules, direction, author=author, sender=sender, recipients=recipients):
        print("", *_matched(found, direction, configuration, style), sep="\n")
    return 0


def _matched(found: Match, direction: FlowDirection, configuration: Configuration, style: Style) -> Iterator[str]:
    yield style.bold(fit(escape_controls(found.recipient), WIDTH))
    if direction is FlowDirection.INBOUND and not configuration.owns(found.recipient):
        yield "    Not in the organization's domains: WorkMail would accept no inbound mail for this recipient."
    if found.rule is None:
        yield f"    {found.why} WorkMail delivers the message as usual."
    for result in found.results:
        verdict = style.good("wins") if result.rule is found.rule else "matches" if result.matched else ""
        yield f"  {format_cell(result.rule.name, _NAME)}{format_cell(_action(result.rule), _ACTION)}{verdict}".rstrip()
        yield from (f"      {line}" for line in wrap(escape_controls(result.why), WIDTH - 6))


def _action(rule: Rule) -> str:
    if not rule.function:
        return f"{rule.action} {rule.gateway}".rstrip()
    return f"{rule.action} {rule.function}" if rule.synchronous else f"{rule.action} {rule.function} (async)"
