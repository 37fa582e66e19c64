"""The commands `run`, `send` and `serve`: three in a process of their own, the others in this one."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliveries import verify_delivered_once
from tests.support.hooks import without_stamp
from workmail_local.cli.main import main
from workmail_local.config.configuration import load_configuration
from workmail_local.config.functions import ROOT, Function
from workmail_local.config.samples import load_samples
from workmail_local.storage.spool import Spool

INBOX, OUTGOING = "Inbox", "Outgoing"
# The expected result of each sample: recipients with their folder, and whether the content changes.
EXPECTED: dict[str, tuple[dict[str, str], bool]] = {
    "bounce-blocked": ({"ana@example.com": INBOX, "ben@example.com": INBOX}, False),
    "bounce-junk": ({"ana@example.com": "Junk", "ben@example.com": "Junk"}, False),
    "bounce-outbound": ({"clara@example.org": OUTGOING}, False),
    "disclaimer-outbound-images": ({"clara@example.org": OUTGOING}, True),
    "disclaimer-outbound-new": ({"clara@example.org": OUTGOING, "joerg@example.net": OUTGOING}, True),
    "disclaimer-outbound-reply": ({"joerg@example.net": OUTGOING}, True),
    "disclaimer-outbound-signed": ({"clara@example.org": OUTGOING}, False),
    "mailflow-external": ({"ana@example.com": INBOX, "ben@example.com": INBOX}, True),
    "observe-outbound": ({"clara@example.org": OUTGOING, "joerg@example.net": OUTGOING}, False),
    "observe-truncated": ({f"{name}@example.com": INBOX for name in ("ana", "ben", "purchasing", "support", "press")}, False),
    "rewrite-external": ({f"{name}@example.com": INBOX for name in ("ana", "ben", "purchasing")}, True),
    "rewrite-headers": ({"support@example.com": INBOX}, True),
    "rewrite-reply": ({"ana@example.com": INBOX}, False),
    "rewrite-signed": ({"ana@example.com": INBOX}, True),
}


@dataclass(frozen=True)
class Result:
    """A finished command."""

    code: int
    out: str
    err: str


def local(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Result:
    """Run a command in this process."""
    code = main([*map(str, arguments)])
    return Result(code, *capsys.readouterr())


def local_process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workmail_local", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A run over all samples, in a process of its own with a developer's settings that must not matter."""
    mail = tmp_path_factory.mktemp("run") / "mail"
    return local_process("run", "--mail", mail, AWS_PROFILE="no-such-profile", ON_ERROR="nonsense"), mail


def delivered(mail: Path) -> dict[tuple[str, str], list[bytes]]:
    found: dict[tuple[str, str], list[bytes]] = {}
    for file in (*mail.glob("*/*/new/*"), *mail.glob("*/*/.Junk/new/*")):
        if ".bounce." not in file.name:
            kind, address, *_ = file.relative_to(mail).parts
            folder = "Junk" if file.parts[-3] == ".Junk" else OUTGOING if kind == "outgoing" else INBOX
            found.setdefault((address, folder), []).append(file.read_bytes())
    return found


def test_a_run_over_the_samples_succeeds(whole_run: Any) -> None:
    done, _ = whole_run
    assert (done.returncode, done.stderr) == (0, "")
    assert f"OK  {len(EXPECTED)} messages, {sum(changed for _, changed in EXPECTED.values())} changed" in done.stdout


def test_a_run_shows_a_block_for_each_message_no_wider_than_100_columns_and_no_logs(whole_run: Any) -> None:
    done, mail = whole_run
    # The path of the test's folder may be long.
    lines = done.stdout.replace(str(mail), "MAIL").splitlines()
    assert [line.split()[0] for line in lines if "function " in line and line.endswith("sync)")] == sorted(EXPECTED)
    assert max(map(len, lines)) <= 100
    assert not any(line.lstrip().startswith("{") or "\x1b" in line for line in lines)
    assert "            + Subject: [EXTERNAL] Signed contract" in lines
    assert '  Bounce    "This mailbox takes no offers. Please write to purchasing@example.com."' in lines
    assert sum("(cold)" in line for line in lines) == len({stem.partition("-")[0] for stem in EXPECTED})
    assert any(re.match(r"  Metrics   Messages=1 .*MessageSize=622 ", line) for line in lines)


def test_each_recipient_has_each_message_once_in_the_right_folder(whole_run: Any) -> None:
    expected = Counter((address, folder) for folders, _ in EXPECTED.values() for address, folder in folders.items())
    assert Counter({place: len(copies) for place, copies in delivered(whole_run[1]).items()}) == expected
    with closing(Spool(whole_run[1])) as history:
        verify_delivered_once(history, load_configuration('organization = { domains = ["example.com"] }'), whole_run[1])


def test_a_bounced_message_is_returned_to_its_sender(whole_run: Any) -> None:
    [bounce] = (whole_run[1] / "outgoing" / "sales@offers.example.net" / "new").iterdir()
    assert b"This mailbox takes no offers." in bounce.read_bytes()


def test_unchanged_mail_is_delivered_byte_for_byte(whole_run: Any) -> None:
    copies = delivered(whole_run[1])
    for sample in load_samples():
        folders, changed = EXPECTED[sample.stem]
        for place in folders.items():
            assert copies[place].count(sample.raw) == (0 if changed else 1), (sample.stem, place)


def test_rewritten_mail_differs_in_its_header_only(whole_run: Any) -> None:
    mails = [raw for copies in delivered(whole_run[1]).values() for raw in copies]
    for sample in load_samples():
        if EXPECTED[sample.stem][1] and sample.function == "rewrite":
            body = sample.raw.partition(b"\r\n\r\n")[2]
            received = [raw for raw in mails if raw.partition(b"\r\n\r\n")[2] == body]
            assert len(received) == len(EXPECTED[sample.stem][0])
            assert all(
                b"Subject: [EXTERNAL]" in raw and without_stamp(raw).replace(b"[EXTERNAL]", b"", 1).split() == sample.raw.split()
                for raw in received
            )


def test_a_disclaimer_is_in_each_form_of_the_text_once_and_the_rest_is_unchanged(whole_run: Any) -> None:
    mails = [message_from_bytes(raw, policy=default) for copies in delivered(whole_run[1]).values() for raw in copies]
    for sample in load_samples():
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


def test_a_run_may_be_over_some_samples_only_and_show_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = local(capsys, "run", "bounce-junk", "--verbose", "--mail", tmp_path / "mail")
    assert done.code == 0
    assert "OK  1 message," in done.out
    assert '  | {"level":"INFO"' in done.out


def test_a_run_fails_when_a_functions_settings_are_invalid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "env.json").write_text(json.dumps({"BounceFunction": {"BOUNCE_RULES": "[{}]"}}))
    done = local(capsys, "run", "bounce-junk", "--settings", tmp_path / "env.json", "--mail", tmp_path / "mail")
    assert done.code == 1
    assert "SettingsError" in done.out
    assert "FAILED  1 message of 1 with a problem: bounce-junk" in done.out


def own_function(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace each function of this project by one with that source."""
    (folder / "app.py").write_text(source)
    monkeypatch.setattr("workmail_local.cli.sample_runner.mail_function", lambda name, settings: Function(name, folder))


def test_a_run_fails_when_a_function_raises_and_the_mail_gets_the_fallback_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_function(tmp_path, "def handler(event, context):\n    raise RuntimeError('odd')\n", monkeypatch)
    done = local(capsys, "run", "rewrite-signed", "--mail", tmp_path / "mail")
    assert done.code == 1
    assert "the function failed: RuntimeError: odd" in done.out
    assert "fallback action" in done.out
    [sample] = load_samples(only=["rewrite-signed"])
    assert delivered(tmp_path / "mail") == {("ana@example.com", INBOX): [sample.raw]}


def test_a_run_shows_the_traceback_of_a_function_and_does_not_retry_one_that_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_function(tmp_path, "LIMIT = int('many')\n", monkeypatch)
    done = local(capsys, "run", "rewrite-signed", "--mail", tmp_path / "mail")
    assert done.code == 1
    assert "the function cannot be loaded: ValueError: invalid literal for int()" in done.out
    assert f'File "{tmp_path / "app.py"}", line 1, in <module>' in done.out
    assert "no valid response in 1 attempt: the fallback action applies to all" in done.out


def events_with(folder: Path, **changes: Any) -> Path:
    """A folder with the sample rewrite-signed twice; `changes` are those of its events."""
    (folder / "mail").mkdir(parents=True)
    [sample] = load_samples(only=["rewrite-signed"])
    for stem in ("rewrite-one", "rewrite-two"):
        (folder / f"{stem}.json").write_text(json.dumps(sample.event | changes))
        (folder / "mail" / f"{stem}.eml").write_bytes(sample.raw)
    (folder / "env.json").write_text("{}")
    return folder


def test_two_samples_with_one_message_id_are_both_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "def handler(event, context):\n    return {'actions': [{'action': {'type': 'DEFAULT'}, 'allRecipients': True}]}\n"
    own_function(tmp_path, source, monkeypatch)
    done = local(capsys, "run", "--events", events_with(tmp_path / "events"), "--mail", tmp_path / "mail")
    assert (done.code, done.out.count("another sample has the same messageId")) == (0, 1)
    assert "OK  2 messages" in done.out


def test_an_event_that_breaks_the_contract_is_a_failure_of_its_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = events_with(tmp_path / "events", flowDirection="SIDEWAYS")
    done = local(capsys, "run", "--events", events, "--mail", tmp_path / "mail")
    assert done.code == 1
    assert "FAILED    contract broken, in the event: at /flowDirection" in done.out
    assert "FAILED  2 messages of 2 with a problem: rewrite-one, rewrite-two" in done.out


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["run", "no-such-sample"], "no sample 'no-such-sample'"),
        (["send", "no-such.eml", "--function", "rewrite"], "no such file: no-such.eml"),
        (["send", "events/mail/rewrite-signed.eml", "--function", "none"], "no function 'none'; there are: "),
        (["run", "--mail", "events"], "left as it is"),
    ],
)
def test_a_command_that_cannot_run_prints_why_in_one_line(
    arguments: list[str], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    done = local(capsys, *arguments)
    assert done.code == 2
    assert why in done.err
    assert len(done.err.splitlines()) == 1


def test_send_sends_a_file_of_ones_own(tmp_path: Path) -> None:
    mail = tmp_path / "own.eml"
    mail.write_bytes(b"From: x@example.net\nTo: ana@example.com\nDate: Mon, 2 Nov 2026 09:00:00 +0000\nSubject: Hi\n\nHello\n")
    done = local_process("send", mail, "--function", "rewrite", "--mail", tmp_path / "mail")
    assert done.returncode == 0, done.stdout
    assert "own.eml  (INBOUND, function rewrite, sync)" in done.stdout
    assert "made CRLF" in done.stdout
    [[received]] = delivered(tmp_path / "mail").values()
    assert without_stamp(received) == (
        b"From: x@example.net\r\nTo: ana@example.com\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\nSubject: [EXTERNAL] Hi\r\n\r\nHello\r\n"
    )


def test_send_prints_why_a_message_was_left_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mail = tmp_path / "own.eml"
    mail.write_bytes(b"From: x@example.net\r\nSubject: no date\r\n\r\nHello\r\n")
    done = local(capsys, "send", mail, "--function", "rewrite", "--to", "ana@example.com", "--mail", tmp_path / "mail")
    assert done.code == 0
    assert "unchanged, nothing put" in done.out
    assert "CannotChangeSafely: WorkMail would reject" in done.out
    assert delivered(tmp_path / "mail") == {("ana@example.com", INBOX): [mail.read_bytes()]}


def test_send_takes_the_sender_of_the_event_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "event['envelope']['mailFrom']['address'] + event['flowDirection']"
    action = f"{{'type': 'BOUNCE', 'parameters': {{'bounceMessage': {text}}}}}"
    source = f"def handler(event, context):\n    return {{'actions': [{{'action': {action}, 'allRecipients': True}}]}}\n"
    own_function(tmp_path, source, monkeypatch)
    mail = tmp_path / "own.eml"
    mail.write_bytes(b"From: x@example.net\r\nTo: ana@example.com\r\n\r\nHello\r\n")
    done = local(capsys, "send", mail, "--function", "rewrite", "--from", "spam@example.net", "--mail", tmp_path / "mail")
    assert done.code == 0
    assert '"spam@example.netINBOUND"' in done.out


@contextmanager
def serving(folder: Path, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    ports = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]
    command = [sys.executable, "-m", "workmail_local", "serve", "--folder", str(folder), *ports, *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def test_serve_prints_its_addresses_and_serves_the_samples_until_it_is_terminated(tmp_path: Path) -> None:
    [sample] = load_samples(only=["rewrite-external"])
    read = """if True:
        import boto3, sys
        response = boto3.client("workmailmessageflow").get_raw_message_content(messageId=sys.argv[1])
        sys.stdout.buffer.write(response["messageContent"].read())
    """
    with serving(tmp_path / "mail", "--env-file", tmp_path / "sam-env.json", "--verbose") as process:
        screen = ""
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            screen += line
            if line == "Mail:\n":
                break
        variables = json.loads((tmp_path / "sam-env.json").read_text())["RewriteFunction"]
        environment = {"PATH": os.environ["PATH"], **variables}
        done = subprocess.run(
            [sys.executable, "-c", read, sample.event["messageId"]], env=environment, capture_output=True, timeout=30, check=True
        )
        assert done.stdout == sample.raw
        process.send_signal(signal.SIGTERM)
        # Not `communicate`: it would miss the lines that the loop has read ahead.
        rest, errors = process.stdout.read(), process.stderr.read()
        process.wait(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert len(screen.splitlines()) < 25
    for text in ("Web page", "SMTP, inbound", "SMTP, submission", "Message Flow API", "swaks --server", "test-rule"):
        assert text in screen
    assert re.search(rf"get  {sample.event['messageId']}  200  {len(sample.raw):,} bytes", rest)


def test_serve_writes_the_variables_for_sam_and_ends_at_ctrl_c_during_its_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env_file = tmp_path / "sam-env.json"

    def interrupt() -> None:
        """Press Ctrl-C during the start."""
        while not env_file.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    ports = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]
    done = local(capsys, "serve", "--folder", tmp_path / "mail", "--env-file", env_file, *ports)
    assert (done.code, done.err) == (0, "")
    written = json.loads(env_file.read_text())["RewriteFunction"]
    own = json.loads((ROOT / "events/env.json").read_text())["RewriteFunction"]
    assert own.items() <= written.items()
    assert f"{written['AWS_ENDPOINT_URL_S3']} " in done.out
