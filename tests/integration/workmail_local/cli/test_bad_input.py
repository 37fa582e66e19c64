"""Every command with bad files, values and settings: exit status 2, and a few words on stderr that name what is wrong. No traceback."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.export_zip import write_zip
from workmail_local.cli.main import _COMMANDS, main

POLICY = "version: 1\nrules:\n  - {name: Tag, do: [{tag_subject: '[X]'}]}\n"
MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\nSubject: Hi\r\n\r\nHello\r\n"
FILES: dict[str, bytes] = {
    "binary": bytes(range(256)) * 8,
    "empty": b"",
    "utf16": "organization: é".encode("utf-16"),
    "latin1": "# Köln: [\n".encode("latin-1"),
    "syntax": b'[{"a": }',
    "deep": b"[" * 100_000,
    "digits": b"a = " + b"9" * 5000,
    "list": b"[1, 2]",
    "large": b"x = 1\n" * 300_000,
}
NOT_FILES = ("missing", "folder", "loop", "good.eml/part", "x" * 300)
BAD = (*FILES, *NOT_FILES)

PORTS = ["--smtp-port=0", "--submission-port=0", "--web-port=0"]
SERVE = ["serve", "--folder", "spool", *PORTS]
# Port 9 is closed: an import that gets so far ends there.
IMPORT = ["import", "good.zip", "--host", "127.0.0.1", "--port", "9", "--user", "ana@example.com"]
# `@` is the bad file. The second list are those that are bad there: a message may have any content.
COMMANDS: list[tuple[list[str], tuple[str, ...]]] = [
    (["run", "--events", "@"], ("missing", "loop", "good.eml/part", "x" * 300)),
    (["run", "bounce-junk", "--settings", "@"], BAD),
    (["run", "bounce-junk", "--mail", "@"], (*FILES, "loop", "good.eml/part", "x" * 300)),
    (["send", "@", "--function", "rewrite"], NOT_FILES),
    (["send", "good.eml", "--function", "@"], BAD),
    (["send", "good.eml", "--function", "rewrite", "--settings", "@"], BAD),
    ([*SERVE, "--config", "@"], BAD),
    ([*SERVE, "--events", "@"], ("missing", "folder", "loop", "good.eml/part", "empty", "x" * 300)),
    ([*SERVE, "--env-file", "@/variables.json"], ("missing", *FILES, "loop", "x" * 300)),
    (["serve", *PORTS, "--folder", "@"], (*FILES, "loop", "good.eml/part", "x" * 300)),
    (["serve", "--export", "--folder", "@"], BAD),
    (["preview", "@", "--disclaimer", "text"], (*NOT_FILES, "empty")),
    (["preview", "good.eml", "--policy", "@"], BAD),
    (["preview", "good.eml", "--disclaimer", "@"], ("binary", "empty", "latin1", "utf16")),
    (["preview", "good.eml", "--disclaimer", "text", "--images", "@"], tuple(name for name in BAD if name != "folder")),
    (["preview", "good.eml", "--disclaimer", "text", "--out", "@/changed.eml"], tuple(name for name in BAD if name != "folder")),
    (["preview", "good.eml", "--disclaimer", "text", "--html", "@/page.html"], tuple(name for name in BAD if name != "folder")),
    (["check", "@"], NOT_FILES),
    (["try", "@", "good.eml"], BAD),
    (["try", "good.yaml", "@"], (*NOT_FILES, "empty")),
    (["replay", "@", "folder"], BAD),
    (["replay", "good.yaml", "@"], tuple(name for name in BAD if name != "folder")),
    (["replay", "good.yaml", "folder", "--against", "@"], BAD),
    (["replay", "good.yaml", "folder", "--csv", "@/table.csv"], tuple(name for name in BAD if name != "folder")),
    (["test-rule", "--from", "a@example.net", "--to", "b@example.com", "--config", "@"], BAD),
    (["availability", "--check", "--config", "@"], BAD),
    (["examples", "@"], (*FILES, "loop", "good.eml/part", "x" * 300)),
    (["wait", "--timeout", "1", "--folder", "@"], BAD),
    (["new", "@"], tuple(name for name in BAD if name != "missing")),
    (["availability", "--ask", "a@example.com", "--config", "@"], BAD),
    (["import", "--dry-run", "@"], BAD),
    *((["gateway", action, "@"], BAD) for action in ("serve", "milter", "check", "health")),
    ([*IMPORT, "--ca", "@"], BAD),
    ([*IMPORT, "--password-file", "@"], (*NOT_FILES, "empty")),
]
NUMBERS = ["", "0", "-1", "nan", "inf", "-inf", "1e400", "1e-400", "text", "1_0", "0x10", "٣", "9" * 5000, "1,5"]
VALUES: list[tuple[list[str], list[str]]] = [
    ([*SERVE, "--speed", "@"], NUMBERS),
    *(
        ([*SERVE, option, "@"], [number for number in [*NUMBERS, "65536"] if number != "0"])
        for option in ("--smtp-port", "--submission-port", "--web-port", "--port", "--s3-port", "--containers-port")
    ),
    ([*SERVE, "--host", "@"], ["no host", "256.0.0.1", "192.0.2.1"]),
    ([*SERVE, "--web-path", "@"], ["no slash", "/a b/", "//"]),
    ([*SERVE, "--allow-host", "@"], ["http://example.com/", "a b"]),
    ([*SERVE, "--lambda-endpoint", "@"], ["127.0.0.1:3001", "ftp://127.0.0.1", "http://", "http://a b/"]),
    (["serve", "--export", "@"], ["fish", "BASH"]),
    (["run", "@"], ["rewrite-externl", "", "../rewrite-external"]),
    (["run", "--fallback", "@"], ["default", "NONE"]),
    (["send", "good.eml", "--function", "rewrite", "--from", "@"], ["nora", "a@b@c", "a b@example.com"]),
    (["send", "good.eml", "--function", "rewrite", "--to", "@"], ["", "nora", "a@b@c"]),
    (["send", "good.eml", "--function", "rewrite", "--direction", "@"], ["sideways"]),
    (["try", "good.yaml", "good.eml", "--at", "@"], ["", "now", "2026-13-01", "9" * 50]),
    (["try", "good.yaml", "good.eml", "--rates", "@"], [number for number in NUMBERS if number != "0"]),
    (["try", "good.yaml", "good.eml", "--group", "@"], ["", "group", "=a@example.com"]),
    (["try", "good.yaml", "good.eml", "--person", "@"], ["", "Ana", "Ana=ana"]),
    (["test-rule", "--from", "@", "--to", "b@example.com"], ["", "nora", "a b@example.com"]),
    (["test-rule", "--from", "a@example.com", "--to", "@"], ["", "nora"]),
    (["availability", "--config", "@"], ["secret:name", "secret:", "secret:arn:aws:secretsmanager"]),
    (["wait", "--timeout", "@"], [number for number in NUMBERS if number != "1"]),
    (["wait", "--since", "@"], [number for number in NUMBERS if number != "0"]),
    (["wait", "--timeout", "1", "--url", "@"], ["127.0.0.1:8025", "http://", "http://127.0.0.1:1", "http://a b/"]),
    (["new", "@"], ["", "../hook", "a b", "-hook-", "1hook"]),
    (["connect-availability", "--organization-id", "@", "--domain", "example.com", "--function-arn", "x"], ["", "m-x"]),
    (["doctor", "--organization-id", "@"], ["", "m-x"]),
    ([*IMPORT, "--port", "@"], [number for number in [*NUMBERS, "65536"] if number != "0"]),
    ([*IMPORT, "--max-ratio", "@"], [number for number in [*NUMBERS, "2001"] if number not in {"0", "1e-400"}]),
    ([*IMPORT, "--security", "@"], ["", "ssl"]),
    ([*IMPORT, "--folder", "@"], ["", "Work", "=Work", "Work="]),
    ([*IMPORT, "--into", "@"], ["", "/"]),
    (["export", "--stack", "@", "--dry-run"], ["", "two words", "a/b"]),
    (["doctor", "--function", "@"], ["", "name", "arn:aws:lambda"]),
]


def test_every_command_has_bad_input_here():
    assert {arguments[0] for arguments, _ in (*COMMANDS, *VALUES)} == set(_COMMANDS)


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with bad files and two good ones, and no AWS settings."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "good.eml").write_bytes(MESSAGE)
    (tmp_path / "good.yaml").write_text(POLICY)
    write_zip(tmp_path / "good.zip", {"Inbox/1.eml": MESSAGE})
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command that must fail; return its exit status and what it prints to stderr."""
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, capsys.readouterr().err


def verify(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Verify that a command ends with 2 and a few readable lines; return them."""
    # A bad input that is accepted would let the server run.
    signal.alarm(20)
    try:
        code, error = run(arguments, capsys)
    finally:
        signal.alarm(0)
    assert code == 2, error
    assert 1 <= len(error.splitlines()) <= 3, error
    assert len(error) < 1000, error
    assert error.startswith(f"workmail-hooks {arguments[0]}"), error
    for word in ("Traceback", "Errno", "defect", "\x1b", "None", "<class"):
        assert word not in error, error
    return error


@pytest.fixture(autouse=True)
def interrupt() -> object:
    """Interrupt a server that started although it must not."""
    previous = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    yield
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("arguments, names", [pytest.param(*each, id=" ".join(each[0][:1] + each[0][-3:])) for each in COMMANDS])
def test_a_bad_file_is_an_error_in_a_few_words(arguments: list[str], names: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    for name in names:
        verify([each.replace("@", name) if "@" in each and "example" not in each else each for each in arguments], capsys)


@pytest.mark.parametrize("arguments, values", [pytest.param(*each, id=" ".join(each[0][:1] + each[0][-2:])) for each in VALUES])
def test_a_bad_value_is_an_error_in_a_few_words(arguments: list[str], values: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for value in values:
        verify([value if each == "@" else each for each in arguments], capsys)


def test_without_a_command_it_prints_the_list_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert all(f"\n    {command} " in printed.err for command in ("serve", "new", "run"))
