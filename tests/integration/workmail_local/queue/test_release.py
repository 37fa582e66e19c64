"""Messages that are released to a real SMTP server, by its own certificates."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from mailhooks.contract import FlowDirection
from tests.integration.workmail_local.queue.conftest import ORGANIZATION, Hook
from tests.integration.workmail_local.queue.test_mail_flow import ANA, CHANGE, DEFAULT, NORA, RAW
from tests.support.servers.certificates import Authority
from tests.support.smtp_recorder import REFUSED, Recorder, recording
from tests.support.waiting import wait_until
from workmail_local.errors import InvalidField, LocalError, NotNow, UnknownMessage
from workmail_local.mail.release import Release, ReleaseOutcome, ReleaseResult
from workmail_local.mail.submission import Submission
from workmail_local.queue.release import AlreadyReleased, ReleaseFailed
from workmail_local.queue.release_log import FILE, ReleaseLog
from workmail_local.workmail import LocalWorkMail

ME = "me@example.org"
TO_ME = f'allowed-recipients = ["example.org", "{REFUSED}"]\n'


def table(port: int, more: str = 'tls = "none"') -> str:
    return f'[release]\nhost = "127.0.0.1"\nport = {port}\n{TO_ME}{more}\n'


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def test_without_a_configured_server_nothing_leaves(wm: LocalWorkMail) -> None:
    number = wm.send(RAW, to=[ANA]).summary.number
    with pytest.raises(NotNow, match=r"add \[release\] to workmail.toml"):
        wm.release(number, to=[ME])


def test_the_content_after_the_rules_is_sent_byte_for_byte(wm: LocalWorkMail, hook: Hook, server: Recorder) -> None:
    hook.write(CHANGE + DEFAULT)
    wm.reset(hook.configuration(more=table(server.port)))
    number = wm.send(RAW, to=[ANA]).summary.number
    assert server.received == []
    release = wm.release(number, to=[ME, "ME@example.org", "you@example.org"])
    assert server.received == [(NORA, [ME, "you@example.org"], RAW.replace(b"Subject: ", b"Subject: [X] "))]
    assert release.find(ReleaseOutcome.SENT) == (ME, "you@example.org")
    assert (release.server, release.mail_from) == (f"127.0.0.1:{server.port}", NORA)


def test_a_sender_of_the_configuration_replaces_that_of_the_envelope(wm: LocalWorkMail, server: Recorder) -> None:
    wm.reset(ORGANIZATION + table(server.port, f'tls = "none"\nmail-from = "{ME}"'))
    wm.release(wm.send(RAW, to=[ANA]).summary.number, to=ME)
    assert server.received[0][:2] == (ME, [ME])


def test_a_second_release_needs_a_confirmation_also_after_a_restart(tmp_path: Path, server: Recorder) -> None:
    reports: list[str] = []
    configuration = ORGANIZATION + table(server.port)
    with LocalWorkMail(configuration, folder=tmp_path, listener=reports.append) as wm:
        number = wm.send(RAW, to=[ANA]).summary.number
        wm.release(number, to=[ME])
        with pytest.raises(AlreadyReleased, match=f"released before, to {ME}: confirm"):
            wm.release(number, to=["you@example.org"])
    with LocalWorkMail(configuration, folder=tmp_path) as wm:
        with pytest.raises(AlreadyReleased):
            wm.release(number, to=[ME])
        assert len(server.received) == 1
        wm.release(number, to=[ME], again=True)
        trace = wm.history.trace(number)
        assert trace
        assert [release.find(ReleaseOutcome.SENT) for release in wm.mail_server.releases.list(trace)] == [(ME,), (ME,)]
        other = wm.send_again(number)
        assert wm.mail_server.releases.list(other) == ()
    assert len(server.received) == 2
    assert f"release of message {number} by 127.0.0.1:{server.port}: sent to {ME}" in reports


def test_a_form_that_is_sent_twice_at_once_releases_once(wm: LocalWorkMail, server: Recorder) -> None:
    wm.reset(ORGANIZATION + table(server.port))
    number = wm.send(RAW, to=[ANA]).summary.number
    refused: list[Exception] = []

    def release() -> None:
        try:
            wm.mail_server.releases.release(number, [ME])
        except NotNow as error:
            refused.append(error)

    threads = [threading.Thread(target=release) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(server.received), len(refused)) == (1, 4)


def test_a_recipient_whom_the_server_refuses_is_named_with_its_reply(wm: LocalWorkMail, server: Recorder) -> None:
    wm.reset(ORGANIZATION + table(server.port))
    number = wm.send(RAW, to=[ANA]).summary.number
    release = wm.release(number, to=[ME, REFUSED])
    assert release.outcomes == (
        ReleaseResult(ME, ReleaseOutcome.SENT),
        ReleaseResult(REFUSED, ReleaseOutcome.REFUSED, "550 5.1.1 No such user"),
    )


def test_a_release_that_the_server_refuses_for_all_asks_no_confirmation_afterwards(wm: LocalWorkMail, server: Recorder) -> None:
    wm.reset(ORGANIZATION + table(server.port))
    number = wm.send(RAW, to=[ANA]).summary.number
    server.reply = "554 5.7.1 Not this content"
    with pytest.raises(ReleaseFailed, match=r"554 5\.7\.1 Not this content") as failed:
        wm.release(number, to=[ME])
    assert failed.value.release.find(ReleaseOutcome.REFUSED) == (ME,)
    server.reply = "250 Ok"
    assert wm.release(number, to=[ME]).find(ReleaseOutcome.SENT) == (ME,)


def test_a_connection_that_ends_before_the_reply_leaves_the_outcome_unknown(wm: LocalWorkMail, server: Recorder) -> None:
    wm.reset(ORGANIZATION + table(server.port))
    number = wm.send(RAW, to=[ANA]).summary.number
    server.reply = ""
    with pytest.raises(ReleaseFailed, match="the connection ended") as failed:
        wm.release(number, to=[ME])
    assert failed.value.release.find(ReleaseOutcome.UNKNOWN) == (ME,)
    with pytest.raises(AlreadyReleased):
        wm.release(number, to=[ME])


def test_an_interrupted_release_asks_for_a_confirmation(wm: LocalWorkMail, server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    wm.reset(ORGANIZATION + table(server.port))
    number = wm.send(RAW, to=[ANA]).summary.number

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("workmail_local.queue.release._send", crash)
    with pytest.raises(KeyboardInterrupt):
        wm.release(number, to=[ME])
    with pytest.raises(AlreadyReleased):
        wm.release(number, to=[ME])


def test_a_server_that_cannot_be_reached_is_named_with_the_reason(wm: LocalWorkMail) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        wm.reset(ORGANIZATION + table(port))
        number = wm.send(RAW, to=[ANA]).summary.number
        with pytest.raises(ReleaseFailed, match=f"by 127.0.0.1:{port}: the server cannot be reached: Connection refused"):
            wm.release(number, to=[ME])


class TestEncryption:
    @pytest.mark.parametrize("tls", ["starttls", "tls"])
    def test_mail_and_password_are_sent_after_the_certificate_is_verified(
        self, tls: str, wm: LocalWorkMail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = Authority.new()
        (tmp_path / "ca.pem").write_text(authority.pem)
        monkeypatch.setenv("RELAY_PASSWORD", "secret")
        with recording(authority.issue(tmp_path / "server"), implicit_tls=tls == "tls") as server:
            login = 'user = "relay-user"\npassword-variable = "RELAY_PASSWORD"'
            wm.reset(ORGANIZATION + table(server.port, f'tls = "{tls}"\nca-file = "{tmp_path / "ca.pem"}"\n{login}'))
            wm.release(wm.send(RAW, to=[ANA]).summary.number, to=[ME])
            assert server.logins == [(b"relay-user", b"secret")]
            assert server.encrypted == [True]

    @pytest.mark.parametrize("tls", ["starttls", "tls"])
    @pytest.mark.parametrize("name", ["127.0.0.1", "mail.example.org"])
    def test_a_certificate_that_is_not_trusted_or_for_another_name_gets_nothing(
        self, tls: str, name: str, wm: LocalWorkMail, tmp_path: Path
    ) -> None:
        authority = Authority.new()
        (tmp_path / "ca.pem").write_text(authority.pem)
        is_trusted = name != "127.0.0.1"
        certificate = authority.issue(tmp_path / "server", x509.DNSName(name)) if is_trusted else authority.issue(tmp_path / "server")
        with recording(certificate, implicit_tls=tls == "tls") as server:
            trust = f'ca-file = "{tmp_path / "ca.pem"}"' if is_trusted else ""
            wm.reset(ORGANIZATION + table(server.port, f'tls = "{tls}"\n{trust}'))
            with pytest.raises(ReleaseFailed, match=r"the certificate of 127\.0\.0\.1 is not valid"):
                wm.release(wm.send(RAW, to=[ANA]).summary.number, to=[ME])
            assert server.received == []

    def test_a_server_without_starttls_gets_nothing(self, wm: LocalWorkMail, server: Recorder) -> None:
        wm.reset(ORGANIZATION + table(server.port, ""))
        with pytest.raises(ReleaseFailed, match="STARTTLS extension not supported"):
            wm.release(wm.send(RAW, to=[ANA]).summary.number, to=[ME])
        assert server.received == []

    def test_a_password_that_is_missing_wrong_or_beyond_ascii_sends_nothing(
        self, wm: LocalWorkMail, server: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("RELAY_PASSWORD", raising=False)
        wm.reset(ORGANIZATION + table(server.port, 'tls = "none"\nuser = "relay-user"\npassword-variable = "RELAY_PASSWORD"'))
        number = wm.send(RAW, to=[ANA]).summary.number
        for password, why in ((None, "RELAY_PASSWORD is not set"), ("wrong", "^message 1 was not .*: 535 "), ("grün", "SMTP cannot carry")):
            if password:
                monkeypatch.setenv("RELAY_PASSWORD", password)
            with pytest.raises(ReleaseFailed, match=why):
                wm.release(number, to=[ME])
        assert server.received == []


class TestRefusals:
    @pytest.mark.parametrize(
        "recipients, why",
        [
            ([], "give 1 to 100 addresses"),
            ([f"user{n}@example.org" for n in range(101)], "give 1 to 100 addresses"),
            (["nora@example.net"], "nora@example.net is not in allowed-recipients"),
            (["me@example.org.example.net"], "is not in allowed-recipients"),
            ([ME, "x@example.org\r\nRCPT TO:<nora@example.net>"], "is not an address"),
            (["x@example.org>\r\nDATA"], "is not an address"),
            (["Me <me@example.org>"], "is not an address"),
            (["example.org"], "is not an address"),
        ],
    )
    def test_recipients_that_are_not_allowed_send_nothing(
        self, recipients: list[str], why: str, wm: LocalWorkMail, server: Recorder
    ) -> None:
        wm.reset(ORGANIZATION + table(server.port))
        number = wm.send(RAW, to=[ANA]).summary.number
        with pytest.raises(InvalidField, match=why):
            wm.release(number, to=recipients)
        assert server.received == []

    @pytest.mark.parametrize("raw", [RAW + b"a\n.\nb\r\n", RAW + b"a\r.\rb\r\n", RAW + b"a\r\n.\rMAIL FROM:<x@example.net>\r\n"])
    def test_a_message_with_another_line_end_is_not_sent(self, raw: bytes, wm: LocalWorkMail, server: Recorder) -> None:
        """A server could read the end of the message there, and commands after it (SMTP smuggling)."""
        wm.reset(ORGANIZATION + table(server.port))
        number = wm.send(raw, to=[ANA]).summary.number
        with pytest.raises(LocalError, match="a line end that is not CRLF"):
            wm.release(number, to=[ME])
        assert server.received == []

    def test_a_message_whose_function_has_not_answered_is_not_sent(self, wm: LocalWorkMail, hook: Hook, server: Recorder) -> None:
        hook.write("    raise ValueError('odd')\n")
        with LocalWorkMail(hook.configuration(more=table(server.port)), speed=0.001) as slow:
            number = slow.accept(Submission(FlowDirection.INBOUND, NORA, (ANA,), RAW))
            wait_until(lambda: (trace := slow.history.trace(number)) and trace.rule_runs[0].attempts)
            with pytest.raises(NotNow, match="its function has not answered"):
                slow.release(number, to=[ME])

    def test_an_unknown_message_or_rule_run_is_an_error(self, wm: LocalWorkMail, server: Recorder) -> None:
        wm.reset(ORGANIZATION + table(server.port))
        number = wm.send(RAW, to=[ANA]).summary.number
        with pytest.raises(UnknownMessage):
            wm.release(number + 1, to=[ME])
        with pytest.raises(InvalidField, match="Rule run: message 1 has 1"):
            wm.release(number, to=[ME], run_number=2)


def test_the_log_is_read_after_a_line_that_was_written_in_part(wm: LocalWorkMail, server: Recorder, tmp_path: Path) -> None:
    wm.reset(ORGANIZATION + table(server.port))
    trace = wm.send(RAW, to=[ANA])
    release = wm.release(trace.summary.number, to=[ME])
    folder = wm.mail_server.releases._log._path.parent
    lines = [line for line in (folder / FILE).read_text().splitlines() if line]
    assert [result["outcome"] for line in lines for result in json.loads(line)["outcomes"]] == ["unknown", "sent"]
    (tmp_path / FILE).write_text("\n".join([*lines, lines[1][:40], "[]", "{", ""]))
    assert ReleaseLog(tmp_path).find({trace.rule_runs[0].message_id}) == (release,)
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600


def test_a_release_is_kept_that_was_written_after_a_line_in_part(tmp_path: Path) -> None:
    def make(message_id: str) -> Release:
        return Release(message_id, message_id, 0.0, "127.0.0.1:25", NORA, (ReleaseResult(ME, ReleaseOutcome.UNKNOWN),))

    ReleaseLog(tmp_path).write(make("first"))
    with (tmp_path / FILE).open("a") as file:
        file.write('{"id": "cut')
    ReleaseLog(tmp_path).write(make("second"))
    assert ReleaseLog(tmp_path).find({"first", "second"}) == (make("first"), make("second"))


def test_while_a_server_is_silent_other_messages_are_released(wm: LocalWorkMail, server: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wm.reset(ORGANIZATION + table(silent.getsockname()[1]))
        first, second = (wm.send(RAW, to=[ANA]).summary.number for _ in range(2))
        failed: list[Exception] = []

        def release(number: int) -> None:
            try:
                wm.release(number, to=[ME])
            except LocalError as error:
                failed.append(error)

        thread = threading.Thread(target=release, args=[first])
        thread.start()
        connection, _ = silent.accept()
        with pytest.raises(NotNow, match=f"message {first} is being released"):
            wm.release(first, to=[ME], again=True)
        other = threading.Thread(target=release, args=[second])
        other.start()
        # The second message does not wait for the first.
        silent.accept()[0].close()
        other.join()
        connection.close()
        thread.join()
    assert [type(error) for error in failed] == [ReleaseFailed, ReleaseFailed]


def test_a_release_that_cannot_be_stored_is_not_sent(wm: LocalWorkMail, server: Recorder) -> None:
    wm.reset(ORGANIZATION + table(server.port))
    number = wm.send(RAW, to=[ANA]).summary.number
    (wm.mail_server.folder / FILE).mkdir()
    with pytest.raises(LocalError, match="cannot be written, so nothing is sent"):
        wm.release(number, to=[ME])
    assert server.received == []
