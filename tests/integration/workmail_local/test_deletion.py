"""Deleting messages: by `LocalWorkMail`, by the page, by the API, and all of them by `serve --fresh`."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from mailhooks.contract import FlowDirection
from tests.support.local_pages import serving_pages
from tests.support.queue import ANA, NORA, RAW
from tests.support.waiting import wait_until
from workmail_local.errors import ForeignFolder, InvalidSearch, NotNow, SpoolError, UnknownMessage
from workmail_local.mail.history import Destination
from workmail_local.mail.search_query import SearchQuery
from workmail_local.mail.submission import Submission
from workmail_local.storage.removal import remove_all
from workmail_local.workmail import LocalWorkMail

RULES = """
organization = { domains = ["example.com"] }
[[rules]]
name = "Spam"
direction = "inbound"
action = "drop"
senders = ["spam.example"]
[[rules]]
name = "No"
direction = "inbound"
action = "bounce"
senders = ["bounce@example.net"]
[[rules]]
name = "Broken"
direction = "inbound"
action = "lambda"
senders = ["slow@example.net"]
function = "broken"
[functions.broken]
path = "{folder}"
"""


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The rules, with a function that always fails."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "app.py").write_text("def handler(event, context):\n    raise RuntimeError('broken')\n")
    return RULES.replace("{folder}", str(folder))


@pytest.fixture
def wm(rules: str, tmp_path: Path) -> Iterator[LocalWorkMail]:
    with LocalWorkMail(rules, folder=tmp_path, speed=0.001) as wm:
        yield wm


@pytest.fixture
def url(wm: LocalWorkMail) -> Iterator[str]:
    with serving_pages(wm) as url:
        yield url


def send(wm: LocalWorkMail, mail_from: str = NORA, text: bytes = b"Hello") -> int:
    return wm.send(RAW.replace(b"nora@example.net", mail_from.encode()) + text, mail_from=mail_from, to=[ANA]).summary.number


def leave_unfinished(wm: LocalWorkMail) -> int:
    """Accept a message whose function fails, and wait for its first attempt: the next one is far away."""
    raw = RAW.replace(b"nora@", b"slow@")
    number = wm.accept(Submission(FlowDirection.INBOUND, "slow@example.net", (ANA,), raw))
    wait_until(lambda: wm.history.summaries(query=SearchQuery.parse("is:retrying is:undelivered")))
    return number


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith("spool.db"))


def test_a_message_is_deleted_with_its_copies_and_nothing_of_it_stays_on_disk(wm: LocalWorkMail, tmp_path: Path) -> None:
    first, second = send(wm, text=b"the secret word is Rumpelstiltskin"), send(wm, text=b"another")
    [_, copy] = wm.delivered(ANA)
    assert [line.number for line in wm.history.summaries(query=SearchQuery.parse("rumpelstiltskin"))] == [first]
    assert wm.delete(first) == 1
    assert [each.path for each in wm.delivered(ANA)] == [copy.path]
    assert [line.number for line in wm.history.summaries()] == [second]
    assert (wm.history.trace(first), wm.history.original(first)) == (None, None)
    assert not any(b"umpelstiltskin" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_bounces_and_dropped_mail_are_deleted_with_their_message(wm: LocalWorkMail, tmp_path: Path) -> None:
    for sender in ("x@spam.example", "bounce@example.net"):
        send(wm, sender)
    assert len(wm.dropped()) == len(wm.delivered("bounce@example.net", Destination.OUTGOING)) == 1
    assert wm.delete() == 2
    assert list_files(tmp_path) == []


def test_a_copy_that_a_mail_program_has_moved_is_deleted_too(wm: LocalWorkMail, tmp_path: Path) -> None:
    send(wm)
    [copy] = wm.delivered(ANA)
    moved = tmp_path / f"mailboxes/{ANA}/.Archive/cur/{copy.path.name}:2,S"
    own = moved.with_name("1.M1.mine")
    moved.parent.mkdir(parents=True)
    copy.path.rename(moved)
    own.write_bytes(b"written by the mail program")
    wm.delete()
    assert not moved.exists()
    assert own.exists()


def test_only_what_a_search_finds_is_deleted(wm: LocalWorkMail) -> None:
    numbers = [send(wm, text=text) for text in (b"red fox", b"blue fox", b"red hen")]
    assert wm.delete(search="red -hen") == 1
    assert [line.number for line in wm.history.summaries()] == [numbers[2], numbers[1]]


@pytest.mark.parametrize("search", ["", " ", 'from:""', "-is:chnged", "offer sender:nora"])
def test_nothing_is_deleted_by_a_search_that_is_empty_or_not_clear(wm: LocalWorkMail, url: str, search: str) -> None:
    send(wm)
    with pytest.raises(InvalidSearch, match="nothing is deleted"):
        wm.delete(search=search)
    for answer in (
        requests.delete(f"{url}/api/messages", params={"q": search}, timeout=30),
        requests.get(f"{url}/delete", params={"q": search}, timeout=30),
        requests.post(f"{url}/delete", data={"q": search}, timeout=30),
    ):
        assert (answer.status_code, "nothing is deleted" in answer.text) == (400, True)
    assert wm.history.count() == 1


def test_all_is_deleted_only_by_a_request_without_any_condition(wm: LocalWorkMail, url: str) -> None:
    send(wm)
    for query in ("?subject=nothing", "?q=hello&q=nothing", "?q=hello&limit=1", "?Q=nothing"):
        assert requests.delete(f"{url}/api/messages{query}", timeout=30).status_code == 400
    for body in ({"data": "q=nothing"}, {"json": {"q": "nothing"}}):
        assert requests.delete(f"{url}/api/messages", timeout=30, **body).status_code == 400
    for fields in ([], [("subject", "x")], [("q", "x"), ("all", "yes")], [("q", "x"), ("q", "y")]):
        assert requests.post(f"{url}/delete", data=fields, timeout=30).status_code == 400
    assert wm.history.count() == 1
    assert 'name="all"' in requests.get(f"{url}/delete", timeout=30).text
    requests.post(f"{url}/delete", data={"all": "yes"}, timeout=30)
    assert wm.history.count() == 0


def test_numbers_are_not_used_again(wm: LocalWorkMail) -> None:
    first = send(wm)
    assert wm.delete() == 1
    wm.mail_server.workers.wait_for(first, 1)
    assert send(wm) == first + 1


def test_a_large_spool_shrinks(wm: LocalWorkMail, tmp_path: Path) -> None:
    for _ in range(5):
        send(wm, text=b"x" * 70 + b"\r\n" + b"y" * 2_000_000)
    wm.delete()
    assert sum(path.stat().st_size for path in tmp_path.glob("spool.db*")) < 1_000_000


def test_a_message_that_is_not_done_stays(wm: LocalWorkMail, url: str) -> None:
    waiting, done = leave_unfinished(wm), send(wm)
    with pytest.raises(NotNow, match=f"message {waiting} is not done"):
        wm.delete(waiting)
    with pytest.raises(UnknownMessage, match="no message 99"):
        wm.delete(99)
    answer = requests.delete(f"{url}/api/messages/{waiting}", timeout=30)
    assert (answer.status_code, "retry it now" in answer.json()["error"]) == (409, True)
    assert "cannot be deleted yet" in requests.get(f"{url}/messages/{waiting}/delete", timeout=30).text
    assert "1 more is not done and stays" in requests.get(f"{url}/delete", timeout=30).text
    assert requests.delete(f"{url}/api/messages", timeout=30).json() == {"deleted": 1, "unfinished": 1}
    assert wm.history.trace(done) is None
    assert wm.history.trace(waiting) is not None


def test_the_page_asks_and_then_deletes_without_javascript(wm: LocalWorkMail, url: str) -> None:
    first, second, third = (send(wm, text=text) for text in (b"fox", b"fox", b"hen"))
    assert f"/messages/{first}/delete" in requests.get(f"{url}/messages/{first}", timeout=30).text
    assert f"Delete message {first}?" in requests.get(f"{url}/messages/{first}/delete", timeout=30).text
    assert wm.history.count() == 3
    answer = requests.post(f"{url}/messages/{first}/delete", timeout=30, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    gone = requests.get(f"{url}/messages/{first}", timeout=30)
    assert (gone.status_code, "it was deleted" in gone.text) == (404, True)
    assert "/delete?q=fox" in requests.get(f"{url}/?q=fox", timeout=30).text
    assert "Delete 1 message?" in requests.get(f"{url}/delete?q=fox", timeout=30).text
    requests.post(f"{url}/delete", data={"q": "fox"}, timeout=30)
    assert [line.number for line in wm.history.summaries()] == [third]
    assert second not in [line.number for line in wm.history.summaries()]


@pytest.mark.parametrize("search, field", [("", ("all", "yes")), ("?q=to:ana", ("q", "to:ana"))])
def test_a_message_that_arrives_after_the_page_has_asked_stays(search: str, field: tuple[str, str], wm: LocalWorkMail, url: str) -> None:
    send(wm)
    page = requests.get(f"{url}/delete{search}", timeout=30).text
    assert "Delete 1 message?" in page
    fields = dict(re.findall('name="(q|all|until)" value="([^"]*)"', page))
    assert fields[field[0]] == field[1]
    later = send(wm)
    assert requests.post(f"{url}/delete", data={**fields, "until": "x"}, timeout=30).status_code == 400
    assert requests.post(f"{url}/delete", data=fields, timeout=30).status_code == 200
    assert [each.number for each in wm.history.summaries()] == [later]


def test_another_site_deletes_nothing(wm: LocalWorkMail, url: str) -> None:
    number = send(wm)
    for method, path in (
        ("DELETE", "/api/messages"),
        ("DELETE", f"/api/messages/{number}"),
        ("POST", "/delete"),
        ("POST", f"/messages/{number}/delete"),
    ):
        assert requests.request(method, url + path, headers={"origin": "https://example.net"}, timeout=30).status_code == 403
    assert wm.history.count() == 1


def test_fresh_removes_the_mail_of_any_version_but_not_that_of_a_running_server(rules: str, tmp_path: Path) -> None:
    with LocalWorkMail(rules, folder=tmp_path, speed=0.001) as wm:
        send(wm)
        leave_unfinished(wm)
        with pytest.raises(SpoolError, match="another local WorkMail"):
            remove_all(tmp_path)
        assert len(wm.delivered(ANA)) == 1
    (tmp_path / "notes.txt").write_text("mine")
    remove_all(tmp_path)
    assert list_files(tmp_path) == ["notes.txt"]
    assert not (tmp_path / "spool.db").exists()


def test_fresh_removes_nothing_from_a_folder_without_a_spool(tmp_path: Path) -> None:
    (tmp_path / "mailboxes").mkdir()
    (tmp_path / "mailboxes/own").write_text("mine")
    remove_all(tmp_path)
    assert (tmp_path / "mailboxes/own").exists()
    (tmp_path / "spool.db").write_bytes(b"no database at all, and the data of another program" * 50)
    with pytest.raises(SpoolError, match="cannot be removed"):
        remove_all(tmp_path)
    assert (tmp_path / "mailboxes/own").exists()


@pytest.mark.parametrize("name", ["gateway/app.py", "mailboxes/ana@example.com/new/notes.txt", "dropped/1.eml", "outgoing/link"])
def test_fresh_removes_nothing_when_a_folder_has_other_files(rules: str, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mail"
    with LocalWorkMail(rules, folder=folder) as wm:
        send(wm)
        send(wm, "eve@spam.example")
    other = folder / name
    other.parent.mkdir(parents=True, exist_ok=True)
    if other.name == "link":
        other.symlink_to(tmp_path)
    else:
        other.write_text("mine")
    before = list_files(folder)
    with pytest.raises(ForeignFolder, match="contains other files than delivered mail, so nothing is deleted"):
        remove_all(folder)
    assert list_files(folder) == before
    other.unlink()
    remove_all(folder)
    assert list_files(folder) == []


def test_fresh_does_not_remove_a_database_of_another_program(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "spool.db")) as database:
        database.executescript("CREATE TABLE messages (text); INSERT INTO messages VALUES ('mine');")
    with pytest.raises(SpoolError, match="of another program"):
        remove_all(tmp_path)
    with closing(sqlite3.connect(tmp_path / "spool.db")) as database:
        assert database.execute("SELECT text FROM messages").fetchall() == [("mine",)]


def test_the_history_is_kept_as_before_after_a_deletion(rules: str, tmp_path: Path) -> None:
    with LocalWorkMail(rules + "[history]\nkeep = 3\n", folder=tmp_path) as wm:
        numbers = [send(wm) for _ in range(3)]
        wm.delete(numbers[2])
        numbers += [send(wm) for _ in range(2)]
        assert [line.number for line in wm.history.summaries()] == [5, 4]
