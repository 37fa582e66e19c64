"""The removal of messages from the spool."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection
from typing import Final, NamedTuple

from workmail_local.errors import SpoolError
from workmail_local.storage.maildir import MaildirStore
from workmail_local.storage.tables import SPOOL, TEXTS

_DONE: Final = "state = 'done' AND number IN (SELECT value FROM json_each(?))"

_OF_ANY_VERSION: Final = frozenset({"messages", "originals"})
"""Tables that the spools of all versions have."""

RUNS_OF: Final = f"SELECT number, received, message_id FROM messages JOIN jobs USING (number) WHERE messages.{_DONE}"  # noqa: S608 - fixed text
"""The rule runs of messages, as far as the messages are done. The parameter is a JSON list of their numbers."""


class StoredRun(NamedTuple):
    """A rule run of a message: its message's number and time, and its own ID."""

    number: int
    received: float
    message_id: str


def remove_messages(database: Connection, numbers: Sequence[int], most_texts: int) -> int:
    """Remove these messages, as far as they are done; return how many. The index removes more texts than `most_texts` in the background."""
    removed = database.execute(f"DELETE FROM messages WHERE messages.{_DONE}", [json.dumps(numbers)]).rowcount  # noqa: S608 - fixed text
    if not database.execute("SELECT 1 FROM messages LIMIT 1").fetchone():
        # Faster than to remove each text.
        for statement in ("DROP TABLE texts", TEXTS, "DELETE FROM obsolete_texts"):
            database.execute(statement)
    elif len(numbers) <= most_texts:
        obsolete = database.execute(
            "SELECT number FROM obsolete_texts WHERE number IN (SELECT value FROM json_each(?))", [json.dumps(numbers)]
        )
        remove_texts(database, obsolete.fetchall())
    return removed


def remove_texts(database: Connection, numbers: Iterable[tuple[int]]) -> None:
    """Remove the texts of deleted messages from the index."""
    for number in numbers:
        database.execute("DELETE FROM texts WHERE rowid = ?", number)
        database.execute("DELETE FROM obsolete_texts WHERE number = ?", number)


def remove_all(folder: Path) -> None:
    """Remove the spool in a folder, of any version, and all mail that was delivered from it. Without a spool, nothing is removed.

    Raises:
        SpoolError: a server uses the spool, or the file is none.
        ForeignFolder: a folder of mail contains other files. Nothing is removed then.
    """
    file = folder / SPOOL
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=0.2, isolation_level=None)) as database:
            # As each server has it.
            database.executescript("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK;")
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise SpoolError(f"{file.name} cannot be removed: {error}. Is another local WorkMail running in this folder?") from error
    if tables and not tables >= _OF_ANY_VERSION:
        raise SpoolError(f"{file.name} is not removed, because it is the database of another program: give another --folder")
    MaildirStore(folder).remove_all()
    for ending in ("-wal", "-shm", ""):
        (folder / f"{SPOOL}{ending}").unlink(missing_ok=True)
