"""The search in a spool."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailhooks.contract import ActionType, FlowDirection
from tests.support.waiting import wait_until
from tests.unit.workmail_local.storage.test_spool import create_job
from workmail_local.errors import SpoolError
from workmail_local.mail.history import Destination, RecipientResult, State
from workmail_local.mail.job import DeliveryJob, QueuedMessage
from workmail_local.mail.search_query import SearchQuery, fold_text
from workmail_local.mail.submission import Submission
from workmail_local.mail.verdict import Origin
from workmail_local.storage.spool import Spool
from workmail_local.storage.text_index import TextIndex

INBOUND, OUTBOUND = FlowDirection


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    ticks = count(1_000_000, 86_400)
    with closing(Spool(tmp_path, clock=lambda: float(next(ticks)))) as spool:
        yield spool


def add(
    spool: Spool, text: str = "Hello", head: str = "", *, to: str = "ana@example.com", direction: FlowDirection = INBOUND, **run: object
) -> int:
    """Accept a message that is done, with a rule run that has the given attributes."""
    raw = f"From: Nora <nora@example.net>\r\nTo: {to}\r\n{head}\r\n{text}\r\n".encode()

    def create(message: QueuedMessage) -> list[DeliveryJob]:
        return [create_job(message, State.DONE).with_run(**run)]

    return spool.accept(Submission(direction, "bounce@example.net", (to,), raw), create).number


def find(spool: Spool, text: str) -> list[int]:
    return [summary.number for summary in spool.summaries(query=SearchQuery.parse(text))][::-1]


def result(destination: Destination) -> tuple[RecipientResult, ...]:
    return (RecipientResult("ana@example.com", ActionType.DEFAULT, Origin.RULE, destination),)


def test_words_are_found_in_header_text_and_attachments(spool: Spool) -> None:
    add(spool, "The quick brown fox", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n")
    add(spool, "jumps over", 'Content-Type: application/pdf; name="offer.pdf"\r\n', to="ben@example.com")
    for text, numbers in {
        "quick": [1],
        "QUICK brown": [1],
        '"quick brown"': [1],
        '"brown quick"': [],
        "uic": [1],
        "grusse": [1],
        "Grüße fox": [1],
        "offer.pdf": [2],
        "ben@": [2],
        "nora": [1, 2],
        "nora -quick": [2],
        "-nora": [],
        "fo": [1],
        "ox": [1],
        "er": [2],
        "q": [1],
        "x": [1, 2],
        "zq": [],
        '"nora@example.net ana"': [],
    }.items():
        assert find(spool, text) == numbers, text


@pytest.mark.parametrize(
    "text, word",
    [
        ("東京タワーへ行きます", "タワー"),
        ("東京タワー", "東京"),
        ("ขอบคุณมากครับ", "คุณมาก"),
        ("a%_*[b", "%_*["),
        ('a "quoted" b', "quoted"),
        ("x'; --", "'; --"),
    ],
)
def test_any_script_and_any_sign_is_found(spool: Spool, text: str, word: str) -> None:
    add(spool, text, "Content-Type: text/plain; charset=utf-8\r\n")
    add(spool)
    assert [each.number for each in spool.summaries(query=SearchQuery().narrow(subject=word))] == []
    assert find(spool, f'"{word}"') == [1]


def test_operators_look_at_their_field_alone(spool: Spool) -> None:
    add(spool, "to ben", "Cc: Carla <carla@example.com>\r\nSubject: from ana\r\n", rule="Tag all")
    add(spool, "x", "Subject: carla\r\n", to="ben@example.com", rule="Drop")
    for text, numbers in {
        "from:nora": [1, 2],
        "from:bounce@example.net": [1, 2],
        "from:ana": [],
        "to:ana": [1],
        "to:carla": [1],
        "to:ben": [2],
        "subject:carla": [2],
        "subject:ben": [],
        "rule:tag": [1],
        'rule:"tag ALL"': [1],
        "-rule:tag": [2],
        "is:inbound to:b": [2],
    }.items():
        assert find(spool, text) == numbers, text


def test_flags_times_and_sizes(spool: Spool) -> None:
    add(spool, changed=True, results=result(Destination.BOUNCED))
    add(spool, results=result(Destination.DROPPED), problems=("it failed",))
    add(spool, results=result(Destination.JUNK), direction=OUTBOUND)
    add(spool, "x" * 2000, state=State.RETRYING)
    add(spool, "x", "Content-Type: application/pdf\r\n", state=State.RETRYING, results=result(Destination.INBOX))
    add(spool, state=State.HELD)
    for text, numbers in {
        "is:changed": [1],
        "is:bounced": [1],
        "is:dropped": [2],
        "is:problem": [2],
        "is:junk": [3],
        "is:outbound": [3],
        "-is:inbound": [3],
        "is:retrying": [4, 5],
        "is:undelivered": [4, 6],
        "is:held": [6],
        "has:attachment": [5],
        "-has:attachment": [1, 2, 3, 4, 6],
        "larger:1K": [4],
        "after:1970-01-14": [3, 4, 5, 6],
        "before:1970-01-14": [1, 2],
        "after:1970-01-14 before:1970-01-16": [3, 4],
    }.items():
        assert find(spool, text) == numbers, text


def test_the_changed_text_is_found_too(spool: Spool) -> None:
    number, [job] = spool.accept(
        Submission(INBOUND, "", ("ana@example.com",), b"Subject: x\r\n\r\nHello\r\n"), lambda message: [create_job(message)]
    )
    assert find(spool, "disclaimer") == []
    spool.save(job._replace(content=b"Subject: x\r\n\r\nHello\r\nDisclaimer\r\n").with_run(state=State.DONE, changed=True))
    assert find(spool, "disclaimer") == [number]
    assert find(spool, "hello") == [number]


def test_short_texts_are_found_also_where_many_trigrams_begin_with_them(spool: Spool) -> None:
    add(spool, " ".join(f"zz{chr(0x4E00 + number)}" for number in range(400)))
    add(spool, "the end zz", "Content-Type: text/plain; charset=utf-8\r\n")
    add(spool, "z\u4e00", "Content-Type: text/plain; charset=utf-8\r\n")
    for text, numbers in {"zz": [1, 2], "z": [1, 2, 3], "z\u4e00": [1, 3], "-zz": [3], "\u4e01": [1], "\u4fff": []}.items():
        assert find(spool, text) == numbers, text


def test_deleted_and_pruned_messages_are_not_found(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, keep=3)) as spool:
        for _ in range(5):
            add(spool, "fox")
            assert len(find(spool, "fox")) <= 3
        assert spool.remove([4]) == 1
        assert find(spool, "fox") == [3, 5]
    with closing(Spool(tmp_path, keep=3)) as spool:
        assert find(spool, "fox") == [3, 5]
        assert spool.remove([3, 5]) == 2
        assert find(spool, "fox") == []
        add(spool, "a fox again")
        assert find(spool, "fox") == [6]


def test_the_index_is_written_in_the_background(spool: Spool) -> None:
    for _ in range(120):
        add(spool, "fox")
    assert spool.count_unindexed() == 120
    spool.start_index()
    wait_until(lambda: not spool.count_unindexed())
    assert len(spool.summaries(query=SearchQuery.parse("fox"), limit=500)) == 120


def test_a_message_has_attachments_before_its_text_is_indexed(spool: Spool) -> None:
    number = add(spool, "%PDF", 'Content-Type: application/pdf; name="offer.pdf"\r\n')
    assert spool.count_unindexed() == 1
    trace = spool.trace(number)
    assert trace is not None
    assert trace.summary.has_attachments


@pytest.mark.parametrize("count", [2, 12])
def test_nothing_of_deleted_texts_stays_on_disk(spool: Spool, tmp_path: Path, count: int) -> None:
    add(spool, "hello")
    for _ in range(count):
        add(spool, "rumpelstiltskin")
    spool.start_index()
    wait_until(lambda: not spool.count_unindexed())

    def is_on_disk() -> bool:
        return any(b"rumpelstiltskin" in file.read_bytes() for file in tmp_path.iterdir())

    assert is_on_disk()
    assert spool.remove(spool.find_done(SearchQuery.parse("rumpelstiltskin"))) == count
    wait_until(lambda: not is_on_disk())
    assert find(spool, "hello") == [1]


def test_nothing_is_found_to_delete_while_texts_cannot_be_indexed(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    add(spool, "fox")

    def fail(_index: TextIndex) -> bool:
        raise SpoolError("the disk is full")

    monkeypatch.setattr(TextIndex, "_index_some", fail)
    with pytest.raises(SpoolError):
        spool.find_done(SearchQuery.parse("-fox"))
    assert find(spool, "subject:fox") == []
    assert find(spool, "-fox") == [1]


_WORD = st.text("abcé日", min_size=1, max_size=4)
_MESSAGE = st.tuples(_WORD, _WORD)
_TERM = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(["", "subject:"]), st.lists(_WORD, min_size=1, max_size=2))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(_MESSAGE, min_size=1, max_size=6), terms=st.lists(_TERM, max_size=3))
def test_a_search_finds_the_messages_with_all_texts_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, messages: list[tuple[str, str]], terms: list[tuple[str, str, list[str]]]
) -> None:
    with closing(Spool(tmp_path_factory.mktemp("spool"))) as spool:
        for subject, body in messages:
            raw = f"Subject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n".encode()
            spool.accept(Submission(INBOUND, "", ("x@y.z",), raw), lambda message: [create_job(message, State.DONE)])
        expected = []
        for number, (subject, body) in enumerate(messages, 1):
            texts = {"": [subject, body], "subject:": [subject]}
            if all(
                any(fold_text(" ".join(words)) in fold_text(text) for text in texts[field]) is not bool(minus)
                for minus, field, words in terms
            ):
                expected.append(number)
        assert find(spool, " ".join(f'{minus}{field}"{" ".join(words)}"' for minus, field, words in terms)) == expected
