"""`workmail-hooks replay`: evaluate a policy for a folder of mail, or compare two policies. Nothing is carried out or sent."""

import csv
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from mailhooks.policy import Policy
from workmail_local.config.policy_file import load_policy
from workmail_local.console.rows import format_cell
from workmail_local.console.style import WIDTH, Style, display_path, format_count
from workmail_local.console.text_columns import escape_controls, fit
from workmail_local.errors import InvalidPolicy
from workmail_local.policy_tools.replay import OutcomeSummary, Replay, ReplayRow
from workmail_local.policy_tools.trial import TrialOptions

_NAME, _RULES, _VERDICTS = 26, 24, 18
_PROGRESS_S = 0.2
_CLEAR_LINE = "\x1b[K"
_OUTCOME_FIELDS = ("rules", "reported", "holds", "verdicts", "bounces", "added", "changes", "effects", "failures", "retry")


def replay(file: Path, folder: Path, options: TrialOptions, *, against: Path | None, table: Path | None) -> int:
    """Print a row for each message, or with `against` for each message with another outcome, and the totals. Return 0.

    Args:
        file: the policy.
        folder: the messages: `.eml` files and Maildirs, also in its subfolders.
        against: the policy to compare with.
        table: the CSV file to write all rows to.

    Raises:
        InvalidPolicy: a policy is invalid, or the folder does not exist.
        OSError: a policy cannot be read, or the table cannot be written.
    """
    policy, old = load_policy(file), load_policy(against) if against else None
    if not folder.is_dir():
        raise InvalidPolicy(f"{display_path(folder)} is not a folder")
    style, run = Style.of(sys.stdout), Replay(policy, old, options)
    with ExitStack() as stack:
        writer = None
        if table:
            stream = stack.enter_context(table.open("w", newline="", encoding="utf-8"))
            writer = csv.DictWriter(stream, _cells(ReplayRow(""), compares=bool(old)))
            writer.writeheader()
        print(style.bold(_columns("Message", "Rules", "Verdicts", "Changes and more")))
        for row in _with_progress(run.rows(folder), sys.stderr):
            if writer:
                writer.writerow(_cells(row, compares=bool(old)))
            if old is None or row.differs or row.error:
                print(*_lines(row, style), sep="\n")
    print("", *_summary(policy, old, run, style), sep="\n")
    if not run.messages:
        print(f"No mail in {display_path(folder)}: replay reads .eml files, and the folders cur/ and new/ of Maildirs, also in subfolders")
    if table:
        print(f"Table: {display_path(table)}")
    return 0


def _lines(row: ReplayRow, style: Style) -> Iterator[str]:
    if row.error:
        yield f"{format_cell(row.name, _NAME, keep_end=True)}{style.bad(fit(escape_controls(row.error), WIDTH - _NAME))}"
    elif row.old is None:
        yield _outcome(row.name, row.new)
    else:
        yield _outcome(row.name, row.old)
        yield _outcome("  ->", row.new)
    for failure in row.new.failures:
        yield fit(f"  failed: {escape_controls(failure)}", WIDTH)


def _outcome(name: str, outcome: OutcomeSummary) -> str:
    rules = [*outcome.rules, *(f"{rule} (report)" for rule in outcome.reported)]
    return _columns(name, ", ".join(rules) or "-", outcome.verdicts, outcome.actions)


def _columns(name: str, rules: str, verdicts: str, changes: str) -> str:
    row = format_cell(name, _NAME, keep_end=True) + format_cell(rules, _RULES) + format_cell(verdicts, _VERDICTS)
    return row + fit(escape_controls(changes), WIDTH - _NAME - _RULES - _VERDICTS)


def _summary(policy: Policy, old: Policy | None, run: Replay, style: Style) -> Iterator[str]:
    differ = f", {run.differ:,} differ" if old else ""
    parts = [f"{number:,} {what}" for what, number in run.errors.most_common()]
    parts += [f"{run.held:,} held for approval"] if run.held else []
    parts += [f"{run.retried:,} with an invocation that fails"] if run.retried else []
    parts += [f"{run.failed:,} with a condition or an action that failed"] if run.failed else []
    count = f"{format_count(run.messages, 'message')}{differ}"
    yield f"{style.bold(count)}{''.join(f'; {part}' for part in parts)}"
    own = [rule.name for rule in policy.rules]
    evaluated = run.messages - run.errors.total()
    policies = [policy, *([old] if old else [])]
    changing = {rule.name for each in policies for rule in each.rules if rule.changes and not rule.report}
    for name in dict.fromkeys(rule.name for each in policies for rule in each.rules):
        note = ""
        if evaluated and name in own and not run.active[name]:
            note = "  (not active at the time of any message: see --at)"
        elif name in changing and (run.changed[name], run.changed_old[name]) != (run.applied[name], run.applied_old[name]):
            before = f"{run.changed_old[name]:,} -> " if old else ""
            note = f"  (changes {before}{run.changed[name]:,})"
        number = f"{run.applied_old[name]:>9,} -> {run.applied[name]:<9,}" if old else f"{run.applied[name]:>9,}"
        yield fit(f"  {number}  {escape_controls(name)}{note}", WIDTH)
    for group in sorted(run.unknown_groups):
        yield f"{escape_controls(group)} has no members here: give them with --group"
    if run.misses_people:
        yield "no person is known here: give each with --person"


def _with_progress(rows: Iterable[ReplayRow], stream: TextIO) -> Iterator[ReplayRow]:
    """Yield the rows, and show their number on a terminal. A printed row overwrites it."""
    last = time.monotonic()
    for number, row in enumerate(rows, start=1):
        if stream.isatty() and time.monotonic() - last >= _PROGRESS_S:
            last = time.monotonic()
            print(f"{number:,} messages", end="\r", file=stream, flush=True)
        yield row
    if stream.isatty():
        print(_CLEAR_LINE, end="", file=stream, flush=True)


def _cells(row: ReplayRow, *, compares: bool) -> dict[str, str]:
    """Return the cells of a row, by column."""
    cells = {"message": row.name, "direction": row.direction, "recipients": str(row.recipients), "trouble": row.error}
    cells |= _outcome_cells(row.new)
    if compares:
        cells["differs"] = "yes" if row.differs else "no"
        cells |= {f"old_{column}": cell for column, cell in _outcome_cells(row.old or OutcomeSummary()).items()}
    return {column: _escape_formula(cell) for column, cell in cells.items()}


def _outcome_cells(outcome: OutcomeSummary) -> dict[str, str]:
    values = {name: getattr(outcome, name) for name in _OUTCOME_FIELDS}
    return {name: value if isinstance(value, str) else "; ".join(value) for name, value in values.items()}


def _escape_formula(cell: str) -> str:
    """Return a cell that no spreadsheet evaluates as a formula: names and addresses from mail are untrusted."""
    text = cell.encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
