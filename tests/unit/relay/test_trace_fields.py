"""Trace fields: counted, written, and left out of the IDs that a retry keeps."""

import email
import email.policy
import email.utils
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailhooks.mime.message import Message
from mailhooks.relay.trace_fields import Client, StableIds, count_received, make_ids, write_received
from tests.support.mail import header_blocks

WHEN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ID = "0123456789abcdef" * 4
MAIL = b"From: ana@example.net\r\nTo: bo@example.com\r\nSubject: Hello\r\n\r\nText\r\n"


def ids(raw: bytes = MAIL, *recipients: str, listener: str = "inbound", mail_from: str = "ana@example.net") -> StableIds:
    return make_ids(Message(raw), listener=listener, mail_from=mail_from, recipients=recipients or ("bo@example.com",))


def received(client: Client, host_name: str = "gateway.example.com") -> bytes:
    return write_received(client, host_name, ID, WHEN, b"\r\n")


def test_our_received_field_names_client_host_protocol_and_time() -> None:
    assert received(Client("mail.example.net", "192.0.2.7", "ESMTPS")) == (
        b"Received: from mail.example.net ([192.0.2.7])\r\n"
        b"\tby gateway.example.com (mailhooks) with ESMTPS id 0123456789abcdef0123456789abcdef;\r\n"
        b"\tMon, 02 Nov 2026 09:00:00 +0000\r\n"
    )


def test_python_reads_the_time_of_our_received_field() -> None:
    message = email.message_from_bytes(received(Client("[192.0.2.7]", "192.0.2.7", "LMTP")) + MAIL, policy=email.policy.default)
    assert email.utils.parsedate_to_datetime(str(message["Received"]).rpartition(";")[2]) == WHEN


@pytest.mark.parametrize(
    "client, source",
    [
        (Client("a.example.net", "2001:db8::1", "ESMTP"), b"from a.example.net ([IPv6:2001:db8::1])"),
        (Client("a.example.net", "", "LMTP"), b"from a.example.net"),
        (Client("[IPv6:2001:db8::1]", "", "SMTP"), b"from [IPv6:2001:db8::1]"),
        (Client("", "192.0.2.7", "SMTP"), b"from unknown ([192.0.2.7])"),
        (Client("x by y; (", "192.0.2.7", "SMTP"), b"from unknown ([192.0.2.7])"),
        (Client("x\r\nBcc: eva@example.org", "192.0.2.7", "SMTP"), b"from unknown ([192.0.2.7])"),
        (Client("b\xfccher.example", "192.0.2.7", "ESMTP"), b"from unknown ([192.0.2.7])"),
        (Client("x" * 300, "192.0.2.7", "ESMTP"), b"from unknown ([192.0.2.7])"),
    ],
)
def test_text_of_the_client_cannot_change_the_field(client: Client, source: bytes) -> None:
    field = received(client)
    assert field.startswith(b"Received: " + source + b"\r\n\tby gateway.example.com")
    assert field.count(b"\r\n") == 3


def test_all_received_fields_are_counted_also_odd_ones() -> None:
    raw = b"Received: a\r\nRECEIVED:\r\n b\r\nReceived : c\r\nX-Received: d\r\nReceived-SPF: e\r\n\r\nReceived: in the body\r\n"
    assert count_received(Message(raw).header) == 3


TRACE = [
    b"Received: from x by y\r\n with ESMTP; Mon, 2 Nov 2026 09:00:00 +0000\r\n",
    b"received: again\r\n",
    b"X-Received: by 2002:a05\r\n",
    b"Return-Path: <ana@example.net>\r\n",
    b"Delivered-To: bo@example.com\r\n",
    b"Received-SPF: pass (mx.example.com)\r\n",
    b"Authentication-Results: mx.example.com;\r\n\tspf=pass\r\n",
    b"ARC-Seal: i=1\r\n",
    b"ARC-Message-Signature: i=1\r\n",
    b"ARC-Authentication-Results: i=1\r\n",
    b"X-Mailhooks-Checked: v=1; l=outbound; h=x\r\n",
]


def test_a_retry_after_which_servers_added_trace_fields_has_the_same_ids() -> None:
    assert ids(b"".join(TRACE) + MAIL) == ids(MAIL)
    assert ids(MAIL.replace(b"Subject", b"".join(TRACE) + b"Subject")) == ids(MAIL)


@given(header_blocks(), st.lists(st.sampled_from(TRACE), min_size=1))
def test_trace_fields_before_any_message_change_no_id(raw: bytes, trace: list[bytes]) -> None:
    assume(Message(raw).header.fields and Message(raw).header.fields[0].start == 0)
    # `From :` at the start of the message is an mbox line for some programs, and a field below other fields.
    assert ids(b"".join(trace) + raw) == ids(raw)


@pytest.mark.parametrize(
    "changed",
    [
        MAIL.replace(b"Hello", b"hello"),
        MAIL + b"\r\n",
        MAIL.replace(b"Subject", b"X-Spam-Flag: YES\r\nSubject"),
        MAIL + b"Received: in the body\r\n",
        # Programs for which white space ends the header, or a bare CR a line, read another message.
        b"Received: a\r\n \r\nX-Text: <p>another body</p>\r\n" + MAIL,
        b"Received: a\r\n \r\n <p>another body</p>\r\n" + MAIL,
        MAIL.replace(b"Subject", b"Received: a\rContent-Type: text/html\r\nSubject"),
        MAIL.replace(b"Subject", b"ARC-Seal: i=1\r\n\t\r\n pay another account\r\nSubject"),
    ],
)
def test_another_message_has_other_ids(changed: bytes) -> None:
    assert ids(changed).message_id != ids(MAIL).message_id
    assert ids(changed).invocation_id != ids(MAIL).invocation_id


def test_ids_differ_by_listener_and_sender() -> None:
    others = [ids(), ids(listener="outbound"), ids(mail_from=""), ids(listener="inbounda", mail_from="na@example.net")]
    assert len({each.message_id for each in others}) == len(others)


def test_other_recipients_get_another_invocation_of_the_same_message() -> None:
    one, two = ids(MAIL, "bo@example.com"), ids(MAIL, "bo@example.com", "cy@example.com")
    assert one.message_id == two.message_id
    assert one.invocation_id != two.invocation_id


def test_order_repetition_and_case_of_recipients_change_no_id() -> None:
    assert ids(MAIL, "bo@example.com", "cy@example.com") == ids(MAIL, "CY@example.com", "bo@Example.com", "bo@example.com")
    assert ids(MAIL, "\u00fc@b\u00fccher.example") == ids(MAIL, "\u00dc@xn--bcher-kva.example")


def test_ids_are_hexadecimal_also_for_addresses_that_are_no_text() -> None:
    assert all(len(each) == 64 and int(each, 16) >= 0 for each in ids(MAIL, "\udcff@example.com", mail_from="\udcfe@example.net"))
