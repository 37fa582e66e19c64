"""The spool's file: transactions, durability, and the lock against a second process."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workmail_local.errors import SpoolError
from workmail_local.storage.sqlite import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY)"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "spool.db", SCHEMA, 1)
    yield database
    database.close()


def words(database: Database) -> set[str]:
    return {word for (word,) in database.read("SELECT word FROM words")}


def add(word: str):
    return lambda connection: connection.execute("INSERT INTO words VALUES (?)", [word])


def test_every_thread_reads_and_writes_the_same_file(database: Database):
    threads = [threading.Thread(target=database.write, args=(add(str(number)),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert words(database) == {str(number) for number in range(8)}
    assert database.writes == 8


def test_a_write_that_fails_half_way_leaves_nothing(database: Database):
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO words VALUES ('half')")
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        database.write(work)
    database.write(add("one"))
    with pytest.raises(sqlite3.IntegrityError):
        database.write(add("one"))
    assert words(database) == {"one"}


def test_writes_that_wait_share_a_transaction_and_fail_alone(database: Database):
    """Three threads wait while a fourth one writes; the second of them fails half way."""
    entered, gate = threading.Event(), threading.Event()
    statements: list[str] = []
    outcomes: dict[str, object] = {}

    def first(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO words VALUES ('first')")
        entered.set()
        assert gate.wait(30)
        connection.set_trace_callback(statements.append)

    def write(word: str) -> None:
        def work(connection: sqlite3.Connection) -> str:
            connection.execute("INSERT INTO words VALUES (?)", [word])
            if word == "bad":
                raise ValueError(word)
            return word

        try:
            outcomes[word] = database.write(work)
        except ValueError as error:
            outcomes[word] = str(error)

    threads = [threading.Thread(target=database.write, args=(first,))]
    threads[0].start()
    assert entered.wait(30)
    for word in ("one", "bad", "two"):
        threads.append(threading.Thread(target=write, args=(word,)))
        threads[-1].start()
        while len(database._waiting) < len(threads) - 1:
            time.sleep(0.002)
    gate.set()
    for thread in threads:
        thread.join()
    assert outcomes == {"one": "one", "bad": "bad", "two": "two"}
    assert words(database) == {"first", "one", "two"}
    assert [each for each in statements if each in {"BEGIN IMMEDIATE", "COMMIT"}] == ["COMMIT", "BEGIN IMMEDIATE", "COMMIT"]


def test_a_full_disk_fails_all_writes_of_a_transaction(database: Database):
    """SQLite ends the transaction by itself then. The next write succeeds."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO words VALUES ('half')")
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(SpoolError, match="disk is full"):
        database.write(work)
    database.write(add("one"))
    assert words(database) == {"one"}


def test_a_file_that_cannot_be_written_is_a_spool_error(database: Database):
    with pytest.raises(SpoolError, match="cannot be written: no such table"):
        database.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)"))


def test_a_write_is_on_disk_when_it_returns(database: Database, tmp_path: Path):
    """Another process opens copies of the files, as after a crash of this one."""
    database.write(add("one"))
    for file in tmp_path.glob("spool.db*"):
        (tmp_path / file.name.replace("spool", "copy")).write_bytes(file.read_bytes())
    copy = Database(tmp_path / "copy.db", SCHEMA, 1)
    assert words(copy) == {"one"}
    copy.close()


def test_a_closed_database_refuses_writes(tmp_path: Path):
    database = Database(tmp_path / "spool.db", SCHEMA, 1)
    database.write(add("one"))
    database.close()
    with pytest.raises(SpoolError, match="being stopped"):
        database.write(add("late"))
    again = Database(tmp_path / "spool.db", SCHEMA, 1)
    assert words(again) == {"one"}
    again.close()


def test_a_second_process_cannot_open_the_file(database: Database, tmp_path: Path):
    with pytest.raises(SpoolError, match="another local WorkMail"):
        Database(tmp_path / "spool.db", SCHEMA, 1)


def test_a_file_of_another_version_or_format_is_left_unchanged(tmp_path: Path):
    Database(tmp_path / "old.db", SCHEMA, 1).close()
    with pytest.raises(SpoolError, match="another version"):
        Database(tmp_path / "old.db", SCHEMA, 2)
    (tmp_path / "no.db").write_bytes(b"no database, but long enough to look like one" * 20)
    with pytest.raises(SpoolError, match=r"no\.db cannot be used"):
        Database(tmp_path / "no.db", SCHEMA, 1)
    assert (tmp_path / "no.db").read_bytes().startswith(b"no database")
