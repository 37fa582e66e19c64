import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_gateway.milter import session as module
from mail_gateway.milter.protocol import CONTINUE, SKIP, Packet, PacketReader, ProtocolError
from mail_gateway.milter.session import MilterMessage, MilterSession
from tests.support.milter_mta import KINDS, OLD, POSTFIX, SENDMAIL, Kind, Transaction, negotiate, pack

CONTENT = b"Subject: one\r\n\r\nHello\r\n"


def session(kind: Kind = POSTFIX, limit: int = 10**6) -> MilterSession:
    """Return a session that has negotiated."""
    new = MilterSession(limit)
    send(new, negotiate(kind))
    return new


def send(state: MilterSession, octets: bytes) -> list[Packet | MilterMessage | None]:
    return [state.receive(packet) for packet in PacketReader().read(octets)]


def messages(state: MilterSession, octets: bytes) -> list[MilterMessage]:
    return [result for result in send(state, octets) if isinstance(result, MilterMessage)]


def stream(state: MilterSession, *transactions: Transaction) -> bytes:
    return b"".join(b"".join(each.packets(state.options)) for each in transactions)


def test_the_milter_chooses_from_what_the_mta_offers():
    (answer,) = send(MilterSession(1), negotiate(POSTFIX))
    assert isinstance(answer, Packet)
    version, actions, options = struct.unpack("!III", answer.data)
    assert (answer.letter, version, actions) == (b"O", 6, 0x3F)
    assert options & 0x100000, "without it the octets after the colon are lost"
    (answer,) = send(MilterSession(1), negotiate(OLD, version=2))
    assert isinstance(answer, Packet)
    assert struct.unpack("!III", answer.data) == (2, 0x3F, 0x43)


@pytest.mark.parametrize("action", [0x01, 0x02, 0x04, 0x08, 0x10, 0x20])
def test_an_mta_that_cannot_apply_a_verdict_is_an_error(action: int):
    with pytest.raises(ProtocolError, match="is missing"):
        send(MilterSession(1), negotiate(Kind(actions=0x3F & ~action)))


def test_a_message_has_its_envelope_and_its_fields():
    state = session()
    transaction = Transaction(CONTENT, [b"<ana@example.com>", b"ben@example.com"])
    (message,) = messages(state, stream(state, transaction))
    assert message == MilterMessage(
        mail_from=b"<nora@example.net>",
        recipients=(b"<ana@example.com>", b"ben@example.com"),
        fields=((b"Subject", b"Subject: one\r\n"),),
        content=CONTENT,
        is_too_large=False,
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_milter_replies_to_the_packets_that_the_mta_waits_for(kind: Kind):
    state = session(kind)
    results = send(state, stream(state, Transaction(CONTENT)))
    assert isinstance(results.pop(), MilterMessage)
    assert results.count(CONTINUE) == (5 if kind is OLD else 0), "MAIL, RCPT, DATA, a field, a chunk"
    assert results.count(None) == len(results) - results.count(CONTINUE)


@pytest.mark.fuzz
@given(
    st.lists(st.tuples(st.binary(max_size=20), st.one_of(st.none(), st.integers(0, 8)), st.booleans())),
    st.sampled_from([POSTFIX, SENDMAIL]),
)
def test_messages_of_one_connection_do_not_mix(plan: list[tuple[bytes, int | None, bool]], kind: Kind):
    """Each message has a body, is perhaps aborted after some packets, and the client's connection perhaps ends after it."""
    state = session(kind)
    expected = []
    found = []
    for body, aborted_after, new_client in plan:
        content = b"Subject: " + str(len(expected)).encode() + b"\r\n\r\n" + body
        packets = Transaction(content, kind=kind, chunk=7).packets(state.options)
        if aborted_after is None:
            expected.append(content)
        else:
            packets = [*packets[: min(aborted_after, len(packets) - 1)], pack(b"A")]
        if new_client:
            packets = [*packets, pack(b"K")]
        found += [message.content for message in messages(state, b"".join(packets))]
    assert found == expected
    send(state, pack(b"Q"))
    assert state.is_closed


def test_a_second_mail_begins_a_new_message():
    state = session()
    first = stream(state, Transaction(CONTENT, [b"<first@example.com>"]))[: -len(pack(b"E"))]
    (message,) = messages(state, first + stream(state, Transaction(CONTENT)))
    assert message.recipients == (b"<ana@example.com>",)
    assert message.content == CONTENT


def test_a_chunk_may_be_in_the_packet_that_ends_the_message():
    state = session()
    packets = Transaction(b"Subject: one\r\n\r\n").packets(state.options)
    (message,) = messages(state, b"".join(packets[:-1]) + pack(b"E", b"Hello\r\n"))
    assert message.content == CONTENT


@pytest.mark.parametrize("value", [b" a\n b", b" a\r\n b", b" a\n b\n", b" a\r\n b\r\n"])
def test_folds_and_line_ends_of_any_mta_are_read(value: bytes):
    state = session()
    (message,) = messages(state, pack(b"M", b"<>\0") + pack(b"L", b"X\0" + value + b"\0") + pack(b"E"))
    assert message.content == b"X: a\r\n b\r\n\r\n"


@pytest.mark.parametrize("kind", [POSTFIX, OLD], ids=["Postfix", "an old Sendmail"])
@pytest.mark.parametrize("content", [CONTENT + b"x" * 100, b"X: " + b"x" * 100 + b"\r\n\r\n", CONTENT * 5])
def test_a_message_above_the_limit_is_not_stored(kind: Kind, content: bytes):
    state = session(kind, limit=100)
    message, small = messages(state, stream(state, Transaction(content, kind=kind, chunk=10), Transaction(CONTENT, kind=kind)))
    assert message.is_too_large
    assert (message.content, message.fields) == (b"", ())
    assert not small.is_too_large
    assert small.content == CONTENT


def test_a_message_with_very_many_fields_is_not_stored(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_MAX_FIELDS", 3)
    state = session()
    begin, field, end = pack(b"M", b"<>\0"), pack(b"L", b"X\0 x\0"), pack(b"E")
    whole, large = messages(state, begin + field * 3 + end + begin + field * 4 + end)
    assert (len(whole.fields), whole.is_too_large) == (3, False)
    assert (len(large.fields), large.is_too_large) == (0, True)


def test_a_message_of_the_greatest_size_is_complete():
    state = session(limit=len(CONTENT))
    assert messages(state, stream(state, Transaction(CONTENT)))[0].content == CONTENT


def test_an_mta_that_waits_for_replies_need_not_send_the_rest_of_a_message_above_the_limit():
    state = session(Kind(options=0x400), limit=22)
    *packets, end = Transaction(CONTENT, kind=Kind(options=0x400), chunk=5).packets(state.options)
    answers = [answer for packet in packets for answer in send(state, packet)]
    assert answers.index(SKIP) == len(answers) - 1, "the first chunk fits together with the header, the second one does not"
    assert messages(state, end)[0].is_too_large


@pytest.mark.parametrize("octets", [
    pack(b"M", b"<>\0"),
    negotiate() + pack(b"z"),
    negotiate() + pack(b"R", b"<a@example.com>\0"),
    negotiate() + pack(b"L", b"Subject\0 x\0"),
    negotiate() + pack(b"B", b"x"),
    negotiate() + pack(b"E"),
    negotiate() + pack(b"M", b""),
    negotiate() + pack(b"M", b"<>"),
    negotiate() + pack(b"M", b"<>\0") + pack(b"B", b"x") + pack(b"L", b"Subject\0 x\0"),
    negotiate() + pack(b"M", b"<>\0") + pack(b"R", b"<a@example.com>\0") * 10_001,
])  # fmt: skip
def test_a_packet_out_of_order_or_broken_is_an_error(octets: bytes):
    with pytest.raises(ProtocolError):
        send(MilterSession(1000), octets)


@pytest.mark.fuzz
@given(st.lists(st.tuples(st.sampled_from([*b"ABCDEHKLMNOQRTUx"]), st.binary(max_size=20))))
def test_any_packets_give_a_result_or_a_protocol_error(packets: list[tuple[int, bytes]]):
    state = session(limit=30)
    for letter, data in packets:
        try:
            result = state.receive(Packet(bytes([letter]), data))
        except ProtocolError:
            return
        assert result is None or isinstance(result, Packet | MilterMessage)
