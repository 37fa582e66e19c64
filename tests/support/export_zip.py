"""Zip files of mailbox exports for tests, and imports of them into the server of `tests.support.servers.imap`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from tests.support.servers import imap
from workmail_local.imap_import.archive import open_archive
from workmail_local.imap_import.journal import open_journal
from workmail_local.imap_import.plan import Choices
from workmail_local.imap_import.report import Report
from workmail_local.imap_import.run import Options, Run
from workmail_local.imap_import.server import ImapServer, Login


def message(number: int, text: str = "Hello", fields: str = "") -> bytes:
    """Return a message whose Message-ID and Date follow from its number."""
    date = f"Date: Mon, 2 Nov 2026 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02} +0100"
    return f"Message-ID: <{number}@example.com>\r\n{date}\r\n{fields}Subject: {number}\r\n\r\n{text}\r\n".encode()


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip file with these entries."""
    with ZipFile(path, "w", ZIP_DEFLATED) as zip_file:
        for name, content in files.items():
            zip_file.writestr(name, content)
    return path


def run_import(
    path: Path,
    port: int,
    *,
    choices: Choices | None = None,
    seen: str = "auto",
    password: str = imap.PASSWORD,
    progress: Callable[[Report, int], None] = lambda _report, _done: None,
) -> Report:
    """Import a zip file without pauses between attempts, and return the report."""
    report = Report(path.name, "127.0.0.1")
    login = Login("127.0.0.1", port, "none", imap.USER, lambda: password)
    options = Options(choices or Choices(), seen, pause_s=0)
    with open_archive(path) as archive, open_journal(path.with_suffix(".journal"), "127.0.0.1", imap.USER) as journal:
        Run(archive, journal, lambda: ImapServer(login), options, report, progress).start()
    return report
