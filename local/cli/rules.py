"""`python -m local test-rule`: which flow rule a message would meet, recipient by recipient; the console's "Test configuration"."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.config.configuration import Configuration
    from local.console.style import Style
    from local.rules.matching import Considered, Match
    from local.rules.rule import Rule

_NAME = 40
_ACTION = 40
"""Columns."""


def add_rule_commands(commands: Any) -> None:
    """Adds `test-rule` to the parser's commands."""
    test = commands.add_parser("test-rule", help="say which flow rule each recipient of a message would meet, and why")
    test.set_defaults(carry_out=_test)
    test.add_argument("--from", dest="author", required=True, metavar="ADDRESS", help="the address in From")
    test.add_argument("--sender", default="", metavar="ADDRESS", help="the address in Sender, where somebody sends on another's behalf")
    test.add_argument("--to", dest="recipients", required=True, nargs="+", metavar="ADDRESS", help="the recipients")
    test.add_argument("--outbound", action="store_true", help="the outbound rules; else the inbound ones")
    test.add_argument("--config", type=Path, metavar="FILE", help="workmail.toml (default: local/workmail.toml of this project)")


def _test(options: argparse.Namespace) -> int:
    """Prints the verdicts, whatever they are.

    Returns:
        0.

    Raises:
        BadConfiguration: the file cannot be used.
        OSError: it cannot be read.
    """
    from local.config.configuration import DEFAULT_FILE, load
    from local.console.style import Style
    from local.rules.matching import match
    from mailhooks.contract import FlowDirection

    file = options.config or DEFAULT_FILE
    configuration = load(file)
    direction = FlowDirection.OUTBOUND if options.outbound else FlowDirection.INBOUND
    matches = match(configuration.rules, direction, author=options.author, sender=options.sender, recipients=options.recipients)
    print(*_report(file, configuration, direction, options, matches, Style.of(sys.stdout)), sep="\n")
    return 0


def _report(
    file: Path, configuration: "Configuration", direction: str, options: argparse.Namespace, matches: "list[Match]", style: "Style"
) -> Iterator[str]:
    from local.console.style import WIDTH, display_path
    from local.console.text_columns import fit, printable

    headers = f"From {options.author}" + (f", Sender {options.sender}" if options.sender else "")
    yield fit(f"{direction}  {printable(headers)}", WIDTH)
    yield f"Rules of {printable(display_path(file))}"
    for match in matches:
        yield ""
        yield style.bold(fit(printable(match.recipient), WIDTH))
        if direction == "INBOUND" and not configuration.owns(match.recipient):
            yield "    Not in the organization's domains: no inbound mail would be taken for it."
        if match.rule is None:
            yield f"    {match.why} The message goes its way."
        for considered in match.considered:
            yield from _considered(considered, won=considered.rule is match.rule, style=style)


def _considered(considered: "Considered", *, won: bool, style: "Style") -> Iterator[str]:
    """A rule and, below it, why it won or did not."""
    import textwrap

    from local.console.style import WIDTH
    from local.console.text_columns import columns, fit, printable

    name = fit(printable(considered.rule.name), _NAME - 2)
    padding = " " * (_NAME - columns(name))
    verdict = style.good("wins") if won else "matches" if considered.matched else ""
    yield f"  {name}{padding}{fit(printable(_action(considered.rule)), _ACTION - 2):<{_ACTION}}{verdict}".rstrip()
    indent = " " * 6
    yield from textwrap.wrap(printable(considered.why), WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _action(rule: "Rule") -> str:
    if not rule.function:
        return rule.action.value
    return f"{rule.action} {rule.function}" if rule.synchronous else f"{rule.action} {rule.function} (async)"
