"""The spool's file: what is written together, what fails alone, who may have it."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.errors import SpoolError
from local.storage.sqlite import Database

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


def test_what_is_written_can_be_read_by_any_thread(database: Database):
    database.write(add("one"))
    found: list[set[str]] = []
    thread = threading.Thread(target=lambda: found.append(words(database)))
    thread.start()
    thread.join()
    assert found == [{"one"}]


def test_of_works_that_come_together_one_that_fails_takes_no_other_with_it(database: Database):
    futures = [database.submit(add(word)) for word in ("a", "b", "a", "c")]
    assert [type(future.exception()) for future in futures] == [type(None), type(None), sqlite3.IntegrityError, type(None)]
    assert words(database) == {"a", "b", "c"}


def test_a_work_that_fails_half_way_leaves_nothing(database: Database):
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO words VALUES ('half')")
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        database.write(work)
    assert words(database) == set()


def test_what_is_submitted_before_the_end_is_written(tmp_path: Path):
    database = Database(tmp_path / "spool.db", SCHEMA, 1)
    futures = [database.submit(add(str(number))) for number in range(500)]
    database.close()
    assert all(future.exception() is None for future in futures)
    with pytest.raises(SpoolError, match="being stopped"):
        database.write(add("late"))
    again = Database(tmp_path / "spool.db", SCHEMA, 1)
    assert len(words(again)) == 500
    again.close()


def test_nobody_else_may_have_it_meanwhile(database: Database, tmp_path: Path):
    with pytest.raises(SpoolError, match="another local WorkMail"):
        Database(tmp_path / "spool.db", SCHEMA, 1)


def test_a_file_of_another_version_or_of_something_else_is_left_alone(tmp_path: Path):
    Database(tmp_path / "old.db", SCHEMA, 1).close()
    with pytest.raises(SpoolError, match="another version"):
        Database(tmp_path / "old.db", SCHEMA, 2)
    (tmp_path / "no.db").write_bytes(b"no database, but long enough to be taken for one" * 20)
    with pytest.raises(SpoolError, match=r"no\.db cannot be used"):
        Database(tmp_path / "no.db", SCHEMA, 1)
    assert (tmp_path / "no.db").read_bytes().startswith(b"no database")
