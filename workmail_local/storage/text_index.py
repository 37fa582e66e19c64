"""The index of the texts of messages. It is written after the messages, because their acceptance must not wait for it."""

import logging
import threading
import time
from contextlib import suppress
from sqlite3 import Connection
from typing import Any, Final

from workmail_local.errors import SpoolError
from workmail_local.mail.search_text import SearchText, read_search_text
from workmail_local.storage.removal import remove_texts
from workmail_local.storage.sqlite import Database

_BATCH: Final = 50
"""Messages that one transaction indexes at most."""

_BATCH_CHARACTERS: Final = 100_000
"""Characters from which on a transaction indexes no further message: other writes wait for it."""

MOST_REMOVED: Final = 5
"""Texts that one transaction removes at most: to remove a text from the index is as slow as to add it."""

_POLL_S: Final = 0.3
_BUSY: Final = 30
"""Other writes between two looks from which on the index waits: messages arrive and are processed."""

_MOST_TRIGRAMS: Final = 300
"""Trigrams that one search looks up."""

_END: Final = "  "
"""Follows each text, so that its last characters begin a trigram too."""

_log = logging.getLogger(__name__)


class TextIndex:
    """Indexes the texts of the messages in a spool. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread that indexes messages while few arrive."""
        self._thread = threading.Thread(target=self._run, name="text-index", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. It continues at the next start."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def count_waiting(self) -> int:
        """Return the number of messages whose texts are not indexed."""
        return int(self._database.value("SELECT count(*) FROM messages WHERE to_index > 0"))

    def catch_up(self, limit_s: float) -> None:
        """Index messages until all are indexed or the time is over, the newest first. Raises SpoolError."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline and self._index_some():
            pass

    def find_trigrams(self, beginning: str) -> list[str] | None:
        """Return the trigrams in the index that begin with one or two characters; None if there are more than `_MOST_TRIGRAMS`."""
        statement = "SELECT term FROM trigrams WHERE term >= ? AND term < ? LIMIT ?"
        found = self._database.read(statement, [beginning, f"{beginning}\U0010ffff", _MOST_TRIGRAMS + 1])
        return [term for (term,) in found] if len(found) <= _MOST_TRIGRAMS else None

    def _run(self) -> None:
        seen, is_waiting = self._database.writes, True
        while not self._stopped.wait(_POLL_S):
            others, seen = self._database.writes - seen, self._database.writes
            is_waiting = is_waiting or others > 0
            with suppress(SpoolError):
                while is_waiting and others <= _BUSY and not self._stopped.is_set():
                    is_waiting = self._index_some()
                    others, seen = self._database.writes - seen - 1, self._database.writes

    def _index_some(self) -> bool:
        """Index the newest messages that wait, or remove the texts of messages that are gone; return whether there were any."""
        with self._lock:
            # An update that arrives meanwhile counts `to_index` up, so that the message is indexed again.
            waiting = self._database.read("SELECT number, to_index FROM messages WHERE to_index > 0 ORDER BY number DESC LIMIT ?", [_BATCH])
            found: list[tuple[int, int, SearchText]] = []
            size = 0
            for number, count in waiting:
                texts = self._read_texts(number)
                found.append((number, count, texts))
                size += sum(map(len, texts))
                if size > _BATCH_CHARACTERS:
                    break
            obsolete = [] if found else self._database.read("SELECT number FROM obsolete_texts LIMIT ?", [MOST_REMOVED + 1])
            if not (found or obsolete):
                return False
            self._database.write(lambda database: _write(database, found, obsolete[:MOST_REMOVED]))
            if obsolete and len(obsolete) <= MOST_REMOVED:
                # These were the last: nothing of them stays in the log of the file either.
                self._database.shrink()
            return True

    def _read_texts(self, number: int) -> SearchText:
        original = self._database.value("SELECT raw FROM originals WHERE number = ?", [number]) or b""
        statement = "SELECT c.raw FROM contents c JOIN jobs USING (message_id) WHERE number = ? ORDER BY position"
        try:
            return read_search_text(original, tuple(raw for (raw,) in self._database.read(statement, [number])))
        except Exception as error:  # noqa: BLE001 - one message must not stop the search for all others
            _log.error("the text of message %d cannot be searched: %s", number, type(error).__name__)
            return SearchText("", "", "")


def _write(database: Connection, found: list[tuple[int, int, SearchText]], obsolete: list[tuple[Any, ...]]) -> None:
    for number, count, texts in found:
        if database.execute("UPDATE messages SET to_index = 0 WHERE number = ? AND to_index = ?", (number, count)).rowcount:
            database.execute("DELETE FROM texts WHERE rowid = ?", [number])
            database.execute(
                "INSERT INTO texts (rowid, recipients, attachments, body) VALUES (?, ?, ?, ?)",
                (number, *(f"{text}{_END}" for text in texts)),
            )
    remove_texts(database, obsolete)
