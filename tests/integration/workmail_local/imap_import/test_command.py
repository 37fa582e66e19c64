"""The command `workmail-hooks import`: options, logins, output, report and exit status."""

import json
import signal
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.export_zip import message, write_zip
from tests.support.servers import imap
from tests.support.servers.certificates import Authority
from tests.support.servers.imap import Mailbox
from workmail_local.cli import import_mailbox as command
from workmail_local.cli.main import main


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    certificate = authority.issue(tmp_path_factory.mktemp("certificate"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setenv("IMAP_PASSWORD", imap.PASSWORD)
    with imap.running(mailbox) as port:
        yield port


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": message(1), "Inbox/2.eml": message(2), "Work/3.eml": message(3)})


def local(path: Path, port: int, *more: str) -> list[str]:
    return ["import", str(path), "--host", "127.0.0.1", "--port", str(port), "--security", "none", "--user", imap.USER, *more]


def test_a_complete_import_ends_with_0_and_a_table(mailbox: Mailbox, port: int, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(local(path, port)) == 0
    shown = capsys.readouterr()
    assert "  Work                        Work                                  1          1          0" in shown.out
    assert shown.out.endswith("The server has all 3 messages, 3 of them imported now.\n")
    assert "100%  3 of 3" in shown.err
    assert "\r" not in shown.err
    assert (len(mailbox.contents("INBOX")), len(mailbox.contents("Work"))) == (2, 1)


def test_the_report_names_each_message_that_was_not_imported(port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"Inbox/1.eml": message(1), "Inbox/2.eml": b"", "Inbox/3.eml": message(3, "a\0b"), "Inbox/notes.txt": b"Hello\n"}
    path, report = write_zip(tmp_path / "ana.zip", files), tmp_path / "report.json"
    assert main(local(path, port, "--report", str(report))) == 1
    [found] = json.loads(report.read_bytes())["archives"]
    assert found["complete"] is False
    assert (found["messages"], found["imported"], found["failed"]) == (4, 1, 3)
    assert {each["path"]: each["reason"] for each in found["notImported"]} == {
        "Inbox/2.eml": "empty",
        "Inbox/3.eml": "contains NUL bytes, which IMAP cannot store",
        "Inbox/notes.txt": "not a message: it does not begin with a header field",
    }
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert "3 messages not imported; the server has 1." in capsys.readouterr().out


def test_the_report_of_an_import_that_could_not_log_in_is_not_complete(
    port: int, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", "wrong")
    assert main(local(path, port, "--report", str(tmp_path / "report.json"))) == 2
    [found] = json.loads((tmp_path / "report.json").read_bytes())["archives"]
    assert (found["complete"], "refuses the login" in found["stopped"]) == (False, True)


def test_a_record_of_the_export_is_no_missing_message(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    assert main(local(write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": message(1), "report.json": b"{}"}), port)) == 0
    assert mailbox.appends == 1


def test_a_stopped_import_ends_with_3_and_the_same_command_continues_it(mailbox: Mailbox, port: int, path: Path) -> None:
    mailbox.faults = {2: "NO [OVERQUOTA] full"}
    assert main(local(path, port)) == command.STOPPED
    assert main(local(path, port)) == 0
    assert (len(mailbox.contents("INBOX")), len(mailbox.contents("Work"))) == (2, 1)


def test_a_killed_import_continues_and_doubles_nothing(mailbox: Mailbox, port: int, path: Path) -> None:
    mailbox.faults = {1: "lost", 2: "cut", 3: "lost"}
    statuses = []
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-m", "workmail_local", *local(path, port)], stderr=subprocess.DEVNULL) as process:
            mailbox.kill = process.kill
        statuses.append(process.returncode)
    assert statuses == [-signal.SIGKILL] * 3 + [0]
    assert (sorted(mailbox.contents("INBOX")), mailbox.contents("Work")) == ([message(1), message(2)], [message(3)])


def test_the_journal_has_no_content_and_is_readable_by_its_user_alone(port: int, path: Path) -> None:
    main(local(path, port))
    [journal] = path.parent.glob("ana.zip.127.0.0.1*ana@example.com.journal")
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert b"Subject" not in journal.read_bytes()


def test_a_dry_run_without_a_server_lists_folders_and_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_zip(tmp_path / "ana.zip", {"ana/Inbox/1.eml": message(1), "ana/Sent Items/2.eml": message(2), "ana/Work/3.eml": b""})
    assert main(["import", str(path), "--dry-run"]) == 1
    shown = capsys.readouterr().out
    assert [line.split()[-4:-2] for line in shown.splitlines()[2:5]] == [["INBOX", "1"], ["Sent", "1"], ["Work", "1"]]
    assert "ana/Work/3.eml: empty" in shown
    assert "Nothing was imported: 2 messages can be." in shown
    assert list(tmp_path.iterdir()) == [path]


def test_a_dry_run_with_a_server_shows_its_folders_and_changes_nothing(
    mailbox: Mailbox, port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mailbox.folders["Verzonden"] = imap.Folder(3)
    path = write_zip(tmp_path / "ana.zip", {"Inbox/1.eml": message(1), "Sent Items/2.eml": message(2)})
    assert main(local(path, port, "--dry-run")) == 0
    assert "Verzonden" in capsys.readouterr().out
    assert (mailbox.appends, set(mailbox.folders)) == (0, {"INBOX", "Verzonden"})


def test_tls_with_a_certificate_of_a_known_authority(
    mailbox: Mailbox, tls: ssl.SSLContext, authority: Authority, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", imap.PASSWORD)
    (tmp_path / "ca.pem").write_text(authority.pem)
    with imap.running(mailbox, tls) as port:
        wanted = ["import", str(path), "--host", "127.0.0.1", "--port", str(port), "--user", imap.USER]
        assert main([*wanted, "--ca", str(tmp_path / "ca.pem")]) == 0
        assert main(wanted) == 2
    assert len(mailbox.logins) == 1


def test_a_port_without_tls_is_explained(
    port: int, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", imap.PASSWORD)
    assert main(["import", str(path), "--host", "127.0.0.1", "--port", str(port), "--user", imap.USER]) == 2
    assert "it answers without TLS (--security starttls is for port 143)" in capsys.readouterr().err


def test_an_unknown_certificate_is_an_error(
    mailbox: Mailbox, tls: ssl.SSLContext, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", imap.PASSWORD)
    with imap.running(mailbox, tls) as port:
        assert main(["import", str(path), "--host", "127.0.0.1", "--port", str(port), "--user", imap.USER]) == 2
    assert "the certificate is not valid" in capsys.readouterr().err
    assert mailbox.logins == []


@pytest.mark.parametrize("more", [["--security", "none"], ["--security", "starttls"]])
def test_a_password_never_crosses_a_network_in_clear_text(
    more: list[str], mailbox: Mailbox, port: int, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # This server has no STARTTLS; the documentation address is no loopback address.
    host = "127.0.0.1" if "starttls" in more else "192.0.2.1"
    assert main(["import", str(path), "--host", host, "--port", str(port), "--user", imap.USER, *more]) == 2
    assert "workmail-hooks import: " in capsys.readouterr().err
    assert mailbox.logins == []


def test_an_administrator_logs_in_for_the_user(mailbox: Mailbox, port: int, path: Path) -> None:
    assert main(local(path, port, "--auth-user", imap.ADMINISTRATOR)) == 0
    assert mailbox.logins == [f"{imap.USER}<{imap.ADMINISTRATOR}"]


def test_a_token_of_the_environment_logs_in(mailbox: Mailbox, port: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_TOKEN", imap.TOKEN)
    assert main(local(path, port, "--oauth2")) == 0


def test_a_token_command_runs_for_each_login(mailbox: Mailbox, port: int, path: Path, tmp_path: Path) -> None:
    mailbox.faults = {2: "lost"}
    program = f"open({str(tmp_path / 'runs')!r}, 'a').write('x'); print({imap.TOKEN!r})"
    (tmp_path / "token.py").write_text(program)
    assert main(local(path, port, "--oauth2", "--token-command", f"'{sys.executable}' '{tmp_path / 'token.py'}'")) == 0
    assert (tmp_path / "runs").read_text() == "xx"


@pytest.mark.parametrize("failing, words", [("false", "failed with the status 1"), ("no-such-program", "cannot run"), ("true", "failed")])
def test_a_token_command_that_fails_is_an_error(
    failing: str, words: str, port: int, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(local(path, port, "--oauth2", "--token-command", failing)) == 2
    assert words in capsys.readouterr().err


def test_a_password_file_is_read(mailbox: Mailbox, port: int, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAP_PASSWORD")
    (tmp_path / "password").write_text(f"{imap.PASSWORD}\nmore\n", "utf-8")
    assert main(local(path, port, "--password-file", str(tmp_path / "password"))) == 0


def test_a_server_without_sasl_gets_a_login(mailbox: Mailbox, port: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", "plain")
    mailbox.capabilities = "IMAP4rev1"
    assert main(local(path, port)) == 0


@pytest.mark.parametrize(
    "options, words",
    [
        (["--host", "127.0.0.1"], "--user is missing"),
        (["--user", "a"], "--host is missing"),
        (["--host", "127.0.0.1", "--user", "a"], "no password: set IMAP_PASSWORD"),
        (["--host", "127.0.0.1", "--user", "a", "--oauth2"], "no token: set IMAP_TOKEN"),
        (["--host", "127.0.0.1", "--user", "a", "--token-command", "x"], "--token-command needs --oauth2"),
        (["--host", "127.0.0.1", "--user", "a", "--oauth2", "--auth-user", "b"], "--auth-user is for passwords"),
        (["--dry-run", "--skip", "Wrok"], "the zip file has no folder"),
        (["--folder", "Work"], "does not have the form"),
        (["--into", "/"], "is not a folder"),
    ],
)
def test_a_wrong_option_is_explained(
    options: list[str], words: str, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMAP_PASSWORD", raising=False)
    monkeypatch.delenv("IMAP_TOKEN", raising=False)
    try:
        status = main(["import", str(path), *options])
    except SystemExit as ended:
        status = int(str(ended.code))
    assert status == 2
    assert words in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_an_error_at_once(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", "x")
    assert main(local(path, 9)) == 2
    assert "cannot be reached" in capsys.readouterr().err


def test_a_terminal_gets_one_line_of_progress(
    port: int, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(local(path, port)) == 0
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "\r[##############################] 100%  3 of 3" in shown


def test_the_names_of_a_hostile_zip_file_do_not_control_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_zip(tmp_path / "ana.zip", {"In\x1b[31m/1\x07.eml": b"", "../../etc/passwd": b"", "/abs/\u202e.eml": b""})
    assert main(["import", str(path), "--dry-run"]) == 1
    shown = capsys.readouterr().out
    assert all(char.isprintable() for char in shown.replace("\n", ""))
    assert sorted(tmp_path.iterdir()) == [path]
