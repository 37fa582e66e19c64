"""An import into a small IMAP server: each message once with its folder, flags, date and bytes, also after faults."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.export_zip import message, run_import, write_zip
from tests.support.hostile_mail import HOSTILE
from tests.support.odd_mail import make_odd_message
from tests.support.servers import imap
from tests.support.servers.imap import Folder, Mailbox
from workmail_local.errors import InvalidArgument
from workmail_local.imap_import import run as run_module
from workmail_local.imap_import.journal import JournalError, open_journal
from workmail_local.imap_import.plan import Choices
from workmail_local.imap_import.report import Report
from workmail_local.imap_import.server import CannotLogIn

CORPUS = sorted((Path(__file__).parents[3] / "corpus/mail").rglob("*.eml"))
PLAIN = "IMAP4rev1 UIDPLUS NAMESPACE AUTH=PLAIN"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    with imap.running(mailbox) as port:
        yield port


def five(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "ana.zip", {f"Inbox/{number}.eml": message(number) for number in range(1, 6)})


def as_exchange(content: bytes) -> bytes:
    return b"X-Server: here\r\n" + content


def test_messages_arrive_in_their_folders_with_flags_and_dates(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    mailbox.folders |= {"Sent Mail": Folder(9)}
    mailbox.uses["Sent Mail"] = "\\Sent"
    received = "Received: from a.example.net by b.example.com;\r\n Tue, 3 Nov 2026 10:00:00 -0500\r\n"
    path = write_zip(
        tmp_path / "ana.zip",
        {
            "ana@example.com/Inbox/1.eml": message(1, fields=f"Status: RO\r\nX-Status: FA\r\n{received}"),
            "ana@example.com/Inbox/2.eml": message(2, fields="Status: O\r\nX-Keywords: $Forwarded work\r\n"),
            "ana@example.com/Gesendete Elemente/3.eml": message(3),
            "ana@example.com/Entwürfe/4.eml": message(4),
            "ana@example.com/Projekte/Köln & Bonn/5": message(5),
            "ana@example.com/Kalender/6.mime": message(6),
        },
    )
    report = run_import(path, port)
    assert report.complete
    stored = {name: [(each.flags, each.date) for each in folder.messages] for name, folder in mailbox.folders.items()}
    assert stored == {
        "INBOX": [
            ({"\\Seen", "\\Flagged", "\\Answered"}, "03-Nov-2026 10:00:00 -0500"),
            ({"$Forwarded", "work"}, "02-Nov-2026 00:00:02 +0100"),
        ],
        "Sent Mail": [({"\\Seen"}, "02-Nov-2026 00:00:03 +0100")],
        "Drafts": [({"\\Seen", "\\Draft"}, "02-Nov-2026 00:00:04 +0100")],
        "Projekte/K&APY-ln &- Bonn": [({"\\Seen"}, "02-Nov-2026 00:00:05 +0100")],
        "WorkMail calendar": [({"\\Seen"}, "02-Nov-2026 00:00:06 +0100")],
    }
    assert mailbox.subscribed == set(mailbox.folders) - {"INBOX", "Sent Mail"}


def test_real_odd_and_hostile_mail_keeps_its_bytes(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    odd = random.Random(19)
    files = {f"Inbox/{path.name}": path.read_bytes() for path in CORPUS}
    files |= {f"Inbox/{name}.eml": raw for name, raw in HOSTILE.items()}
    files |= {f"Inbox/{number}.eml": make_odd_message(odd.choice) for number in range(100)}
    report = run_import(write_zip(tmp_path / "ana.zip", files), port)
    with_crlf = {raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for raw in files.values() if raw and b"\0" not in raw}
    assert set(mailbox.contents("INBOX")) == with_crlf
    assert len(with_crlf) > 50
    assert report.total("imported") == len(with_crlf)
    assert 0 < report.changed_line_ends < len(with_crlf)
    assert {each.reason for each in report.not_imported} == {"empty", "contains NUL bytes, which IMAP cannot store"}


def test_odd_bytes_arrive_unchanged(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    odd = {f"Inbox/{number}.eml": message(number, text) for number, text in enumerate(["a\rb", "\r\r\n", "ä\x80\x7f", "{5}\r\n+ go"])}
    run_import(write_zip(tmp_path / "ana.zip", odd), port)
    assert mailbox.contents("INBOX") == list(odd.values())


def test_a_second_run_imports_nothing(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    path = five(tmp_path)
    run_import(path, port)
    report = run_import(path, port)
    assert (report.total("imported"), report.total("present"), mailbox.appends) == (0, 5, 5)


def test_without_the_journal_the_content_of_the_server_decides(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    path = five(tmp_path)
    mailbox.folders["INBOX"].add(message(7), set(), "02-Nov-2026 00:00:03 +0100")
    run_import(path, port)
    path.with_suffix(".journal").unlink()
    report = run_import(path, port)
    assert (report.total("imported"), report.total("present")) == (0, 5)
    assert len(mailbox.contents("INBOX")) == 6


def test_messages_that_the_user_deleted_meanwhile_stay_deleted(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    path = five(tmp_path)
    run_import(path, port)
    del mailbox.folders["INBOX"].messages[2]
    run_import(path, port)
    assert len(mailbox.contents("INBOX")) == 4


def test_a_folder_that_was_created_again_gets_its_messages_again(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    path = five(tmp_path)
    run_import(path, port)
    mailbox.folders["INBOX"] = Folder(validity=77)
    run_import(path, port)
    assert len(mailbox.contents("INBOX")) == 5


def test_two_messages_with_one_message_id_are_both_kept(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    first, second = message(1, "abc"), message(1, "xyz")
    path = write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": first, "Inbox/2.eml": second})
    mailbox.folders["INBOX"].add(message(1, "***"), set(), "02-Nov-2026 00:00:01 +0100")
    run_import(path, port)
    assert mailbox.contents("INBOX")[1:] == [first, second]


def test_the_same_bytes_are_stored_once_a_folder(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": message(1), "Inbox/2.eml": message(1), "Work/1.eml": message(1)})
    report = run_import(path, port)
    assert [len(mailbox.contents(name)) for name in ("INBOX", "Work")] == [1, 1]
    assert (report.total("imported"), report.total("duplicates")) == (2, 1)


def test_a_message_without_message_id_is_found_by_its_bytes(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    raw = b"Subject: no identifier\r\n\r\nHello\r\n"
    mailbox.folders["INBOX"].add(raw, set(), "02-Nov-2026 00:00:01 +0100")
    report = run_import(write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": raw, "Inbox/2.eml": raw.replace(b"Hello", b"Howdy")}), port)
    assert (report.total("present"), report.total("imported")) == (1, 1)


@pytest.mark.parametrize(
    "fault",
    ["cut", "lost", "BYE shutting down", "NO [UNAVAILABLE] later", "NO Request is throttled. Suggested Backoff Time: 2 milliseconds"],
)
@pytest.mark.parametrize("capabilities", [Mailbox.capabilities, PLAIN, PLAIN.replace("UIDPLUS ", "")], ids=["plus", "plain", "no-uid"])
def test_after_a_fault_each_message_is_there_once(mailbox: Mailbox, port: int, tmp_path: Path, fault: str, capabilities: str) -> None:
    mailbox.capabilities = capabilities
    mailbox.faults = {2: fault, 4: fault, 5: fault}
    report = run_import(five(tmp_path), port)
    assert report.complete
    assert sorted(mailbox.contents("INBOX")) == [message(number) for number in range(1, 6)]
    assert report.total("imported") == 5
    # A message whose answer was lost is found, and not sent again.
    assert mailbox.appends == (5 if fault == "lost" else 8)


@pytest.mark.parametrize("with_uids", [True, False])
def test_a_lost_answer_of_a_server_that_changes_messages_doubles_nothing(
    mailbox: Mailbox, port: int, tmp_path: Path, with_uids: bool
) -> None:
    mailbox.capabilities = mailbox.capabilities if with_uids else mailbox.capabilities.replace("UIDPLUS ", "")
    mailbox.rewrite = as_exchange
    mailbox.faults = {3: "lost", 5: "lost"}
    path = five(tmp_path)
    report = run_import(path, port)
    assert (report.server_rewrites, report.total("imported")) == (True, 5)
    assert run_import(path, port).total("present") == 5
    assert sorted(mailbox.contents("INBOX")) == [as_exchange(message(number)) for number in range(1, 6)]


def test_a_message_without_message_id_is_not_doubled_by_a_server_that_changes_it(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    mailbox.rewrite = as_exchange
    mailbox.faults = {2: "lost"}
    raw = b"Date: Mon, 2 Nov 2026 10:00:00 +0100\r\n\r\nHello\r\n"
    run_import(write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": message(1), "Inbox/2.eml": raw}), port)
    assert mailbox.contents("INBOX") == [as_exchange(message(1)), as_exchange(raw)]


def test_a_message_that_is_stored_after_the_next_login_is_reported(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    mailbox.faults = {2: "late"}
    report = run_import(five(tmp_path), port)
    stored = mailbox.contents("INBOX")
    # The server stored it before the importer searched: once. Otherwise it is there twice, and the report names it.
    assert len(stored) == 5 + len(report.doubled)


def test_a_message_that_always_ends_the_connection_is_reported_and_the_others_imported(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    mailbox.faults = dict.fromkeys(range(2, 2 + run_module.ATTEMPTS), "cut")
    report = run_import(five(tmp_path), port)
    assert [each.path for each in report.not_imported] == ["Inbox/2.eml"]
    assert len(mailbox.contents("INBOX")) == 4
    assert run_import(five(tmp_path), port).complete
    assert len(mailbox.contents("INBOX")) == 5


def test_a_server_that_stays_throttled_stops_the_run(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    mailbox.faults = dict.fromkeys(range(3, 3 + run_module.ATTEMPTS), "NO [UNAVAILABLE] later")
    path = five(tmp_path)
    report = run_import(path, port)
    assert "limits the import" in report.stopped
    assert (report.total("imported"), report.not_imported) == (2, [])
    assert run_import(path, port).total("imported") == 3


def test_the_pause_that_the_server_suggests_is_kept(mailbox: Mailbox, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(run_module.time, "sleep", pauses.append)
    mailbox.faults = {2: "NO Request is throttled. Suggested Backoff Time: 299609 milliseconds"}
    assert run_import(five(tmp_path), port).complete
    assert pauses == [299.609]


@pytest.mark.parametrize("early", [True, False])
def test_a_full_mailbox_stops_the_run_and_a_later_run_continues(mailbox: Mailbox, port: int, tmp_path: Path, early: bool) -> None:
    mailbox.early = early
    mailbox.capabilities = PLAIN if early else Mailbox.capabilities
    mailbox.faults = {3: "NO [OVERQUOTA] ana@example.com is full"}
    path = five(tmp_path)
    report = run_import(path, port)
    assert "full" in report.stopped
    assert "@" not in report.stopped
    assert (report.total("imported"), report.complete, report.not_imported) == (2, False, [])
    assert run_import(path, port).total("imported") == 3
    assert len(mailbox.contents("INBOX")) == 5


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(
    "answer", ["NO [TOOBIG] no", "NO message too large", "NO [CANNOT] Subject: 3 is odd", "BAD Command Argument Error. 11"]
)
def test_a_refused_message_is_reported_without_its_content(mailbox: Mailbox, port: int, tmp_path: Path, answer: str, early: bool) -> None:
    mailbox.early = early
    mailbox.capabilities = PLAIN if early else Mailbox.capabilities
    mailbox.faults = {3: answer}
    report = run_import(five(tmp_path), port)
    [refused] = report.not_imported
    assert refused.path == "Inbox/3.eml"
    assert "Subject" not in refused.reason
    assert answer.partition(" ")[2] in refused.answer
    assert len(mailbox.contents("INBOX")) == 4


@pytest.mark.parametrize("limit", ["APPENDLIMIT=1000", "APPENDLIMIT"])
def test_a_message_above_the_limit_of_the_server_is_not_sent(mailbox: Mailbox, port: int, tmp_path: Path, limit: str) -> None:
    mailbox.capabilities += f" {limit}"
    path = write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": message(1, "x" * 2000), "Inbox/2.eml": message(2)})
    report = run_import(path, port)
    assert [each.reason for each in report.not_imported] == ["larger than the server's limit of 1,000 bytes"]
    assert mailbox.appends == 1


def test_a_server_without_keywords_gets_the_other_flags(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    mailbox.refuses_keywords = True
    path = write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": message(1, fields="Status: R\r\nX-Keywords: work\r\n")})
    assert run_import(path, port).complete
    assert mailbox.folders["INBOX"].messages[0].flags == {"\\Seen"}


def test_a_refused_folder_does_not_stop_the_others(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "ana.zip", {"refused/1.eml": message(1), "refused/2.eml": message(2), "Work/2.eml": message(2)})
    report = run_import(path, port)
    assert [each.path for each in report.not_imported] == ["refused/1.eml", "refused/2.eml"]
    assert mailbox.contents("Work") == [message(2)]


def test_prefix_and_separator_of_the_server_are_used(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    mailbox.prefix, mailbox.separator = "INBOX.", "."
    path = write_zip(tmp_path / "ana.zip", {"Inbox/Sub/1.eml": message(1), "Work/v1.0/2.eml": message(2), "Sent/3.eml": message(3)})
    run_import(path, port)
    assert set(mailbox.folders) == {"INBOX", "INBOX.Sub", "INBOX.Work.v1_0", "INBOX.Sent"}


def test_folders_can_be_renamed_skipped_and_moved_below_another(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    names = ["Inbox", "Sent Items", "Work/A", "Work/B", "Old", "Calendar"]
    path = write_zip(tmp_path / "ana.zip", {f"{name}/{number}.eml": message(number) for number, name in enumerate(names)})
    choices = Choices({"Work": "Projects/2026", "work/b": "B"}, ["OLD"], "Imported", None)
    report = run_import(path, port, choices=choices)
    assert set(mailbox.folders) == {"INBOX", "Imported/Inbox", "Imported/Sent Items", "Imported/Projects/2026/A", "Imported/B"}
    assert report.complete
    assert report.total("skipped") == 2


@pytest.mark.parametrize("choices", [Choices({"Wrok": "X"}), Choices(skipped=["Wrok"])])
def test_an_option_for_a_folder_that_the_zip_file_lacks_is_an_error(port: int, tmp_path: Path, choices: Choices) -> None:
    with pytest.raises(InvalidArgument, match="has no folder 'wrok'"):
        run_import(five(tmp_path), port, choices=choices)


@pytest.mark.parametrize("seen, expected", [("auto", [True, False]), ("all", [True, True]), ("none", [False, False])])
def test_seen_can_be_chosen(mailbox: Mailbox, port: int, tmp_path: Path, seen: str, expected: list[bool]) -> None:
    path = write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": message(1), "Inbox/2.eml": message(2, fields="Status: O\r\n")})
    run_import(path, port, seen=seen)
    assert ["\\Seen" in each.flags for each in mailbox.folders["INBOX"].messages] == expected


@pytest.mark.parametrize("busy, stopped", [(run_module.ATTEMPTS - 1, False), (run_module.ATTEMPTS, True)])
def test_a_server_that_is_away_is_waited_for(mailbox: Mailbox, port: int, tmp_path: Path, busy: int, stopped: bool) -> None:
    mailbox.faults = {3: "lost"}
    mailbox.kill = lambda: setattr(mailbox, "busy", busy)
    path = five(tmp_path)
    report = run_import(path, port)
    assert ("cannot be reached" in report.stopped) == stopped
    assert run_import(path, port).complete
    assert len(mailbox.contents("INBOX")) == 5


def test_an_interrupted_run_does_not_log_out_in_the_middle_of_a_message(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    def interrupt(_report: Report, done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    path = five(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_import(path, port, progress=interrupt)
    assert mailbox.logouts == 0
    assert run_import(path, port).total("imported") == 3
    assert mailbox.logouts == 1


def test_a_wrong_password_is_an_error(port: int, tmp_path: Path) -> None:
    with pytest.raises(CannotLogIn, match="check the user and the password"):
        run_import(five(tmp_path), port, password="wrong")


def test_a_password_that_is_refused_later_stops_the_run(
    mailbox: Mailbox, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.faults = {3: "BYE"}
    path = five(tmp_path)
    append = imap._Session._append

    def append_then_change_the_password(session: imap._Session, command: bytes) -> str:
        monkeypatch.setattr(imap, "PASSWORD", "changed")
        return append(session, command)

    monkeypatch.setattr(imap._Session, "_append", append_then_change_the_password)
    report = run_import(path, port)
    assert "refuses the login" in report.stopped
    assert report.total("imported") == 2


def test_two_imports_cannot_use_one_journal(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j", "a", "b"), pytest.raises(JournalError, match="another import uses it"):
        open_journal(tmp_path / "j", "a", "b").__enter__()


def test_a_journal_belongs_to_one_account(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j", "a", "b"):
        pass
    with pytest.raises(JournalError, match="another account"):
        open_journal(tmp_path / "j", "a", "c").__enter__()
    (tmp_path / "text").write_text("no journal" * 200)
    with pytest.raises(JournalError, match="is another file"):
        open_journal(tmp_path / "text", "a", "b").__enter__()
