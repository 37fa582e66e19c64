"""The spool: every accepted message on disk, with its jobs and its trace. A restart continues unfinished jobs."""

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
    """The messages in one folder; a `History`. Safe to use from several threads.

    Args:
        folder: created when it does not exist; its `spool.db` is the spool.
        keep: number of the newest messages that are kept when they are done. Unfinished messages are always kept.
        clock: seconds since the epoch.

    Raises:
        SpoolError: the file cannot be opened, or another process uses it.
    """

    def __init__(self, folder: Path, *, keep: int = 20_000, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / "spool.db", SCHEMA, VERSION)
        self._keep = keep
        self._clock = clock

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def accept(self, submission: Submission) -> int:
        """Store a message and return its number once it is on disk. Raises SpoolError when it cannot be stored."""
        header = HeaderSummary.of(submission.raw)
        received = self._clock()
        return self._database.write(lambda database: _insert(database, submission, header, received))

    def message(self, number: int) -> QueuedMessage:
        """Return a message by its number. Raises LookupError when there is none."""
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
        """Return the numbers of the unfinished messages, oldest first."""
        return [number for (number,) in self._database.read("SELECT number FROM messages WHERE state <> 'done' ORDER BY number")]

    def state(self, number: int) -> State | None:
        """Return the state of a message; None when no message has this number."""
        found = self._database.read("SELECT state FROM messages WHERE number = ?", [number])
        return State(found[0][0]) if found else None

    def jobs(self, number: int) -> list[DeliveryJob]:
        """Return the unfinished jobs of a message."""
        return [
            serialization.load_job(row) for row in self._database.read(f"{serialization.JOB} AND number = ? ORDER BY position", [number])
        ]

    def job(self, message_id: str) -> DeliveryJob | None:
        """Return the job of a rule run; None when it is done."""
        found = self._database.read(f"{serialization.JOB} AND message_id = ?", [message_id])
        return serialization.load_job(found[0]) if found else None

    def attempts(self, message_id: str) -> int:
        """Return the number of stored attempts of a job."""
        return int(self._database.read("SELECT count(*) FROM attempts WHERE message_id = ?", [message_id])[0][0])

    def child_messages(self, number: int) -> list[int]:
        """Return the numbers of the messages that this one created: outbound mail to colleagues that entered the inbound rules."""
        found = self._database.read("SELECT c.number FROM created_messages c JOIN jobs j USING (message_id) WHERE j.number = ?", [number])
        return [child for (child,) in found]

    def has_jobs(self, number: int) -> bool:
        """Return whether the jobs of a message exist."""
        return bool(self._database.read("SELECT 1 FROM jobs WHERE number = ? LIMIT 1", [number]))

    def add_jobs(self, number: int, jobs: Sequence[DeliveryJob]) -> None:
        """Store the jobs of a message."""

        def work(database: Connection) -> None:
            for position, job in enumerate(jobs):
                run, details = serialization.dump_job(job)
                database.execute(
                    "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?)",
                    (job.run.message_id, number, position, job.run.state, run, details),
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
        run, details = serialization.dump_job(job)
        header = HeaderSummary.of(onward.raw) if onward else None
        received = self._clock()

        def work(database: Connection) -> int | None:
            message_id = job.run.message_id
            database.execute(
                "UPDATE jobs SET state = ?, run = ?, details = ? WHERE message_id = ?", (job.run.state, run, details, message_id)
            )
            for attempt in attempts:
                database.execute("INSERT INTO attempts VALUES (?, ?, ?)", (message_id, attempt.number, serialization.dump_attempt(attempt)))
            if job.run.changed and job.content is not None:
                database.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (message_id, job.content))
            number = None
            if onward and header and not database.execute("SELECT 1 FROM created_messages WHERE message_id = ?", [message_id]).fetchone():
                number = _insert(database, onward, header, received)
                database.execute("INSERT INTO created_messages VALUES (?, ?)", (message_id, number))
            _summarize(database, job.number)
            if job.run.state is State.DONE and job.number % _PRUNE_EVERY == 0:
                _prune(database, self._keep)
            return number

        return self._database.write(work)

    def discard_undecided_content(self) -> None:
        """Remove the content that functions put for undecided jobs: the S3 objects that it came from are gone too."""

        def work(database: Connection) -> None:
            database.execute(
                "DELETE FROM contents WHERE message_id IN (SELECT message_id FROM jobs WHERE state IN ('accepted', 'retrying'))"
            )

        self._database.write(work)

    # The methods of `History`.

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
            values.append(serialization.fold_case(text))
        # The statement consists of fixed text; input from outside is passed as values.
        statement = f"SELECT {serialization.SUMMARY} FROM messages WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?"  # noqa: S608
        return [serialization.load_summary(row) for row in self._database.read(statement, [*values, limit])]

    def trace(self, number: int) -> MessageTrace | None:
        found = self._database.read(f"SELECT {serialization.SUMMARY} FROM messages WHERE number = ?", [number])  # noqa: S608
        if not found:
            return None
        runs = self._database.read("SELECT message_id, run FROM jobs WHERE number = ? ORDER BY position", [number])
        return MessageTrace(
            serialization.load_summary(found[0]),
            tuple(replace(serialization.load_rule_run(run), attempts=self._attempts(message_id)) for message_id, run in runs),
        )

    def original(self, number: int) -> bytes | None:
        return _first(self._database.read("SELECT raw FROM originals WHERE number = ?", [number]))

    def content(self, message_id: str) -> bytes | None:
        changed = _first(self._database.read("SELECT raw FROM contents WHERE message_id = ?", [message_id]))
        if changed is not None:
            return changed
        return _first(self._database.read("SELECT raw FROM originals JOIN jobs USING (number) WHERE message_id = ?", [message_id]))

    def version(self) -> int:
        return self._database.writes

    def locate(self, message_id: str) -> tuple[float, FlowDirection, int] | None:
        """Return when the message of a rule run was accepted, its direction and its number; None for an unknown ID."""
        found = self._database.read(
            "SELECT m.received, j.run, m.number FROM jobs j JOIN messages m USING (number) WHERE message_id = ?", [message_id]
        )
        return (found[0][0], serialization.load_rule_run(found[0][1]).direction, found[0][2]) if found else None

    def _attempts(self, message_id: str) -> tuple[Attempt, ...]:
        found = self._database.read("SELECT attempt FROM attempts WHERE message_id = ? ORDER BY number", [message_id])
        return tuple(serialization.load_attempt(attempt) for (attempt,) in found)


def _insert(database: Connection, submission: Submission, header: HeaderSummary, received: float) -> int:
    recipients = json.dumps(submission.recipients)
    fields = (header.author, header.sender, header.subject, header.from_text)
    search = serialization.fold_case("\n".join((submission.mail_from, *fields, *submission.recipients)))
    columns = (received, submission.direction, submission.mail_from, recipients, *fields, len(submission.raw), str(uuid.uuid4()), search)
    number = database.execute(
        "INSERT INTO messages (received, direction, mail_from, recipients, author, sender, subject, from_text, size, token, search) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        columns,
    ).lastrowid
    database.execute("INSERT INTO originals VALUES (?, ?)", (number, submission.raw))
    assert number is not None
    return number


def _summarize(database: Connection, number: int) -> None:
    """Update the columns of a message that its jobs determine."""
    found = [
        serialization.load_rule_run(run) for (run,) in database.execute("SELECT run FROM jobs WHERE number = ? ORDER BY position", [number])
    ]
    database.execute(
        "UPDATE messages SET state = ?, rules = ?, destinations = ?, changed = ?, has_problems = ? WHERE number = ?",
        (*serialization.summarize(found), number),
    )


def _prune(database: Connection, keep: int) -> None:
    newest = database.execute("SELECT max(number) FROM messages").fetchone()[0] or 0
    database.execute("DELETE FROM created_messages WHERE number <= ?", [newest - keep])
    database.execute("DELETE FROM messages WHERE number <= ? AND state = 'done'", [newest - keep])


def _first(found: list[tuple[Any, ...]]) -> bytes | None:
    return bytes(found[0][0]) if found else None
