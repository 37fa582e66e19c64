"""`python -m local replay`: a policy over a folder of mail, or what differs between two. Nothing is done, nothing is sent."""

import csv
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from local.console.rows import cell
from local.console.style import WIDTH, Style, display_path, number_of
from local.console.text_columns import fit, printable
from local.errors import InvalidPolicy
from local.policy_tools.mail_files import messages
from local.policy_tools.runs import Result, Row, Runs, Tally
from local.policy_tools.trial import Setting, loaded
from mailhooks.policy import Policy

_NAME, _RULES, _VERDICTS = 26, 24, 18
_EVERY_S = 0.2
_OF_RESULT = ("rules", "reported", "verdicts", "bounces", "added", "changes", "effects", "failures", "retry")


def replay(file: Path, folder: Path, setting: Setting, *, against: Path | None, table: Path | None) -> int:
    """Prints a row for each message, or with `against` for each whose outcome differs, and what came of all.

    Returns:
        0, whatever comes of the messages.

    Raises:
        InvalidPolicy: a policy is refused, or the folder is none.
        OSError: a policy cannot be read, or the table not be written.
    """
    policy, old = loaded(file), loaded(against) if against else None
    if not folder.is_dir():
        raise InvalidPolicy(f"{display_path(folder)} is no folder")
    style, tally = Style.of(sys.stdout), Tally()
    runs = Runs(policy, old, setting)
    with ExitStack() as stack:
        write = _writer(stack.enter_context(table.open("w", newline="", encoding="utf-8")), bool(old)) if table else _nothing
        print(style.bold(_columns("Message", "Rules", "Verdicts", "Changes and more")))
        for row in _with_progress(runs.rows(folder, messages(folder)), sys.stderr):
            tally.add(row)
            write(row)
            if old is None or row.differs or row.trouble:
                print(*_lines(row, style), sep="\n")
    print("", *_summary(policy, old, tally, runs, style), sep="\n")
    if not tally.messages:
        print(f"No mail in {display_path(folder)}: replay looks for .eml files, also in folders of it, and for cur/ and new/ of Maildirs")
    if table:
        print(f"Table: {display_path(table)}")
    return 0


def _lines(row: Row, style: Style) -> Iterator[str]:
    if row.trouble:
        yield f"{cell(row.name, _NAME, keep_end=True)}{style.bad(fit(printable(row.trouble), WIDTH - _NAME))}"
    elif row.old is None:
        yield _of(row.name, row.new)
    else:
        yield _of(row.name, row.old)
        yield _of("  ->", row.new)
    for failure in row.new.failures:
        yield fit(f"  could not be told: {printable(failure)}", WIDTH)


def _of(name: str, result: Result) -> str:
    rules = [*result.rules, *(f"{rule} (report)" for rule in result.reported)]
    return _columns(name, ", ".join(rules) or "-", result.verdicts, result.does)


def _columns(name: str, rules: str, verdicts: str, changes: str) -> str:
    row = cell(name, _NAME, keep_end=True) + cell(rules, _RULES) + cell(verdicts, _VERDICTS)
    return row + fit(printable(changes), WIDTH - _NAME - _RULES - _VERDICTS)


def _summary(policy: Policy, old: Policy | None, tally: Tally, runs: Runs, style: Style) -> Iterator[str]:
    differ = f", {tally.differ:,} differ" if old else ""
    parts = [f"{number:,} {what}" for what, number in tally.troubles.most_common()]
    parts += [f"{tally.retried:,} whose invocation fails"] if tally.retried else []
    parts += [f"{tally.failed:,} with a condition that could not be told"] if tally.failed else []
    count = f"{number_of(tally.messages, 'message')}{differ}"
    yield f"{style.bold(count)}{''.join(f'; {part}' for part in parts)}"
    names = [rule.name for rule in policy.rules]
    names += [rule.name for rule in old.rules if rule.name not in names] if old else []
    own = frozenset(rule.name for rule in policy.rules)
    tried = tally.messages - tally.troubles.total()
    for name in names:
        number = f"{tally.new[name]:>9,}"
        if old:
            number = f"{tally.old[name]:>9,} -> {tally.new[name]:<9,}"
        idle = "  (not active when any of these messages was sent: see --at)" if tried and name in own and not runs.asked[name] else ""
        yield fit(f"  {number}  {printable(name)}{idle}", WIDTH)
    for group in sorted(runs.unknown_groups):
        yield f"{printable(group)} has no members here: give them with --group"


def _with_progress(rows: Iterable[Row], stream: TextIO) -> Iterator[Row]:
    """The rows; on a terminal with their number, in place."""
    if not stream.isatty():
        yield from rows
        return
    last, width = time.monotonic(), 0
    for number, row in enumerate(rows, start=1):
        if time.monotonic() - last >= _EVERY_S:
            text = f"{number:,} messages"
            last, width = time.monotonic(), len(text)
            print(f"\r{text}", end="\r", file=stream, flush=True)
        elif width:
            print(" " * width, end="\r", file=stream, flush=True)
            width = 0
        yield row
    if width:
        print(" " * width, end="\r", file=stream, flush=True)


def _nothing(row: Row) -> None:
    """Where no table is wanted."""


def _writer(stream: TextIO, compares: bool) -> Callable[[Row], None]:
    """Writes rows as CSV (RFC 4180)."""
    writer = csv.writer(stream)
    head = ["message", "direction", "recipients", "trouble", *_OF_RESULT]
    writer.writerow([*head, *(["differs", *(f"old_{name}" for name in _OF_RESULT)] if compares else [])])

    def write(row: Row) -> None:
        cells = [row.name, row.direction, row.recipients, row.trouble, *_cells(row.new)]
        if compares:
            cells += ["yes" if row.differs else "no", *_cells(row.old or Result())]
        writer.writerow([_plain(cell) for cell in cells])

    return write


def _cells(result: Result) -> list[str]:
    values = [getattr(result, name) for name in _OF_RESULT]
    return [value if isinstance(value, str) else "; ".join(value) for value in values]


def _plain(cell: Any) -> str:
    """A cell that no spreadsheet takes for a formula: names and addresses in it are strangers'."""
    text = str(cell).encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
