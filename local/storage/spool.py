"""Every message that was accepted, on disk: what came, how far it is, and its story. What is not done is taken up again after a restart.

The values that are told are those of `local.mail.history`; what only `local.queue.workers` needs stands beside them in `local.mail.job`.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Final

from local.mail.event_builder import HeaderSummary
from local.mail.history import Attempt, MessageSummary, MessageTrace, State
from local.mail.job import DeliveryJob, QueuedMessage
from local.mail.submission import Submission
from local.storage import serialization
from local.storage.schema import SCHEMA, VERSION
from local.storage.sqlite import Database
from mailhooks.contract import FlowDirection

_PRUNE_EVERY: Final = 200


class Spool:
    """The messages in one folder. It is a `History`. Safe to use from several threads.

    Args:
        folder: made when it is not there; `spool.db` in it is ours.
        keep: messages that are kept when they are done, besides those that are not; older ones are removed.
        clock: seconds since the epoch.

    Raises:
        SpoolTrouble: it cannot be opened, or another process has it.
    """

    def __init__(self, folder: Path, *, keep: int = 20_000, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / "spool.db", SCHEMA, VERSION)
        self._keep = keep
        self._clock = clock

    def close(self) -> None:
        """Writes what is still to be written."""
        self._database.close()

    def accept(self, submission: Submission) -> int:
        """Store a message and return its number once it is on disk. Raises SpoolError when it cannot be stored."""
        heads = HeaderSummary.of(submission.raw)
        received = self._clock()
        return self._database.write(lambda database: _insert(database, submission, heads, received))

    def accepted(self, number: int) -> QueuedMessage:
        """A message by its number. Raises LookupError when there is none."""
        found = self._database.read(
            "SELECT number, received, token, direction, mail_from, recipients, author, sender, subject FROM messages WHERE number = ?",
            [number],
        )
        if not found:
            raise LookupError(number)
        received, token, direction, mail_from, recipients, *heads = found[0][1:]
        addresses = tuple(json.loads(recipients))
        return QueuedMessage(number, received, uuid.UUID(token), FlowDirection(direction), mail_from, addresses, HeaderSummary(*heads))

    def unfinished(self) -> list[int]:
        """Numbers of the messages that are not done, oldest first."""
        return [number for (number,) in self._database.read("SELECT number FROM messages WHERE state <> 'done' ORDER BY number")]

    def state(self, number: int) -> State | None:
        """How far a message is; None when there is none of this number."""
        found = self._database.read("SELECT state FROM messages WHERE number = ?", [number])
        return State(found[0][0]) if found else None

    def legs(self, number: int) -> list[DeliveryJob]:
        """The passages of a message that are not done, as they were kept."""
        return [serialization.leg(row) for row in self._database.read(f"{serialization.LEG} AND number = ? ORDER BY position", [number])]

    def leg(self, message_id: str) -> DeliveryJob | None:
        """One of them; None when it is done."""
        found = self._database.read(f"{serialization.LEG} AND message_id = ?", [message_id])
        return serialization.leg(found[0]) if found else None

    def attempts(self, message_id: str) -> int:
        """How many attempts of a passage are kept."""
        return int(self._database.read("SELECT count(*) FROM attempts WHERE message_id = ?", [message_id])[0][0])

    def came_of(self, number: int) -> list[int]:
        """Numbers of the messages that came of this one: outbound mail that went on through the inbound rules."""
        found = self._database.read("SELECT c.number FROM came_of c JOIN passages p USING (message_id) WHERE p.number = ?", [number])
        return [child for (child,) in found]

    def is_begun(self, number: int) -> bool:
        """Whether a message has passages already."""
        return bool(self._database.read("SELECT 1 FROM passages WHERE number = ? LIMIT 1", [number]))

    def begin(self, number: int, legs: Sequence[DeliveryJob]) -> None:
        """Keeps a message's passages, before anything is done with them."""

        def work(database: Connection) -> None:
            for position, leg in enumerate(legs):
                told, kept = serialization.as_text(leg)
                database.execute(
                    "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?)",
                    (leg.passage.message_id, number, position, leg.passage.state, told, kept),
                )
            _summarize(database, number)

        self._database.write(work)

    def save(self, leg: DeliveryJob, *, attempts: Iterable[Attempt] = (), onward: Submission | None = None) -> int | None:
        """Keeps how far a passage has come, all of it or nothing.

        Args:
            leg: its content, when there is one and the message was changed, is kept too.
            attempts: those to be added.
            onward: a message that comes of it.

        Returns:
            The number of the message that comes of it; None when there is none, or when it was there already.
        """
        told, kept = serialization.as_text(leg)
        heads = HeaderSummary.of(onward.raw) if onward else None
        received = self._clock()

        def work(database: Connection) -> int | None:
            passage = leg.passage
            database.execute(
                "UPDATE passages SET state = ?, told = ?, leg = ? WHERE message_id = ?", (passage.state, told, kept, passage.message_id)
            )
            for attempt in attempts:
                database.execute(
                    "INSERT INTO attempts VALUES (?, ?, ?)", (passage.message_id, attempt.number, serialization.attempt_as_text(attempt))
                )
            if passage.changed and leg.content is not None:
                database.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (passage.message_id, leg.content))
            number = None
            if onward and heads and not database.execute("SELECT 1 FROM came_of WHERE message_id = ?", [passage.message_id]).fetchone():
                number = _insert(database, onward, heads, received)
                database.execute("INSERT INTO came_of VALUES (?, ?)", (passage.message_id, number))
            _summarize(database, leg.number)
            if passage.state is State.DONE and leg.number % _PRUNE_EVERY == 0:
                _prune(database, self._keep)
            return number

        return self._database.write(work)

    def forget_undecided(self) -> None:
        """Takes back what functions have put for passages that are not decided: the bucket from which they put it is gone as well."""

        def work(database: Connection) -> None:
            database.execute(
                "DELETE FROM contents WHERE message_id IN (SELECT message_id FROM passages WHERE state IN ('accepted', 'retrying'))"
            )

        self._database.write(work)

    # A `History`.

    def count(self) -> int:
        return int(self._database.read("SELECT count(*) FROM messages")[0][0])

    def lines(self, *, before: int | None = None, limit: int = 50, text: str = "") -> Sequence[MessageSummary]:
        where: list[str] = ["1"]
        values: list[Any] = []
        if before is not None:
            where.append("number < ?")
            values.append(before)
        if text:
            where.append("instr(search, ?) > 0")
            values.append(serialization.searchable(text))
        # Only fixed text is put together; what comes from outside is a value.
        statement = f"SELECT {serialization.LINE} FROM messages WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?"  # noqa: S608
        return [serialization.line(row) for row in self._database.read(statement, [*values, limit])]

    def story(self, number: int) -> MessageTrace | None:
        found = self._database.read(f"SELECT {serialization.LINE} FROM messages WHERE number = ?", [number])  # noqa: S608
        if not found:
            return None
        passages = self._database.read("SELECT message_id, told FROM passages WHERE number = ? ORDER BY position", [number])
        return MessageTrace(
            serialization.line(found[0]),
            tuple(replace(serialization.passage(told), attempts=self._attempts(key)) for key, told in passages),
        )

    def original(self, number: int) -> bytes | None:
        return _only(self._database.read("SELECT raw FROM originals WHERE number = ?", [number]))

    def content(self, message_id: str) -> bytes | None:
        changed = _only(self._database.read("SELECT raw FROM contents WHERE message_id = ?", [message_id]))
        if changed is not None:
            return changed
        return _only(self._database.read("SELECT raw FROM originals JOIN passages USING (number) WHERE message_id = ?", [message_id]))

    def version(self) -> int:
        return self._database.writes

    def kept(self, message_id: str) -> tuple[float, FlowDirection, int] | None:
        """When a passage's message was accepted, its direction and the message's number; None when there is no such passage."""
        found = self._database.read(
            "SELECT m.received, p.told, m.number FROM passages p JOIN messages m USING (number) WHERE message_id = ?", [message_id]
        )
        return (found[0][0], serialization.passage(found[0][1]).direction, found[0][2]) if found else None

    def _attempts(self, message_id: str) -> tuple[Attempt, ...]:
        found = self._database.read("SELECT told FROM attempts WHERE message_id = ? ORDER BY number", [message_id])
        return tuple(serialization.attempt(told) for (told,) in found)


def _insert(database: Connection, submission: Submission, heads: HeaderSummary, received: float) -> int:
    recipients = json.dumps(submission.recipients)
    told = (heads.author, heads.sender, heads.subject, heads.written_by)
    search = serialization.searchable("\n".join((submission.mail_from, *told, *submission.recipients)))
    columns = (received, submission.direction, submission.mail_from, recipients, *told, len(submission.raw), str(uuid.uuid4()), search)
    number = database.execute(
        "INSERT INTO messages (received, direction, mail_from, recipients, author, sender, subject, written_by, size, token, search) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        columns,
    ).lastrowid
    database.execute("INSERT INTO originals VALUES (?, ?)", (number, submission.raw))
    assert number is not None
    return number


def _summarize(database: Connection, number: int) -> None:
    """What the list shows of a message, from its passages."""
    found = [
        serialization.passage(told)
        for (told,) in database.execute("SELECT told FROM passages WHERE number = ? ORDER BY position", [number])
    ]
    database.execute(
        "UPDATE messages SET state = ?, rules = ?, places = ?, changed = ?, trouble = ? WHERE number = ?",
        (*serialization.summary(found), number),
    )


def _prune(database: Connection, keep: int) -> None:
    newest = database.execute("SELECT max(number) FROM messages").fetchone()[0] or 0
    database.execute("DELETE FROM came_of WHERE number <= ?", [newest - keep])
    database.execute("DELETE FROM messages WHERE number <= ? AND state = 'done'", [newest - keep])


def _only(found: list[tuple[Any, ...]]) -> bytes | None:
    return bytes(found[0][0]) if found else None
