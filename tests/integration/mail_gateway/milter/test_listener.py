"""A milter with a real policy, and a model of a mail server that connects to it by a socket."""

import socket
import struct
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from mail_gateway.config import SocketAddress
from mail_gateway.milter import connection
from mail_gateway.sockets import listen
from mailhooks.deadline import Deadline
from mailhooks.mime.edits import Edit
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.errors import Refused, TryAgain
from mailhooks.relay.outgoing import OutgoingMessage
from mailhooks.relay.received import Received
from tests.support.mail import CORPUS
from tests.support.milter_listener import LISTENER, Journal, Milter, make_evaluator, run_milter
from tests.support.milter_mta import KINDS, POSTFIX, SENDMAIL, Kind, Result, Transaction, negotiate, pack, read_by_mta
from tests.support.smtp_sink import Sink, run_sink
from tests.support.waiting import wait_until

POLICY = """
version: 1
organization: { domains: [example.com] }
defaults: { mixed: all }
rules:
  - { name: Tag, when: { subject: { contains: tag } }, do: [ { subject_tag: "[X]" } ] }
  - { name: Footer, when: { subject: { contains: footer } }, do: [ { disclaimer: { text: The footer. } } ] }
  - name: Refuse Ben
    when: { recipient: ben@example.com, subject: { contains: ben } }
    do: [ { bounce: "5.7.7 Ben is not here.\\nAsk 100% of us." } ]
  - { name: Refuse Cy, when: { recipient: cy@example.com, subject: { contains: ben } }, do: [ { bounce: Cy is gone. } ] }
  - { name: Drop, when: { recipient: dora@example.com }, do: [ drop ] }
  - { name: Junk, when: { subject: { contains: junk } }, do: [ junk ] }
  - { name: Junk for Ana, when: { recipient: ana@example.com, subject: { contains: half } }, do: [ junk ] }
  - { name: Copy, when: { subject: { contains: copy } }, do: [ { add_recipients: [ audit@example.com ] } ] }
  - name: Ask the desk
    when: { subject: { contains: approval } }
    do: [ { hold: { approvers: [ boss@example.com ], timeout: 1h, on_timeout: bounce } } ]
"""

ANA, BEN, CY, DORA = b"<ana@example.com>", b"<ben@example.com>", b"<cy@example.com>", b"<dora@example.com>"


def mail(subject: bytes, body: bytes = b"Hello\r\n") -> bytes:
    return (
        b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n"
        b"Subject: " + subject + b"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" + body
    )


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with run_sink() as running:
        yield running


@pytest.fixture(scope="module")
def shared(sink: Sink) -> Iterator[Milter]:
    journal = Journal()
    with run_milter(make_evaluator(POLICY, journal), journal, sink.port) as running:
        yield running


@pytest.fixture
def milter(shared: Milter, sink: Sink) -> Milter:
    shared.journal.records.clear()
    shared.journal.failures.clear()
    sink.received.clear()
    sink.refused.clear()
    return shared


def send(milter: Milter, content: bytes, *recipients: bytes, sender: bytes = b"<nora@example.net>", kind: Kind = POSTFIX) -> Result:
    with milter.connect(kind) as client:
        return client.send(Transaction(content, recipients or (ANA,), sender, kind))


def without_mark(result: Result) -> bytes:
    assert result.content is not None
    mark, _, rest = result.content.partition(b"\r\n")
    assert mark.startswith(b"X-Mailhooks-Checked: v=1; l=milter; h=")
    return rest


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_message_without_a_rule_gets_a_mark_alone(milter: Milter, kind: Kind):
    result = send(milter, mail(b"plain"), kind=kind)
    assert without_mark(result) == mail(b"plain")
    assert (result.reply, result.operations, result.recipients) == ("c", "i", [ANA])


def test_a_tag_is_one_more_operation(milter: Milter):
    result = send(milter, mail(b"tag"))
    assert without_mark(result) == mail(b"[X] tag")
    assert result.operations == "im"
    assert milter.journal.records[0].verdict == ("DEFAULT",)


def test_a_message_that_returns_is_not_changed_again(milter: Milter):
    first = send(milter, mail(b"tag"))
    assert first.content is not None
    second = send(milter, first.content)
    assert (second.content, second.operations) == (first.content, "")


def test_a_message_with_a_forged_mark_is_evaluated_and_the_mark_removed(milter: Milter):
    forged = b"X-Mailhooks-Checked: v=1; l=milter; h=AAAA\r\n"
    assert without_mark(send(milter, forged + mail(b"tag"))) == mail(b"[X] tag")


def test_a_bounce_for_all_is_a_rejection_in_the_dialogue(milter: Milter, sink: Sink):
    result = send(milter, mail(b"ben"), BEN)
    assert (result.reply, result.operations) == ("y", "")
    assert result.text == "550-5.7.7 Ben is not here.\r\n550 5.7.7 Ask 100% of us."
    assert sink.received == []


def test_different_texts_are_in_one_rejection(milter: Milter):
    result = send(milter, mail(b"ben"), BEN, CY)
    assert result.text == "550-5.7.7 Ben is not here.\r\n550-5.7.7 Ask 100% of us.\r\n550 5.7.7 Cy is gone."


def test_the_sender_is_notified_of_a_bounce_for_some_before_the_mail_server_accepts(milter: Milter, sink: Sink):
    result = send(milter, mail(b"ben"), ANA, BEN)
    assert (result.reply, result.recipients) == ("c", [ANA])
    [report] = sink.received
    assert (report.mail_from, report.recipients) == ("", ("nora@example.net",))
    assert b"Final-Recipient: rfc822; ben@example.com" in report.content
    assert b"ana@example.com" not in report.content.partition(b"Final-Recipient")[2].partition(b"--=_")[0]


def test_a_retry_of_the_client_does_not_notify_the_sender_again(milter: Milter, sink: Sink):
    content = mail(b"ben twice")
    assert [send(milter, content, ANA, BEN).reply for _ in range(2)] == ["c", "c"]
    assert len(sink.received) == 1


def test_the_null_sender_is_not_notified(milter: Milter, sink: Sink):
    result = send(milter, mail(b"ben"), ANA, BEN, sender=b"<>")
    assert (result.reply, result.recipients) == ("c", [ANA])
    assert sink.received == []


def test_recipients_who_are_bounced_and_dropped_leave_no_delivery(milter: Milter, sink: Sink):
    assert send(milter, mail(b"ben"), BEN, DORA).reply == "d"
    assert len(sink.received) == 1


def test_a_next_host_that_refuses_the_notification_for_now_lets_the_client_try_again(milter: Milter, sink: Sink):
    sink.refused["nora@example.net"] = "450 4.2.0 Greylisted"
    result = send(milter, mail(b"ben greylisted"), ANA, BEN)
    assert (result.reply, result.text, result.operations) == ("y", "450 4.2.0 Greylisted", "")
    sink.refused.clear()
    assert send(milter, mail(b"ben greylisted"), ANA, BEN).reply == "c"
    assert len(sink.received) == 1


def test_a_sender_whom_the_next_host_does_not_know_is_not_notified(milter: Milter, sink: Sink):
    sink.refused["nora@example.net"] = "550 5.1.1 No such user"
    assert send(milter, mail(b"ben unknown"), ANA, BEN).reply == "c"
    assert milter.journal.failures == [
        ("the sender is not notified of refused recipients", "the next host refuses the delivery status notification")
    ]


def test_a_next_host_that_is_away_lets_the_client_try_again():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    journal = Journal()
    with run_milter(make_evaluator(POLICY, journal), journal, port) as milter:
        assert send(milter, mail(b"ben"), ANA, BEN).text.startswith("451 4.4.1 ")


def test_without_a_next_host_a_bounce_for_some_waits():
    journal = Journal()
    with run_milter(make_evaluator(POLICY, journal), journal) as milter:
        assert send(milter, mail(b"ben"), ANA, BEN).text.startswith("451 4.3.5 ")
        assert send(milter, mail(b"ben"), BEN).text.startswith("550")


def test_dropped_recipients_are_deleted_and_a_message_without_others_is_discarded(milter: Milter):
    some = send(milter, mail(b"plain"), DORA, ANA)
    assert (some.reply, some.recipients) == ("c", [ANA])
    assert send(milter, mail(b"plain"), DORA).reply == "d"


def test_a_message_whose_recipients_the_milter_does_not_know_is_not_discarded(milter: Milter):
    with milter.connect() as client:
        result = client.send(Transaction(mail(b"tag"), recipients=()))
    assert (result.reply, result.recipients) == ("c", [])


def test_a_recipient_is_deleted_as_the_mail_server_wrote_it(milter: Milter):
    assert send(milter, mail(b"plain"), b"<Dora@Example.COM>", b"ana@example.com", DORA).recipients == [b"ana@example.com"]


def test_added_recipients_get_the_message(milter: Milter):
    assert send(milter, mail(b"copy")).recipients == [ANA, b"<audit@example.com>"]


def test_junk_is_a_header_field_if_it_is_for_all(milter: Milter):
    assert b"\r\nX-Spam-Flag: YES\r\n" in (send(milter, mail(b"junk"), ANA, BEN).content or b"")
    assert b"X-Spam-Flag" not in (send(milter, mail(b"half"), ANA, BEN).content or b"")


def test_a_held_message_is_quarantined_with_the_name_of_its_rule(milter: Milter):
    result = send(milter, mail(b"approval"))
    assert (result.reply, result.quarantine) == ("c", b"Held by Ask the desk")


def test_octets_of_an_address_that_are_not_utf_8_are_kept(milter: Milter):
    recipient = b"<\xff@example.com>"
    assert send(milter, mail(b"copy"), recipient, DORA).recipients == [recipient, b"<audit@example.com>"]


class Stub:
    """An evaluator that makes something of a real disposition."""

    def __init__(self, change: Callable[[Disposition], Disposition], policy: str = POLICY) -> None:
        self.journal = Journal()
        self._evaluator = make_evaluator(policy, self.journal)
        self._change = change

    def evaluate(self, received: Received, deadline: Deadline) -> Disposition:
        return self._change(self._evaluator.evaluate(received, deadline))


def test_the_mail_server_makes_the_bytes_of_the_hook():
    expected: list[bytes] = []

    def keep(disposition: Disposition) -> Disposition:
        expected.append(b"".join(disposition.pieces()))
        return disposition

    stub = Stub(keep)
    with run_milter(stub, stub.journal) as milter, milter.connect(POSTFIX) as postfix, milter.connect(SENDMAIL) as sendmail:
        for number, path in enumerate(CORPUS[::3]):
            client = (postfix, sendmail)[number % 2]
            content = b"Subject: tag and footer\r\n" + read_by_mta(path.read_bytes())
            assert client.send(Transaction(content, kind=client.kind)).content == expected[-1], path.name
    assert len(expected) > 30


def raise_error(error: Exception) -> Callable[[Disposition], Disposition]:
    def change(_: Disposition) -> Disposition:
        raise error

    return change


@pytest.mark.parametrize(
    "error, reply",
    [
        (TryAgain("4.7.1 The message waits for an approval.", held=True), "451 4.7.1 The message waits for an approval."),
        (Refused(554, "5.4.6", "Too many hops."), "554 5.4.6 Too many hops."),
        (RuntimeError("defect"), "451 4.3.0 The message cannot be checked now, try again later"),
    ],
)
def test_an_error_is_a_reply_to_the_client_and_the_connection_stays(error: Exception, reply: str):
    stub = Stub(raise_error(error))
    with run_milter(stub, stub.journal) as milter, milter.connect() as client:
        for _ in range(2):
            result = client.send(Transaction(mail(b"plain")))
            assert (result.reply, result.text) == ("y", reply)


def test_a_message_in_a_loop_is_refused(milter: Milter):
    result = send(milter, b"Received: x\r\n" * 51 + mail(b"plain"))
    assert result.text.startswith("554 5.4.6 ")


def test_a_change_that_the_protocol_cannot_express_is_left_out():
    def break_header(disposition: Disposition) -> Disposition:
        edits = [Edit(0, 0, b"no field\r\n")]
        outgoing = OutgoingMessage(disposition.received.content, edits, b"", LISTENER, None)
        return replace(disposition, outgoing=outgoing)

    stub = Stub(break_header)
    with run_milter(stub, stub.journal) as milter:
        result = send(milter, mail(b"tag"))
    assert without_mark(result) == mail(b"tag")
    assert [str(record.permanent) for record in stub.journal.records] == ["the changed message has a line in its header that is no field"]


def test_a_message_above_the_limit_is_refused():
    journal = Journal()
    with run_milter(make_evaluator(POLICY, journal), journal, max_message_octets=1000) as milter, milter.connect() as client:
        result = client.send(Transaction(mail(b"plain", b"x" * 1000 + b"\r\n")))
        assert result.text == "552 5.3.4 The message is too large"
        assert journal.failures == [("a message is refused", "it is too large")]
        assert client.send(Transaction(mail(b"plain"))).reply == "c"


def test_several_messages_and_clients_use_one_connection(milter: Milter):
    with milter.connect() as client:
        assert client.send(Transaction(mail(b"tag"), [BEN])).recipients == [BEN]
        client.connection.sendall(b"".join(Transaction(mail(b"aborted")).packets(client.options)[:4]) + pack(b"A"))
        assert without_mark(client.send(Transaction(mail(b"plain")))) == mail(b"plain")
        client.connection.sendall(pack(b"K"))
        assert without_mark(client.send(Transaction(mail(b"tag")))) == mail(b"[X] tag")
        client.connection.sendall(pack(b"Q"))
        with pytest.raises(EOFError):
            client.read()
    assert len(milter.journal.records) == 3


class Gate:
    """An evaluator that waits in a message until it is opened."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.entered = threading.Event()
        self.opened = threading.Event()
        self._evaluator = make_evaluator(POLICY, self.journal)

    def evaluate(self, received: Received, deadline: Deadline) -> Disposition:
        self.entered.set()
        assert self.opened.wait(30)
        return self._evaluator.evaluate(received, deadline)


def begin(milter: Milter, gate: Gate) -> tuple[socket.socket, Transaction]:
    """Send a message whose evaluation waits. Return the connection."""
    open_connection = socket.create_connection(("127.0.0.1", milter.listener.port), timeout=30)
    transaction = Transaction(mail(b"tag"))
    open_connection.sendall(negotiate() + b"".join(transaction.packets(0x1FFFFF)))
    assert gate.entered.wait(30)
    return open_connection, transaction


def test_the_mail_server_is_informed_of_a_long_evaluation(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "PROGRESS_S", 0.01)
    gate = Gate()
    with run_milter(gate, gate.journal) as milter, begin(milter, gate)[0] as open_connection:
        received = b""
        while received.count(pack(b"p")) < 3:
            received += open_connection.recv(1000)
        gate.opened.set()
        while not received.endswith(pack(b"c")):
            received += open_connection.recv(1000)


@pytest.mark.parametrize("packet", [b"", pack(b"A"), pack(b"Q")], ids=["it disconnects", "it aborts", "it quits"])
def test_a_message_is_not_notified_or_logged_when_the_mail_server_does_not_wait(packet: bytes):
    gate = Gate()
    with run_milter(gate, gate.journal) as milter:
        open_connection, _ = begin(milter, gate)
        if packet:
            open_connection.sendall(packet)
        else:
            open_connection.close()
        wait_until(lambda: milter.loop.run(_has_ended_read(milter)))
        gate.opened.set()
        wait_until(lambda: gate.journal.failures)
        open_connection.close()
    assert gate.journal.failures[0] == ("a message is not answered", "the mail server did not wait")
    assert gate.journal.records == []


async def _has_ended_read(milter: Milter) -> bool:
    return not any(each._is_waiting() for each in milter.listener._connections)


def test_a_stop_waits_for_the_message_that_is_evaluated_and_ends_idle_connections():
    gate = Gate()
    with run_milter(gate, gate.journal) as milter, milter.connect() as idle:
        open_connection, _ = begin(milter, gate)
        port = milter.listener.port
        stopping = threading.Thread(target=milter.loop.run, args=[milter.listener.stop(20.0)])
        stopping.start()
        with pytest.raises(EOFError):
            idle.read()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        gate.opened.set()
        received = b""
        while more := open_connection.recv(1000):
            received += more
        stopping.join()
        open_connection.close()
    assert received.endswith(pack(b"c"))


def test_a_stop_cuts_off_an_evaluation_that_does_not_end():
    gate = Gate()
    with run_milter(gate, gate.journal) as milter:
        open_connection, _ = begin(milter, gate)
        milter.loop.run(milter.listener.stop(0.01))
        received = b""
        while more := open_connection.recv(1000):
            received += more
        open_connection.close()
        gate.opened.set()
    assert not received.endswith(pack(b"c")), "without a decision the mail server asks its client to try again"
    assert gate.journal.records == []


def test_a_mail_server_of_another_network_is_refused():
    journal = Journal()
    networks = (ip_network("192.0.2.0/24"),)
    with (
        run_milter(make_evaluator(POLICY, journal), journal, networks=networks) as milter,
        pytest.raises((EOFError, ConnectionError)),
        milter.connect(),
    ):
        pass
    assert journal.failures == [("a mail server is refused", "its network is not one of this listener")]


def test_more_connections_than_allowed_are_refused():
    journal = Journal()
    with run_milter(make_evaluator(POLICY, journal), journal, max_connections=1) as milter, milter.connect() as first:
        with pytest.raises((EOFError, ConnectionError)), milter.connect():
            pass
        assert first.send(Transaction(mail(b"plain"))).reply == "c"


def test_a_unix_socket_serves_and_is_replaced_after_a_crash(tmp_path: Path):
    address = SocketAddress(path=str(tmp_path / "milter.sock"))
    listen(address).close()
    journal = Journal()
    with run_milter(make_evaluator(POLICY, journal), journal, address=address) as milter:
        assert without_mark(send(milter, mail(b"tag"))) == mail(b"[X] tag")
        assert Path(address.path).stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", struct.pack("!I", 0), pack(b"M", b"<>\0"), negotiate() + pack(b"E")])
def test_a_broken_connection_is_closed_and_logged(milter: Milter, octets: bytes):
    with socket.create_connection(("127.0.0.1", milter.listener.port), timeout=30) as open_connection:
        open_connection.sendall(octets)
        while open_connection.recv(1000):
            pass
    wait_until(lambda: milter.journal.failures)
    assert milter.journal.failures[0][0] == "a connection is closed"


@pytest.mark.parametrize("limit, octets", [("NEGOTIATION_S", b""), ("IDLE_S", negotiate())])
def test_a_mail_server_that_sends_nothing_is_disconnected(monkeypatch: pytest.MonkeyPatch, limit: str, octets: bytes):
    monkeypatch.setattr(connection, limit, 0.01)
    journal = Journal()
    with (
        run_milter(make_evaluator(POLICY, journal), journal) as milter,
        socket.create_connection(("127.0.0.1", milter.listener.port), timeout=30) as open_connection,
    ):
        open_connection.sendall(octets)
        while open_connection.recv(1000):
            pass
    assert journal.failures == [("a connection is closed", "the mail server neither sends nor reads")]


def test_a_large_message_needs_no_second_copy():
    attachment = b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment\r\n\r\n" + (b"x" * 78 + b"\r\n") * 150 * 1024
    content = mail(b"footer").replace(
        b"text/plain; charset=us-ascii\r\n\r\nHello\r\n", b"multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n"
    )
    content += attachment + b"--b--\r\n"
    journal = Journal()
    with run_milter(make_evaluator(POLICY, journal), journal) as milter, milter.connect() as client:
        packets = Transaction(content).packets(client.options)
        tracemalloc.start()
        try:
            for packet in packets:
                client.connection.sendall(packet)
            octets = 0
            while (answer := client.read())[0] != b"c":
                octets += len(answer[1]) * (answer[0] == b"b")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert octets > 12_000_000
    assert peak < 1.5 * len(content)
