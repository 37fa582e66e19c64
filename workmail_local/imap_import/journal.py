"""The journal of an import: a SQLite file with the messages that a server has, so that a second run continues the first.

A kill can leave at most one message that is on the server and not in the journal: the one that was being stored. The next run finds it on
the server. The journal has digests, UIDs and names of folders, no content of mail.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workmail_local.errors import LocalError

_SCHEMA: Final = """
create table if not exists account (server text not null, user text not null, rewrites integer);
create table if not exists folder (name text primary key, validity integer not null, first integer not null);
create table if not exists message (
  folder text not null, digest text not null, uid integer, message_id text not null, size integer not null, date integer not null,
  primary key (folder, digest)
) without rowid;
"""


class JournalError(LocalError):
    """The journal cannot be opened or written. The server has all that the journal has."""


@dataclass(frozen=True, slots=True)
class Done:
    """A message that the server has.

    Attributes:
        digest: SHA-256 of its content as it was sent.
        uid: its UID; None from a server without UIDPLUS (RFC 4315).
        message_id: SHA-256 of its Message-ID.
        size: octets.
        date: its internal date, in seconds since 1970.
    """

    digest: str
    uid: int | None
    message_id: str
    size: int
    date: int


class Journal:
    """The journal of one zip file and one account."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def open_folder(self, name: str, validity: int, next_uid: int) -> tuple[int, list[Done]]:
        """Return the folder's next UID at its first import, and the messages that it has since.

        Entries of another UIDVALIDITY are deleted: the folder was created again (RFC 3501 section 2.3.1.1).
        """
        found = self._database.execute("select validity, first from folder where name = ?", (name,)).fetchone()
        if found and found[0] == validity:
            columns = "select digest, uid, message_id, size, date from message where folder = ?"
            return int(found[1]), [Done(*row) for row in self._database.execute(columns, (name,))]
        with self._database:
            self._database.execute("delete from message where folder = ?", (name,))
            self._database.execute("insert or replace into folder values (?, ?, ?)", (name, validity, next_uid))
        return next_uid, []

    def add(self, folder: str, done: Done) -> None:
        """Store that the server has a message."""
        values = (folder, done.digest, done.uid, done.message_id, done.size, done.date)
        try:
            with self._database:
                self._database.execute("insert or replace into message values (?, ?, ?, ?, ?, ?)", values)
        except sqlite3.OperationalError:
            raise JournalError("the journal cannot be written: make room on the disk, and run the same command again") from None

    @property
    def rewrites(self) -> bool | None:
        """Whether the server changes the bytes of messages that it stores; None when that is not known yet."""
        (found,) = self._database.execute("select rewrites from account").fetchone()
        return None if found is None else bool(found)

    @rewrites.setter
    def rewrites(self, value: bool | None) -> None:
        with self._database:
            self._database.execute("update account set rewrites = ?", (value,))


@contextmanager
def open_journal(path: Path, server: str, user: str) -> Iterator[Journal]:
    """Open the journal, or create it, readable by its user alone.

    Raises:
        JournalError: another import uses it, it belongs to another account, or it is no journal.
        OSError: it cannot be created.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(path, timeout=0.1)) as database:
        try:
            # With WAL, a commit needs no fsync. The loss of the last commits with the machine does no harm: the server has the messages.
            for setting in ("locking_mode = exclusive", "journal_mode = wal", "synchronous = normal"):
                database.execute(f"pragma {setting}")
            database.executescript(_SCHEMA)
            with database:
                found = database.execute("select server, user from account").fetchone()
                if not found:
                    database.execute("insert into account values (?, ?, null)", (server, user))
        except sqlite3.OperationalError as error:
            reason = "another import uses it" if "locked" in str(error) else "it cannot be written"
            raise JournalError(f"the journal {path}: {reason}") from None
        except sqlite3.DatabaseError:
            raise JournalError(f"the journal {path} is another file: choose one with --journal") from None
        if found and found != (server, user):
            raise JournalError(f"the journal {path} belongs to another account: choose another one with --journal")
        yield Journal(database)


def default_path(zip_file: Path, server: str, user: str) -> Path:
    """Return the place of the journal: in the folder of the zip file, with a name for the account."""
    account = "".join(char if char.isalnum() or char in "-._@" else "_" for char in f"{server}.{user}")
    return zip_file.with_name(f"{zip_file.name}.{account}.journal")
