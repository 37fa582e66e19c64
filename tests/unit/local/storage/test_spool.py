"""The number of messages that the spool keeps."""

from contextlib import closing
from pathlib import Path

from local.mail.submission import Submission
from local.storage.spool import Spool
from mailhooks.contract import FlowDirection

RAW = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"


def accept(spool: Spool, *, done: bool = True) -> int:
    number = spool.accept(Submission(FlowDirection.INBOUND, "nora@example.net", ("ana@example.com",), RAW))
    if done:
        spool.add_jobs(number, [])  # a message without jobs is done
    return number


def numbers(spool: Spool) -> list[int]:
    return [summary.number for summary in spool.summaries()]


def test_no_more_messages_are_kept_at_any_time(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, keep=3)) as spool:
        for count in range(1, 12):
            accept(spool)
            assert spool.count() == min(count, 3)
        assert numbers(spool) == [11, 10, 9]
        assert spool.original(8) is None
        assert [spool.is_done(number) for number in (1, 8, 9, 11, 12)] == [True, True, True, True, False]


def test_unfinished_messages_are_kept_until_they_are_done(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, keep=2)) as spool:
        first = accept(spool, done=False)
        for _ in range(4):
            accept(spool)
        assert numbers(spool) == [5, 4, first]
        spool.add_jobs(first, [])
        accept(spool)
        assert numbers(spool) == [6, 5]


def test_a_lower_number_holds_from_the_start(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, keep=10)) as spool:
        for _ in range(8):
            accept(spool)
    with closing(Spool(tmp_path, keep=2)) as spool:
        assert numbers(spool) == [8, 7]
