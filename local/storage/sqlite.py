"""One SQLite file that several threads read and write."""

import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from local.errors import SpoolError

Result = TypeVar("Result")


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
        self._closed = False
        self.writes = 0
        self._connection = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
        try:
            # FULL: a commit is on disk when it returns. EXCLUSIVE: a second process in this folder would deliver the same mail again.
            self._connection.executescript(
                "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
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
        """Run `work` in a transaction, and return its result once it is on disk.

        Raises:
            SpoolError: the database is closed, or cannot be written. Errors of `work` itself are raised unchanged.
        """
        with self._lock:
            if self._closed:
                raise SpoolError("the local WorkMail is being stopped")
            try:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    return work(self._connection)
            except sqlite3.OperationalError as error:
                raise SpoolError(f"the spool cannot be written: {error}") from error
            finally:
                self.writes += 1

    def read(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        with self._lock:
            return self._connection.execute(statement, tuple(values)).fetchall()

    def value(self, statement: str, values: Iterable[Any] = ()) -> Any:
        """Return the first column of a statement's first row; None when it has no rows."""
        return next((row[0] for row in self.read(statement, values)), None)

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
