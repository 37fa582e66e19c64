from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_gateway.milter.protocol import (
    MAX_PACKET_OCTETS,
    Action,
    Negotiation,
    Option,
    Packet,
    PacketReader,
    ProtocolError,
    change_header,
    read_field,
    read_negotiation,
    read_strings,
    reply,
)

PACKETS = st.lists(st.builds(Packet, st.binary(min_size=1, max_size=1), st.binary(max_size=50)), max_size=10)


@pytest.mark.fuzz
@given(PACKETS, st.lists(st.integers(0, 700)))
def test_packets_may_be_cut_anywhere(packets: list[Packet], cuts: list[int]):
    stream = b"".join(map(bytes, packets))
    ends = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = PacketReader()
    found = [packet for start, end in pairwise(ends) for packet in reader.read(stream[start:end])]
    assert found == packets


def test_a_packet_has_its_length_its_letter_and_its_data():
    assert bytes(Packet(b"A", b"")) == b"\0\0\0\x01A"
    assert bytes(change_header(2, b"Subject", b" new")) == b"\0\0\0\x12m\0\0\0\x02Subject\0 new\0"


@pytest.mark.parametrize("length", [0, MAX_PACKET_OCTETS + 1, 0xFFFFFFFF])
def test_a_packet_without_letter_and_one_that_is_too_long_are_errors(length: int):
    with pytest.raises(ProtocolError):
        list(PacketReader().read(length.to_bytes(4, "big")))


def test_a_packet_of_the_greatest_length_is_read():
    packet = Packet(b"L", b"x" * (MAX_PACKET_OCTETS - 1))
    assert list(PacketReader().read(bytes(packet))) == [packet]


def test_what_a_newer_mta_offers_is_left_out():
    offer = Negotiation(9, Action(0x1FF), Option(0x7FFFFFFF))
    assert read_negotiation(offer.to_packet().data) == Negotiation(9, Action(0x3F), Option(0x1FF7C3))


@pytest.mark.parametrize("data", [b"", b"Subject", b"Subject\0", b"Subject\0x", b"\0x\0", b"a\0b\0c\0"])
def test_a_field_that_is_not_a_name_and_a_value_is_an_error(data: bytes):
    with pytest.raises(ProtocolError):
        read_field(data)


def test_a_short_negotiation_and_a_string_without_end_are_errors():
    with pytest.raises(ProtocolError):
        read_negotiation(b"\0" * 11)
    with pytest.raises(ProtocolError):
        read_strings(b"<a@example.com>")


def test_percent_signs_of_a_reply_are_doubled():
    assert reply("550-5.7.1 100% no\r\n550 5.7.1 Ask the desk").data == b"550-5.7.1 100%% no\r\n550 5.7.1 Ask the desk\0"
