"""Imports into Dovecot: 10,000 messages with kills in the middle, real mail byte for byte, logins, and a full mailbox."""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from tests.support.export_zip import write_zip
from tests.support.servers import dovecot
from tests.support.servers.caldav import debian
from tests.support.servers.certificates import Authority
from tests.support.servers.dovecot import Dovecot

ROOT = Path(__file__).parents[2]
MAIL = sorted([*(ROOT / "tests/corpus/mail").rglob("*.eml"), *(ROOT / "events/mail").rglob("*.eml")])
FOLDERS = {
    "Inbox": "INBOX",
    "Sent Items": "Sent",
    "Papierkorb": "Papierkorb",
    "Entwürfe": "Drafts",
    "Projekte/Köln & Bonn": "Projekte/Köln & Bonn",
    "Проекты/日本語/עברית": "Проекты/日本語/עברית",
    "A/B/C/D/E": "A/B/C/D/E",
    "Calendar": "WorkMail calendar",
}
START = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    try:
        debian.require()
    except debian.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="module")
def server(authority: Authority, folder: Path) -> Iterator[Dovecot]:
    (folder / "ca.pem").write_text(authority.pem)
    certificate = authority.issue(folder / "certificate")
    with dovecot.running(folder / "dovecot", certificate, mail_format="mdbox") as running:
        yield running


def command(path: Path, folder: Path, port: int, user: str, *more: str) -> list[str]:
    wanted = ["import", path, "--host", "127.0.0.1", "--port", port, "--user", user, "--ca", folder / "ca.pem", *more]
    return [sys.executable, "-m", "workmail_local", *map(str, wanted)]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers/mailhooks")])
    return os.environ | {"IMAP_PASSWORD": dovecot.PASSWORD, "PYTHONPATH": path}


def run(path: Path, folder: Path, port: int, user: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Run an import to its end. Return its status and report."""
    report = path.with_suffix(f".{user}.json")
    done = subprocess.run(
        command(path, folder, port, user, "--report", str(report), *more), env=environment(), capture_output=True, text=True, timeout=600
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode, json.loads(report.read_bytes())["archives"][0]


def read_mailbox(port: int, user: str) -> dict[str, Counter[tuple[str, frozenset[str], datetime]]]:
    """Return the digest, the flags and the internal date of each message in each folder."""
    found = {}
    with IMAPClient("127.0.0.1", port, ssl=False) as client:
        client.normalise_times = False
        client.login(user, dovecot.PASSWORD)
        for attributes, _, name in client.list_folders():
            if {b"\\Noselect", b"\\NonExistent"} & set(attributes):
                continue
            client.select_folder(name, readonly=True)
            messages: Counter[tuple[str, frozenset[str], datetime]] = Counter()
            uids = client.search()
            for first in range(0, len(uids), 500):
                for values in client.fetch(uids[first : first + 500], ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"]).values():
                    flags = frozenset(flag.decode() for flag in values[b"FLAGS"]) - {"\\Recent"}
                    messages[hashlib.sha256(values[b"BODY[]"]).hexdigest(), flags, values[b"INTERNALDATE"]] += 1
            found[name] = messages
    return found


def make_mailbox(count: int) -> tuple[dict[str, bytes], dict[str, Counter[tuple[str, frozenset[str], datetime]]]]:
    """Return the files of an export, and the mailbox that an import of it makes."""
    chosen = random.Random(20261130)
    files: dict[str, bytes] = {}
    expected: dict[str, Counter[tuple[str, frozenset[str], datetime]]] = {name: Counter() for name in FOLDERS.values()}
    statuses = {"RO": {"\\Seen"}, "O": set(), "ROFA": {"\\Seen", "\\Flagged", "\\Answered"}}
    for number in range(count):
        source, target = chosen.choice(list(FOLDERS.items()))
        date = START + timedelta(minutes=37 * number)
        status = chosen.choice(list(statuses))
        # Every tenth message has no Message-ID, and another tenth has that of the message before it.
        identifier = f"Message-ID: <{number - (number % 10 == 5)}@example.com>\r\n" if number % 10 else ""
        text = "".join(f"{chosen.getrandbits(300):x}\r\n" for _ in range(chosen.randrange(1, 80)))
        fields = (
            f"{identifier}Received: from a by b; {date:%a, %d %b %Y %H:%M:%S} +0000\r\nStatus: {status[:2]}\r\nX-Status: {status[2:]}\r\n"
        )
        raw = f"{fields}Subject: {number}\r\n\r\n{text}".encode()
        files[f"ana@example.com/{source}/{number}.eml"] = raw
        flags = statuses[status] | ({"\\Draft"} if target == "Drafts" else set())
        expected[target][hashlib.sha256(raw).hexdigest(), frozenset(flags), date] += 1
    return files, expected


def test_10_000_messages_arrive_once_though_the_import_is_killed_again_and_again(folder: Path, server: Dovecot) -> None:
    files, expected = make_mailbox(10_000)
    path = write_zip(folder / "large.zip", files)
    wanted = command(path, folder, server.tls_port, "large@example.com")
    for tenths in (1, 1, 4, 6, 9):
        with subprocess.Popen(wanted, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            # Each line of progress is a tenth, counted from the first message, also if an earlier run imported it.
            for _ in range(tenths):
                assert "%" in process.stderr.readline()
            process.kill()
    status, report = run(path, folder, server.tls_port, "large@example.com")
    assert (status, report["messages"], report["notImported"]) == (0, 10_000, [])
    assert 0 < report["present"] < 10_000
    assert read_mailbox(server.port, "large@example.com") == expected


def test_real_mail_arrives_byte_for_byte_and_is_found_without_the_journal(folder: Path, server: Dovecot) -> None:
    raws = {path.read_bytes() for path in MAIL}
    path = write_zip(folder / "real.zip", {f"Inbox/{number}.eml": raw for number, raw in enumerate(sorted(raws))})
    _, report = run(path, folder, server.tls_port, "real@example.com")
    sent = {hashlib.sha256(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")).hexdigest() for raw in raws if b"\0" not in raw}
    assert {digest for digest, _, _ in read_mailbox(server.port, "real@example.com")["INBOX"]} == sent
    assert report["imported"] == len(sent)
    assert len(sent) > 100
    assert report["serverRewrites"] is False
    for journal in folder.glob("real.zip*journal"):
        journal.unlink()
    assert run(path, folder, server.tls_port, "real@example.com")[1]["present"] == len(sent)
    assert len(read_mailbox(server.port, "real@example.com")["INBOX"]) == len(sent)


@pytest.mark.parametrize("user, more", [("bob@example.com*admin", []), ("carol@example.com", ["--auth-user", "admin"])])
def test_an_administrator_imports_for_a_user(folder: Path, server: Dovecot, user: str, more: list[str]) -> None:
    path = write_zip(folder / "one.zip", {"Inbox/1.eml": b"Subject: One\r\n\r\nHello\r\n"})
    assert run(path, folder, server.tls_port, user, *more)[0] == 0
    assert read_mailbox(server.port, user.partition("*")[0])["INBOX"].total() == 1


def test_starttls_protects_the_login(folder: Path, server: Dovecot) -> None:
    path = write_zip(folder / "one.zip", {"Inbox/1.eml": b"Subject: One\r\n\r\nHello\r\n"})
    assert run(path, folder, server.port, "dora@example.com", "--security", "starttls")[0] == 0


@pytest.mark.parametrize("mail_format, separator", [("maildir", "."), ("maildir", "/"), ("sdbox", "/")])
def test_other_stores_and_separators(folder: Path, mail_format: str, separator: str) -> None:
    files, expected = make_mailbox(100)
    path = write_zip(folder / f"small-{mail_format}-{separator != '/'}.zip", files)
    with dovecot.running(folder / path.stem, mail_format=mail_format, separator=separator) as running:
        assert run(path, folder, running.port, dovecot.USER, "--security", "none")[0] == 0
        assert read_mailbox(running.port, dovecot.USER) == {name.replace("/", separator): messages for name, messages in expected.items()}


def test_a_full_mailbox_stops_the_import_and_more_room_continues_it(folder: Path) -> None:
    files = {f"Inbox/{number}.eml": f"Message-ID: <{number}@a>\r\n\r\n{'x' * 5000}\r\n".encode() for number in range(100)}
    path = write_zip(folder / "full.zip", files)
    with dovecot.running(folder / "full", quota="100k") as running:
        status, report = run(path, folder, running.port, dovecot.USER, "--security", "none")
        assert (status, "full" in report["stopped"]) == (3, True)
        assert 10 < report["imported"] < 30
        settings = folder / "full/dovecot.conf"
        settings.write_text(settings.read_text().replace("storage=100k", "storage=9M"))
        running.reload()
        status, report = run(path, folder, running.port, dovecot.USER, "--security", "none")
        assert (status, report["imported"] + report["present"]) == (0, 100)
        assert read_mailbox(running.port, dovecot.USER)["INBOX"].total() == 100
