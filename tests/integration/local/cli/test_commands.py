"""`python -m local run`, `send` and `serve`, as somebody types them; `preview` has a module of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from local.cli import run as run_module
from local.config.functions import ROOT, Function
from local.config.samples import load
from local.storage.mailboxes import digest
from mailhooks.contract import Action, ActionType

INBOX = "Inbox"
# What each sample is there to show: who gets it in which folder, and whether its content changes.
EXPECTED: dict[str, tuple[dict[str, str], bool]] = {
    "bounce-blocked": ({"ana@example.com": INBOX, "ben@example.com": INBOX}, False),
    "bounce-junk": ({"ana@example.com": "Junk", "ben@example.com": "Junk"}, False),
    "bounce-outbound": ({"clara@example.org": INBOX}, False),
    "disclaimer-outbound-images": ({"clara@example.org": INBOX}, True),
    "disclaimer-outbound-new": ({"clara@example.org": INBOX, "joerg@example.net": INBOX}, True),
    "disclaimer-outbound-reply": ({"joerg@example.net": INBOX}, True),
    "disclaimer-outbound-signed": ({"clara@example.org": INBOX}, False),
    "mailflow-external": ({"ana@example.com": INBOX, "ben@example.com": INBOX}, True),
    "observe-outbound": ({"clara@example.org": INBOX, "joerg@example.net": INBOX}, False),
    "observe-truncated": ({f"{name}@example.com": INBOX for name in ("ana", "ben", "purchasing", "support", "press")}, False),
    "rewrite-external": ({f"{name}@example.com": INBOX for name in ("ana", "ben", "purchasing")}, True),
    "rewrite-headers": ({"support@example.com": INBOX}, True),
    "rewrite-reply": ({"ana@example.com": INBOX}, False),
    "rewrite-signed": ({"ana@example.com": INBOX}, True),
}


def local(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    mail = tmp_path_factory.mktemp("run") / "mail"
    return local("run", "--mail", mail, PYTHONPATH="", AWS_PROFILE="no-such-profile", ON_ERROR="nonsense"), mail


def delivered(mail: Path) -> dict[tuple[str, str], list[bytes]]:
    found: dict[tuple[str, str], list[bytes]] = {}
    for file in (*mail.glob("*/new/*"), *mail.glob("*/.*/new/*")):
        folder = "Junk" if file.parts[-3] == ".Junk" else INBOX
        found.setdefault((file.relative_to(mail).parts[0], folder), []).append(file.read_bytes())
    return found


def test_a_run_goes_well_and_says_so(whole_run: Any) -> None:
    done, _ = whole_run
    assert (done.returncode, done.stderr) == (0, "")
    assert f"OK  {len(EXPECTED)} messages, {sum(changed for _, changed in EXPECTED.values())} changed" in done.stdout


def test_a_run_shows_a_block_for_each_message_no_wider_than_100_columns_and_no_logs(whole_run: Any) -> None:
    lines = whole_run[0].stdout.splitlines()
    assert [line.split()[0] for line in lines if "function " in line and line.endswith("sync)")] == sorted(EXPECTED)
    assert max(map(len, lines)) <= 100
    assert not any(line.lstrip().startswith("{") or "\x1b" in line for line in lines)
    assert "            + Subject: [EXTERNAL] Signed contract" in lines
    assert '  Bounce    "This mailbox takes no offers. Please write to purchasing@example.com."' in lines
    assert sum("(cold)" in line for line in lines) == len({stem.partition("-")[0] for stem in EXPECTED})
    assert any(re.match(r"  Metrics   Messages=1 .*MessageSize=622 ", line) for line in lines)


def test_everybody_finds_each_message_once_in_the_right_folder_and_nobody_else_does(whole_run: Any) -> None:
    expected = Counter((address, folder) for fates, _ in EXPECTED.values() for address, folder in fates.items())
    assert Counter({place: len(copies) for place, copies in delivered(whole_run[1]).items()}) == expected


def test_unchanged_mail_is_delivered_byte_for_byte(whole_run: Any) -> None:
    digests = {place: Counter(map(digest, copies)) for place, copies in delivered(whole_run[1]).items()}
    for sample in load():
        fates, changed = EXPECTED[sample.stem]
        for place in fates.items():
            assert digests[place][digest(sample.raw)] == (0 if changed else 1), (sample.stem, place)


def test_rewritten_mail_differs_in_its_header_only(whole_run: Any) -> None:
    mails = [raw for copies in delivered(whole_run[1]).values() for raw in copies]
    for sample in load():
        if EXPECTED[sample.stem][1] and sample.function == "rewrite":
            body = sample.raw.partition(b"\r\n\r\n")[2]
            received = [raw for raw in mails if raw.partition(b"\r\n\r\n")[2] == body]
            assert len(received) == len(EXPECTED[sample.stem][0])
            assert all(b"\r\nX-Mail-Origin: external\r\n" in raw and b"[EXTERNAL]" in raw for raw in received)


def test_a_disclaimer_stands_once_in_each_form_of_the_text_and_the_rest_of_the_mail_is_as_it_was(whole_run: Any) -> None:
    mails = [message_from_bytes(raw, policy=default) for copies in delivered(whole_run[1]).values() for raw in copies]
    for sample in load():
        if EXPECTED[sample.stem][1] and sample.function == "disclaimer":
            before = message_from_bytes(sample.raw, policy=default)
            received = [mail for mail in mails if mail["Message-ID"] == before["Message-ID"]]
            assert len(received) == len(EXPECTED[sample.stem][0])
            for mail in received:
                assert [part.get_content_type() for part in mail.walk()] == [part.get_content_type() for part in before.walk()]
                for old, new in zip(before.walk(), mail.walk(), strict=True):
                    if old.get_content_maintype() == "text":
                        assert unescape(new.get_content()).count("Example GmbH, Köln") == 1
                    elif not old.is_multipart():
                        assert new.as_bytes() == old.as_bytes()


def test_a_run_may_take_some_samples_only_and_show_logs(tmp_path: Path) -> None:
    done = local("run", "bounce-junk", "--verbose", "--mail", tmp_path / "mail")
    assert done.returncode == 0
    assert "OK  1 message," in done.stdout
    assert '  | {"level":"INFO"' in done.stdout


def test_a_run_fails_when_a_functions_settings_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text(json.dumps({"BounceFunction": {"BOUNCE_RULES": "[{}]"}}))
    done = local("run", "bounce-junk", "--settings", tmp_path / "env.json", "--mail", tmp_path / "mail")
    assert done.returncode == 1
    assert "SettingsError" in done.stdout
    assert "FAILED  1 message of 1 with a problem: bounce-junk" in done.stdout


def test_a_run_fails_when_a_function_raises_and_the_mail_meets_the_fallback_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    raise RuntimeError('odd')\n")
    monkeypatch.setattr(run_module, "function", lambda name: Function(name, tmp_path / "app.py", asynchronous=False))
    settings, mail = ROOT / "events" / "env.json", tmp_path / "mail"
    code = run_module.run(
        ["rewrite-signed"],
        events=ROOT / "events",
        mail=mail,
        settings_file=settings,
        fallback=Action(ActionType.DEFAULT),
        verbose=False,
    )
    shown = capsys.readouterr().out
    assert code == 1
    assert "the function failed: RuntimeError: odd" in shown
    assert "fallback action" in shown
    [sample] = load(only=["rewrite-signed"])
    assert delivered(mail) == {("ana@example.com", INBOX): [sample.raw]}


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["run", "no-such-sample"], "no sample 'no-such-sample'"),
        (["send", "no-such.eml", "--function", "rewrite"], "No such file"),
        (["send", "events/mail/rewrite-signed.eml", "--function", "none"], "no function 'none'; there are: "),
        (["run", "--mail", "events"], "left as it is"),
        (["serve", "--port", "99999"], "port 99999"),
    ],
)
def test_a_command_that_cannot_be_carried_out_says_why_in_one_line(arguments: list[str], why: str) -> None:
    done = local(*arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_send_takes_a_file_of_ones_own(tmp_path: Path) -> None:
    mail = tmp_path / "own.eml"
    mail.write_bytes(b"From: x@example.net\nTo: ana@example.com\nDate: Mon, 2 Nov 2026 09:00:00 +0000\nSubject: Hi\n\nHello\n")
    done = local("send", mail, "--function", "rewrite", "--mail", tmp_path / "mail")
    assert done.returncode == 0, done.stdout
    assert "own.eml  (INBOUND, function rewrite, sync)" in done.stdout
    assert "made CRLF" in done.stdout
    [[received]] = delivered(tmp_path / "mail").values()
    assert received == (
        b"From: x@example.net\r\nTo: ana@example.com\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n"
        b"Subject: [EXTERNAL] Hi\r\nX-Mail-Origin: external\r\n\r\nHello\r\n"
    )


def test_send_says_why_a_message_went_on_unchanged(tmp_path: Path) -> None:
    mail = tmp_path / "own.eml"
    mail.write_bytes(b"From: x@example.net\r\nSubject: no date\r\n\r\nHello\r\n")
    done = local("send", mail, "--function", "rewrite", "--to", "ana@example.com", "--mail", tmp_path / "mail")
    assert done.returncode == 0
    assert "unchanged, nothing put" in done.stdout
    assert "CannotChangeSafely: WorkMail would refuse" in done.stdout
    assert delivered(tmp_path / "mail") == {("ana@example.com", INBOX): [mail.read_bytes()]}


@contextmanager
def serving(folder: Path, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "local", "serve", "--folder", str(folder), *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def exports(process: "subprocess.Popen[str]") -> dict[str, str]:
    """The variables that it prints, up to the last one."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    for line in process.stdout:
        if match := re.fullmatch(r" *export (\w+)=(.*)\n", line):
            found[match[1]] = match[2]
            if match[1] == "REWRITE_BUCKET":
                break
    return found


def stopped(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[str, str]:
    """What it still prints when it is told to stop. Not `communicate`: that one passes over what `exports` has read ahead."""
    assert process.stdout is not None
    assert process.stderr is not None
    process.send_signal(number)
    rest, errors = process.stdout.read(), process.stderr.read()
    process.wait(timeout=10)
    return rest, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_everything_is_and_answers_for_the_samples_until_it_is_told_to_stop(
    number: signal.Signals, tmp_path: Path
) -> None:
    [sample] = load(only=["rewrite-external"])
    read = """if True:
        import boto3, sys
        response = boto3.client("workmailmessageflow").get_raw_message_content(messageId=sys.argv[1])
        sys.stdout.buffer.write(response["messageContent"].read())
    """
    with serving(tmp_path / "mail", "--env-file", tmp_path / "sam-env.json") as process:
        screen = ""
        assert process.stdout is not None
        for line in process.stdout:
            screen += line
            if line == "Calls:\n":
                break
        variables = json.loads((tmp_path / "sam-env.json").read_text())["RewriteFunction"]
        environment = {"PATH": os.environ["PATH"], **variables}
        done = subprocess.run(
            [sys.executable, "-c", read, sample.event["messageId"]], env=environment, capture_output=True, timeout=30, check=True
        )
        assert done.stdout == sample.raw
        rest, errors = stopped(process, number)
    assert (process.returncode, errors) == (0, "")
    assert len(screen.splitlines()) < 25
    for what in ("Web page", "SMTP, inbound", "SMTP, submission", "Message Flow API", "swaks --server", "test-rule"):
        assert what in screen
    assert re.search(rf"get  {sample.event['messageId']}  200  {len(sample.raw):,} bytes", rest)


def test_serve_writes_the_variables_for_sam_and_can_print_export_lines_only(tmp_path: Path) -> None:
    with serving(tmp_path / "mail", "--export", "--env-file", tmp_path / "sam-env.json") as process:
        variables = exports(process)
        rest, errors = stopped(process, signal.SIGINT)
    assert (process.returncode, rest, errors) == (0, "", "")
    written = json.loads((tmp_path / "sam-env.json").read_text())
    assert written["RewriteFunction"] == json.loads((ROOT / "events/env.json").read_text())["RewriteFunction"] | variables
