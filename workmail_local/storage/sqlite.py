"""One SQLite file that several threads read and write."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from workmail_local.errors import SpoolError

Result = TypeVar("Result")


class _Write:
    """A piece of work that waits for a transaction, and then its result or its error."""

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: Exception | None = None
        self.done = False

    def run(self, connection: sqlite3.Connection) -> None:
        """Run the work within a transaction. After an error, only the work's own changes are undone."""
        connection.execute("SAVEPOINT work")
        try:
            self.result = self.work(connection)
        except Exception as error:  # noqa: BLE001 - raised again in the thread of the work
            self.error = error
            # SQLite itself ends the whole transaction after some errors, such as a full disk: then this statement fails, too.
            connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")


class Database:
    """An SQLite file, open until `close`, for this process alone.

    Args:
        path: created when it does not exist.
        schema: statements that create what is missing; run at each start.
        version: of the schema; changes with it.

    Raises:
        SpoolError: the file is not a database, another process uses it, or it has another version of the schema.
    """

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Write] = deque()
        self._closed = False
        self.writes = 0
        self._connection = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
        try:
            # FULL: a commit is on disk when it returns. EXCLUSIVE: a second process in this folder would deliver the same mail again.
            # SECURE_DELETE: a deleted message does not stay in unused pages.
            self._connection.executescript(
                "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
                "PRAGMA secure_delete=ON;"
            )
            self._check_version(path, version)
            self._connection.executescript(f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version}; COMMIT;")
        except sqlite3.Error as error:
            self._connection.close()
            raise SpoolError(
                f"{path.name} cannot be used as the spool: {error}. Is another local WorkMail running in this folder?"
            ) from error
        except SpoolError:
            self._connection.close()
            raise

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` completely or not at all, and return its result once it is on disk.

        Works that wait at the same time share a transaction, because the disk needs longer for it than Python for their statements.

        Raises:
            SpoolError: the database is closed, or cannot be written. Errors of `work` itself are raised unchanged.
        """
        write = _Write(work)
        self._waiting.append(write)
        with self._lock:
            if not write.done:
                self._run_waiting()
        if isinstance(write.error, sqlite3.OperationalError):
            raise SpoolError(f"the spool cannot be written: {write.error}") from write.error
        if write.error:
            raise write.error
        return cast(Result, write.result)

    def _run_waiting(self) -> None:
        """Run all works that wait, in one transaction."""
        writes = [self._waiting.popleft() for _ in range(len(self._waiting))]
        failed: Exception | None = SpoolError("the local WorkMail is being stopped")
        try:
            if not self._closed:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    for write in writes:
                        write.run(self._connection)
                failed = None
        except sqlite3.Error as error:
            failed = error
        finally:
            for write in writes:
                write.error = write.error or failed
                write.done = True
            self.writes += len(writes)

    def read(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        with self._lock:
            return self._connection.execute(statement, tuple(values)).fetchall()

    def value(self, statement: str, values: Iterable[Any] = ()) -> Any:
        """Return the first column of a statement's first row; None when it has no rows."""
        return next((row[0] for row in self.read(statement, values)), None)

    def shrink(self) -> None:
        """Return the space of removed rows to the disk, if it is most of the file, and remove their content from the log."""
        # Without it, the file stays as it is: what is removed is removed.
        with suppress(sqlite3.Error), self._lock:
            [(unused,)], [(pages,)] = (self._connection.execute(f"PRAGMA {name}").fetchall() for name in ("freelist_count", "page_count"))
            if unused > pages / 2:
                self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file after the current write."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def _check_version(self, path: Path, version: int) -> None:
        [(found,)] = self._connection.execute("PRAGMA user_version")
        [(tables,)] = self._connection.execute("SELECT count(*) FROM sqlite_master")
        if tables and found != version:
            raise SpoolError(f"{path.name} was made by another version of this program: give another --folder, or remove this one")
