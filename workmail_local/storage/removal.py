"""The removal of finished messages from the spool, so that nothing of them stays in its file."""

import json
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final, NamedTuple

from workmail_local.storage.tables import TEXTS

_DONE: Final = "state = 'done' AND number IN (SELECT value FROM json_each(?))"


RUNS_OF: Final = f"SELECT number, received, message_id FROM messages JOIN jobs USING (number) WHERE messages.{_DONE}"  # noqa: S608 - fixed text
"""The rule runs of messages, as far as the messages are done. The parameter is a JSON list of their numbers."""


class StoredRun(NamedTuple):
    """A rule run of a message: its message's number and time, and its own ID."""

    number: int
    received: float
    message_id: str


def remove_messages(database: Connection, numbers: Sequence[int]) -> int:
    """Remove these messages, as far as they are done; return how many."""
    removed = database.execute(f"DELETE FROM messages WHERE messages.{_DONE}", [json.dumps(numbers)]).rowcount  # noqa: S608 - fixed text
    if not database.execute("SELECT 1 FROM messages LIMIT 1").fetchone():
        # It is as slow to remove each text from the index as to add it.
        for statement in ("DROP TABLE texts", TEXTS, "DELETE FROM obsolete_texts"):
            database.execute(statement)
    return removed
