"""Imports the messages of a zip file, each once, and continues where an earlier run stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from workmail_local.errors import LocalError
from workmail_local.imap_import.archive import Archive, Entry, UnreadableEntry
from workmail_local.imap_import.folder_names import Use
from workmail_local.imap_import.journal import Journal
from workmail_local.imap_import.message import DRAFT, SEEN, Message, digest, find_problem, parse_message
from workmail_local.imap_import.plan import Choices, Layout, Target, find_root, plan_folders, show_folder
from workmail_local.imap_import.report import FolderCounts, NotImported, Report
from workmail_local.imap_import.server import CannotConnect, ConnectionLost, ImapServer, QuotaExceeded, Refused, Throttled
from workmail_local.imap_import.target_folder import TargetFolder

ATTEMPTS: Final = 8
"""Attempts to connect, or to store one message, before the run stops."""

_RECORD: Final = Target("")
_LONGEST_PAUSE_S: Final = 60.0
_LONGEST_SUGGESTED_S: Final = 3600.0


class Stopped(Exception):
    """The run cannot continue now. The text is the reason; a later run continues."""


@dataclass(frozen=True, slots=True)
class Options:
    """How messages are imported.

    Attributes:
        choices: about folders.
        seen: `auto`: as the export has it, and read without any status; `all` or `none`.
        pause_s: the first pause after a lost connection; each is twice the one before.
    """

    choices: Choices
    seen: str = "auto"
    pause_s: float = 1.0


Progress = Callable[[Report, int], None]
"""Called after each message with the report so far and the number of messages that are done."""


class Run:
    """An import of one zip file.

    Args:
        connect: returns a new connection. Raises ConnectionLost, CannotConnect, CannotLogIn.
    """

    def __init__(
        self, archive: Archive, journal: Journal, connect: Callable[[], ImapServer], options: Options, report: Report, progress: Progress
    ) -> None:
        self._archive, self._journal, self._connect, self._options = archive, journal, connect, options
        self._report, self._progress = report, progress
        self._server: ImapServer | None = None
        self._folders: dict[str, TargetFolder] = {}
        self._refused: dict[str, Refused] = {}
        self._limits: dict[str, int | None] = {}
        self._uncertain: list[tuple[Entry, str, Message]] = []

    def start(self) -> None:
        """Import all messages. The report has the result.

        Raises:
            CannotConnect, CannotLogIn: before the first message.
        """
        started = time.monotonic()
        try:
            self._import_all(plan(self._archive, self._options.choices, self._reach().layout, self._report))
        except Stopped as stopped:
            self._report.stopped = str(stopped)
        except QuotaExceeded:
            self._report.stopped = "the mailbox is full (or over a limit of the day): make room, and run the same command again"
        except BaseException:
            # In the middle of a message, a LOGOUT would become a part of it.
            self._lose_connection()
            raise
        finally:
            self._report.server_rewrites = self._journal.rewrites
            self._report.seconds = time.monotonic() - started
            if self._server:
                self._server.log_out()

    def _import_all(self, targets: "list[tuple[Entry, Target, FolderCounts]]") -> None:
        done_here: set[tuple[str, str]] = set()
        for number, (entry, target, counts) in enumerate(targets, 1):
            if target.name:
                self._import_entry(entry, target, counts, done_here)
            else:
                counts.skipped += 1
            self._progress(self._report, number)
        self._report_doubles()

    def _import_entry(self, entry: Entry, target: Target, counts: FolderCounts, done_here: set[tuple[str, str]]) -> None:
        raw, problem = _read(self._archive, entry)
        if problem:
            self._fail(entry, counts, problem)
            return
        message = parse_message(raw, entry.name, entry.info.date_time)
        key = (target.name, message.digest)
        try:
            if key in done_here:
                counts.duplicates += 1
                return
            if self._store(entry, message, target):
                counts.imported += 1
                self._report.changed_line_ends += message.changed > 0
            else:
                counts.present += 1
            done_here.add(key)
        except Refused as refused:
            self._fail(entry, counts, str(refused), refused.answer)

    def _store(self, entry: Entry, message: Message, target: Target) -> bool:
        """Store a message unless the server has it. Return whether it was stored now.

        Raises:
            Refused: the server refuses it.
            Stopped, QuotaExceeded
        """
        flags = self._choose_flags(message, target)
        for attempt in range(ATTEMPTS):
            server = self._reach()
            try:
                folder = self._open(target.name, server)
                # In a second attempt it is this run's own message, whose answer was lost.
                if message.digest in folder:
                    return attempt > 0
                if (uid := folder.find(message, server)) is not None:
                    folder.add(message, uid)
                    return attempt > 0
                limit = self._limits[target.name]
                if limit is not None and message.size > limit:
                    raise Refused(f"larger than the server's limit of {limit:,} bytes", "")
                uid = self._append(entry, message, flags, target.name, server)
                folder.add(message, uid)
                self._compare_first(message, folder, uid, server)
            except Throttled as throttled:
                if attempt == ATTEMPTS - 1:
                    raise Stopped(f"{throttled}: run the same command again later") from None
                self._pause(attempt, throttled.pause_s)
            except ConnectionLost:
                self._lose_connection()
                self._pause(attempt)
            else:
                return True
        raise Refused("the connection ended at each attempt to store it", "")

    def _append(self, entry: Entry, message: Message, flags: frozenset[str], folder: str, server: ImapServer) -> int | None:
        try:
            return server.append(folder, message.content, flags, message.date)
        except Refused as refused:
            keywords = {flag for flag in flags if not flag.startswith("\\")}
            if not keywords or str(refused).startswith("too large"):
                raise
            # Some servers store no keywords (PERMANENTFLAGS, RFC 3501 section 7.1).
            return self._append(entry, message, flags - keywords, folder, server)
        except ConnectionLost:
            self._uncertain.append((entry, folder, replace(message, content=b"")))
            raise

    def _compare_first(self, message: Message, folder: TargetFolder, uid: int | None, server: ImapServer) -> None:
        """Read the first stored message again: some servers, such as Exchange, write messages in their own form."""
        if self._journal.rewrites is None and (uid := uid or folder.find_newest(message, server)):
            content = server.read(folder.name, uid)
            self._journal.rewrites = digest(content) != message.digest if content else None

    def _choose_flags(self, message: Message, target: Target) -> frozenset[str]:
        flags = message.flags | ({DRAFT} if target.use is Use.DRAFTS else frozenset())
        seen = SEEN in flags if message.has_status else True
        seen = {"all": True, "none": False}.get(self._options.seen, seen)
        return flags | {SEEN} if seen else flags - {SEEN}

    def _open(self, name: str, server: ImapServer) -> TargetFolder:
        if name in self._refused:
            raise self._refused[name]
        if name not in self._folders:
            try:
                self._folders[name] = TargetFolder(name, server, self._journal)
            except Refused as refused:
                self._refused[name] = refused
                raise
            self._limits[name] = server.find_size_limit(name)
        return self._folders[name]

    def _reach(self) -> ImapServer:
        """Return the connection, a new one if there is none."""
        for attempt in range(ATTEMPTS):
            try:
                self._server = self._server or self._connect()
            except (ConnectionLost, Throttled) as error:
                if not self._folders:
                    raise CannotConnect(f"the server cannot be reached: {error}") from None
                reason = str(error)
                self._pause(attempt)
            except LocalError as error:
                # The first connection shows a wrong password; a later one may show that a token has expired.
                if not self._folders:
                    raise
                raise Stopped(f"{error}; run the same command again") from None
            else:
                return self._server
        raise Stopped(f"the server cannot be reached ({reason}): run the same command again later")

    def _lose_connection(self) -> None:
        if self._server:
            self._server.close()
        self._server = None
        for folder in self._folders.values():
            folder.forget_index()

    def _pause(self, attempt: int, suggested_s: float = 0.0) -> None:
        time.sleep(max(min(self._options.pause_s * 2**attempt, _LONGEST_PAUSE_S), min(suggested_s, _LONGEST_SUGGESTED_S)))

    def _fail(self, entry: Entry, counts: FolderCounts, reason: str, answer: str = "") -> None:
        counts.failed += 1
        self._report.not_imported.append(NotImported(entry.path, entry.info.file_size, reason, answer))

    def _report_doubles(self) -> None:
        """Report messages that a server stored after all, though its connection ended and a second attempt stored them too."""
        for entry, name, message in self._uncertain:
            try:
                server = self._reach()
                self._folders[name].forget_index()
                while self._folders[name].find(message, server) is not None:
                    self._report.doubled.append(entry.path)
            except (ConnectionLost, Throttled, Refused):
                self._lose_connection()


def check(archive: Archive, choices: Choices, layout: Layout, report: Report, progress: Progress) -> None:
    """Read every message of a zip file without a change on the server. The report has the messages that cannot be imported.

    Raises:
        InvalidArgument: an option names a folder that the zip file lacks.
    """
    for number, (entry, target, counts) in enumerate(plan(archive, choices, layout, report), 1):
        if not target.name:
            counts.skipped += 1
        elif problem := _read(archive, entry)[1]:
            counts.failed += 1
            report.not_imported.append(NotImported(entry.path, entry.info.file_size, problem))
        progress(report, number)


def _read(archive: Archive, entry: Entry) -> tuple[bytes, str]:
    """Return the content of an entry, and why it cannot be imported; "" if it can."""
    try:
        raw = archive.read(entry)
    except UnreadableEntry as error:
        return b"", str(error)
    return raw, find_problem(raw, entry.name)


def plan(archive: Archive, choices: Choices, layout: Layout, report: Report) -> list[tuple[Entry, Target, FolderCounts]]:
    """Return each entry with its target, and add the counts of each folder to the report.

    Raises:
        InvalidArgument: an option names a folder that the zip file lacks.
    """
    folders = sorted({entry.folder for entry in archive.entries})
    targets = plan_folders(folders, choices, layout)
    root = find_root(folders)
    counts = {folder: FolderCounts(show_folder(folder, root), targets[folder].name) for folder in folders}
    report.folders.extend(counts.values())
    for entry in archive.entries:
        counts[entry.folder].messages += 1
    return [(entry, _RECORD if entry.is_record else targets[entry.folder], counts[entry.folder]) for entry in archive.entries]
