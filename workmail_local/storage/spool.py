"""The spool: every accepted message on disk, with its jobs and its trace. A restart continues unfinished jobs."""

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection
from typing import Final, NamedTuple

from workmail_local.errors import SpoolError
from workmail_local.mail.event_builder import HeaderSummary
from workmail_local.mail.history import Attempt, MessageSummary, MessageTrace, RuleRun, State
from workmail_local.mail.job import DeliveryJob, QueuedMessage
from workmail_local.mail.search_query import ALL, SearchQuery, fold_text
from workmail_local.mail.search_text import has_attachments
from workmail_local.mail.submission import Submission
from workmail_local.storage.message_store import StoredMessage
from workmail_local.storage.removal import RUNS_OF, StoredRun, remove_messages
from workmail_local.storage.search import write_where
from workmail_local.storage.sqlite import Database
from workmail_local.storage.tables import (
    JOBS,
    OF_RUNS,
    OTHER_RUNS,
    RUNS,
    SCHEMA,
    SPOOL,
    SUMMARY,
    TEXTS,
    TRIGRAMS,
    VERSION,
    dump,
    load_all,
    load_run,
    load_summary,
    summarize,
)
from workmail_local.storage.text_index import MOST_REMOVED, TextIndex

_MAX_NUMBER: Final = 2**63 - 1
_CATCH_UP_S: Final = 1.0
"""Seconds for which a search indexes messages that have just arrived."""

_LAST_NUMBER: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'messages'"
"""The number of the last accepted message, which may have been deleted."""

JobCreator = Callable[[QueuedMessage], Sequence[DeliveryJob]]
"""Returns the jobs of a message, in the transaction that stores both."""


class NewMessage(NamedTuple):
    """The number of a stored message, and its jobs."""

    number: int
    jobs: Sequence[DeliveryJob]


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
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # mail is for its owner alone
        self._database = Database(folder / SPOOL, f"{SCHEMA}; {TEXTS}; {TRIGRAMS}", VERSION)
        self._keep = keep
        self._clock = clock
        self._index = TextIndex(self._database)
        self._database.write(lambda database: _prune(database, _newest(database) - keep))

    def start_index(self) -> None:
        """Index the texts of messages in the background, until the file is closed. Without it, a search indexes them."""
        self._index.start()

    def close(self) -> None:
        """Close the file."""
        self._index.stop()
        self._database.close()

    def accept(self, submission: Submission, create_jobs: JobCreator) -> NewMessage:
        """Store a message with its jobs; it is on disk when this returns.

        Args:
            create_jobs: returns the jobs. When it raises an error, nothing is stored, and the error is raised.

        Raises:
            SpoolError: the message cannot be stored.
        """
        message = self._receive(submission)

        def work(database: Connection) -> NewMessage:
            new = _insert(database, message, submission.raw, create_jobs)
            _prune(database, new.number - self._keep)
            return new

        return self._database.write(work)

    def _receive(self, submission: Submission) -> QueuedMessage:
        """Return a message that has no number yet."""
        header = HeaderSummary.of(submission.raw)
        return QueuedMessage(
            0, self._clock(), submission.direction, submission.mail_from, submission.recipients, header, has_attachments(submission.raw)
        )

    def has_unfinished(self) -> bool:
        """Return whether a message is unfinished. Reads one row at most, because callers ask after each job."""
        return bool(self._database.value("SELECT 1 FROM messages WHERE state <> 'done' LIMIT 1"))

    def is_held(self, number: int) -> bool:
        """Return whether a message waits for nothing but the decision of an approver."""
        return bool(self._database.read("SELECT 1 FROM messages WHERE number = ? AND state = 'held'", [number]))

    def is_done(self, number: int) -> bool:
        """Return whether a message is done. One that is no longer kept is; one that is not accepted yet is not."""
        state = "SELECT state = 'done' FROM messages WHERE number = ?1"
        return bool(self._database.value(f"SELECT coalesce(({state}), ?1 <= ({_LAST_NUMBER}))", [number]))

    def unfinished_jobs(self) -> Iterable[DeliveryJob]:
        """Return the unfinished jobs, those of the oldest message first."""
        return load_all(DeliveryJob, self._database.read(f"{JOBS} ORDER BY number, position"))

    def job(self, message_id: str) -> DeliveryJob | None:
        """Return the job of a rule run; None when it is done."""
        return next(iter(load_all(DeliveryJob, self._database.read(f"{JOBS} AND message_id = ?", [message_id]))), None)

    def attempts(self, message_id: str) -> int:
        """Return the number of stored attempts of a job."""
        return int(self._database.value("SELECT count(*) FROM attempts WHERE message_id = ?", [message_id]))

    def child_messages(self, number: int) -> list[int]:
        """Return the numbers of the messages that this one created: outbound mail to colleagues that entered the inbound rules."""
        found = self._database.read("SELECT c.number FROM created_messages c JOIN jobs j USING (message_id) WHERE j.number = ?", [number])
        return [child for (child,) in found]

    def save(
        self,
        job: DeliveryJob,
        *,
        attempts: Iterable[Attempt] = (),
        onward: Submission | None = None,
        create_jobs: JobCreator = lambda _message: (),
    ) -> NewMessage | None:
        """Store the state of a job in one transaction.

        Args:
            job: its content is stored too when it was changed.
            attempts: those to be added.
            onward: a message that the job creates.
            create_jobs: returns the jobs of that message.

        Returns:
            The created message; None when there is none, or when it exists already.
        """
        created = self._receive(onward) if onward else None
        message_id = job.run.message_id

        def work(database: Connection) -> NewMessage | None:
            database.execute("UPDATE jobs SET state = ?, job = ? WHERE message_id = ?", (job.run.state, _dump(job), message_id))
            database.executemany("INSERT INTO attempts VALUES (?, ?, ?)", [(message_id, each.number, dump(each)) for each in attempts])
            if job.run.changed and job.content is not None:
                database.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (message_id, job.content))
                database.execute("UPDATE messages SET to_index = to_index + 1 WHERE number = ?", [job.number])
            new = None
            if onward and created and not database.execute("SELECT 1 FROM created_messages WHERE message_id = ?", [message_id]).fetchone():
                new = _insert(database, created, onward.raw, create_jobs)
                database.execute("INSERT INTO created_messages VALUES (?, ?)", (message_id, new.number))
            others = database.execute(OTHER_RUNS, [message_id, job.number])
            _summarize(database, job.number, [load_run(text) if text else job.run for (text,) in others])
            if job.run.state is State.DONE:
                _prune(database, _newest(database) - self._keep)
            return new

        return self._database.write(work)

    def discard_undecided_content(self) -> None:
        """Remove the content that functions put for undecided jobs: the S3 objects that it came from are gone too."""
        undecided = "SELECT message_id FROM jobs WHERE state IN ('accepted', 'retrying', 'held')"
        self._database.write(lambda database: database.execute(f"DELETE FROM contents WHERE message_id IN ({undecided})"))  # noqa: S608

    def load_message(self, message_id: str) -> StoredMessage | None:
        """Load a message for the Message Flow API, which serves it for a day; None when it is unknown."""
        found = self._database.read(
            "SELECT m.received, m.direction, o.raw, c.raw FROM jobs "
            "JOIN messages m USING (number) JOIN originals o USING (number) LEFT JOIN contents c USING (message_id) WHERE message_id = ?",
            [message_id],
        )
        for received, direction, original, content in found:
            return StoredMessage(message_id, received, direction, original, original if content is None else content)
        return None

    def find_done(self, query: SearchQuery) -> list[int]:
        """Return the numbers of the finished messages that match. All texts are searched, also those of messages that have just arrived.

        Raises:
            SpoolError: they cannot be indexed: without their texts, `-word` would find all.
        """
        self._index.catch_up(math.inf if query.reads_texts else 0.0)
        where, values = write_where(query.narrow_to_done(), self._index.find_trigrams)
        return [number for (number,) in self._database.read(f"SELECT number FROM messages WHERE {where}", values)]  # noqa: S608 - fixed text

    def list_runs(self, numbers: Sequence[int]) -> list[StoredRun]:
        """Return the rule runs of these messages, as far as the messages are done."""
        return [StoredRun(*row) for row in self._database.read(RUNS_OF, [json.dumps(numbers)])]

    def remove(self, numbers: Sequence[int]) -> int:
        """Remove these messages from the file, as far as they are done; return how many."""
        removed = self._database.write(lambda database: remove_messages(database, numbers, MOST_REMOVED))
        self._database.shrink()
        return removed

    # The methods of `History`.

    def count(self, query: SearchQuery = ALL) -> int:
        where, values = write_where(query, self._index.find_trigrams)
        return int(self._database.value(f"SELECT count(*) FROM messages WHERE {where}", values))  # noqa: S608 - fixed text

    def count_unindexed(self) -> int:
        return self._index.count_waiting()

    def summaries(self, *, before: int | None = None, limit: int = 50, query: SearchQuery = ALL) -> Sequence[MessageSummary]:
        if query.reads_texts:
            # On a full disk, what is indexed is found.
            with suppress(SpoolError):
                self._index.catch_up(_CATCH_UP_S)
        where, values = write_where(query, self._index.find_trigrams)
        statement = f"SELECT {SUMMARY} FROM messages WHERE number < ? AND {where} ORDER BY number DESC LIMIT ?"  # noqa: S608 - fixed text
        found = self._database.read(statement, [_MAX_NUMBER if before is None else before, *values, limit])
        return [load_summary(row) for row in found]

    def find_neighbours(self, number: int) -> tuple[int | None, int | None]:
        older = "SELECT max(number) FROM messages WHERE number < ?"
        newer = "SELECT min(number) FROM messages WHERE number > ?"
        return self._database.value(older, [number]), self._database.value(newer, [number])

    def trace(self, number: int) -> MessageTrace | None:
        found = self._database.read(f"SELECT {SUMMARY} FROM messages WHERE number = ?", [number])  # noqa: S608 - fixed text
        runs = load_all(RuleRun, self._database.read(RUNS, [number]))
        attempts = "SELECT attempt FROM attempts WHERE message_id = ? ORDER BY number"
        complete = (run._replace(attempts=load_all(Attempt, self._database.read(attempts, [run.message_id]))) for run in runs)
        return MessageTrace(load_summary(found[0]), tuple(complete)) if found else None

    def original(self, number: int) -> bytes | None:
        found: bytes | None = self._database.value("SELECT raw FROM originals WHERE number = ?", [number])
        return found

    def content(self, message_id: str) -> bytes | None:
        found: bytes | None = self._database.value(
            "SELECT coalesce(c.raw, o.raw) FROM jobs JOIN originals o USING (number) LEFT JOIN contents c USING (message_id) "
            "WHERE message_id = ?",
            [message_id],
        )
        return found

    def version(self) -> int:
        return self._database.writes


def _insert(database: Connection, message: QueuedMessage, raw: bytes, create_jobs: JobCreator) -> NewMessage:
    header = message.header
    senders = (message.mail_from, header.author, header.sender, header.from_text)
    number = database.execute(
        "INSERT INTO messages (received, direction, mail_from, recipients, subject, from_text, size, search_from, search_to, "
        "search_subject, has_attachments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message.received,
            message.direction,
            message.mail_from,
            json.dumps(message.recipients),
            header.subject,
            header.from_text,
            len(raw),
            fold_text(" ".join(senders)),
            fold_text(" ".join(message.recipients)),
            fold_text(header.subject),
            message.has_attachments,
        ),
    ).lastrowid
    assert number is not None
    database.execute("INSERT INTO originals VALUES (?, ?)", (number, raw))
    jobs = create_jobs(message._replace(number=number))
    rows = [(job.run.message_id, number, position, job.run.state, _dump(job)) for position, job in enumerate(jobs)]
    database.executemany("INSERT INTO jobs VALUES (?, ?, ?, ?, ?)", rows)
    _summarize(database, number, [job.run for job in jobs])
    return NewMessage(number, jobs)


def _summarize(database: Connection, number: int, runs: Sequence[RuleRun]) -> None:
    """Update the columns of a message that its rule runs determine."""
    values = summarize(runs)
    database.execute(f"UPDATE messages SET ({OF_RUNS}) = ({', '.join('?' * len(values))}) WHERE number = ?", (*values, number))  # noqa: S608


def _newest(database: Connection) -> int:
    return int((database.execute(_LAST_NUMBER).fetchone() or (0,))[0])


def _prune(database: Connection, last: int) -> None:
    """Remove the finished messages with numbers up to `last`."""
    if last > 0:
        database.execute("DELETE FROM created_messages WHERE number <= ?", [last])
        database.execute("DELETE FROM messages WHERE number <= ? AND state = 'done'", [last])


def _dump(job: DeliveryJob) -> str:
    """Return a job as JSON, without its content, which has a table of its own."""
    return dump(job._replace(content=None))
