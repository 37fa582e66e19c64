"""Mail to the next host by SMTP: exact octets, the host's answers, TLS, the login, and a host that stops at any step."""

import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, NoTimeLeft, ServiceFailed, SettingsError, TransientError
from mailhooks.ses.answer import Answer
from mailhooks.ses.pass_on import NextHost
from mailhooks.ses.settings import SesSettings
from tests.support.moto_account import use_moto_account
from tests.support.servers.certificates import Authority, ServerCertificate, self_signed
from tests.support.smtp_recorder import recording
from tests.support.smtp_sink import Sink, Step, run_sink

MESSAGE = b"From: ana@example.net\r\nSubject: Hi\r\n\r\nHello\r\n"
FROM, TO = "ana@example.net", "bo@example.com"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with run_sink() as running:
        yield running


def settings_for(port: int, **changes: str) -> SesSettings:
    return SesSettings(**{"next_host": f"127.0.0.1:{port}", "next_host_tls": "none", "host_name": "ses.example.com", **changes})


def send(
    port: int,
    content: bytes = MESSAGE,
    recipients: tuple[str, ...] = (TO,),
    mail_from: str = FROM,
    folder: Path | None = None,
    seconds: float = 20,
    **changes: str,
) -> dict[str, Answer]:
    pieces = [memoryview(content)[:7], content[7:]]
    with NextHost(settings_for(port, **changes), folder).connect(Deadline.after(seconds)) as connection:
        return connection.send(mail_from, recipients, pieces)


ODD = {
    "lone dots": b".\r\nX: y\r\n\r\n.\r\n..\r\n.a\r\n\r\n.\r\n",
    "NUL": b"Subject: a\0b\r\n\r\n\0\r\n",
    "8-bit": b"Subject: \xff\xfe\r\n\r\n\xc3\xa4\x80\r\n",
    "bare CR and LF": b"Subject: a\rb\nc\r\n\r\nd\ne\rf\r\n",
    "a line of 3,000 octets": b"Subject: x\r\n\r\n" + b"y" * 3000 + b"\r\n",
    "folded and repeated fields": b"X-A: 1\r\n\t2\r\nX-A:\r\n 3\r\n\r\n",
    "a megabyte": b"\r\n" + b"0123456\n\r\n." * 100_000 + b"\r\n",
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_the_host_gets_each_octet(sink: Sink, content: bytes) -> None:
    assert send(sink.port, content) == {TO: Answer(250, "2.0.0 Accepted")}
    [received] = sink.received
    assert received.content == content


def test_the_envelope_is_as_it_was(sink: Sink) -> None:
    recipients = ("bo@example.com", '"a b"@example.com', "b+tag@sub.example.com")
    send(sink.port, mail_from="prvs=1=ana@example.net", recipients=recipients)

    [received] = sink.received
    assert (received.mail_from, received.recipients) == ("prvs=1=ana@example.net", recipients)
    assert received.parameters == (f"SIZE={len(MESSAGE)}",)


def test_a_null_sender_stays_one(sink: Sink) -> None:
    send(sink.port, mail_from="")

    assert sink.received[0].mail_from == ""


def test_8_bit_content_is_declared(sink: Sink) -> None:
    send(sink.port, b"\r\n\xe4\r\n")

    assert "BODY=8BITMIME" in sink.received[0].parameters


def test_an_address_beyond_ascii_needs_smtputf8(sink: Sink) -> None:
    recipients = ("jörg@example.com", TO)
    assert send(sink.port, recipients=recipients)["jörg@example.com"].is_accepted
    assert "SMTPUTF8" in sink.received[0].parameters

    sink.extensions = ("8BITMIME",)
    answers = send(sink.port, recipients=recipients)
    assert answers["jörg@example.com"].reply.startswith("553 5.6.7 ")
    assert answers[TO].is_accepted
    assert sink.received[1].recipients == (TO,)


@pytest.mark.parametrize("address", ["bo@example.com> SIZE=1", "bo@example.com\r\nRSET", "bo", ""])
def test_an_address_that_would_be_another_command_is_not_sent(sink: Sink, address: str) -> None:
    answers = send(sink.port, recipients=(address, TO))

    assert answers[address].reply.startswith("553 5.1.3 ")
    assert sink.received[0].recipients == (TO,)


@pytest.mark.parametrize(
    "content, extensions, reply",
    [
        (b"\r\n\xe4\r\n", ("SIZE",), "554 5.6.3 "),
        (MESSAGE, ("SIZE 20",), "552 5.3.4 "),
        (b"\r\na\n.\r\nb", ("8BITMIME",), "550 5.6.0 "),
    ],
)
def test_a_message_that_the_host_cannot_get_as_it_is_is_refused(
    sink: Sink, content: bytes, extensions: tuple[str, ...], reply: str
) -> None:
    sink.extensions = extensions

    assert send(sink.port, content)[TO].reply.startswith(reply)
    assert sink.received == []


def test_each_recipient_has_an_answer_of_its_own(sink: Sink) -> None:
    sink.refused = {"no@example.com": "550 5.1.1 No such user", "full@example.com": "452 4.2.2 Mailbox full"}
    answers = send(sink.port, recipients=("no@example.com", TO, "full@example.com"))

    assert answers == {
        TO: Answer(250, "2.0.0 Accepted"),
        "no@example.com": Answer(550, "5.1.1 No such user"),
        "full@example.com": Answer(452, "4.2.2 Mailbox full"),
    }
    assert answers["no@example.com"].is_permanent
    assert not answers["full@example.com"].is_permanent
    assert sink.received[0].recipients == (TO,)


def test_the_end_of_the_data_does_not_wait_for_an_acknowledgement(sink: Sink) -> None:
    with NextHost(settings_for(sink.port)).connect(Deadline.after(20)) as connection:
        assert connection._smtp.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_several_messages_have_one_connection(sink: Sink) -> None:
    sink.refused = {"no@example.com": "550 5.1.1 No such user"}
    with NextHost(settings_for(sink.port)).connect(Deadline.after(20)) as connection:
        for recipients in (["no@example.com"], [TO], [TO]):
            connection.send(FROM, recipients, [MESSAGE])

    assert (len(sink.received), sink.connections) == (2, 1)


@pytest.mark.parametrize("reply", ["451 4.7.1 Greylisted", "554 5.7.1 Refused"])
def test_the_answer_to_the_content_is_for_all_its_recipients(sink: Sink, reply: str) -> None:
    sink.replies[Step.ACCEPTED] = reply
    answers = send(sink.port, recipients=(TO, "c@example.com"))

    assert {answer.reply for answer in answers.values()} == {reply}
    assert sink.received == []


@pytest.mark.parametrize("step", Step)
def test_a_host_that_breaks_the_connection_is_asked_again_later(sink: Sink, step: Step) -> None:
    def break_connection(now: Step) -> None:
        if now is step:
            raise ConnectionResetError

    sink.on_step = break_connection
    with pytest.raises(ServiceFailed, match="next host: "):
        send(sink.port, MESSAGE + b"x" * 1_000_000)


def test_no_host_is_asked_again_later() -> None:
    with run_sink() as stopped:
        port = stopped.port
    with pytest.raises(ServiceFailed, match="ConnectionRefusedError"):
        send(port)


def test_a_host_that_does_not_answer_in_time_is_asked_again_later(sink: Sink) -> None:
    with pytest.raises(NoTimeLeft):
        send(sink.port, seconds=0)


@pytest.mark.parametrize("reply, error", [("421 4.3.2 Closing", ServiceFailed), ("530 5.7.0 Authentication required", Misconfigured)])
def test_a_reply_about_the_connection_is_no_answer_for_a_recipient(sink: Sink, reply: str, error: type[MailhooksError]) -> None:
    sink.refused = {TO: reply}
    with pytest.raises(error) as raised:
        send(sink.port)

    assert TO not in str(raised.value)


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> ServerCertificate:
        authority = Authority.new()
        (tmp_path / "ca.pem").write_text(authority.pem, "ascii")
        return authority.issue(tmp_path / "server")

    def test_is_required_by_default(self, sink: Sink) -> None:
        with pytest.raises(Misconfigured, match="NEXT_HOST_TLS"):
            send(sink.port, next_host_tls=SesSettings().next_host_tls)
        assert sink.received == []

    @pytest.mark.parametrize("implicit", [False, True])
    def test_with_a_certificate_of_the_chosen_authority(self, certificate: ServerCertificate, tmp_path: Path, implicit: bool) -> None:
        with recording(certificate, implicit_tls=implicit) as recorder:
            tls = "implicit" if implicit else "required"
            answers = send(recorder.port, folder=tmp_path, next_host_tls=tls, next_host_ca="ca.pem")

        assert answers[TO].is_accepted
        assert recorder.encrypted == [True]

    def test_with_another_certificate_no_mail_is_sent(self, certificate: ServerCertificate, tmp_path: Path) -> None:
        with recording(self_signed(tmp_path / "other")) as recorder, pytest.raises(Misconfigured, match="NEXT_HOST_CA"):
            send(recorder.port, folder=tmp_path, next_host_tls="required", next_host_ca="ca.pem")
        assert recorder.received == []

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="NEXT_HOST_CA"):
            NextHost(settings_for(25, next_host_tls="required", next_host_ca="none.pem"), tmp_path)


class TestLogin:
    @pytest.fixture
    def secret(self) -> Iterator[str]:
        with use_moto_account("eu-west-1"):
            yield "next-host"

    def store(self, name: str, text: str) -> None:
        boto3.client("secretsmanager").create_secret(Name=name, SecretString=text)

    def test_is_the_one_of_the_secret(self, secret: str) -> None:
        self.store(secret, '{"username": "relay", "password": "secret"}')
        with recording() as recorder:
            assert send(recorder.port, next_host_login=secret)[TO].is_accepted

        assert recorder.logins == [(b"relay", b"secret")]

    def test_that_the_host_rejects_makes_mail_wait(self, secret: str) -> None:
        self.store(secret, '{"username": "relay", "password": "other"}')
        with recording() as recorder, pytest.raises(Misconfigured, match="SMTPAuthenticationError: 535"):
            send(recorder.port, next_host_login=secret)

    @pytest.mark.parametrize("text", ["secret", "[]", '{"username": "relay"}'])
    def test_in_another_form_is_named(self, secret: str, text: str) -> None:
        self.store(secret, text)
        with pytest.raises(Misconfigured, match="NEXT_HOST_LOGIN"):
            send(1, next_host_login=secret)

    def test_is_not_sent_without_the_secret(self, secret: str) -> None:
        with pytest.raises((Misconfigured, TransientError), match="GetSecretValue"):
            send(1, next_host_login=secret)
