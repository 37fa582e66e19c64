"""One SQLite file: many readers, one writer, and several writes in one commit.

What costs time in a durable write is the wait for the disk. So all writes go to one thread, which commits all that have come together
while it waited for the last commit.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from local.errors import SpoolError

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]

_MOST_AT_ONCE = 256
_BUSY_S = 10.0


class Database:
    """A file, opened for as long as the process needs it.

    Args:
        path: made when it is not there.
        schema: statements that make what is missing; run each time.
        version: of the schema, another number whenever it changes.

    Raises:
        SpoolError: it is not a database, another process has it, or it was made with another schema.
    """

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self._path = path
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._waiting: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._writes = 0
        self._closing = threading.Lock()
        self._closed = False
        try:
            self._writer = self._connection()
            # Another process that serves the same folder would deliver the same mail: the lock is kept until the file is closed.
            self._lock = self._held(path.with_suffix(".lock"))
            self._require(version)
            self._writer.executescript(f"{schema}; PRAGMA user_version = {version};")
        except sqlite3.Error as error:
            raise SpoolError(
                f"{path.name} cannot be used as the spool: {error}. Is another local WorkMail running in this folder?"
            ) from error
        self._thread = threading.Thread(target=self._write_all, name="spool-writer", daemon=True)
        self._thread.start()

    @property
    def writes(self) -> int:
        """Counts up with each write."""
        return self._writes

    def submit(self, work: Work[Result]) -> "Future[Result]":
        """Runs `work` in a transaction, at its turn. The future is done when it is on disk."""
        future: Future[Result] = Future()
        with self._closing:
            if self._closed:
                future.set_exception(SpoolError("the local WorkMail is being stopped"))
            else:
                self._waiting.put((work, future))
        return future

    def write(self, work: Work[Result]) -> Result:
        """Runs `work` in a transaction and returns when it is on disk."""
        return self.submit(work).result()

    def read(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement finds. From any thread."""
        try:
            reader = self._readers.get_nowait()
        except queue.Empty:
            reader = self._connection()
        try:
            return reader.execute(statement, tuple(values)).fetchall()
        finally:
            self._readers.put(reader)

    def close(self) -> None:
        """Ends when all that was submitted is written."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        while not self._readers.empty():
            self._readers.get_nowait().close()
        self._writer.close()
        self._lock.close()

    def _require(self, version: int) -> None:
        found = self._writer.execute("PRAGMA user_version").fetchone()[0]
        used = self._writer.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if used and found != version:
            self._lock.close()
            self._writer.close()
            raise SpoolError(f"{self._path.name} was made by another version of this program: give another --folder, or remove this one")

    def _connection(self) -> sqlite3.Connection:
        """In autocommit: transactions begin where we say so. FULL: a commit is on the disk when it returns, also in the write-ahead log."""
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-8000;")
        return connection

    @staticmethod
    def _held(path: Path) -> sqlite3.Connection:
        """SQLite's own lock on a file beside, as it works on every system; it ends with the process, however that ends."""
        lock = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            lock.close()
            raise
        return lock

    def _write_all(self) -> None:
        while (first := self._waiting.get()) is not None:
            together = [first]
            last = False
            while len(together) < _MOST_AT_ONCE and not self._waiting.empty():
                item = self._waiting.get()
                if item is None:
                    last = True
                    break
                together.append(item)
            self._commit(together)
            if last:
                return

    def _commit(self, together: "list[tuple[Work[Any], Future[Any]]]") -> None:
        """Each in a savepoint of its own: what fails takes nothing else with it."""
        done: list[tuple[Future[Any], Any]] = []
        failed: list[tuple[Future[Any], Exception]] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for work, future in together:
                try:
                    self._writer.execute("SAVEPOINT one")
                    done.append((future, work(self._writer)))
                except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for it is told
                    self._writer.execute("ROLLBACK TO one")
                    failed.append((future, error))
                self._writer.execute("RELEASE one")
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            trouble = SpoolError(f"the spool cannot be written: {error}")
            failed = [(future, trouble) for _, future in together]
            done = []
        self._writes += 1
        for future, result in done:
            future.set_result(result)
        for future, problem in failed:
            future.set_exception(problem)
