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
        header = HeaderSummary.of(submission.raw)
        received = self._clock()
        return self._database.write(lambda database: _insert(database, submission, header, received))

    def message(self, number: int) -> QueuedMessage:
        """A message by its number. Raises LookupError when there is none."""
        found = self._database.read(
            "SELECT number, received, token, direction, mail_from, recipients, author, sender, subject FROM messages WHERE number = ?",
            [number],
        )
        if not found:
            raise LookupError(number)
        received, token, direction, mail_from, recipients, *header = found[0][1:]
        addresses = tuple(json.loads(recipients))
        return QueuedMessage(number, received, uuid.UUID(token), FlowDirection(direction), mail_from, addresses, HeaderSummary(*header))

    def unfinished(self) -> list[int]:
        """Numbers of the messages that are not done, oldest first."""
        return [number for (number,) in self._database.read("SELECT number FROM messages WHERE state <> 'done' ORDER BY number")]

    def state(self, number: int) -> State | None:
        """How far a message is; None when there is none of this number."""
        found = self._database.read("SELECT state FROM messages WHERE number = ?", [number])
        return State(found[0][0]) if found else None

    def jobs(self, number: int) -> list[DeliveryJob]:
        """Return the jobs of a message that are not done."""
        return [serialization.job(row) for row in self._database.read(f"{serialization.JOB} AND number = ? ORDER BY position", [number])]

    def job(self, message_id: str) -> DeliveryJob | None:
        """Return the job of a rule run; None when it is done."""
        found = self._database.read(f"{serialization.JOB} AND message_id = ?", [message_id])
        return serialization.job(found[0]) if found else None

    def attempts(self, message_id: str) -> int:
        """Return the number of stored attempts of a job."""
        return int(self._database.read("SELECT count(*) FROM attempts WHERE message_id = ?", [message_id])[0][0])

    def child_messages(self, number: int) -> list[int]:
        """Return the numbers of the messages that this one created: outbound mail to colleagues that entered the inbound rules."""
        found = self._database.read("SELECT c.number FROM came_of c JOIN passages p USING (message_id) WHERE p.number = ?", [number])
        return [child for (child,) in found]

    def has_jobs(self, number: int) -> bool:
        """Return whether the jobs of a message exist."""
        return bool(self._database.read("SELECT 1 FROM passages WHERE number = ? LIMIT 1", [number]))

    def add_jobs(self, number: int, jobs: Sequence[DeliveryJob]) -> None:
        """Store the jobs of a message."""

        def work(database: Connection) -> None:
            for position, job in enumerate(jobs):
                told, kept = serialization.as_text(job)
                database.execute(
                    "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?)",
                    (job.run.message_id, number, position, job.run.state, told, kept),
                )
            _summarize(database, number)

        self._database.write(work)

    def save(self, job: DeliveryJob, *, attempts: Iterable[Attempt] = (), onward: Submission | None = None) -> int | None:
        """Store the state of a job in one transaction.

        Args:
            job: its content is stored too when it was changed.
            attempts: those to be added.
            onward: a message that the job creates.

        Returns:
            The number of the created message; None when there is none, or when it exists already.
        """
        told, kept = serialization.as_text(job)
        header = HeaderSummary.of(onward.raw) if onward else None
        received = self._clock()

        def work(database: Connection) -> int | None:
            run = job.run
            database.execute(
                "UPDATE passages SET state = ?, told = ?, leg = ? WHERE message_id = ?", (run.state, told, kept, run.message_id)
            )
            for attempt in attempts:
                database.execute(
                    "INSERT INTO attempts VALUES (?, ?, ?)", (run.message_id, attempt.number, serialization.attempt_as_text(attempt))
                )
            if run.changed and job.content is not None:
                database.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (run.message_id, job.content))
            number = None
            if onward and header and not database.execute("SELECT 1 FROM came_of WHERE message_id = ?", [run.message_id]).fetchone():
                number = _insert(database, onward, header, received)
                database.execute("INSERT INTO came_of VALUES (?, ?)", (run.message_id, number))
            _summarize(database, job.number)
            if run.state is State.DONE and job.number % _PRUNE_EVERY == 0:
                _prune(database, self._keep)
            return number

        return self._database.write(work)

    def discard_undecided_content(self) -> None:
        """Remove the content that functions put for undecided jobs: the S3 objects that it came from are gone too."""

        def work(database: Connection) -> None:
            database.execute(
                "DELETE FROM contents WHERE message_id IN (SELECT message_id FROM passages WHERE state IN ('accepted', 'retrying'))"
            )

        self._database.write(work)

    # A `History`.

    def count(self) -> int:
        return int(self._database.read("SELECT count(*) FROM messages")[0][0])

    def summaries(self, *, before: int | None = None, limit: int = 50, text: str = "") -> Sequence[MessageSummary]:
        where: list[str] = ["1"]
        values: list[Any] = []
        if before is not None:
            where.append("number < ?")
            values.append(before)
        if text:
            where.append("instr(search, ?) > 0")
            values.append(serialization.searchable(text))
        # Only fixed text is put together; what comes from outside is a value.
        statement = f"SELECT {serialization.SUMMARY} FROM messages WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?"  # noqa: S608
        return [serialization.message_summary(row) for row in self._database.read(statement, [*values, limit])]

    def trace(self, number: int) -> MessageTrace | None:
        found = self._database.read(f"SELECT {serialization.SUMMARY} FROM messages WHERE number = ?", [number])  # noqa: S608
        if not found:
            return None
        passages = self._database.read("SELECT message_id, told FROM passages WHERE number = ? ORDER BY position", [number])
        return MessageTrace(
            serialization.message_summary(found[0]),
            tuple(replace(serialization.rule_run(told), attempts=self._attempts(key)) for key, told in passages),
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

    def locate(self, message_id: str) -> tuple[float, FlowDirection, int] | None:
        """Return when the message of a rule run was accepted, its direction and its number; None for an unknown ID."""
        found = self._database.read(
            "SELECT m.received, p.told, m.number FROM passages p JOIN messages m USING (number) WHERE message_id = ?", [message_id]
        )
        return (found[0][0], serialization.rule_run(found[0][1]).direction, found[0][2]) if found else None

    def _attempts(self, message_id: str) -> tuple[Attempt, ...]:
        found = self._database.read("SELECT told FROM attempts WHERE message_id = ? ORDER BY number", [message_id])
        return tuple(serialization.attempt(told) for (told,) in found)


def _insert(database: Connection, submission: Submission, header: HeaderSummary, received: float) -> int:
    recipients = json.dumps(submission.recipients)
    told = (header.author, header.sender, header.subject, header.from_text)
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
        serialization.rule_run(told)
        for (told,) in database.execute("SELECT told FROM passages WHERE number = ? ORDER BY position", [number])
    ]
    database.execute(
        "UPDATE messages SET state = ?, rules = ?, places = ?, changed = ?, trouble = ? WHERE number = ?",
        (*serialization.summarize(found), number),
    )


def _prune(database: Connection, keep: int) -> None:
    newest = database.execute("SELECT max(number) FROM messages").fetchone()[0] or 0
    database.execute("DELETE FROM came_of WHERE number <= ?", [newest - keep])
    database.execute("DELETE FROM messages WHERE number <= ? AND state = 'done'", [newest - keep])


def _only(found: list[tuple[Any, ...]]) -> bytes | None:
    return bytes(found[0][0]) if found else None
