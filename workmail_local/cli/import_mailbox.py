"""`workmail-hooks import`: imports the zip file of a mailbox export into any IMAP server (docs/import.md)."""

import argparse
import getpass
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

from workmail_local.console.plain_errors import describe_reason
from workmail_local.console.rows import format_cell, limit_rows, wrap
from workmail_local.console.style import WIDTH, Style, format_count
from workmail_local.console.text_columns import escape_controls
from workmail_local.errors import InvalidArgument, LocalError
from workmail_local.imap_import.archive import MAX_RATIO, Archive, open_archive
from workmail_local.imap_import.journal import default_path, open_journal
from workmail_local.imap_import.plan import CALENDAR_FOLDER, Choices, Layout
from workmail_local.imap_import.report import Report, write_reports
from workmail_local.imap_import.run import Options, Run, check
from workmail_local.imap_import.server import CannotConnect, ConnectionLost, ImapServer, Login, check_security

INCOMPLETE: Final = 1
STOPPED: Final = 3
"""The exit status of a run that the same command continues."""

_SHOWN: Final = 20
_BAR: Final = 30
_PORTS: Final = {"tls": 993}
_REFRESH_S: Final = 0.1
_COMMAND_S: Final = 60


def import_mailbox(options: argparse.Namespace) -> int:
    """Import each zip file, or only check it.

    Returns:
        0 when the server has every message, 1 when it lacks some, 3 when the run stopped before its end.

    Raises:
        LocalError: the command cannot run: an option, a file, the connection or the login.
        OSError: a file cannot be read or written.
    """
    choices = Choices(dict(options.folder), options.skip, options.into or "", _choose_calendar(options))
    login = _read_login(options)
    if options.journal and len(options.zip) > 1:
        raise InvalidArgument("--journal is for one zip file")
    reports: list[Report] = []
    try:
        for path in options.zip:
            with open_archive(path, max_ratio=MAX_RATIO if options.max_ratio is None else options.max_ratio) as archive:
                report = Report(path.name, login.host if login else "")
                reports.append(report)
                try:
                    _process(archive, choices, login, report, options)
                except BaseException as error:
                    report.stopped = str(error) if isinstance(error, LocalError) else "interrupted"
                    raise
                _print_result(report, dry_run=options.dry_run)
            if report.stopped:
                break
    finally:
        if options.report and reports:
            write_reports(options.report, reports)
    if any(report.stopped for report in reports):
        return STOPPED
    return 0 if all(report.complete for report in reports) else INCOMPLETE


def _process(archive: Archive, choices: Choices, login: Login | None, report: Report, options: argparse.Namespace) -> None:
    bar = _ProgressBar(len(archive.entries), sys.stderr)
    try:
        if options.dry_run or not login:
            check(archive, choices, _read_layout(login) if login else Layout(), report, bar.show)
            return
        host = f"{login.host}:{login.port}"
        with open_journal(options.journal or default_path(archive.path, host, login.user), host, login.user) as journal:
            Run(archive, journal, lambda: ImapServer(login), Options(choices, options.seen), report, bar.show).start()
    finally:
        bar.end()


def _choose_calendar(options: argparse.Namespace) -> str | None:
    return None if options.no_calendar else options.calendar or CALENDAR_FOLDER


def _read_login(options: argparse.Namespace) -> Login | None:
    """Return the login; None for a dry run without a server.

    Raises:
        InvalidArgument: an option is missing.
        CannotConnect: the password would cross a network in clear text.
    """
    if options.dry_run and not options.host:
        return None
    for name in ("host", "user"):
        if not getattr(options, name):
            raise InvalidArgument(f"--{name} is missing: only a --dry-run without a server needs neither --host nor --user")
    if options.token_command and not options.oauth2:
        raise InvalidArgument("--token-command needs --oauth2")
    if options.auth_user and options.oauth2:
        raise InvalidArgument("--auth-user is for passwords: with --oauth2 the token decides who logs in")
    check_security(options.host, options.security)
    return Login(
        options.host,
        options.port or _PORTS.get(options.security, 143),
        options.security,
        options.user,
        _secret_reader(options),
        options.auth_user,
        options.oauth2,
        options.ca,
    )


def _secret_reader(options: argparse.Namespace) -> Callable[[], str]:
    """Return a function that returns the password or the token. A password is read once, a token for each login.

    Raises:
        InvalidArgument: there is none.
    """
    if options.token_command:
        return lambda: _run_token_command(options.token_command)
    if options.password_file:
        _read_first_line(options.password_file)
        return lambda: _read_first_line(options.password_file)
    variable = "IMAP_TOKEN" if options.oauth2 else "IMAP_PASSWORD"
    secret = os.environ.get(variable)
    if not secret and sys.stdin.isatty():
        secret = getpass.getpass(f"{'Token' if options.oauth2 else 'Password'} of {options.auth_user or options.user}: ")
    if not secret:
        raise InvalidArgument(f"no {'token' if options.oauth2 else 'password'}: set {variable}, or use --password-file")
    return lambda: secret


def _read_first_line(path: Path) -> str:
    lines = path.read_text("utf-8", "replace").splitlines()
    if not lines or not lines[0]:
        raise InvalidArgument(f"{path}: the first line is empty")
    return lines[0]


def _run_token_command(command: str) -> str:
    try:
        # The user's own command, without a shell.
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=_COMMAND_S, check=False)  # noqa: S603
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        reason = describe_reason(error) if isinstance(error, OSError) else type(error).__name__
        raise InvalidArgument(f"--token-command cannot run: {reason}") from None
    token = done.stdout.strip()
    if done.returncode or not token:
        raise InvalidArgument(f"--token-command failed with the status {done.returncode}")
    return token


def _read_layout(login: Login) -> Layout:
    try:
        server = ImapServer(login)
    except ConnectionLost as error:
        raise CannotConnect(f"the server cannot be reached: {error}") from None
    server.log_out()
    return server.layout


class _ProgressBar:
    """A bar on a terminal; elsewhere a line for each tenth."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total, self._stream = total, stream
        self._live = stream.isatty()
        self._started = time.monotonic()
        self._shown = 0.0
        self._tenth = 0

    def show(self, report: Report, done: int) -> None:
        """Show how many messages are done."""
        now = time.monotonic()
        if self._live:
            if now - self._shown >= _REFRESH_S or done == self._total:
                self._shown = now
                full = _BAR * done // self._total
                print(
                    f"\r[{'#' * full}{'.' * (_BAR - full)}] {self._describe(report, done, now)}\x1b[K",
                    end="",
                    file=self._stream,
                    flush=True,
                )
        elif done * 10 // self._total > self._tenth:
            self._tenth = done * 10 // self._total
            print(self._describe(report, done, now), file=self._stream, flush=True)

    def end(self) -> None:
        """Leave the bar's line."""
        if self._live and self._shown:
            print(file=self._stream)

    def _describe(self, report: Report, done: int, now: float) -> str:
        speed = done / max(now - self._started, 0.001)
        left = (self._total - done) / speed
        failed = f", {format_count(len(report.not_imported), 'problem')}" if report.not_imported else ""
        return f"{done * 100 // self._total:3}%  {done:,} of {self._total:,}  {speed:,.0f}/s  {_describe_time(left)} left{failed}"


def _describe_time(seconds: float) -> str:
    minutes = int(seconds) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes else f"{int(seconds)} s"


def _print_result(report: Report, *, dry_run: bool) -> None:
    for line in _describe_result(report, dry_run=dry_run):
        print(line)


def _describe_result(report: Report, *, dry_run: bool) -> Iterator[str]:
    style = Style.of(sys.stdout)
    columns = ["messages", "failed", "skipped"] if dry_run else ["messages", "imported", "present", "duplicates", "skipped", "failed"]
    heads = {"failed": "problems"}
    yield style.bold(escape_controls(report.archive))
    yield f"  {format_cell('folder', 28)}{format_cell('to', 28)}{''.join(f'{heads.get(name, name):>11}' for name in columns)}".rstrip()
    for folder in report.folders:
        counts = "".join(f"{getattr(folder, name):>11,}" for name in columns)
        yield f"  {format_cell(folder.source, 28, keep_end=True)}{format_cell(folder.target or '-', 28, keep_end=True)}{counts}"
    yield from _describe_problems(report)
    if report.server_rewrites:
        yield from wrap("The server stores messages in its own form, as Exchange does: their bytes differ from the export's.", WIDTH)
    if report.changed_line_ends:
        yield f"{format_count(report.changed_line_ends, 'message')} had line ends of Unix, which IMAP stores as CRLF."
    if report.doubled:
        yield f"{format_count(len(report.doubled), 'message')} may be there twice, because the connection ended before the server's answer:"
        yield from (f"  {escape_controls(path)}" for path in limit_rows(report.doubled, _SHOWN))
    there = report.total("imported") + report.total("present") + report.total("duplicates")
    if report.stopped:
        yield style.bad("Stopped: ") + escape_controls(report.stopped)
    elif dry_run:
        possible = report.total("messages") - report.total("skipped") - report.total("failed")
        yield f"Nothing was imported: {format_count(possible, 'message')} can be."
    elif report.not_imported:
        yield style.bad(f"{format_count(report.total('failed'), 'message')} not imported; the server has {there:,}.")
    else:
        yield style.good(f"The server has all {format_count(there, 'message')}, {report.total('imported'):,} of them imported now.")


def _describe_problems(report: Report) -> Iterator[str]:
    if report.not_imported:
        yield "Not imported:"
        rows = [f"{each.path}: {each.reason}" for each in report.not_imported]
        for row in limit_rows(rows, _SHOWN, "(--report FILE has all)"):
            yield from (f"  {line}" for line in wrap(escape_controls(row), WIDTH - 2, "  "))
