"""The result of an import: counts of each folder, and each message that was not imported."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class FolderCounts:
    """The counts of one folder of the zip file.

    Attributes:
        source, target: the folder in the zip file, and on the server; the target is "" when it is not imported.
        messages: files in the zip file.
        imported: stored in this run.
        present: the server had them, from an earlier run or in another way.
        duplicates: the zip file has them twice in this folder.
        skipped: not imported because an option excludes them.
        failed: not imported although they should have been.
    """

    source: str
    target: str
    messages: int = 0
    imported: int = 0
    present: int = 0
    duplicates: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class NotImported:
    """A message that was not imported.

    Attributes:
        path: its path in the zip file.
        reason: why; without content of the message.
        answer: the server's words; "" for another reason.
    """

    path: str
    size: int
    reason: str
    answer: str = ""


@dataclass(slots=True)
class Report:
    """The result for one zip file.

    Attributes:
        changed_line_ends: messages with a bare LF, which IMAP stores as CRLF.
        doubled: paths of messages that the server stored twice, because it lost the connection before it answered.
        server_rewrites: whether the server changes the bytes of messages; None when that was not seen.
        stopped: why the run ended before the last message; "" when it did not.
    """

    archive: str
    server: str
    folders: list[FolderCounts] = field(default_factory=list)
    not_imported: list[NotImported] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    changed_line_ends: int = 0
    server_rewrites: bool | None = None
    stopped: str = ""
    seconds: float = 0.0

    def total(self, name: str) -> int:
        """Return a count of all folders."""
        return sum(getattr(folder, name) for folder in self.folders)

    @property
    def complete(self) -> bool:
        """Whether the server has every message that the options do not exclude."""
        return not self.stopped and not self.not_imported

    def to_document(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "archive": self.archive,
            "server": self.server,
            "complete": self.complete,
            "stopped": self.stopped,
            "seconds": round(self.seconds, 1),
            **{name: self.total(name) for name in ("messages", "imported", "present", "duplicates", "skipped", "failed")},
            "changedLineEnds": self.changed_line_ends,
            "serverRewrites": self.server_rewrites,
            "doubled": self.doubled,
            "folders": [asdict(folder) for folder in self.folders],
            "notImported": [asdict(each) for each in self.not_imported],
        }


def write_reports(path: Path, reports: list[Report]) -> None:
    """Write the reports as JSON, readable by the user alone: names of folders and answers of servers are personal. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        json.dump({"version": 1, "archives": [report.to_document() for report in reports]}, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
